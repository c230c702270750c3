import { BrokenResourceError, UsageError, WouldBlock } from "../errors.ts";
import {
  ParkingLot,
  addParkingLotBreaker,
  currentTask,
  removeParkingLotBreaker,
  type Operation,
  type Task,
} from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";
import type { Held } from "./held.ts";

export interface LockStatistics {
  readonly locked: boolean;
  /** The task that holds it, if one does. */
  readonly owner: Task | null;
  /** How many tasks wait for it. */
  readonly tasksWaiting: number;
}

/**
 * Mutual exclusion: one task holds it at a time, and gives it back itself. A lock that is released goes to the task that
 * has waited longest, before anybody else could take it.
 *
 *     using held = yield* lock.acquire();
 *
 * If the task that holds it ends without releasing it, whoever waits, and whoever comes later, gets BrokenResourceError:
 * nobody knows what state the guarded thing is in.
 *
 * Trio: `trio.Lock`.
 */
export class Lock {
  /** @internal Who waits; a Condition moves its own waiters here. */
  readonly lot: ParkingLot = new ParkingLot();
  /** @internal */
  owner: Task | null = null;
  /**
   * @internal Which acquisition is in force, so that what an earlier one gave does not release it. A Condition's wait, in
   * which the lock is given back and taken again, is within one acquisition.
   */
  acquisition = 0;
  #acquisitions = 0;

  /** Whether some task holds it. */
  get locked(): boolean {
    return this.owner !== null;
  }

  /**
   * Waits until the lock is free, and takes it. A checkpoint. Trio: `acquire`.
   *
   * @throws UsageError when the task holds it already. BrokenResourceError when its owner ended without releasing it.
   */
  acquire(): Operation<Held> {
    return new Acquire(this);
  }

  /**
   * Takes the lock if it is free. Not a checkpoint. Trio: `acquire_nowait`.
   *
   * @throws WouldBlock when it is not free. UsageError, BrokenResourceError as {@link Lock.acquire}.
   */
  acquireNoWait(): Held {
    const task = currentTask();
    if (this.take(task)) return this.held();
    if (this.lot.brokenBy.length > 0) throw this.broken();
    throw new WouldBlock(`Lock.acquireNoWait(): task ${this.owner!.name} holds the lock`);
  }

  /**
   * Gives the lock to the task that has waited longest, if any waits. Not a checkpoint. Trio: `release`.
   *
   * @throws UsageError when the current task does not hold it.
   */
  release(): void {
    const task = currentTask();
    if (task !== this.owner) {
      const holder = this.owner === null ? "nobody holds it" : `task ${this.owner.name} holds it`;
      throw new UsageError(`Lock.release(): task ${task.name} does not hold the lock: ${holder}`);
    }
    removeParkingLotBreaker(task, this.lot);
    this.#own(this.lot.unpark()[0] ?? null);
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): LockStatistics {
    return { locked: this.locked, owner: this.owner, tasksWaiting: this.lot.size };
  }

  #own(task: Task | null): void {
    this.owner = task;
    this.acquisition = ++this.#acquisitions;
    if (task !== null) addParkingLotBreaker(task, this.lot);
  }

  /** @internal Takes it for `task` if it is free. @throws UsageError when it has it. */
  take(task: Task): boolean {
    if (this.owner === null) {
      this.#own(task);
      return true;
    }
    if (this.owner !== task) return false;
    throw new UsageError(
      `Lock.acquire(): task ${task.name} holds the lock already, and would wait for itself; a lock is taken once`,
    );
  }

  /** @internal What its present owner gets. */
  held(): Held {
    return new HeldLock(this);
  }

  /** @internal */
  broken(): BrokenResourceError {
    return new BrokenResourceError(
      `Lock: task ${this.owner?.name} held the lock, and ended without releasing it: who knows what it guards`,
    );
  }
}

/** One acquisition. Disposing of it after a release by hand does nothing. */
class HeldLock implements Held {
  declare private readonly lock: Lock;
  declare private readonly acquisition: number;

  constructor(lock: Lock) {
    this.lock = lock;
    this.acquisition = lock.acquisition;
  }

  [Symbol.dispose](): void {
    if (this.acquisition === this.lock.acquisition) this.lock.release();
  }
}

class Acquire extends Attempt<Held> {
  static {
    this.prototype.operationName = "Lock.acquire()";
  }
  declare private readonly lock: Lock;

  constructor(lock: Lock) {
    super();
    this.lock = lock;
  }

  protected attempt(task: Task): boolean {
    return this.lock.take(task);
  }

  protected wait(): Operation<void> {
    return this.lock.lot.park();
  }

  protected override waitFailed(error: unknown): unknown {
    return error instanceof BrokenResourceError ? this.lock.broken() : error;
  }

  protected result(): Held {
    return this.lock.held();
  }
}

/**
 * A {@link Lock} that promises to be handed over strictly in order of arrival. So is every Lock here; this name says that
 * a program counts on it.
 *
 * Trio: `trio.StrictFIFOLock`.
 */
export class StrictFIFOLock extends Lock {}
