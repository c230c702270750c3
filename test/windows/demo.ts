/** What the demo has to print, whatever the machine's speed. */
import type { Outcome } from "./wine.ts";

/** Says what is wrong with the demo's output; null if nothing is. */
export function checkDemo({ output, exitCode, timedOut }: Outcome): string | null {
  if (timedOut) return "the demo hung";
  if (exitCode !== 0) return `the demo ended with exit code ${exitCode}`;
  for (const expected of [
    /^1000 connections served, 0 left open$/m,
    /^[1-9]\d+ bytes \(.*\) came back, and were what had been sent$/m,
    /^900 clients done, 100 cut off by their deadline$/m,
  ]) {
    if (!expected.test(output)) return `the demo did not print ${expected.source}`;
  }
  return null;
}
