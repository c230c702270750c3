/**
 * A call from a Worker into a run that waits for nothing else: from before it is made until it runs. One in about 0.3
 * milliseconds; in between everything sleeps, so that a good part of it is the machine's own waking up.
 *
 * Beside it: `postMessage`; Trio's `run_sync_soon` and asyncio's `call_soon_threadsafe`, from a thread.
 */
import { run, runSync } from "tribun";
import { expectCount } from "./harness/expect.ts";
import { pythonCase } from "./harness/peers.ts";
import { scenario } from "./harness/scenario.ts";
import { scaled } from "./kernel/turns.ts";
import { callsInRun, messages, type Calls } from "./kernel/worker-calls.ts";

const PAUSE = 0.3;

function order(effort: number): { count: number; pause: number } {
  return { count: scaled(300, effort), pause: PAUSE };
}

/** Microseconds from when each was made until it came. */
function latencies({ made, came }: Calls, effort: number): number[] {
  expectCount("calls", came.length, order(effort).count);
  return came.map((time, index) => (time - made[index]!) / 1_000);
}

function* inRun(effort: number) {
  return latencies(yield* callsInRun(order(effort)), effort);
}

const inPython = (library: string) => (effort: number) => [library, "latency", order(effort).count, PAUSE];

await scenario({
  name: "call-soon-latency",
  title: "one call from a Worker into an idle run",
  unit: "µs",
  processes: "shared",
  rival: "postMessage",
  chart: "distribution",
  cases: [
    { name: "postMessage", samples: async (effort) => latencies(await messages(order(effort)), effort) },
    { name: "runSync", samples: (effort) => runSync(() => inRun(effort)) },
    { name: "run", samples: (effort) => run(() => inRun(effort)) },
    pythonCase({ name: "Trio" }, "call-soon.py", "trio", inPython("trio")),
    pythonCase({ name: "asyncio" }, "call-soon.py", "asyncio", inPython("asyncio")),
  ],
});
