/**
 * An event that happens once, and wakes all who wait for it: 100 tasks, 10,000. Each then waits for the next one. A piece
 * of work is one task woken.
 *
 * Beside it: one promise that all await, in one place what an event is; effect's latch, opened, and a new one for the next
 * round; Trio's and asyncio's events.
 */
import { Event, openNursery } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { CountedLaps } from "./harness/laps.ts";
import type { EffectLatch, EffectModule } from "./harness/peer-types.ts";
import { effect, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const WAKE_UPS = 100_000;

class Work<E> extends CountedLaps {
  readonly waiters: number;
  /** What is waited for in this round. */
  event: E;

  constructor(waiters: number, effort: number, event: E) {
    super("wake-ups", waiters, Math.max(3, scaled(WAKE_UPS / waiters, effort)), 1);
    this.waiters = waiters;
    this.event = event;
  }
}

function* plainWaiter(work: Work<Event>) {
  for (let round = 0; round < work.count; round++) {
    yield* work.event.wait();
    work.done++;
  }
}

async function* asyncWaiter(work: Work<Event>) {
  for (let round = 0; round < work.count; round++) {
    yield* work.event.wait();
    work.done++;
  }
}

function waking(waiters: number, waiter: typeof plainWaiter | typeof asyncWaiter): Program {
  return (effort) =>
    function* () {
      const work = new Work(waiters, effort, new Event());
      yield* settle();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < waiters; i++) nursery.startSoon(waiter, work);
        yield* yieldBriefly();
        for (let round = 0; round < work.count; round++) {
          work.mark();
          const { event } = work;
          work.event = new Event();
          event.set();
          yield* yieldBriefly();
        }
        work.mark();
      });
      return work.samples();
    };
}

async function promises(waiters: number, effort: number): Promise<number[]> {
  const work = new Work(waiters, effort, Promise.withResolvers<void>());
  const waiter = async (): Promise<void> => {
    for (let round = 0; round < work.count; round++) {
      await work.event.promise;
      work.done++;
    }
  };
  const all = Promise.all(Array.from({ length: waiters }, waiter));
  for (let round = 0; round < work.count; round++) {
    work.mark();
    const { event } = work;
    work.event = Promise.withResolvers<void>();
    event.resolve();
    await Promise.resolve();
  }
  work.mark();
  await all;
  return work.samples();
}

async function withEffect({ Effect, Fiber, Latch }: EffectModule, waiters: number, effort: number): Promise<number[]> {
  return Effect.runPromise(
    Effect.gen(function* () {
      const work = new Work<EffectLatch>(waiters, effort, yield* Latch.make());
      const waiter = Effect.gen(function* () {
        for (let round = 0; round < work.count; round++) {
          yield* work.event.await;
          work.done++;
        }
      });
      const fibers = [];
      for (let i = 0; i < waiters; i++) fibers.push(yield* Effect.forkChild(waiter));
      yield* Effect.yieldNow;
      for (let round = 0; round < work.count; round++) {
        work.mark();
        const { event } = work;
        work.event = yield* Latch.make();
        event.openUnsafe();
        yield* Effect.yieldNow;
      }
      work.mark();
      yield* Fiber.joinAll(fibers);
      return work.samples();
    }),
  );
}

const withinEffect = await effect();

function cases(waiters: number): Case[] {
  const at = { group: `${waiters.toLocaleString("en")} waiters`, x: waiters };
  const inPython = (library: "trio" | "asyncio", name: string): Case =>
    fullOnly(
      pythonCase({ ...at, name }, "event-fan-out.py", library, (effort) => [
        library,
        waiters,
        Math.max(3, scaled(WAKE_UPS / waiters / 4, effort)),
      ]),
    );
  return [
    { ...at, name: "native promises", samples: (effort) => promises(waiters, effort) },
    ...inTribun(at, { plain: waking(waiters, plainWaiter), asynchronous: waking(waiters, asyncWaiter) }),
    peerCase(withinEffect, { ...at, name: "effect" }, (module, effort) => withEffect(module, waiters, effort)),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "event-fan-out",
  title: "one of many tasks woken by an event",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  chart: { x: "waiters" },
  cases: [100, 10_000].flatMap(cases),
});
