import { Abort, type AbortResult } from "./abort.ts";
import { AsyncDrive } from "./async-drive.ts";
import { notResumed } from "./by-hand.ts";
import { DONE, SUSPENDED, type Operation, type Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import type { Blocker } from "./suspension.ts";
import { CANCEL_POINT, CHECKPOINT, SCHEDULE_POINT, TaskState, type Task } from "./task.ts";

/**
 * The first half of `yieldIfCancelled`: whether something interrupts `task`, which is then at a schedule point, and is to be
 * asked again after it by {@link checkInterruption}.
 */
export function interruptedAtOnce(task: Task, operation: Blocker): boolean {
  task.points |= CANCEL_POINT;
  if (task.scope.cause === null && !task.kiPending) {
    task.runner.collectWithinHorizon();
    if (task.scope.cause === null) return false;
  }
  task.points = CHECKPOINT;
  task.suspension = operation;
  task.runner.enqueue(task);
  return true;
}

/** Throws what interrupts `task`, if anything does. */
export function checkInterruption(task: Task): void {
  if (task.state !== TaskState.Running) throw notResumed(task);
  if (task.kiPending) throw task.runner.takeKeyboardInterrupt();
  const { cause } = task.scope;
  if (cause !== null) throw cause.error;
}

/** Suspends at most once, and no frame begins or ends with it: an async generator can await it. */
abstract class SchedulePoint extends SingleUse<void> implements Blocker {
  override [Symbol.asyncIterator](): unknown {
    return new AsyncDrive(this[Symbol.iterator]());
  }

  /** Never asked: a task at a schedule point is runnable. */
  abort(): AbortResult {
    return Abort.FAILED;
  }
}

class YieldBriefly extends SchedulePoint {
  static {
    this.prototype.operationName = "yieldBriefly()";
  }
  override next(): IteratorResult<Trap, void> {
    const task = this.task;
    if (task === null) {
      const driver = drivingTask(this);
      this.task = driver;
      driver.points = CHECKPOINT;
      driver.suspension = this;
      driver.runner.enqueue(driver);
      return SUSPENDED;
    }
    // After the schedule point, so that a deadline that passed meanwhile is seen (S46).
    checkInterruption(task);
    return DONE;
  }
}

class YieldIfCancelled extends SchedulePoint {
  static {
    this.prototype.operationName = "yieldIfCancelled()";
  }
  override next(): IteratorResult<Trap, void> {
    const task = this.task;
    if (task === null) {
      const driver = drivingTask(this);
      this.task = driver;
      driver.runner.collectDue(); // it may have run for long, and asks for nothing else
      return interruptedAtOnce(driver, this) ? SUSPENDED : DONE;
    }
    // A shield raised around the task meanwhile makes this return: it is not cancelled any more.
    checkInterruption(task);
    return DONE;
  }
}

class YieldBrieflyNoCancel extends SchedulePoint {
  static {
    this.prototype.operationName = "yieldBrieflyNoCancel()";
  }
  override next(): IteratorResult<Trap, void> {
    if (this.task === null) {
      const driver = drivingTask(this);
      this.task = driver;
      driver.points |= SCHEDULE_POINT;
      driver.suspension = this;
      driver.runner.enqueue(driver);
      return SUSPENDED;
    }
    if (this.task.state !== TaskState.Running) throw notResumed(this.task);
    return DONE;
  }
}

/**
 * S46: a pure checkpoint: lets every other runnable task run once, then throws Cancelled if the task's context is
 * cancelled (or KeyboardInterrupt, in the main task, if Ctrl-C was pressed). The same as `sleep(0)`.
 *
 * Trio: `trio.lowlevel.checkpoint`; the seed: `yield_briefly`.
 */
export function yieldBriefly(): Operation<void> {
  return new YieldBriefly();
}

/**
 * S49: half a checkpoint: if the context is cancelled, lets others run and throws; else does nothing at all. A deadline
 * that has passed counts. Together with {@link yieldBrieflyNoCancel} it makes a full checkpoint (S51).
 *
 * Trio: `trio.lowlevel.checkpoint_if_cancelled`; the seed: `yield_if_cancelled`.
 */
export function yieldIfCancelled(): Operation<void> {
  return new YieldIfCancelled();
}

/**
 * S50: the other half: lets every other runnable task run once, and never throws.
 *
 * Trio: `trio.lowlevel.cancel_shielded_checkpoint`; the seed: `yield_briefly_no_cancel`.
 */
export function yieldBrieflyNoCancel(): Operation<void> {
  return new YieldBrieflyNoCancel();
}
