import { describe, isThenable } from "./describe.ts";
import { SUSPENDED, type Operation, type Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { Suspension, block, wake, wakeWithError, type Blocker } from "./suspension.ts";
import { CHECKPOINT, type Task } from "./task.ts";

/**
 * Who waits for each promise that is waited for. One reaction serves all of them: a promise keeps those it has until it settles,
 * and a program may wait a little for the same one, that of its end, as long as it runs.
 */
const waiting = new WeakMap<PromiseLike<unknown>, Set<PromiseWait<any>>>();

function waitsFor<T>(promise: PromiseLike<T>): Set<PromiseWait<T>> {
  const known = waiting.get(promise);
  if (known !== undefined) return known;
  const waits = new Set<PromiseWait<T>>();
  let isCalling = true;
  const settled = (wake: (wait: PromiseWait<T>) => void): void => {
    if (isCalling) {
      queueMicrotask(() => settled(wake));
      return;
    }
    waiting.delete(promise);
    for (const wait of waits) wake(wait);
  };
  // A promise never answers within the call, before the task is blocked; one with a `then` of its own may, or throw.
  try {
    Promise.resolve(promise).then(
      (value) => settled((wait) => wait.fulfilled(value)),
      (error: unknown) => settled((wait) => wait.giveUp(error)),
    );
  } finally {
    isCalling = false;
  }
  waiting.set(promise, waits);
  return waits;
}

/** A promise's settling wakes the task, unless the wait was aborted before. */
export class PromiseWait<T> extends Suspension<T> {
  static {
    this.prototype.operationName = "fromPromise()";
  }
  /** Not kept while it is waited for: the task may remember its last operation for long. */
  #promise: PromiseLike<T> | null;
  /** It and the others that wait for the promise; null when it is over. */
  #waits: Set<PromiseWait<T>> | null = null;

  constructor(promise: PromiseLike<T>) {
    super();
    this.#promise = promise;
  }

  protected begin(task: Task): void {
    task.runner.promiseWaits.add(this);
    this.#waits = waitsFor(this.#promise as PromiseLike<T>).add(this);
    this.#promise = null;
  }

  fulfilled(value: T): void {
    const task = this.task as Task;
    if (this.#end(task)) wake(task, value);
  }

  /** It was rejected, or nothing can settle it: ends the wait with `error`. */
  giveUp(error: unknown): void {
    const task = this.task as Task;
    if (this.#end(task)) wakeWithError(task, error);
  }

  abort(task: Task): AbortResult {
    this.#end(task);
    return Abort.SUCCEEDED;
  }

  #end(task: Task): boolean {
    if (this.#waits === null) return false;
    this.#waits.delete(this);
    this.#waits = null;
    task.runner.promiseWaits.delete(this);
    return true;
  }
}

/**
 * Waits for a promise, and gives what it resolves to. Cancellable at once, also when the promise is settled already: the
 * promise is then left alone, and a rejection that comes later is nobody's. A checkpoint.
 *
 * @throws TypeError at once if `promise` is none. What it rejects with.
 */
export function fromPromise<T>(promise: PromiseLike<T>): Operation<T> {
  if (!isThenable(promise)) {
    throw new TypeError(`fromPromise(promise): promise must be a promise, not ${describe(promise)}`);
  }
  return new PromiseWait(promise);
}

class Abortable<T> extends SingleUse<T> implements Blocker {
  static {
    this.prototype.operationName = "abortable()";
  }
  readonly #fn: (signal: AbortSignal) => PromiseLike<T>;
  readonly #controller = new AbortController();
  #raiseCancel: (() => never) | null = null;
  #over = false;

  constructor(fn: (signal: AbortSignal) => PromiseLike<T>) {
    super();
    this.#fn = fn;
  }

  override next(): IteratorResult<Trap, T> {
    if (this.task !== null) return this.task.takeResult();
    const task = drivingTask(this);
    task.points = CHECKPOINT;
    if (task.scope.cause !== null || task.kiPending) {
      // Cancelled already: the function is not called.
      this.task = task;
      block(task, { operationName: this.operationName, origin: this.origin, abort: () => Abort.SUCCEEDED });
      return SUSPENDED;
    }
    const promise = this.#fn(this.#controller.signal);
    if (!isThenable(promise)) {
      throw new TypeError(`abortable(fn): fn must return a promise, not ${describe(promise)}`);
    }
    this.task = task;
    task.runner.promiseWaits.add(this);
    Promise.resolve(promise).then(
      (value) => {
        if (this.#over) return;
        this.#end(task);
        wake(task, value);
      },
      (error: unknown) => {
        if (this.#over) return;
        this.#end(task);
        wakeWithError(task, this.#translate(error));
      },
    );
    block(task, this);
    return SUSPENDED;
  }

  /** Nothing can settle the promise: ends the wait with `error`. */
  giveUp(error: Error): void {
    const task = this.task as Task;
    if (this.#over) return;
    this.#end(task);
    wakeWithError(task, error);
  }

  #end(task: Task): void {
    this.#over = true;
    task.runner.promiseWaits.delete(this);
  }

  abort(_task: Task, raiseCancel: () => never): AbortResult {
    this.#raiseCancel = raiseCancel;
    this.#controller.abort();
    return Abort.FAILED;
  }

  #translate(error: unknown): unknown {
    const raiseCancel = this.#raiseCancel;
    if (raiseCancel === null) return error;
    const { reason } = this.#controller.signal;
    if (error !== reason && (error as { name?: unknown } | null | undefined)?.name !== "AbortError") return error;
    try {
      return raiseCancel();
    } catch (cancelled) {
      return cancelled;
    }
  }
}

/**
 * Calls `fn(signal)` and waits for the promise it returns; cancellation aborts the signal and still waits. A value that
 * comes all the same is given. A rejection after the abort counts as Cancelled if it is `signal.reason` or an
 * AbortError, and is thrown as it is otherwise. In a cancelled context `fn` is not called. A checkpoint.
 *
 * @throws TypeError at once if `fn` is no function; when driven, if it returns no promise. What the promise rejects with.
 */
export function abortable<T>(fn: (signal: AbortSignal) => PromiseLike<T>): Operation<T> {
  if (typeof fn !== "function") {
    throw new TypeError(`abortable(fn): fn must be a function of an AbortSignal, not ${describe(fn)}`);
  }
  return new Abortable(fn);
}
