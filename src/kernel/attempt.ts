import { Abort, type AbortResult } from "./abort.ts";
import { AsyncDrive } from "./async-drive.ts";
import { interruptedAtOnce, checkInterruption } from "./checkpoint.ts";
import { notResumed } from "./by-hand.ts";
import { SUSPENDED, type Operation, type Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import { block, wake, wakeWithError, type Blocker } from "./suspension.ts";
import { CHECKPOINT, SCHEDULE_POINT, TaskState, type Task } from "./task.ts";

const CHECKING = 0;
const WAITING = 1;
const LEAVING = 2;

/**
 * The idiom of a call that may have to wait (S52), as one object. If the task is cancelled nothing happens. What can be had
 * at once is taken, and then others run while cancellation waits, for it has happened. Else the task waits, and takes it
 * after that, or has been given it. Every successful way is one checkpoint.
 */
export abstract class Attempt<T> extends SingleUse<T> implements Blocker {
  declare private stage: number;
  /** What it waits for; null where its task is blocked in this operation itself. */
  declare private waiting: Iterator<Trap, unknown> | null;

  constructor() {
    super();
    this.stage = CHECKING;
    this.waiting = null;
  }

  /** Takes it, if it can be had now. @returns whether it was. @throws what the operation fails with. */
  protected abstract attempt(task: Task): boolean;
  /**
   * What to wait for, when it could not be had. Or null: then the task is blocked in this operation itself, which has been
   * left with somebody who ends that by {@link Attempt.endWait} or {@link Attempt.failWait}, unless {@link Attempt.giveUp}
   * takes it back from them.
   */
  protected abstract wait(task: Task): Operation<unknown> | null;
  /** Its task is cancelled while it is blocked in this operation itself: from now on nobody ends the wait. */
  protected giveUp(): void {}
  /**
   * The wait is over. @returns whether the operation has come true with that; else it waits again. Having waited is a schedule
   * point already. By default it has: whoever ended the wait has given what it was for.
   */
  protected waited(): boolean {
    return true;
  }
  /** The wait ended with `error`. @returns what the operation throws. */
  protected waitFailed(error: unknown): unknown {
    return error;
  }
  /** What the operation gives. */
  protected abstract result(): T;

  /** Ends a wait in this operation itself. The task runs on a later pass. */
  endWait(): void {
    wake(this.task as Task);
  }

  /** The same, with an error. */
  failWait(error: unknown): void {
    wakeWithError(this.task as Task, error);
  }

  /** Asked only while its task is blocked in this operation itself. */
  abort(): AbortResult {
    this.giveUp();
    return Abort.SUCCEEDED;
  }

  override [Symbol.asyncIterator](): unknown {
    return new AsyncDrive(this[Symbol.iterator]());
  }

  next(): IteratorResult<Trap, T> {
    let { task } = this;
    if (task === null) {
      task = drivingTask(this);
      this.task = task;
      if (interruptedAtOnce(task, this)) return SUSPENDED;
    } else {
      if (this.stage === LEAVING) {
        if (task.state !== TaskState.Running) throw notResumed(task);
        return { done: true, value: this.result() };
      }
      if (this.stage === WAITING) return this.goOnWaiting(task);
      // A shield raised around the task meanwhile makes it go on: it is not cancelled any more.
      checkInterruption(task);
    }
    if (this.attempt(task)) {
      this.stage = LEAVING;
      task.points |= SCHEDULE_POINT;
      task.suspension = this;
      task.runner.enqueue(task);
      return SUSPENDED;
    }
    this.stage = WAITING;
    return this.beginWait(task) ? SUSPENDED : this.goOnWaiting(task);
  }

  /** @returns whether the task is blocked in this operation itself; else it is to be driven on. */
  private beginWait(task: Task): boolean {
    const operation = this.wait(task);
    if (operation === null) {
      this.waiting = null;
      task.points = CHECKPOINT;
      block(task, this);
      return true;
    }
    this.waiting = operation[Symbol.iterator]();
    return false;
  }

  private goOnWaiting(task: Task): IteratorResult<Trap, T> {
    for (;;) {
      let step: IteratorResult<Trap, unknown>;
      try {
        step = this.waiting === null ? task.takeResult() : this.waiting.next();
      } catch (error) {
        throw this.waitFailed(error);
      }
      if (step.done !== true) {
        this.withinThis(step);
        return step;
      }
      if (this.waited()) return { done: true, value: this.result() };
      if (this.beginWait(task)) return SUSPENDED;
    }
  }
}
