import { BrokenResourceError, UsageError } from "../errors.ts";
import { describe } from "./describe.ts";
import { SUSPENDED, type Operation, type Trap } from "./operation.ts";
import { drivingTask } from "./single-use.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { Suspension, block, wake, wakeWithError } from "./suspension.ts";
import { CHECKPOINT, Task, TaskState } from "./task.ts";
import { currentTask } from "./thread.ts";

/** A task's place in a lot: the operation itself is the link of the list. */
class Park extends Suspension<void> {
  static {
    this.prototype.operationName = "ParkingLot.park()";
  }
  declare lot: ParkingLot;
  declare previous: Park | null;
  declare following: Park | null;

  constructor(lot: ParkingLot) {
    super();
    this.lot = lot;
    this.previous = null;
    this.following = null;
  }

  protected begin(): void {
    this.lot.enqueue(this);
  }

  /** As the one it overrides, which all operations share, so that the engine cannot compile a lot's begin() into it. */
  override next(): IteratorResult<Trap, void> {
    if (this.task !== null) return this.task.takeResult();
    const task = drivingTask(this);
    this.lot.enqueue(this);
    this.task = task;
    task.points = CHECKPOINT;
    block(task, this);
    return SUSPENDED;
  }

  abort(): AbortResult {
    this.lot.dequeue(this);
    return Abort.SUCCEEDED;
  }

  describe(): string {
    const { keeper } = this.lot;
    return keeper === null ? this.operationName : `${this.operationName}, held by task ${keeper.name}`;
  }
}

export interface ParkingLotStatistics {
  /** How many tasks are parked. */
  readonly tasksWaiting: number;
}

/**
 * S38: a fair wait queue with cancellation and requeueing, to build locks, queues and events on. Tasks are woken in the
 * order in which they parked.
 *
 * Trio: `trio.lowlevel.ParkingLot`.
 */
export class ParkingLot {
  private head: Park | null = null;
  private tail: Park | null = null;
  private parked = 0;
  private breakers: Task[] | null = null;
  /** @internal The task that it was last tied to: whom those that are parked wait for. */
  keeper: Task | null = null;

  /** S39: how many tasks are parked. */
  get size(): number {
    return this.parked;
  }

  /** The tasks by whose end, or in whose name, the lot was broken; empty for a sound one. */
  get brokenBy(): readonly Task[] {
    return this.breakers === null ? [] : [...this.breakers];
  }

  /**
   * S40: waits until {@link ParkingLot.unpark} wakes it. Always a checkpoint. A cancelled task leaves the queue, the
   * others keep their order, and no wake-up is spent on it; once it has been woken, it is no longer cancelled here.
   *
   * @throws BrokenResourceError if the lot is or becomes broken.
   */
  park(): Operation<void> {
    return new Park(this);
  }

  /**
   * S41: wakes the `count` tasks that have waited longest, or as many as there are. Not a checkpoint.
   *
   * @param count a whole number, 0 or more, or `Infinity` for all.
   * @returns the tasks it woke, oldest first.
   * @throws TypeError, RangeError
   */
  unpark(count = 1): Task[] {
    if (count === 1) {
      const park = this.head;
      return park === null ? [] : [this.wakeFirst(park)];
    }
    checkCount(count, "lot.unpark(count)");
    const woken: Task[] = [];
    for (let n = count; n > 0; n--) {
      const park = this.head;
      if (park === null) break;
      woken.push(this.wakeFirst(park));
    }
    return woken;
  }

  private wakeFirst(park: Park): Task {
    // What dequeue() comes to for the first of the list.
    const { following } = park;
    this.head = following;
    if (following === null) this.tail = null;
    else {
      following.previous = null;
      park.following = null;
    }
    this.parked--;
    const task = park.task as Task;
    wake(task);
    return task;
  }

  /** S42: wakes every task. Not a checkpoint. @returns the tasks it woke, oldest first. */
  unparkAll(): Task[] {
    return this.unpark(Infinity);
  }

  /**
   * S43: moves the `count` tasks that have waited longest, or as many as there are, to the end of another lot, without
   * waking them. Not a checkpoint.
   *
   * @throws TypeError if `newLot` is no ParkingLot; TypeError, RangeError for `count`.
   */
  repark(newLot: ParkingLot, count = 1): void {
    if (!(newLot instanceof ParkingLot)) {
      throw new TypeError(`lot.repark(newLot): newLot must be a ParkingLot, not ${describe(newLot)}`);
    }
    checkCount(count, "lot.repark(newLot, count)");
    // As many as there are now: the new lot may be this one.
    for (let n = Math.min(count, this.parked); n > 0; n--) {
      const park = this.head as Park;
      this.dequeue(park);
      park.lot = newLot;
      if (newLot.breakers !== null) wakeWithError(park.task as Task, newLot.brokenError());
      else newLot.enqueue(park);
    }
  }

  /** S44: moves every task to another lot, without waking them. Not a checkpoint. @throws TypeError */
  reparkAll(newLot: ParkingLot): void {
    this.repark(newLot, Infinity);
  }

  /**
   * Breaks the lot: whoever is parked, and whoever parks from now on, gets BrokenResourceError. Breaking it again adds
   * to `brokenBy`. Not a checkpoint.
   *
   * @param task in whose name; the current task when left out.
   */
  breakLot(task: Task = currentTask()): void {
    checkTask(task, "lot.breakLot(task)");
    (this.breakers ??= []).push(task);
    for (let park = this.head; park !== null; park = this.head) {
      this.dequeue(park);
      wakeWithError(park.task as Task, this.brokenError());
    }
  }

  /** S45: for debugging. Not a checkpoint. */
  statistics(): ParkingLotStatistics {
    return { tasksWaiting: this.parked };
  }

  private brokenError(): BrokenResourceError {
    const names = (this.breakers as Task[]).map((task) => task.name).join(", ");
    return new BrokenResourceError(`this ParkingLot is broken: task ${names}, which others waited for, has ended`);
  }

  /** @internal */
  enqueue(park: Park): void {
    if (this.breakers !== null) throw this.brokenError();
    park.previous = this.tail;
    park.following = null;
    if (this.tail === null) this.head = park;
    else this.tail.following = park;
    this.tail = park;
    this.parked++;
  }

  /** @internal */
  dequeue(park: Park): void {
    if (park.previous === null) this.head = park.following;
    else park.previous.following = park.following;
    if (park.following === null) this.tail = park.previous;
    else park.following.previous = park.previous;
    park.previous = null;
    park.following = null;
    this.parked--;
  }
}

/**
 * Ties a lot to a task: when the task ends, the lot breaks. Registering twice needs removing twice. Not a checkpoint.
 * Trio: `trio.lowlevel.add_parking_lot_breaker`.
 *
 * @throws BrokenResourceError if the task has ended.
 */
export function addParkingLotBreaker(task: Task, lot: ParkingLot): void {
  checkTask(task, "addParkingLotBreaker(task, lot)");
  checkLot(lot, "addParkingLotBreaker(task, lot)");
  if (task.state === TaskState.Exited) {
    throw new BrokenResourceError(`addParkingLotBreaker(task, lot): task ${task.name} has ended already`);
  }
  (task.breaks ??= []).push(lot);
  lot.keeper = task;
}

/**
 * Takes back one {@link addParkingLotBreaker}. Not a checkpoint. Trio: `trio.lowlevel.remove_parking_lot_breaker`.
 *
 * @throws UsageError if the task is not registered with the lot.
 */
export function removeParkingLotBreaker(task: Task, lot: ParkingLot): void {
  checkTask(task, "removeParkingLotBreaker(task, lot)");
  checkLot(lot, "removeParkingLotBreaker(task, lot)");
  const index = task.breaks?.lastIndexOf(lot) ?? -1;
  if (index < 0) {
    throw new UsageError(
      `removeParkingLotBreaker(task, lot): task ${task.name} is not registered as a breaker of this lot`,
    );
  }
  if (lot.keeper === task) lot.keeper = null;
  const breaks = task.breaks as ParkingLot[];
  // Locks are released in the reverse order, mostly.
  if (index === breaks.length - 1) breaks.pop();
  else breaks.splice(index, 1);
}

function checkTask(task: unknown, what: string): void {
  if (!(task instanceof Task)) throw new TypeError(`${what}: task must be a Task, not ${describe(task)}`);
}

function checkLot(lot: unknown, what: string): void {
  if (!(lot instanceof ParkingLot)) throw new TypeError(`${what}: lot must be a ParkingLot, not ${describe(lot)}`);
}

function checkCount(count: unknown, what: string): void {
  if (typeof count !== "number") throw new TypeError(`${what}: count must be a number, not ${describe(count)}`);
  if (count !== Infinity && !(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`${what}: count must be a whole number, 0 or more, or Infinity for all, not ${count}`);
  }
}
