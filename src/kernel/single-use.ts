import { UsageError } from "../errors.ts";
import { drivenByHand, takeBack } from "./by-hand.ts";
import { noteDriven, noteMade, type Drivable } from "./undriven.ts";
import type { Operation, Trap } from "./operation.ts";
import { type Task, TaskState } from "./task.ts";
import { extents, thread, taskOfContext } from "./thread.ts";

/**
 * The base of every operation: fresh, lazy, single-use, and its own iterator, so that driving it allocates nothing.
 *
 * One object serves both kinds of generator: `Symbol.asyncIterator` is for async ones, which await what `next()` gives. The
 * types do not mention it.
 */
export abstract class SingleUse<T> implements Operation<T>, Iterator<Trap, T, any> {
  declare operationName: string;
  /** The task that drove it, once one has. */
  declare task: Task | null;
  /** Set by `yield*`, before the first `next()`. */
  declare used: boolean;
  declare origin: Drivable["origin"];

  // The engine initialises a class's fields by a call of their own, at each level of the hierarchy.
  constructor() {
    this.task = null;
    this.used = false;
    this.origin = null;
    noteMade(this);
  }

  [Symbol.iterator](): this {
    if (this.used) throw drivenTwice(this);
    noteDriven(this);
    return this;
  }

  [Symbol.asyncIterator](): unknown {
    return this[Symbol.iterator]();
  }

  abstract next(): IteratorResult<Trap, T>;

  /** For an operation that is made of others: if its task now waits in one of those, the tree of tasks names this one too. */
  protected withinThis<R>(step: IteratorResult<Trap, R>): IteratorResult<Trap, R> {
    const { task } = this;
    if (task !== null && task.state === TaskState.Blocked) task.customSleepData ??= this.operationName;
    return step;
  }

  /** Reached only by a generator driven by hand: the scheduler gives errors through `next()`. */
  throw(error: unknown): never {
    throw error;
  }

  /** Reached only where it is driven by hand: by a `for...of` that is left, by a destructuring. */
  return(): never {
    if (this.task !== null) takeBack(this.task);
    throw drivenByHand(this.operationName);
  }
}

/**
 * The task that is driving `operation`, which may block now.
 * @throws UsageError outside a task, and when the task is blocked in another operation already.
 */
export function drivingTask(operation: { readonly operationName: string; readonly task: Task | null }): Task {
  let { task } = thread;
  if (task === null) {
    // While no code is in a native await, what drives an operation in a drain is the task that is drained for; unless it
    // is another's, which drove an operation by hand and did not wait for it.
    task = thread.drivenInDrain;
    if (task !== null && (extents.getStore()?.task ?? task) !== task) task = null;
  }
  if (task !== null && task.state === TaskState.Running) return task;
  return drivingTaskSlow(operation);
}

function drivingTaskSlow(operation: { readonly operationName: string }): Task {
  const task = thread.task ?? taskOfContext();
  const name = operation.operationName;
  if (task === null) {
    throw new UsageError(
      `${name} was driven outside a task: only code that a run has started can wait. Call it with yield* in a ` +
        "task function given to run(), runSync() or nursery.startSoon()",
    );
  }
  if (task.state === TaskState.Running || task.state === TaskState.Awaiting) return task;
  if (task.state === TaskState.Exited) {
    throw new UsageError(`${name} was driven in the context of task ${task.name}, which has ended`);
  }
  throw new UsageError(
    `${name} was driven in task ${task.name}, which is waiting in ${task.waitsFor()} already: a task waits for one ` +
      "operation at a time; give the second one a task of its own with nursery.startSoon()",
  );
}

function drivenTwice(operation: { readonly operationName: string }): UsageError {
  return new UsageError(
    `${operation.operationName}: this operation has been driven already; an operation is good for one yield*, ` +
      "call the function again for a fresh one",
  );
}
