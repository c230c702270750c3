/**
 * The sleepers of `sleepers.ts`: what the CPU has to do for each of them from its start to its end, with all threads of
 * the process.
 */
import { scenario } from "./harness/scenario.ts";
import { sleeperCases } from "./kernel/sleepers.ts";

await scenario({
  name: "sleepers-cpu",
  title: "CPU time for one of 100,000 sleepers",
  unit: "µs",
  processes: "fresh",
  rival: "native promises",
  cases: await sleeperCases("cpu"),
});
