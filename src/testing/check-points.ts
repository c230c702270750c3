import { AssertionError } from "node:assert";
import { call, checkTaskFunction } from "../kernel/frame-operation.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { Result } from "../kernel/result.ts";
import { CANCEL_POINT, CHECKPOINT, SCHEDULE_POINT } from "../kernel/task.ts";
import { currentTask } from "../kernel/thread.ts";

/**
 * Runs `body` as a frame of the current task, and gives what it returns, if in it the task itself passed a schedule
 * point and a cancel point: one checkpoint, or the halves of one. What other tasks pass does not count, nor does a
 * native `await`. A body that throws need not have passed any.
 *
 * Trio: `trio.testing.assert_checkpoints`.
 *
 * @throws AssertionError (of `node:assert`) if it did not; TypeError at once if `body` is no function.
 */
export function assertCheckpoints<T>(body: () => Coroutine<T>): Operation<T> {
  checkTaskFunction(body, "assertCheckpoints(body)");
  return operation("assertCheckpoints()", function* (): Generator<Trap, T, any> {
    const { result, points } = yield* passing(body);
    const value = result.unwrap();
    if (points !== CHECKPOINT) {
      throw new AssertionError({
        message: `assertCheckpoints(body): in the body the task passed ${describe(points)}: that is no full checkpoint`,
        actual: describe(points),
        expected: describe(CHECKPOINT),
      });
    }
    return value;
  });
}

/**
 * Runs `body` as a frame of the current task, and gives what it returns, if in it the task itself passed neither a
 * schedule point nor a cancel point. Not a checkpoint then.
 *
 * Trio: `trio.testing.assert_no_checkpoints`.
 *
 * @throws AssertionError (of `node:assert`) if it did, with what the body threw, if it threw, as its cause; what the body
 *   throws, otherwise; TypeError at once if `body` is no function.
 */
export function assertNoCheckpoints<T>(body: () => Coroutine<T>): Operation<T> {
  checkTaskFunction(body, "assertNoCheckpoints(body)");
  return operation("assertNoCheckpoints()", function* (): Generator<Trap, T, any> {
    const { result, points } = yield* passing(body);
    if (points === 0) return result.unwrap();
    const assertion = new AssertionError({
      message: `assertNoCheckpoints(body): in the body the task passed ${describe(points)}`,
      actual: describe(points),
      expected: describe(0),
    });
    try {
      result.unwrap();
    } catch (error) {
      assertion.cause = error;
    }
    throw assertion;
  });
}

/** Runs `body` with the task's record of points clear, and restores what was in it. */
function* passing<T>(body: () => Coroutine<T>): Generator<Trap, { result: Result<T>; points: number }, any> {
  const task = currentTask();
  const before = task.points;
  task.points = 0;
  let result: Result<T>;
  try {
    result = Result.value(yield* call(body));
  } catch (error) {
    result = Result.error(error);
  }
  const { points } = task;
  task.points |= before;
  return { result, points };
}

function describe(points: number): string {
  switch (points) {
    case CHECKPOINT:
      return "a schedule point and a cancel point";
    case SCHEDULE_POINT:
      return "a schedule point, but no cancel point";
    case CANCEL_POINT:
      return "a cancel point, but no schedule point";
    default:
      return "neither a schedule point nor a cancel point";
  }
}
