import { run, type RunOptions } from "../host/index.ts";
import { checkTaskFunction } from "../kernel/frame-operation.ts";
import type { TaskFunction } from "../kernel/operation.ts";

/**
 * A function for `bun:test` that makes a run whose main task is `body`:
 *
 *     test("gives what was sent", inRun(async function* () { ... }, { clock: new MockClock({ autojumpThreshold: 0 }) }));
 *
 * The test passes when `body` returns, and fails with what it throws. What `test.each` gives is handed on to `body`. The
 * options are those of {@link run}, but that a run in which nothing can wake anything ends with DeadlockError, unless
 * `deadlockDetection` is false; a clock among them serves every run that the function makes. A test that runs into
 * `bun:test`'s timeout leaves its run behind, and later ones on that thread are refused.
 *
 * Trio: `trio.testing.trio_test`.
 *
 * @throws TypeError at once if `body` is no function.
 */
export function inRun<A extends unknown[]>(
  body: TaskFunction<A, unknown>,
  options: RunOptions = {},
): (...args: A) => Promise<void> {
  checkTaskFunction(body, "inRun(body)");
  return async (...args) => {
    await run(() => body(...args), { deadlockDetection: true, ...options });
  };
}
