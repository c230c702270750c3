import { yieldBrieflyNoCancel, yieldIfCancelled, type Operation, type Task } from "../hazmat.ts";
import type { Trap } from "../kernel/operation.ts";
import { SingleUse, drivingTask } from "../kernel/single-use.ts";

const CHECKING = 0;
const WAITING = 1;
const LEAVING = 2;

/**
 * The idiom of a call that may have to wait (S52), for things that are handed over: if the task is cancelled nothing
 * happens; what can be had at once is taken, and then others run while cancellation waits, for it has happened; else the
 * task waits, and who wakes it has given it what it waits for. Every successful way is one checkpoint.
 */
export abstract class MaybeWait<T> extends SingleUse<T> {
  #stage = CHECKING;
  #inner: Iterator<Trap, unknown> | null = null;

  /** Takes it, if it can be had now. @returns whether it was. @throws what makes the operation fail. */
  protected abstract attempt(task: Task): boolean;
  /** Waits until somebody has given it to `task`. */
  protected abstract wait(task: Task): Operation<unknown>;
  /** The wait ended with `error`, and nothing was given. @returns what the operation throws. */
  protected failed(error: unknown, _task: Task): unknown {
    return error;
  }
  /** What the operation gives. @param woken what the wait gave; undefined when there was none. */
  protected abstract result(woken: unknown): T;

  next(): IteratorResult<Trap, T> {
    if (this.#inner === null) {
      this.task = drivingTask(this);
      this.#inner = begin(yieldIfCancelled());
    }
    for (;;) {
      const step = this.#stage === WAITING ? this.#wait() : this.#inner.next();
      if (step.done !== true) return step;
      if (this.#stage === WAITING) return { done: true, value: this.result(step.value) };
      if (this.#stage === LEAVING) return { done: true, value: this.result(undefined) };
      if (this.attempt(this.task as Task)) {
        this.#stage = LEAVING;
        this.#inner = begin(yieldBrieflyNoCancel());
      } else {
        this.#stage = WAITING;
        this.#inner = begin(this.wait(this.task as Task));
      }
    }
  }

  #wait(): IteratorResult<Trap, unknown> {
    try {
      return this.#inner!.next();
    } catch (error) {
      throw this.failed(error, this.task as Task);
    }
  }
}

function begin(operation: Operation<unknown>): Iterator<Trap, unknown> {
  return operation[Symbol.iterator]();
}
