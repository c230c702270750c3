/** What a scenario checks its work with, so that a broken run is no fast run. */

/** Ends the benchmark when other work was done than should have been. */
export function expectCount(what: string, count: number, expected: number): void {
  if (count !== expected) throw new Error(`${what}: ${count}, where it should have been ${expected}`);
}
