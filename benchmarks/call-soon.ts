/**
 * Entering a run from outside: many functions at once given to `callSoon` on the same thread, and calls of a Worker as
 * fast as it can, through `callSoon.forThread`. A piece of work is one call, from before it is made until it has run;
 * how long a single one takes is `call-soon-latency.ts`.
 *
 * Beside it: `queueMicrotask`, which lets nothing run between, and `setImmediate`; from a Worker, `postMessage`; Trio's
 * `run_sync_soon` and asyncio's `call_soon` and `call_soon_threadsafe`, from a thread there. effection and effect have no
 * such thing.
 */
import { run, runSync } from "tribun";
import { currentCallSoonThreadAndSignalSafe, ParkingLot } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import { CountedLaps } from "./harness/laps.ts";
import { pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun } from "./kernel/in-tribun.ts";
import { scaled } from "./kernel/turns.ts";
import { callsInRun, messages, type Calls } from "./kernel/worker-calls.ts";

/** How many calls a batch is. */
const SIZE = 1_000;

/** What every case has: the times of its batches, and a count. */
class Work extends CountedLaps {
  constructor(effort: number) {
    super("calls", SIZE, scaled(50, effort), 4);
  }
}

function* plainCaller(effort: number) {
  const work = new Work(effort);
  const lot = new ParkingLot();
  const callSoon = currentCallSoonThreadAndSignalSafe();
  const called = (): void => {
    if (++work.done % SIZE === 0) lot.unpark();
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) callSoon(called);
    yield* lot.park();
  }
  work.mark();
  return work.samples();
}

async function* asyncCaller(effort: number) {
  const work = new Work(effort);
  const lot = new ParkingLot();
  const callSoon = currentCallSoonThreadAndSignalSafe();
  const called = (): void => {
    if (++work.done % SIZE === 0) lot.unpark();
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) callSoon(called);
    yield* lot.park();
  }
  work.mark();
  return work.samples();
}

/** The same with what the engine and Bun have. */
async function queued(queue: (fn: () => void) => unknown, effort: number): Promise<number[]> {
  const work = new Work(effort);
  let wake = (): void => {};
  const called = (): void => {
    if (++work.done % SIZE === 0) wake();
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) queue(called);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  work.mark();
  return work.samples();
}

const CALLS = { count: SIZE, pause: 0 };

/** From the first call made to the last that came: what is before them is the Worker's waking up. */
function each({ made, came }: Calls): number {
  expectCount("calls", came.length, SIZE);
  return (came.at(-1)! - made[0]!) / SIZE;
}

function* fromWorker(effort: number) {
  const samples: number[] = [];
  for (let batch = 0; batch < scaled(20, effort); batch++) samples.push(each(yield* callsInRun(CALLS)));
  return samples;
}

async function byMessages(effort: number): Promise<number[]> {
  const samples: number[] = [];
  for (let batch = 0; batch < scaled(20, effort); batch++) samples.push(each(await messages(CALLS)));
  return samples;
}

const [here, there] = ["from the same thread", "from a Worker"];

function inPython(group: string, what: "here" | "there"): Case[] {
  return (["trio", "asyncio"] as const).map((library) =>
    pythonCase({ group, name: library === "trio" ? "Trio" : "asyncio" }, "call-soon.py", library, (effort) => [
      library,
      what,
      SIZE,
      scaled(20, effort),
    ]),
  );
}

await scenario({
  name: "call-soon",
  title: "one call into the run",
  unit: "ns",
  processes: "shared",
  cases: [
    { group: here, name: "queueMicrotask", samples: (effort) => queued(queueMicrotask, effort) },
    { group: here, name: "setImmediate", samples: (effort) => queued(setImmediate, effort), rival: "queueMicrotask" },
    ...inTribun(
      { group: here, rival: "queueMicrotask" },
      { plain: (effort) => () => plainCaller(effort), asynchronous: (effort) => () => asyncCaller(effort) },
    ),
    ...inPython(here, "here"),
    { group: there, name: "postMessage", samples: byMessages },
    // The calls are the entry queue's: the task that waits for them has no part in what they cost.
    { group: there, name: "runSync", samples: (effort) => runSync(() => fromWorker(effort)), rival: "postMessage" },
    { group: there, name: "run", samples: (effort) => run(() => fromWorker(effort)), rival: "postMessage" },
    ...inPython(there, "there"),
  ],
});
