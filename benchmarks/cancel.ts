/**
 * Cancelling tasks that sleep, each until a time of its own: 10, 1,000, 10,000, 100,000 at once, from the call until the
 * last has ended. A piece of work is one of them; it should cost the same however many there are. Each has a `finally`
 * that has to run.
 *
 * Beside it: promises whose timers an AbortSignal ends (`timers/promises`), one for all or one for each; effection's
 * `halt`; effect's `Fiber.interruptAll`; Trio's cancel scope; asyncio's task group, cancelled from outside.
 */
import { setTimeout as sleepWithSignal } from "node:timers/promises";
import { openNursery, sleep, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectModule, EffectOf } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, lazily, left, scaled } from "./kernel/turns.ts";

/** Milliseconds that nobody sleeps to their end. */
const FAR = 600_000;
/** The rounds that do not count have so many tasks in all: the process is fresh, and nothing in it compiled. */
const WARM_UP = 5_000;

/** Has rounds of so many tasks done: some to warm up with, then those that count. */
class Work {
  readonly tasks: number;
  readonly #batches: number;
  readonly #warmUp: number;
  readonly #warmUpTasks: number;
  ended = 0;
  /** So many have ended in the rounds before this one. */
  #endedBefore = 0;

  constructor(tasks: number, effort: number) {
    this.tasks = tasks;
    this.#batches = scaled(10_000 / tasks, effort);
    this.#warmUpTasks = Math.min(tasks, 1_000);
    this.#warmUp = Math.ceil(WARM_UP / this.#warmUpTasks);
  }

  /** How many tasks each round has. */
  *rounds(): Generator<number, void, void> {
    for (let round = 0; round < this.#warmUp + this.#batches; round++) {
      this.#endedBefore = this.ended;
      yield round < this.#warmUp ? this.#warmUpTasks : this.tasks;
    }
  }

  /** The time at which a round's tasks are about to be cancelled: none may have ended by itself. */
  asleep(): number {
    expectCount("tasks that had ended", this.ended, this.#endedBefore);
    return Bun.nanoseconds();
  }

  /** @param times the nanoseconds of every round */
  samples(times: readonly number[]): number[] {
    expectCount("rounds", times.length, this.#warmUp + this.#batches);
    expectCount("tasks that ended", this.ended, this.#warmUp * this.#warmUpTasks + this.#batches * this.tasks);
    return times.slice(this.#warmUp).map((time) => time / this.tasks);
  }
}

function* plainSleeper(work: Work, ms: number) {
  try {
    yield* sleep(ms);
  } finally {
    work.ended++;
  }
}

async function* asyncSleeper(work: Work, ms: number) {
  try {
    yield* sleep(ms);
  } finally {
    work.ended++;
  }
}

function cancelling(sleeper: (work: Work, ms: number) => Coroutine<void>, tasks: number): Program {
  return (effort) =>
    function* () {
      const work = new Work(tasks, effort);
      const times: number[] = [];
      yield* settle();
      for (const count of work.rounds()) {
        let began = 0;
        yield* openNursery(function* (nursery) {
          for (let i = 0; i < count; i++) nursery.startSoon(sleeper, work, FAR + i);
          yield* yieldBriefly();
          began = work.asleep();
          nursery.cancelScope.cancel();
        });
        times.push(Bun.nanoseconds() - began);
      }
      return work.samples(times);
    };
}

async function promises(work: Work): Promise<number[]> {
  const times: number[] = [];
  for (const count of work.rounds()) {
    const controller = new AbortController();
    const { signal } = controller;
    const sleeper = async (ms: number): Promise<void> => {
      try {
        await sleepWithSignal(ms, undefined, { signal });
      } finally {
        work.ended++;
      }
    };
    const all = Promise.allSettled(Array.from({ length: count }, (_, i) => sleeper(FAR + i)));
    await Promise.resolve();
    const began = work.asleep();
    controller.abort();
    const ends = await all;
    times.push(Bun.nanoseconds() - began);
    expectCount("sleeps that were cut off", ends.filter(({ status }) => status === "rejected").length, count);
  }
  return work.samples(times);
}

async function withEffection({ run, sleep, spawn, suspend }: Effection, work: Work): Promise<number[]> {
  const times: number[] = [];
  for (const count of work.rounds()) {
    const started = Promise.withResolvers<void>();
    const all = run(function* () {
      for (let i = 0; i < count; i++) {
        yield* spawn(function* () {
          try {
            yield* sleep(FAR + i);
          } finally {
            work.ended++;
          }
        });
      }
      started.resolve();
      yield* suspend();
    });
    await started.promise;
    await Promise.resolve();
    const began = work.asleep();
    await all.halt();
    times.push(Bun.nanoseconds() - began);
  }
  return work.samples(times);
}

/** The same with a signal for each sleeper: what is left where a signal with so many listeners takes too long. */
async function promisesWithOwnSignals(work: Work): Promise<number[]> {
  const times: number[] = [];
  for (const count of work.rounds()) {
    const controllers = Array.from({ length: count }, () => new AbortController());
    const sleeper = async ({ signal }: AbortController, i: number): Promise<void> => {
      try {
        await sleepWithSignal(FAR + i, undefined, { signal });
      } finally {
        work.ended++;
      }
    };
    const all = Promise.allSettled(controllers.map(sleeper));
    await Promise.resolve();
    const began = work.asleep();
    for (const controller of controllers) controller.abort();
    const ends = await all;
    times.push(Bun.nanoseconds() - began);
    expectCount("sleeps that were cut off", ends.filter(({ status }) => status === "rejected").length, count);
  }
  return work.samples(times);
}

async function withEffect({ Effect, Fiber }: EffectModule, work: Work): Promise<number[]> {
  const times: number[] = [];
  const end = Effect.sync(() => {
    work.ended++;
  });
  const sleeper = (ms: number): EffectOf<void> => Effect.ensuring(Effect.sleep(ms), end);
  await Effect.runPromise(
    Effect.gen(function* () {
      for (const count of work.rounds()) {
        const fibers = [];
        for (let i = 0; i < count; i++) fibers.push(yield* Effect.forkChild(sleeper(FAR + i)));
        yield* Effect.yieldNow;
        const began = work.asleep();
        yield* Fiber.interruptAll(fibers);
        times.push(Bun.nanoseconds() - began);
      }
    }),
  );
  return work.samples(times);
}

const SLOW = "starting and cancelling so many takes more than five seconds";
const [shared, own] = ["native promises", "native promises, a signal each"];

async function cases(tasks: number): Promise<Case[]> {
  const at = { group: `${tasks.toLocaleString("en")} tasks`, x: tasks };
  const inPython = async (library: "trio" | "asyncio", name: string): Promise<Case> => {
    if (tasks === 100_000) return left({ ...at, name }, SLOW);
    const args = (effort: number): (string | number)[] => [library, tasks, scaled(2_000 / tasks, effort)];
    return fullOnly(await lazily({ ...at, name }, () => pythonCase({ ...at, name }, "cancel.py", library, args)));
  };
  const programs = { plain: cancelling(plainSleeper, tasks), asynchronous: cancelling(asyncSleeper, tasks) };
  const withOwn: Case = {
    ...at,
    name: own,
    samples: (effort) => promisesWithOwnSignals(new Work(tasks, effort)),
  };
  return [
    tasks === 100_000
      ? left({ ...at, name: shared }, "an AbortSignal takes half a minute to have so many listeners added")
      : { ...at, name: shared, samples: (effort) => promises(new Work(tasks, effort)) },
    tasks === 100_000 ? withOwn : fullOnly(withOwn),
    ...inTribun({ ...at, rival: tasks === 100_000 ? own : shared }, { ...programs, hosts: ["runSync"] }),
    tasks === 100_000
      ? left({ ...at, name: "effection" }, SLOW)
      : fullOnly(
          await lazily({ ...at, name: "effection" }, async () =>
            peerCase(await effection(), { ...at, name: "effection" }, (module, effort) =>
              withEffection(module, new Work(tasks, effort / 10)),
            ),
          ),
        ),
    fullOnly(
      await lazily({ ...at, name: "effect" }, async () =>
        peerCase(await effect(), { ...at, name: "effect" }, (module, effort) =>
          withEffect(module, new Work(tasks, effort)),
        ),
      ),
    ),
    await inPython("trio", "Trio"),
    await inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "cancel",
  title: "one sleeping task cancelled",
  unit: "ns",
  processes: "fresh",
  rival: shared,
  chart: { x: "tasks" },
  cases: [
    ...(await cases(10)),
    ...(await cases(1_000)),
    // What lies between says little more with --quick.
    ...(await cases(10_000)).map(fullOnly),
    ...(await cases(100_000)),
  ],
});
