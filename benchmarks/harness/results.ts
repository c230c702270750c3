/** What a scenario leaves behind (`--json`), and what the report is made of. */
import type { Machine } from "./machine.ts";
import type { Case, Scenario } from "./scenario.ts";
import type { Statistics } from "./statistics.ts";

export interface CaseResult extends Omit<Case, "samples"> {
  /** Undefined where it is missing. */
  readonly statistics?: Statistics;
}

export interface ScenarioResult extends Pick<Scenario, "name" | "title" | "unit" | "chart" | "processes"> {
  readonly quick: boolean;
  readonly cases: readonly CaseResult[];
}

/** The cases by group, in the order in which the groups appear; "" is the group of those that have none. */
export function byGroup(cases: readonly CaseResult[]): Map<string, CaseResult[]> {
  return Map.groupBy(cases, ({ group }) => group ?? "");
}

export interface Ratio {
  readonly average: number;
  readonly p50: number;
}

/** What a case takes, in units of what another of its group takes; undefined where there is none or it is missing. */
export function ratio(cases: readonly CaseResult[], mine: CaseResult, other: string | undefined): Ratio | undefined {
  const its = cases.find(({ name, group }) => name === other && group === mine.group)?.statistics;
  if (mine.statistics === undefined || its === undefined) return undefined;
  return { average: mine.statistics.average / its.average, p50: mine.statistics.p50 / its.p50 };
}

/** Everything that one `--report` measured. */
export interface Results {
  readonly machine: Machine;
  readonly scenarios: readonly ScenarioResult[];
}
