import { AsyncLocalStorage } from "node:async_hooks";
import type { Frame } from "./frame.ts";
import type { Runner } from "./runner.ts";
import type { Task } from "./task.ts";
import { UsageError } from "../errors.ts";

/** The stretch of code some task runs in: which task, and whether it is protected from Ctrl-C. */
export interface Extent {
  readonly task: Task;
  readonly kiProtected: boolean;
}

/**
 * What this JavaScript thread is doing. Plain fields of one object: the scheduler writes them at every step.
 * `task` and `kiProtected` speak of code that runs synchronously under the scheduler; code that goes on after a native
 * `await` is found by {@link extents} instead.
 *
 * `draining` is the task whose microtasks are being drained. Nearly all code that runs then is that task's, and it knows
 * it by its asynchronous context; but Bun 1.4.5 was seen to lose that context, once in some millions of steps, and then
 * this says whose code it is.
 */
export const thread: {
  runner: Runner | null;
  task: Task | null;
  draining: Task | null;
  /** The same, unless code of another task is in a native await, and may go on in this drain. */
  drivenInDrain: Task | null;
  kiProtected: boolean;
  /** The frame whose code is about to go on. */
  frame: Frame | null;
  /** What it threw, where it did. */
  thrown: unknown;
} = {
  runner: null,
  task: null,
  draining: null,
  frame: null,
  thrown: undefined,
  drivenInDrain: null,
  kiProtected: true,
};

/** @internal Carries the extent across native awaits, as the asynchronous context of every async frame. */
export const extents: AsyncLocalStorage<Extent | undefined> = new AsyncLocalStorage();

/** The task whose code this is, where the scheduler has not stepped it itself: after an await. */
export function taskOfContext(): Task | null {
  return extents.getStore()?.task ?? thread.draining;
}

/** The run of this thread. @throws UsageError naming `what` when there is none. */
export function currentRunner(what: string): Runner {
  const runner = thread.runner;
  if (runner === null) {
    throw new UsageError(`${what} needs a run: call it from code that run() or runSync() has started`);
  }
  return runner;
}

/**
 * S69: the task that is calling: also from a callback that code of an async task has made, a timer's or a promise's, whatever
 * the task does meanwhile. Not a checkpoint. Trio: `trio.lowlevel.current_task`.
 *
 * @throws UsageError outside a task.
 */
export function currentTask(): Task {
  return callingTask("currentTask()");
}

/** The task that is calling `what`. @throws UsageError naming it, outside a task. */
export function callingTask(what: string): Task {
  const task = thread.task ?? taskOfContext();
  if (task === null) {
    throw new UsageError(`${what} was called outside a task: call it from a task function, not from a host callback`);
  }
  return task;
}
