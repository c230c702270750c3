/** What keeps `--quick` quick, and the processes of a "fresh" scenario small. */
import type { Described } from "../harness/peers.ts";
import type { Case } from "../harness/scenario.ts";

const isQuick = process.argv.includes("--quick");
const isTurn = process.argv.includes("--case");

/**
 * A case of a "fresh" scenario whose making costs: a peer is imported, or Python is looked for. Each turn is a process
 * that makes all cases and measures one, so there only that one is made.
 */
export async function lazily(described: Described, make: () => Case | Promise<Case>): Promise<Case> {
  if (!isTurn) return make();
  return { ...described, samples: async (effort) => (await make()).samples(effort) };
}

/** With `--quick` the case is a row that says that it was left out. */
export function fullOnly(case_: Case): Case {
  return isQuick && case_.missing === undefined ? left(case_, "left out of --quick") : case_;
}

/** A case that nobody would wait for, or that ends otherwise than it should. */
export function left(described: Described, why: string): Case {
  return { samples: () => [], ...described, missing: why };
}

/** How many batches a call of `samples` does. */
export function scaled(batches: number, effort: number): number {
  return Math.ceil(batches * effort);
}
