/** The one call in which every benchmark of this folder's parent ends: it measures, prints, and keeps the results. */
import { parseArgs } from "node:util";
import { measureFresh, measureShared } from "./measure.ts";
import type { CaseResult, ScenarioResult } from "./results.ts";
import { statistics, type Statistics } from "./statistics.ts";
import { printScenario } from "./tables.ts";

export interface Case {
  /** Who does it: "function*, runSync", "async function*, run", "native promises", "effection", "floor: next()", ... */
  readonly name: string;
  /** A variation with a table of its own, in which the ratios are taken: "1,000 tasks". Omitted where there is only one. */
  readonly group?: string;
  /** Where the scenario has a chart of cost against something: how much of it. */
  readonly x?: number;
  /**
   * Does the work once more and gives what each batch of it took, in the scenario's unit for ONE piece of work. Called
   * several times; what it gives is pooled. Throws if the work was not done.
   *
   * @param effort 1, or less with `--quick`: scales the number of batches, never `x`
   */
  readonly samples: (effort: number) => readonly number[] | Promise<readonly number[]>;
  /** Its work is done by another process, so that there is nothing here to warm up. */
  readonly elsewhere?: boolean;
  /** Why it cannot be measured here, and what would help: the row says so. */
  readonly missing?: string;
  /** The name, in the same group, of what somebody would write without the library. */
  readonly rival?: string;
  /** The name, in the same group, of the least that it could cost. */
  readonly floor?: string;
}

export interface Scenario {
  /** Its file's name without `.ts`. */
  readonly name: string;
  /** What one piece of work is: "one switch between two tasks". */
  readonly title: string;
  /** Of MiB/s, more is better. */
  readonly unit: "ns" | "µs" | "ms" | "bytes" | "MiB/s";
  /**
   * "shared": all cases in this one process, taking turns after a warm-up of each, so that noise hits all alike. "fresh":
   * each case in processes of its own, taking turns, where the JIT and the heap would bleed; each calls `samples` once,
   * and what has to be warm there the case warms itself.
   */
  readonly processes: "shared" | "fresh";
  readonly cases: readonly Case[];
  /** The rival of the cases that name none, in the groups that have it. */
  readonly rival?: string;
  /** The floor of the cases that name none, in the groups that have it. */
  readonly floor?: string;
  /** The distribution of each case's samples; or cost against `x`, a line for each name. */
  readonly chart?: "distribution" | { readonly x: string };
}

/** With `--quick`. Not less, so that a batch or two is left of what a full run does a dozen times. */
const QUICK_EFFORT = 0.1;

/**
 * Measures, checks and prints. `--quick` makes it short, `--json <file>` writes the results, too.
 *
 * @throws what a case throws
 */
export async function scenario(scenario: Scenario): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: "boolean", default: false }, json: { type: "string" }, case: { type: "string" } },
  });
  const effort = values.quick ? QUICK_EFFORT : 1;
  if (values.case !== undefined) {
    // One turn of one case, in a process of its own, for `measureFresh`.
    console.log(JSON.stringify(await scenario.cases[Number(values.case)]!.samples(effort)));
    return;
  }

  const named = scenario.cases.map((case_) => withRivals(case_, scenario));
  const measure = scenario.processes === "shared" ? measureShared : measureFresh;
  const samples = await measure(scenario.cases, effort);
  const cases: CaseResult[] = [];
  for (const [index, { samples: _, ...described }] of named.entries()) {
    const of = samples[index];
    cases.push(of === undefined ? described : { ...described, statistics: await statisticsOf(described, of) });
  }
  const { name, title, unit, chart, processes } = scenario;
  const result: ScenarioResult = { name, title, unit, chart, processes, quick: values.quick, cases };
  printScenario(result);
  if (values.json !== undefined) await Bun.write(values.json, JSON.stringify(result));
}

/** @throws Error that names the case, if there are no samples or there is a wrong one */
async function statisticsOf({ name, group }: Omit<Case, "samples">, samples: readonly number[]): Promise<Statistics> {
  try {
    return await statistics(samples);
  } catch (cause) {
    throw new Error([name, group, (cause as Error).message].filter((part) => part !== undefined).join(": "), { cause });
  }
}

/** The case with the scenario's rival and floor where they apply: a case is not set against itself or those two. */
function withRivals(case_: Case, { name, cases, ...defaults }: Scenario): Case {
  const inGroup = (other: string | undefined): boolean =>
    other !== undefined && cases.some(({ name, group }) => name === other && group === case_.group);
  for (const other of [case_.rival, case_.floor]) {
    if (other !== undefined && !inGroup(other)) {
      throw new Error(`${name}: ${case_.name} is to be set against ${other}, which is not in ${case_.group ?? "it"}`);
    }
  }
  const fallback = (other: string | undefined): string | undefined =>
    inGroup(other) && other !== case_.name ? other : undefined;
  return {
    ...case_,
    rival: case_.rival ?? fallback(defaults.rival),
    floor: case_.floor ?? fallback(defaults.floor),
  };
}
