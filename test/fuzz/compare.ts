/**
 * Random programs, run here and in Trio: what comes out must be the same.
 *
 * Though no two tasks act at the same time by themselves, what one does may wake two others, and which of them goes first is
 * open in Trio, which throws a coin in every pass. So where the first outcomes differ, each side runs in several orders, and
 * it is a difference if there is no outcome that both have.
 */
import * as fc from "fast-check";
import { inTribun } from "./in-tribun.ts";
import { program, type Outcome } from "./program.ts";
import { Trio } from "./trio.ts";

/** So many orders are tried on each side. */
const ORDERS = 40;

export interface Comparison {
  readonly runs: number;
  /** Of an earlier failure, to have it again. */
  readonly seed?: number;
}

/** @throws Error with the shrunk program and what came out of it on either side */
export async function compare({ runs, seed }: Comparison): Promise<void> {
  await using trio = new Trio();
  await fc.assert(
    fc.asyncProperty(program, async (one) => {
      const [here, there] = [inTribun(one), await trio.run(one)];
      const difference = differenceOf(here, there);
      if (difference === "") return;
      const [ours, theirs] = [[here], [there]];
      for (let order = 0; order < ORDERS; order++) {
        ours.push(inTribun(one, order));
        theirs.push(await trio.run(one));
        if (ours.some((a) => theirs.some((b) => differenceOf(a, b) === ""))) return;
      }
      throw new Error(difference);
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  );
}

function differenceOf(here: Outcome, there: Outcome): string {
  const [ours, theirs] = [linesOf(here), linesOf(there)];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  if (at < 0 && ours.length === theirs.length) return "";
  const from = at < 0 ? ours.length : at;
  const some = (lines: readonly string[]): string => lines.slice(Math.max(0, from - 3), from + 4).join("\n  ");
  return `tribun:\n  ${some(ours)}\nTrio:\n  ${some(theirs)}`;
}

function linesOf({ happenings, errors }: Outcome): string[] {
  return [...happenings.map(([step, what, time]) => `${step} ${what} at ${time}`), `errors: ${errors.join(" ")}`];
}
