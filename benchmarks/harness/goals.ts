/** The goals of the project, and whether results meet them: nothing of the summary is written by hand. */
import { goals, type Goal } from "./goal-list.ts";
import type { CaseResult, Results, ScenarioResult } from "./results.ts";
import { formatNumber, formatTimes, type Table } from "./tables.ts";

interface Figure {
  readonly name: string;
  readonly value: number;
}

export interface Verdict {
  readonly goal: Goal;
  readonly mine?: Figure;
  readonly other?: Figure;
  /** The least that the case could cost, where it has one. */
  readonly floor?: Figure;
  readonly unit?: ScenarioResult["unit"];
  /** Undefined where it could not be measured; then `why`. */
  readonly met?: boolean;
  readonly why?: string;
}

/** By the medians. */
export function judge(goal: Goal, { scenarios }: Results): Verdict {
  const scenario = scenarios.find(({ name }) => name === goal.scenario);
  if (scenario === undefined) return { goal, why: `the scenario ${goal.scenario} was not run` };
  const { unit } = scenario;
  const found = find(scenario, goal.group, goal.case);
  if (typeof found === "string") return { goal, why: found };
  const mine = { name: goal.case, value: found.statistics!.p50 };
  const least = found.floor === undefined ? undefined : find(scenario, goal.group, found.floor);
  const floor = typeof least === "object" ? { name: least.name, value: least.statistics!.p50 } : undefined;
  const judged = { goal, unit, mine, floor };
  if (goal.against === undefined) return { ...judged, met: mine.value <= goal.limit };

  const { group = goal.group, case: name = goal.case } = goal.against;
  const against = find(scenario, group, name);
  if (typeof against === "string") return { ...judged, why: against };
  const other = { name: group === goal.group ? name : group!, value: against.statistics!.p50 };
  const ratio = mine.value / other.value;
  return { ...judged, other, met: unit === "MiB/s" ? ratio >= goal.limit : ratio <= goal.limit };
}

/** @returns the case, or why there is none with figures */
function find(scenario: ScenarioResult, group: string | undefined, name: string): CaseResult | string {
  const found = scenario.cases.find((case_) => case_.group === group && case_.name === name);
  if (found === undefined) {
    // With it some scenarios have fewer groups.
    if (scenario.quick) return "left out of --quick";
    return `${scenario.name} has no ${name}${group === undefined ? "" : ` in ${group}`}`;
  }
  return found.statistics === undefined ? (found.missing ?? "not measured") : found;
}

/** The summary, a row for each goal. */
export function goalTable(results: Results): Table {
  const rows = goals.map((goal) => {
    const { mine, other, floor, unit, met, why } = judge(goal, results);
    const say = ({ value }: Figure): string => `${formatNumber(value)} ${unit}`;
    const sayWhose = (figure: Figure | undefined): string =>
      figure === undefined ? "" : `${say(figure)} (${figure.name.replace("floor: ", "")})`;
    return [
      goal.work,
      goal.goal,
      mine === undefined ? "" : say(mine),
      sayWhose(other),
      mine === undefined || other === undefined ? "" : formatTimes(mine.value / other.value),
      // What stands in the way of a goal is the floor; where that is what it is set against, it is there already.
      sayWhose(floor?.name === other?.name ? undefined : floor),
      met === undefined ? `not measured: ${why}` : met ? "met" : "**not met**",
    ];
  });
  return [["work", "goal", "measured", "beside", "ratio", "floor", ""], ...rows];
}
