/** What the kernel's tests share. */
import { runSync, type Coroutine, type Operation, type RunOptions } from "../../src/index.ts";
import { Abort, yieldBrieflyNoCancel, yieldIndefinitely } from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";

/** Runs `main` in virtual time: whenever nothing can go on, the clock jumps to the next deadline. */
export function virtual<T>(main: () => Coroutine<T>, options: RunOptions = {}): T {
  return runSync(main, { clock: new MockClock({ autojumpThreshold: 0 }), ...options });
}

/** What `fn` throws; undefined if it throws nothing. */
export function thrownBy(fn: () => unknown): any {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** What the operation throws; undefined if it throws nothing. */
export function* errorOf(operation: Operation<unknown>): Generator<any, any, any> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Lets every other task run, `passes` times. Cannot be cancelled. */
export function* passes(count: number): Generator<any, void, any> {
  for (let i = 0; i < count; i++) yield* yieldBrieflyNoCancel();
}

/** Blocks until cancelled, which is noted as `note` in `log`, when the abort function is called. */
export function notingAbort(log: unknown[], note: unknown): Operation<unknown> {
  return yieldIndefinitely(() => {
    log.push(note);
    return Abort.SUCCEEDED;
  });
}
