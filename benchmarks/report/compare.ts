/**
 * Runs cases with mitata, one after the other in this process, and sets them against each other in a last table. On a
 * machine that does other things as well the ratios hold better than the times.
 */
import { bench, run } from "mitata";

export interface Case {
  readonly name: string;
  /** Does a number of batches of the work, checks that it was done, and gives what each batch took: nanoseconds. */
  readonly batches: () => readonly number[] | Promise<readonly number[]>;
  /** How many pieces of work a batch is. */
  readonly size: number;
  /** The name of the case that somebody would write without the library. */
  readonly rival?: string;
  /** The name of the case that is the least this one could cost. */
  readonly floor?: string;
}

/** CPU milliseconds for which a case runs before it is measured: mitata's own two calls leave it uncompiled. */
const WARM_UP = 200;

/**
 * Measures and prints. The batches take their own time, from inside, so that what surrounds them (a run, a nursery,
 * tasks) is not in it; mitata is handed them one by one. So the percentiles are over batches.
 *
 * The ratios are given for the average, which has the garbage collector's share in it and whatever else the machine did
 * meanwhile, and for the median, which has neither.
 *
 * @throws what a case throws
 */
export async function compare(cases: readonly Case[]): Promise<void> {
  for (const { name, batches, size } of cases) {
    const benchmark = async function* () {
      for (const began = cpuTime(); cpuTime() - began < WARM_UP;) await batches();
      let done: readonly number[] = [];
      let next = 0;
      const manual = async (): Promise<number> => {
        if (next === done.length) {
          done = await batches();
          next = 0;
        }
        return done[next++]! / size;
      };
      // mitata takes what a function called `manual` gives for the time it took; its types leave that out.
      yield { manual } as unknown as () => unknown;
    };
    bench(name, benchmark);
  }
  const { benchmarks } = await run({ throw: true });
  const stats = new Map(benchmarks.map(({ alias, runs }) => [alias, runs[0]!.stats!]));

  const ratios = (name: string, other: string | undefined): string[] => {
    if (other === undefined) return ["", ""];
    const [mine, its] = [stats.get(name)!, stats.get(other)!];
    return [mine.avg / its.avg, mine.p50 / its.p50].map((ratio) => `${ratio.toFixed(2)} x`);
  };
  const rows = cases.map(({ name, rival, floor }) => {
    const { avg, p50, p75, p99 } = stats.get(name)!;
    const times = [avg, p50, p75, p99].map((ns) => ns.toFixed(1));
    return [name, ...times, ...ratios(name, rival), ...ratios(name, floor)];
  });
  console.log();
  printTable([
    ["", "", "", "", "", "promises:", "", "floor:", ""],
    ["nanoseconds", "average", "p50", "p75", "p99", "average", "p50", "average", "p50"],
    ...rows,
  ]);
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function printTable(rows: readonly string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + 2)));
    console.log(cells.join("").trimEnd());
  }
}

/** Ends the benchmark when other work was done than should have been. */
export function expectCount(what: string, count: number, expected: number): void {
  if (count !== expected) throw new Error(`${what}: ${count}, where it should have been ${expected}`);
}
