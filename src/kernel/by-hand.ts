import { TrioInternalError, UsageError } from "../errors.ts";
import { Abort } from "./abort.ts";
import { type Task, TaskState } from "./task.ts";
import { taskOfContext, thread } from "./thread.ts";

/**
 * Operations that are driven by other means than `yield*`: a spread, a destructuring, a `for...of`, calls of `next()`, one
 * generator given to two tasks. Then code goes on although the wait that it stands in is not over. It gets an error, and
 * the wait is taken back, so that nobody wakes a task that does not wait.
 */

/** What to throw where `next()` of an operation is called although `task`, which drove it, was not resumed. */
export function notResumed(task: Task): UsageError {
  const operation = task.waitsFor();
  const caller = thread.task ?? taskOfContext();
  if (caller === task) {
    takeBack(task);
    return drivenByHand(operation);
  }
  const who = caller === null ? "code outside a task" : `task ${caller.name}`;
  return new UsageError(
    `${who} went on with a coroutine of task ${task.name}, which waits in ${operation}: a coroutine belongs to the task ` +
      "that began it; call the task function again for a fresh one",
  );
}

export function drivenByHand(operation: string): UsageError {
  return new UsageError(
    `${operation} was driven by hand, as a spread, a destructuring and for...of do, and went on before it had ended: ` +
      "drive it with yield*",
  );
}

/** The code of `task` goes on by itself, out of a wait that is not over: takes the wait back. */
export function takeBack(task: Task): void {
  const { suspension, abortable } = task;
  if (task.state === TaskState.Exited || task.state === TaskState.Running) return;
  const wasBlocked = task.state === TaskState.Blocked;
  // One that is in the run queue may stay there: a step too many finds nothing to do.
  task.state = TaskState.Running;
  task.suspension = null;
  task.abortable = false;
  const reply = task.frame?.reply ?? null;
  reply?.leaveDriven(task, suspension?.operationName ?? "an operation");
  task.customSleepData = undefined;
  task.failed = false;
  task.error = undefined;
  task.value = undefined;
  if (!wasBlocked || suspension === null) return;
  let cause: unknown;
  try {
    if (
      abortable &&
      suspension.abort(task, () => {
        throw drivenByHand(suspension.operationName);
      }) === Abort.SUCCEEDED
    )
      return;
  } catch (error) {
    cause = error;
  }
  task.runner.crash(
    new TrioInternalError(`task ${task.name} went on out of ${suspension.operationName}, which cannot be taken back`, {
      cause,
    }),
  );
}

/** What the run ends with when code of `task` ends within a scope, a nursery or a call() that it opened by hand. */
export function leftOpen(task: Task): TrioInternalError {
  return new TrioInternalError(
    `task ${task.name} went on out of a scope, a nursery or a call() whose body had not ended: drive them with yield*`,
  );
}
