import { UnsupportedError } from "../errors.ts";
import type { ThreadCalls } from "../kernel/host.ts";
import type { Runner } from "../kernel/runner.ts";

/** The eventfd that ends a poll of the run's I/O manager; -1 when it has none. */
export function wakeFdOf(runner: Runner): number {
  const { wakeFd } = runner.io as { wakeFd?: number };
  return wakeFd ?? -1;
}

/** Lets Workers call into the run. */
export function openThreadCalls(runner: Runner): ThreadCalls {
  throw new UnsupportedError(`callSoon.forThread(): ${runner.io.backend}`);
}

export function connectCallSoon(_handle: object): (...args: unknown[]) => void {
  throw new UnsupportedError("not there yet");
}
