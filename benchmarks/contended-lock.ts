/**
 * A lock that several tasks want all the time, taken, held over a checkpoint and given back: 2 tasks, and 100. A piece of
 * work is one such turn. The lock is handed over at each release, so no task takes it twice in a row.
 *
 * Beside it: a mutex on promises, a chain of them, as one writes it by hand; effect's semaphore of one permit; Trio's and
 * asyncio's locks.
 */
import { Lock, openNursery } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import { CountedLaps } from "./harness/laps.ts";
import type { EffectModule } from "./harness/peer-types.ts";
import { effect, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const TURNS = 200;
const BATCHES = 500;
const WARM_UP = 50;

class Work extends CountedLaps {
  readonly tasks: number;
  /** How many turns each task takes. */
  readonly turnsEach: number;
  #inside = 0;

  constructor(tasks: number, effort: number) {
    super("turns", TURNS, scaled(BATCHES, effort), WARM_UP);
    this.tasks = tasks;
    this.turnsEach = (TURNS * this.count) / tasks;
  }

  enter(): void {
    expectCount("tasks inside", ++this.#inside, 1);
    if (this.done++ % TURNS === 0) this.mark();
  }

  leave(): void {
    this.#inside--;
  }
}

function* plainTask(lock: Lock, work: Work) {
  for (let turn = 0; turn < work.turnsEach; turn++) {
    using _held = yield* lock.acquire();
    work.enter();
    yield* yieldBriefly();
    work.leave();
  }
}

async function* asyncTask(lock: Lock, work: Work) {
  for (let turn = 0; turn < work.turnsEach; turn++) {
    using _held = yield* lock.acquire();
    work.enter();
    yield* yieldBriefly();
    work.leave();
  }
}

function contending(tasks: number, task: typeof plainTask | typeof asyncTask): Program {
  return (effort) =>
    function* () {
      const work = new Work(tasks, effort);
      const lock = new Lock();
      yield* settle();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < tasks; i++) nursery.startSoon(task, lock, work);
      });
      work.mark();
      expectCount("tasks that still wait", lock.statistics().tasksWaiting, 0);
      return work.samples();
    };
}

async function promises(work: Work): Promise<number[]> {
  let last = Promise.resolve();
  const acquire = (): Promise<() => void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const free = last.then(() => resolve);
    last = promise;
    return free;
  };
  const task = async (): Promise<void> => {
    for (let turn = 0; turn < work.turnsEach; turn++) {
      const release = await acquire();
      work.enter();
      await Promise.resolve();
      work.leave();
      release();
    }
  };
  await Promise.all(Array.from({ length: work.tasks }, task));
  work.mark();
  return work.samples();
}

async function withEffect({ Effect, Fiber, Semaphore }: EffectModule, work: Work): Promise<number[]> {
  await Effect.runPromise(
    Effect.gen(function* () {
      const mutex = yield* Semaphore.make(1);
      const turn = Effect.gen(function* () {
        work.enter();
        yield* Effect.yieldNow;
        work.leave();
      });
      const task = Effect.gen(function* () {
        for (let i = 0; i < work.turnsEach; i++) yield* mutex.withPermits(1)(turn);
      });
      const fibers = [];
      for (let i = 0; i < work.tasks; i++) fibers.push(yield* Effect.forkChild(task));
      yield* Fiber.joinAll(fibers);
    }),
  );
  work.mark();
  return work.samples();
}

const withinEffect = await effect();

function cases(tasks: number): Case[] {
  const at = { group: `${tasks} tasks`, x: tasks };
  const inPython = (library: "trio" | "asyncio", name: string): Case =>
    fullOnly(
      pythonCase({ ...at, name }, "contended-lock.py", library, (effort) => [
        library,
        tasks,
        TURNS,
        scaled(BATCHES, effort / 10),
      ]),
    );
  return [
    { ...at, name: "native promises", samples: (effort) => promises(new Work(tasks, effort)) },
    ...inTribun(at, { plain: contending(tasks, plainTask), asynchronous: contending(tasks, asyncTask) }),
    peerCase(withinEffect, { ...at, name: "effect" }, (module, effort) => withEffect(module, new Work(tasks, effort))),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "contended-lock",
  title: "one turn with a lock that others want",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  cases: [2, 100].flatMap(cases),
});
