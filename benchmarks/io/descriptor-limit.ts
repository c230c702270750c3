import { readFileSync } from "node:fs";

/** What a process has open anyway, and something to spare. */
const RESERVE = 200;

/** Why a case that needs so many descriptors in one process cannot be measured here; undefined where it can. */
export function tooManyDescriptors(needed: number): string | undefined {
  // Bun has raised the soft limit to the hard one.
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  if (needed + RESERVE <= limit) return undefined;
  return `it needs ${needed.toLocaleString("en")} descriptors, and a process may have ${limit.toLocaleString("en")} here: raise ulimit -Hn`;
}
