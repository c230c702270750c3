import { yieldBriefly } from "./checkpoint.ts";
import { checkDuration, checkTime } from "./time-arguments.ts";
import type { Deadline } from "./deadlines.ts";
import { inMilliseconds } from "./describe.ts";
import type { Operation } from "./operation.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { Suspension, wake } from "./suspension.ts";
import { TaskState, type Task } from "./task.ts";
import { currentRunner } from "./thread.ts";

/** Blocks until a time: an entry of the run's deadlines, with no scope around it. */
export class Sleep extends Suspension<void> implements Deadline {
  static {
    this.prototype.operationName = "sleep()";
  }
  /** When it is over; until it begins, how long it lasts, if `fromNow`. */
  time: number;
  order = 0;
  index = -1;
  private readonly fromNow: boolean;

  constructor(time: number, fromNow: boolean) {
    super();
    this.time = time;
    this.fromNow = fromNow;
  }

  protected begin(task: Task): void {
    if (this.time === Infinity) return;
    const { runner } = task;
    if (this.fromNow) this.time += runner.currentTime();
    runner.deadlines.add(this);
    runner.deadlineMoved();
  }

  abort(task: Task): AbortResult {
    task.runner.deadlines.remove(this);
    return Abort.SUCCEEDED;
  }

  /** Its time has come. It may have been aborted since it was found due. */
  fire(): void {
    const task = this.task as Task;
    if (task.state === TaskState.Blocked && task.suspension === this) wake(task);
  }

  describe(): string {
    if (this.time === Infinity) return "sleepForever()";
    const left = this.time - (this.task as Task).runner.clock.currentTime();
    return `${this.fromNow ? "sleep()" : "sleepUntil()"}, ${inMilliseconds(Math.max(0, left))} left`;
  }
}

/**
 * Waits for `ms` milliseconds of the run's clock; `Infinity` for ever. `sleep(0)` is a pure checkpoint. A checkpoint.
 * Trio: `trio.sleep`.
 *
 * @throws TypeError, RangeError at once for what is no number, NaN or negative.
 */
export function sleep(ms: number): Operation<void> {
  checkDuration(ms, "sleep(ms): ms");
  return ms === 0 ? yieldBriefly() : new Sleep(ms, true);
}

/**
 * Waits until `time`, in milliseconds of the run's clock; a time that has passed makes it a pure checkpoint. A
 * checkpoint. Trio: `trio.sleep_until`.
 *
 * @throws TypeError, RangeError at once for what is no number, or NaN.
 */
export function sleepUntil(time: number): Operation<void> {
  checkTime(time, "sleepUntil(time): time");
  return new Sleep(time, false);
}

/** Waits until cancelled. A checkpoint. Trio: `trio.sleep_forever`. */
export function sleepForever(): Operation<never> {
  return new Sleep(Infinity, false) as unknown as Operation<never>;
}

/** The time of the run's clock, in milliseconds. Not a checkpoint. Trio: `trio.current_time`. */
export function currentTime(): number {
  return currentRunner("currentTime()").currentTime();
}
