/**
 * The cases of a scenario take turns (A B C, A B C, ...), so that what else the machine does meanwhile hits all alike: on
 * a machine that is shared the ratios hold better than the times.
 */
import type { Case } from "./scenario.ts";

interface Budget {
  /** Milliseconds for which a case runs before it is measured, so that it is compiled. */
  readonly warmUp: number;
  /** How many turns each case gets. */
  readonly turns: number;
  /** How many it gets even if they take longer than `total`. */
  readonly leastTurns: number;
  /** Milliseconds for all turns of all cases together. */
  readonly total: number;
}

const FULL: Budget = { warmUp: 200, turns: 8, leastTurns: 2, total: 18_000 };
const QUICK: Budget = { warmUp: 40, turns: 1, leastTurns: 1, total: 800 };

/** A case's samples in the order of the cases; undefined for one that is missing. */
export type Measured = (readonly number[] | undefined)[];

export async function measureShared(cases: readonly Case[], effort: number): Promise<Measured> {
  const budget = budgetFor(effort);
  // Shared among all, so that a scenario of many cases takes no longer than one of few.
  const slice = budget.total / budget.turns / cases.length;
  for (const { samples, missing, elsewhere } of cases) {
    if (missing !== undefined || elsewhere) continue;
    const began = performance.now();
    do await samples(effort);
    while (performance.now() - began < Math.min(budget.warmUp, slice));
  }
  return takeTurns(cases, budget, async (case_) => {
    // What the case before it left behind is not this one's to collect.
    Bun.gc(true);
    const pooled: number[] = [];
    const began = performance.now();
    do for (const sample of await case_.samples(effort)) pooled.push(sample);
    while (!case_.elsewhere && performance.now() - began < slice);
    return pooled;
  });
}

/** Each turn is a process that runs the same program again, with `--case`. */
export function measureFresh(cases: readonly Case[], effort: number): Promise<Measured> {
  return takeTurns(cases, budgetFor(effort), async (case_, index) => {
    const child = Bun.spawn(
      [process.execPath, process.argv[1]!, "--case", `${index}`, ...(effort < 1 ? ["--quick"] : [])],
      { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
    );
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
    if (exitCode !== 0) {
      const where = case_.group === undefined ? "" : `, ${case_.group}`;
      throw new Error(`${case_.name}${where}: its process ended with exit code ${exitCode}`);
    }
    return JSON.parse(output) as number[];
  });
}

function budgetFor(effort: number): Budget {
  return effort < 1 ? QUICK : FULL;
}

async function takeTurns(
  cases: readonly Case[],
  budget: Budget,
  turnOf: (case_: Case, index: number) => Promise<readonly number[]>,
): Promise<Measured> {
  const measured = cases.map(({ missing }): number[] | undefined => (missing === undefined ? [] : undefined));
  const began = performance.now();
  for (let turn = 0; turn < budget.turns; turn++) {
    if (turn >= budget.leastTurns && performance.now() - began > budget.total) break;
    for (const [index, case_] of cases.entries()) {
      for (const sample of measured[index] === undefined ? [] : await turnOf(case_, index))
        measured[index]!.push(sample);
    }
  }
  return measured;
}
