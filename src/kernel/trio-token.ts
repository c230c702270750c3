import type { CallSoon } from "./entry-queue.ts";
import { currentRunner } from "./thread.ts";

/** A run, as seen from outside. Trio: `trio.lowlevel.TrioToken`. */
export interface TrioToken {
  /** Queues a call into the run: the seed's `currentCallSoonThreadAndSignalSafe()`. */
  readonly runSyncSoon: CallSoon;
}

const tokens = new WeakMap<CallSoon, TrioToken>();

/**
 * S21: the run's token: the same object throughout a run, another one in the next. Not a checkpoint.
 * Trio: `trio.lowlevel.current_trio_token`. @throws UsageError outside a run.
 */
export function currentTrioToken(): TrioToken {
  const runSyncSoon = currentRunner("currentTrioToken()").entryQueue.callSoon;
  let token = tokens.get(runSyncSoon);
  if (token === undefined) tokens.set(runSyncSoon, (token = Object.freeze({ runSyncSoon })));
  return token;
}
