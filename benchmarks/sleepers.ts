/**
 * 100,000 sleepers that are due over a second: how late each is. A JavaScript timer has whole milliseconds, so that half
 * of one is the least to be expected of those who use it. What the CPU has to do for it is `sleepers-cpu.ts`.
 *
 * Beside it: promises of `setTimeout`, `Effect.sleep`, Trio's and asyncio's `sleep`.
 */
import { scenario } from "./harness/scenario.ts";
import { sleeperCases } from "./kernel/sleepers.ts";

await scenario({
  name: "sleepers",
  title: "how late one of 100,000 sleepers wakes",
  unit: "ms",
  processes: "fresh",
  rival: "native promises",
  chart: "distribution",
  cases: await sleeperCases("late"),
});
