import { checkDuration } from "./time-arguments.ts";
import type { Operation } from "./operation.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { Suspension } from "./suspension.ts";
import type { Task } from "./task.ts";

/** A task in {@link waitAllTasksBlocked}. */
export class IdleWait extends Suspension<void> {
  static {
    this.prototype.operationName = "waitAllTasksBlocked()";
  }
  readonly cushion: number;
  constructor(cushion: number) {
    super();
    this.cushion = cushion;
  }
  protected begin(task: Task): void {
    const waiters = task.runner.idleWaiters;
    // The shortest cushion first, equal ones in order of arrival.
    let index = waiters.length;
    while (index > 0 && (waiters[index - 1] as IdleWait).cushion > this.cushion) index--;
    waiters.splice(index, 0, this);
  }
  abort(task: Task): AbortResult {
    const waiters = task.runner.idleWaiters;
    waiters.splice(waiters.indexOf(this), 1);
    return Abort.SUCCEEDED;
  }
}

/**
 * Waits until every other task has been blocked for `cushion` milliseconds of real time, with nothing happening
 * meanwhile. Of several waiters those with the shortest cushion go first, equal ones together; it has precedence over
 * a clock's autojump. A task in a native `await` counts as blocked. A checkpoint.
 *
 * Trio: `trio.testing.wait_all_tasks_blocked`.
 *
 * @throws TypeError, RangeError at once
 */
export function waitAllTasksBlocked(cushion = 0): Operation<void> {
  checkDuration(cushion, "waitAllTasksBlocked(cushion): cushion");
  return new IdleWait(cushion);
}
