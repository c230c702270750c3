import { BrokenResourceError, UsageError } from "../errors.ts";
import { ParkingLot, currentTask, type Operation } from "../hazmat.ts";
import { CancelScope } from "../kernel/cancel-scope.ts";
import type { Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import type { Held } from "./held.ts";
import { judgeCount } from "./judge.ts";
import { Lock, type LockStatistics } from "./lock.ts";

export interface ConditionStatistics {
  /** How many tasks wait to be notified. */
  readonly tasksWaiting: number;
  readonly lock: LockStatistics;
}

/**
 * A lock with a waiting room: who holds the lock and finds that things are not as it needs them waits here, which gives
 * the lock back meanwhile, until another task has changed them and notifies.
 *
 *     using held = yield* condition.acquire();
 *     while (queue.length === 0) yield* condition.wait();
 *
 * Trio: `trio.Condition`.
 */
export class Condition {
  readonly #lock: Lock;
  readonly #lot = new ParkingLot();

  /** @param lock shared with other conditions, if given. @throws TypeError when it is no Lock. */
  constructor(lock: Lock = new Lock()) {
    if (!(lock instanceof Lock)) throw new TypeError("new Condition(lock): lock must be a Lock or a StrictFIFOLock");
    this.#lock = lock;
  }

  /** Whether some task holds the lock. */
  get locked(): boolean {
    return this.#lock.locked;
  }

  /** Takes the lock: {@link Lock.acquire}. A checkpoint. */
  acquire(): Operation<Held> {
    return this.#lock.acquire();
  }

  /** {@link Lock.acquireNoWait}. Not a checkpoint. */
  acquireNoWait(): Held {
    return this.#lock.acquireNoWait();
  }

  /** {@link Lock.release}. Not a checkpoint. */
  release(): void {
    this.#lock.release();
  }

  /**
   * Gives the lock back, waits to be notified, and takes the lock again. A task that is cancelled meanwhile takes it
   * again all the same, before Cancelled comes out. A checkpoint. Trio: `wait`.
   *
   * @throws UsageError when the current task does not hold the lock. BrokenResourceError when a later owner ended
   *   without releasing it: then it is not taken again.
   */
  wait(): Operation<void> {
    return operation("Condition.wait()", () => this.#wait());
  }

  *#wait(): Generator<Trap, void, any> {
    this.#checkHeld("wait()");
    const { acquisition } = this.#lock;
    this.#lock.release();
    try {
      // Woken by a release of the lock, to whose lot notify() moves the waiters: it is this task's then.
      yield* this.#lot.park();
      this.#lock.acquisition = acquisition;
    } catch (error) {
      if (error instanceof BrokenResourceError) throw this.#lock.broken();
      const thrown = yield* this.#acquireAfter(error);
      this.#lock.acquisition = acquisition;
      throw thrown;
    }
  }

  /** @returns what the wait throws: `error`, or the Ctrl-C that came after it. */
  *#acquireAfter(error: unknown): Generator<Trap, unknown, any> {
    for (;;) {
      try {
        yield* new CancelScope({ shield: true }).run(() => this.#lock.acquire());
        return error;
      } catch (another) {
        if (another instanceof BrokenResourceError) throw another;
        error = another; // KeyboardInterrupt, which heeds no shield and comes once
      }
    }
  }

  /**
   * Lets the `count` tasks that have waited longest go on, one after the other, as the lock gets free. Not a checkpoint.
   * Trio: `notify`.
   *
   * @param count a whole number, 0 or more, or `Infinity`.
   * @throws UsageError when the current task does not hold the lock. TypeError, RangeError
   */
  notify(count = 1): void {
    judgeCount(count, "count", 0, Infinity, "Condition.notify(count)");
    this.#checkHeld("notify()");
    this.#lot.repark(this.#lock.lot, count);
  }

  /** Lets all go on. Not a checkpoint. Trio: `notify_all`. @throws UsageError */
  notifyAll(): void {
    this.#checkHeld("notifyAll()");
    this.#lot.reparkAll(this.#lock.lot);
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): ConditionStatistics {
    return { tasksWaiting: this.#lot.size, lock: this.#lock.statistics() };
  }

  #checkHeld(method: string): void {
    const task = currentTask();
    if (this.#lock.owner === task) return;
    throw new UsageError(`Condition.${method}: task ${task.name} does not hold the lock: acquire() it first`);
  }
}
