declare const abortBrand: unique symbol;
/** S54: what an abort function answers. */
export interface AbortResult {
  readonly [abortBrand]: true;
}

function abortResult(name: string): AbortResult {
  return Object.freeze({ toString: () => `Abort.${name}` }) as unknown as AbortResult;
}

/**
 * S54: the two answers of an abort function. `SUCCEEDED`: nobody will wake the task any more, let it have Cancelled.
 * `FAILED`: it cannot be cancelled (now), and somebody will still reschedule it. Nothing else is equal to them.
 *
 * Trio: `trio.lowlevel.Abort`.
 */
export const Abort: { readonly SUCCEEDED: AbortResult; readonly FAILED: AbortResult } = Object.freeze({
  SUCCEEDED: abortResult("SUCCEEDED"),
  FAILED: abortResult("FAILED"),
});

/** S57: asked, at most once for each block, to undo what would wake the task. */
export type AbortFunction = (raiseCancel: () => never) => AbortResult;
