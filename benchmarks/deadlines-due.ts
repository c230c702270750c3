/**
 * Deadlines that come: 1,000 sleepers that are due at once, from when the scheduler gets the thread back until the last
 * has ended. A piece of work is one of them.
 *
 * Beside it: promises of `setTimeout`; the `sleep` of effection, effect, Trio and asyncio.
 */
import { currentTime, openNursery, sleepUntil, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { scaled } from "./kernel/turns.ts";

/** How many are due at once. */
const DUE = 1_000;
/** Holds the thread until all are due, and gives that time in nanoseconds. */
function holdUntil(time: number): number {
  while (performance.now() < time);
  return Bun.nanoseconds();
}

function* plainSleeper(time: number, onEnd: () => void) {
  yield* sleepUntil(time);
  onEnd();
}

async function* asyncSleeper(time: number, onEnd: () => void) {
  yield* sleepUntil(time);
  onEnd();
}

/** How many milliseconds they sleep, which is longer than it takes to start them. */
const ASLEEP = 20;

function rounds(effort: number): number {
  return scaled(4, effort);
}

function firing(task: (time: number, onEnd: () => void) => Coroutine<void>): Program {
  return (effort) =>
    function* () {
      const samples: number[] = [];
      yield* settle();
      for (let round = 0; round < rounds(effort); round++) {
        let ended = 0;
        const onEnd = (): void => {
          ended++;
        };
        let due = 0;
        yield* openNursery(function* (nursery) {
          const time = currentTime() + ASLEEP;
          for (let i = 0; i < DUE; i++) nursery.startSoon(task, time, onEnd);
          yield* yieldBriefly();
          while (currentTime() <= time);
          due = Bun.nanoseconds();
        });
        samples.push((Bun.nanoseconds() - due) / DUE);
        expectCount("sleepers that ended", ended, DUE);
      }
      return samples;
    };
}

async function promises(effort: number): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < rounds(effort); round++) {
    const all = Promise.all(
      Array.from({ length: DUE }, () => new Promise<void>((resolve) => setTimeout(resolve, ASLEEP))),
    );
    await Promise.resolve();
    const due = holdUntil(performance.now() + ASLEEP + 2);
    const { length } = await all;
    samples.push((Bun.nanoseconds() - due) / DUE);
    expectCount("sleepers that ended", length, DUE);
  }
  return samples;
}

async function withEffection({ run, scoped, sleep, spawn, until }: Effection, effort: number): Promise<number[]> {
  const samples: number[] = [];
  await run(function* () {
    for (let round = 0; round < rounds(effort); round++) {
      let ended = 0;
      let due = 0;
      yield* scoped(function* () {
        const tasks = [];
        for (let i = 0; i < DUE; i++) {
          const task = yield* spawn(function* () {
            yield* sleep(ASLEEP);
            ended++;
          });
          tasks.push(task);
        }
        yield* until(Promise.resolve());
        due = holdUntil(performance.now() + ASLEEP + 2);
        for (const task of tasks) yield* task;
      });
      samples.push((Bun.nanoseconds() - due) / DUE);
      expectCount("sleepers that ended", ended, DUE);
    }
  });
  return samples;
}

async function withEffect({ Effect, Fiber }: EffectModule, effort: number): Promise<number[]> {
  const samples: number[] = [];
  await Effect.runPromise(
    Effect.gen(function* () {
      for (let round = 0; round < rounds(effort); round++) {
        let ended = 0;
        const sleeper = Effect.gen(function* () {
          yield* Effect.sleep(ASLEEP);
          ended++;
        });
        const fibers = [];
        for (let i = 0; i < DUE; i++) fibers.push(yield* Effect.forkChild(sleeper));
        yield* Effect.yieldNow;
        const due = holdUntil(performance.now() + ASLEEP + 2);
        yield* Fiber.joinAll(fibers);
        samples.push((Bun.nanoseconds() - due) / DUE);
        expectCount("sleepers that ended", ended, DUE);
      }
    }),
  );
  return samples;
}

const inPython = (library: string) => (effort: number) => [library, DUE, rounds(effort)];

await scenario({
  name: "deadlines-due",
  title: "one of 1,000 sleepers that are due at once",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  cases: [
    { name: "native promises", samples: promises },
    ...inTribun({}, { plain: firing(plainSleeper), asynchronous: firing(asyncSleeper) }),
    peerCase(await effection(), { name: "effection" }, withEffection),
    peerCase(await effect(), { name: "effect" }, withEffect),
    pythonCase({ name: "Trio" }, "deadlines-due.py", "trio", inPython("trio")),
    pythonCase({ name: "asyncio" }, "deadlines-due.py", "asyncio", inPython("asyncio")),
  ],
});
