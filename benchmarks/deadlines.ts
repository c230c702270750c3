/**
 * A deadline that never comes: set and cleared again (`moveOnAfter` around a body that does not wait), and moved
 * (`scope.deadline = time`); with no others about, and with 10,000 others.
 *
 * Beside it: `setTimeout` and `clearTimeout`; a `race` of effection with a `sleep`; `Effect.timeoutOption`; Trio's
 * `move_on_after` and `scope.deadline`; asyncio's `timeout` and `reschedule`. effection and effect have no deadline that
 * could be moved.
 */
import { CancelScope, currentTime, moveOnAfter, openNursery, runSync, sleep, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { CountedLaps } from "./harness/laps.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const SIZE = 64;
/** In how many milliseconds the deadlines are, at the least. */
const FAR = 600_000;

/** What every case has: the times of its batches, and a count. */
class Work extends CountedLaps {
  constructor(batches: number) {
    super("deadlines", SIZE, batches, 16);
  }
}

/** A far time that is not the one before. */
function far(index: number): number {
  return FAR + ((index * 7_919) % FAR);
}

function* sleeper(ms: number) {
  yield* sleep(ms);
}

function* plainSetAndClear(work: Work): Generator<any, void, any> {
  const body = function* () {
    work.done++;
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) yield* moveOnAfter(far(work.done), body);
  }
  work.mark();
}

async function* asyncSetAndClear(work: Work): AsyncGenerator<any, void, any> {
  const body = async function* () {
    work.done++;
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) yield* moveOnAfter(far(work.done), body);
  }
  work.mark();
}

function* move(work: Work): Generator<any, void, any> {
  const scope = new CancelScope({ timeout: FAR });
  yield* scope.run(function* () {
    const now = currentTime();
    for (let batch = 0; batch < work.count; batch++) {
      work.mark();
      for (let i = 0; i < SIZE; i++) scope.deadline = now + far(work.done++);
    }
    work.mark();
  });
}

/** Does the work in a task of its own while so many others sleep. */
function beside(others: number, does: (work: Work) => Coroutine<void>): Program {
  return (effort) =>
    function* () {
      const work = new Work(scaled(100, effort));
      yield* settle();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < others; i++) nursery.startSoon(sleeper, far(i));
        yield* yieldBriefly();
        yield* openNursery(function* (inner) {
          inner.startSoon(does, work);
        });
        nursery.cancelScope.cancel();
      });
      return work.samples();
    };
}

async function timers(others: number, effort: number, does: (i: number) => void): Promise<number[]> {
  const work = new Work(scaled(100, effort));
  const sleepers = Array.from({ length: others }, (_, i) => setTimeout(() => {}, far(i)));
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) does(work.done++);
  }
  work.mark();
  for (const timer of sleepers) clearTimeout(timer);
  return work.samples();
}

function setAndClear(others: number, effort: number): Promise<number[]> {
  return timers(others, effort, (i) => clearTimeout(setTimeout(() => {}, far(i))));
}

async function clearAndSet(others: number, effort: number): Promise<number[]> {
  let timer = setTimeout(() => {}, FAR);
  const samples = await timers(others, effort, (i) => {
    clearTimeout(timer);
    timer = setTimeout(() => {}, far(i));
  });
  clearTimeout(timer);
  return samples;
}

async function raceInEffection({ race, run, sleep }: Effection, effort: number): Promise<number[]> {
  const work = new Work(scaled(10, effort));
  function* body() {
    work.done++;
  }
  await run(function* () {
    for (let batch = 0; batch < work.count; batch++) {
      work.mark();
      for (let i = 0; i < SIZE; i++) yield* race([{ [Symbol.iterator]: body }, sleep(far(work.done))]);
    }
    work.mark();
  });
  return work.samples();
}

async function timeoutInEffect({ Effect }: EffectModule, effort: number): Promise<number[]> {
  const work = new Work(scaled(50, effort));
  const body = Effect.sync(() => {
    work.done++;
  });
  await Effect.runPromise(
    Effect.gen(function* () {
      for (let batch = 0; batch < work.count; batch++) {
        work.mark();
        for (let i = 0; i < SIZE; i++) yield* Effect.timeoutOption(body, far(work.done));
      }
      work.mark();
    }),
  );
  return work.samples();
}

const [withinEffection, withinEffect] = [await effection(), await effect()];
const rival = "setTimeout";

function inPython(group: string, what: "set" | "move", others: number): Case[] {
  return (["trio", "asyncio"] as const).map((library) => {
    const described = { group, name: library === "trio" ? "Trio" : "asyncio" };
    const args = (effort: number): (string | number)[] => [library, what, others, SIZE, scaled(50, effort)];
    const case_ = pythonCase(described, "deadlines.py", library, args);
    return others === 0 ? case_ : fullOnly(case_);
  });
}

function setCases(others: number): Case[] {
  const group = others === 0 ? "set and cleared" : `set and cleared, beside ${others.toLocaleString("en")}`;
  const programs = { plain: beside(others, plainSetAndClear), asynchronous: beside(others, asyncSetAndClear) };
  const mine: Case[] = [
    { group, name: rival, samples: (effort) => setAndClear(others, effort) },
    ...inTribun({ group }, { ...programs, hosts: ["runSync"] }),
    ...inPython(group, "set", others),
  ];
  if (others > 0) return mine;
  return [
    ...mine,
    peerCase(withinEffection, { group, name: "effection" }, raceInEffection),
    peerCase(withinEffect, { group, name: "effect" }, timeoutInEffect),
  ];
}

function moveCases(others: number): Case[] {
  const group = others === 0 ? "moved" : `moved, beside ${others.toLocaleString("en")}`;
  return [
    { group, name: rival, samples: (effort) => clearAndSet(others, effort) },
    // Moving it is no step of a generator's: the kind and the host have no part in it.
    { group, name: "function*, runSync", samples: (effort) => runSync(beside(others, move)(effort)) },
    ...inPython(group, "move", others),
  ];
}

await scenario({
  name: "deadlines",
  title: "one deadline",
  unit: "ns",
  processes: "shared",
  rival,
  cases: [...[0, 10_000].flatMap(setCases), ...[0, 10_000].flatMap(moveCases)],
});
