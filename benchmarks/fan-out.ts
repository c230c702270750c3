/**
 * Waking so many waiters of one thing at once: 1, 100, 10,000, 100,000. Each wakes and waits again; a piece of work is
 * one waiter of one round. It should cost the same however many there are, but that the checkpoint with which the waker
 * lets them run is in it, too, and shows where there is one.
 *
 * Beside it: promises whose `resolve` the waiters left in an array; actions of effection likewise; a `Latch` of effect,
 * released; Trio's parking lot; asyncio's `Event`; and the floors, which step so many generators with no scheduler.
 */
import { drainMicrotasks } from "bun:jsc";
import { openNursery, type Coroutine } from "tribun";
import { ParkingLot, yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, left, scaled } from "./kernel/turns.ts";

/** What every case has: the times of its rounds, and a count. A batch is a round, or as many as make 200 wake-ups. */
class Work {
  woken = 0;
  readonly waiters: number;
  readonly roundsEach: number;
  readonly batches: number;
  readonly rounds: number;
  readonly #laps: Laps;

  constructor(waiters: number, effort: number) {
    this.waiters = waiters;
    this.roundsEach = Math.ceil(200 / waiters);
    const batches = scaled(Math.max(3, 20_000 / (waiters * this.roundsEach)), effort);
    this.#laps = new Laps(waiters * this.roundsEach, batches, 1);
    this.batches = this.#laps.count;
    this.rounds = this.batches * this.roundsEach;
  }

  mark(): void {
    this.#laps.mark();
  }

  samples(): number[] {
    expectCount("wake-ups", this.woken, this.rounds * this.waiters);
    return this.#laps.samples();
  }
}

class Lots extends Work {
  readonly lot = new ParkingLot();
}

function* plainWaiter(work: Lots) {
  for (let round = 0; round < work.rounds; round++) {
    yield* work.lot.park();
    work.woken++;
  }
}

async function* asyncWaiter(work: Lots) {
  for (let round = 0; round < work.rounds; round++) {
    yield* work.lot.park();
    work.woken++;
  }
}

function waking(waiter: (work: Lots) => Coroutine<void>, waiters: number): Program {
  return (effort) =>
    function* () {
      const work = new Lots(waiters, effort);
      yield* settle();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < waiters; i++) nursery.startSoon(waiter, work);
        yield* yieldBriefly();
        expectCount("waiters", work.lot.size, waiters);
        for (let batch = 0; batch < work.batches; batch++) {
          work.mark();
          for (let round = 0; round < work.roundsEach; round++) {
            work.lot.unparkAll();
            // Tasks run in the order in which they became runnable: after this all have had their turn.
            yield* yieldBriefly();
          }
        }
        work.mark();
      });
      return work.samples();
    };
}

async function promises(work: Work): Promise<number[]> {
  let waiting: (() => void)[] = [];
  const wait = (resolve: () => void): void => {
    waiting.push(resolve);
  };
  const waiter = async (): Promise<void> => {
    for (let round = 0; round < work.rounds; round++) {
      await new Promise<void>(wait);
      work.woken++;
    }
  };
  const all = Promise.all(Array.from({ length: work.waiters }, waiter));
  expectCount("waiters", waiting.length, work.waiters);
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    for (let round = 0; round < work.roundsEach; round++) {
      const woken = waiting;
      waiting = [];
      for (const resolve of woken) resolve();
      await Promise.resolve();
    }
  }
  work.mark();
  await all;
  return work.samples();
}

async function withEffection({ action, run, spawn, until }: Effection, work: Work): Promise<number[]> {
  let waiting: (() => void)[] = [];
  const nothing = (): void => {};
  await run(function* () {
    const tasks = [];
    for (let i = 0; i < work.waiters; i++) {
      const task = yield* spawn(function* () {
        for (let round = 0; round < work.rounds; round++) {
          yield* action<void>((resolve) => {
            waiting.push(() => resolve());
            return nothing;
          });
          work.woken++;
        }
      });
      tasks.push(task);
    }
    yield* until(Promise.resolve());
    for (let batch = 0; batch < work.batches; batch++) {
      work.mark();
      for (let round = 0; round < work.roundsEach; round++) {
        const woken = waiting;
        waiting = [];
        for (const resolve of woken) resolve();
        yield* until(Promise.resolve());
      }
    }
    work.mark();
    for (const task of tasks) yield* task;
  });
  return work.samples();
}

async function withEffect({ Effect, Fiber, Latch }: EffectModule, work: Work): Promise<number[]> {
  await Effect.runPromise(
    Effect.gen(function* () {
      const latch = yield* Latch.make();
      const waiter = Effect.gen(function* () {
        for (let round = 0; round < work.rounds; round++) {
          yield* latch.await;
          work.woken++;
        }
      });
      const fibers = [];
      for (let i = 0; i < work.waiters; i++) fibers.push(yield* Effect.forkChild(waiter));
      yield* Effect.yieldNow;
      for (let batch = 0; batch < work.batches; batch++) {
        work.mark();
        for (let round = 0; round < work.roundsEach; round++) {
          yield* latch.release;
          yield* Effect.yieldNow;
        }
      }
      work.mark();
      yield* Fiber.joinAll(fibers);
    }),
  );
  return work.samples();
}

function* plainSteps(work: Work) {
  for (;;) {
    yield;
    work.woken++;
  }
}

function plainFloor(work: Work): number[] {
  const generators = Array.from({ length: work.waiters }, () => plainSteps(work));
  for (const generator of generators) generator.next();
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    for (let round = 0; round < work.roundsEach; round++) {
      for (const generator of generators) generator.next();
    }
  }
  work.mark();
  return work.samples();
}

async function* asyncSteps() {
  for (;;) yield;
}

function asyncFloor(work: Work): number[] {
  const generators = Array.from({ length: work.waiters }, asyncSteps);
  const onAnswer = (): void => {
    work.woken++;
  };
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    for (let round = 0; round < work.roundsEach; round++) {
      for (const generator of generators) {
        void generator.next().then(onAnswer);
        drainMicrotasks();
      }
    }
  }
  work.mark();
  return work.samples();
}

const SLOW = "starting so many takes seconds";
const floors = { plain: "floor: next()", asynchronous: "floor: next().then(), drained" };
const [withinEffection, withinEffect] = [await effection(), await effect()];

function cases(waiters: number): Case[] {
  const at = { group: `${waiters.toLocaleString("en")} waiters`, x: waiters };
  const most = (case_: Case): Case => (waiters === 100_000 ? fullOnly(case_) : case_);
  const inPython = (library: "trio" | "asyncio", name: string): Case => {
    if (waiters === 100_000) return left({ ...at, name }, SLOW);
    const args = (effort: number): (string | number)[] => {
      const { roundsEach, batches } = new Work(waiters, effort / 3);
      return [library, waiters, roundsEach, batches];
    };
    const case_ = pythonCase({ ...at, name }, "fan-out.py", library, args);
    return waiters === 100 ? case_ : fullOnly(case_);
  };
  return [
    { ...at, name: "native promises", samples: (effort) => promises(new Work(waiters, effort)) },
    // So many of them are a second's work: the host that only blocks is enough of it with --quick.
    ...inTribun(at, { plain: waking(plainWaiter, waiters), asynchronous: waking(asyncWaiter, waiters), floors }).map(
      (case_) => (case_.name.endsWith(", run") ? most(case_) : case_),
    ),
    { ...at, name: floors.plain, samples: (effort) => plainFloor(new Work(waiters, effort)) },
    { ...at, name: floors.asynchronous, samples: (effort) => asyncFloor(new Work(waiters, effort)) },
    waiters < 10_000
      ? peerCase(withinEffection, { ...at, name: "effection" }, (module, effort) =>
          withEffection(module, new Work(waiters, effort / 10)),
        )
      : left({ ...at, name: "effection" }, SLOW),
    most(
      peerCase(withinEffect, { ...at, name: "effect" }, (module, effort) =>
        withEffect(module, new Work(waiters, effort)),
      ),
    ),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "fan-out",
  title: "one of many waiters woken",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  chart: { x: "waiters" },
  cases: [1, 100, 10_000, 100_000].flatMap(cases),
});
