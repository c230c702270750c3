/**
 * Memory for a blocked task: what the process has grown by when 100,000 of them wait for one thing and the garbage is
 * collected, for each of them; without and with a scope of its own around the wait. Resident memory, since that is what a
 * machine runs out of, and what can be told of Python, too. Then all are woken and have to end.
 *
 * And 1,000,000 once, which is to show that they fit, and still run.
 *
 * Beside it: promises, without and with an AbortController that hangs on an outer one; effect's fibers on a `Latch`,
 * without and with `Effect.scoped`; effection's tasks, without and with `scoped`; Trio's on a parking lot and with a
 * cancel scope; asyncio's on an `Event` and with `timeout(None)`.
 */
import { CancelScope, openNursery, type Coroutine } from "tribun";
import { ParkingLot, yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectionOperation, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, lazily } from "./kernel/turns.ts";

const TASKS = 100_000;

/** Measures how much the process grows, and counts. */
class Work {
  woken = 0;
  ended = 0;
  readonly tasks: number;
  readonly #before: number;

  constructor(tasks: number) {
    this.tasks = tasks;
    this.#before = resident();
  }

  /** All are blocked now. The bytes for each. */
  bytes(): number {
    const grown = resident() - this.#before;
    if (grown <= 0) throw new Error(`${this.tasks} blocked tasks took ${grown} bytes`);
    return grown / this.tasks;
  }

  samples(bytes: number): number[] {
    expectCount("wake-ups", this.woken, this.tasks);
    expectCount("tasks that ended", this.ended, this.tasks);
    return [bytes];
  }
}

function resident(): number {
  // What the first finds, finalizers may let go of for the second.
  Bun.gc(true);
  Bun.gc(true);
  return process.memoryUsage.rss();
}

/** Each task waits twice, so that it is seen to run between. */
class Lots extends Work {
  readonly lot = new ParkingLot();
}

function* plainTask(work: Lots) {
  yield* work.lot.park();
  work.woken++;
  yield* work.lot.park();
  work.ended++;
}

async function* asyncTask(work: Lots) {
  yield* work.lot.park();
  work.woken++;
  yield* work.lot.park();
  work.ended++;
}

function* plainScoped(work: Lots) {
  yield* new CancelScope().run(() => plainTask(work));
}

async function* asyncScoped(work: Lots) {
  yield* new CancelScope().run(() => asyncTask(work));
}

function blocking(task: (work: Lots) => Coroutine<void>, tasks: number): Program {
  return () =>
    function* () {
      yield* settle();
      const work = new Lots(tasks);
      let bytes = 0;
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < tasks; i++) nursery.startSoon(task, work);
        yield* yieldBriefly();
        expectCount("blocked tasks", work.lot.size, tasks);
        bytes = work.bytes();
        work.lot.unparkAll();
        yield* yieldBriefly();
        expectCount("tasks that are blocked again", work.lot.size, tasks);
        work.lot.unparkAll();
      });
      return work.samples(bytes);
    };
}

async function promises(scoped: boolean): Promise<number[]> {
  const work = new Work(TASKS);
  let waiting: (() => void)[] = [];
  const wait = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const task = async (): Promise<void> => {
    await wait();
    work.woken++;
    await wait();
    work.ended++;
  };
  // An outer one for each hundred: a signal takes half a minute to have 100,000 listeners added.
  const outers = Array.from({ length: TASKS / 100 }, () => new AbortController().signal);
  const taskInScope = async (index: number): Promise<void> => {
    const outer = outers[index % outers.length]!;
    const own = new AbortController();
    const abort = (): void => own.abort(outer.reason);
    outer.addEventListener("abort", abort, { once: true });
    await task();
    outer.removeEventListener("abort", abort);
  };
  const all = Promise.all(Array.from({ length: TASKS }, (_, index) => (scoped ? taskInScope(index) : task())));
  const bytes = work.bytes();
  while (waiting.length > 0) {
    expectCount("blocked tasks", waiting.length, TASKS);
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
    await Promise.resolve();
  }
  await all;
  return work.samples(bytes);
}

/** A tenth of the tasks, since they take long to start. */
async function withEffection(module: Effection, scoped: boolean): Promise<number[]> {
  const { action, run, spawn, until } = module;
  const work = new Work(TASKS / 10);
  let waiting: (() => void)[] = [];
  const nothing = (): void => {};
  const wait = (): EffectionOperation<void> =>
    action((resolve) => {
      waiting.push(() => resolve());
      return nothing;
    });
  function* task() {
    yield* wait();
    work.woken++;
    yield* wait();
    work.ended++;
  }
  let bytes = 0;
  await run(function* () {
    const tasks = [];
    for (let i = 0; i < work.tasks; i++) tasks.push(yield* spawn(() => (scoped ? module.scoped(task) : task())));
    yield* until(new Promise<void>((resolve) => setTimeout(resolve, 10)));
    bytes = work.bytes();
    while (waiting.length > 0) {
      expectCount("blocked tasks", waiting.length, work.tasks);
      const woken = waiting;
      waiting = [];
      for (const resolve of woken) resolve();
      yield* until(Promise.resolve());
    }
    for (const each of tasks) yield* each;
  });
  return work.samples(bytes);
}

async function withEffect({ Effect, Fiber, Latch }: EffectModule, scoped: boolean): Promise<number[]> {
  const work = new Work(TASKS);
  let bytes = 0;
  await Effect.runPromise(
    Effect.gen(function* () {
      const latch = yield* Latch.make();
      const task = Effect.gen(function* () {
        yield* latch.await;
        work.woken++;
        yield* latch.await;
        work.ended++;
      });
      const fibers = [];
      for (let i = 0; i < TASKS; i++) fibers.push(yield* Effect.forkChild(scoped ? Effect.scoped(task) : task));
      yield* Effect.yieldNow;
      bytes = work.bytes();
      yield* latch.release;
      while (work.woken < TASKS) yield* Effect.yieldNow;
      yield* latch.release;
      yield* Fiber.joinAll(fibers);
    }),
  );
  return work.samples(bytes);
}

async function cases(scoped: boolean): Promise<Case[]> {
  const group = scoped ? "in a scope of its own" : "in no scope of its own";
  const inPython = async (library: "trio" | "asyncio", name: string): Promise<Case> => {
    const args = [library, scoped ? "scoped" : "bare", TASKS];
    const case_ = await lazily({ group, name }, () => pythonCase({ group, name }, "memory.py", library, () => args));
    return fullOnly(case_);
  };
  const withPromises: Case = { group, name: "native promises", samples: () => promises(scoped) };
  const name = "effection, 10,000 tasks";
  return [
    scoped ? fullOnly(withPromises) : withPromises,
    ...inTribun(
      { group },
      {
        plain: blocking(scoped ? plainScoped : plainTask, TASKS),
        asynchronous: blocking(scoped ? asyncScoped : asyncTask, TASKS),
        hosts: ["runSync"],
      },
    ),
    fullOnly(
      await lazily({ group, name }, async () =>
        peerCase(await effection(), { group, name }, (module) => withEffection(module, scoped)),
      ),
    ),
    fullOnly(
      await lazily({ group, name: "effect" }, async () =>
        peerCase(await effect(), { group, name: "effect" }, (module) => withEffect(module, scoped)),
      ),
    ),
    await inPython("trio", "Trio"),
    await inPython("asyncio", "asyncio"),
  ];
}

const MANY = 1_000_000;

await scenario({
  name: "memory",
  title: "resident memory for one blocked task",
  unit: "bytes",
  processes: "fresh",
  rival: "native promises",
  cases: [
    ...(await cases(false)),
    ...(await cases(true)),
    ...inTribun(
      { group: `${MANY.toLocaleString("en")} tasks, in no scope of their own` },
      { plain: blocking(plainTask, MANY), asynchronous: blocking(asyncTask, MANY), hosts: ["runSync"] },
    ).map(fullOnly),
  ],
});
