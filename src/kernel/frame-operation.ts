import { Cancelled } from "../errors.ts";
import { ExceptionGroup } from "./exception-group.ts";
import { describe, isClass, isThenable } from "./describe.ts";
import { notResumed } from "./by-hand.ts";
import { Frame } from "./frame.ts";
import { SUSPENDED, type Coroutine, type Operation, type Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import { TaskState, type Task } from "./task.ts";
import { currentExtentIsProtected } from "./ki-protection.ts";
import { joinStacks } from "./stack.ts";

/**
 * The base of every operation that runs a coroutine as a frame of the current task and is told its result: `call`,
 * scopes, nurseries. While the frame runs, resuming the task does not pass through the frames around it.
 */
export abstract class FrameOperation<T> extends SingleUse<T> {
  /** First drive: open whatever is to be opened, and push the frame. */
  protected abstract open(task: Task): void;
  /** The frame ended, or something {@link FrameOperation.resumed} waited for came: `task` holds the result. */
  protected abstract resumed(task: Task): IteratorResult<Trap, T>;

  /** The frame that drives it. */
  #outer: Frame | null = null;

  override next(): IteratorResult<Trap, T> {
    if (this.task !== null) {
      if (this.task.state !== TaskState.Running || this.task.frame !== this.#outer) throw notResumed(this.task);
      return this.resumed(this.task);
    }
    const task = drivingTask(this);
    this.#outer = task.frame;
    this.open(task);
    this.task = task;
    return SUSPENDED;
  }

  protected pushFrame<A extends unknown[]>(task: Task, fn: (...args: A) => Coroutine<unknown>, ...args: A): void {
    let made: unknown;
    try {
      made = fn(...args);
    } catch (error) {
      throw isClass(fn) ? notAClass(fn, this.operationName) : error;
    }
    const coroutine = checkCoroutine(made, fn, this.operationName);
    task.frame = new Frame(task, coroutine, task.frame, this, currentExtentIsProtected());
  }

  /** An error that leaves a frame gets the stack of the frames around it, which are not on the engine's stack. */
  protected passOn(error: unknown): unknown {
    const isCancelled = error instanceof ExceptionGroup ? error.isCancelled : error instanceof Cancelled;
    if (error instanceof Error && !isCancelled) joinStacks(error);
    return error;
  }
}

/** @throws TypeError if `fn` is no function. `what` is the call, as in `nursery.startSoon(fn)`. */
export function checkTaskFunction(fn: unknown, what: string): void {
  if (typeof fn === "function") return;
  throw new TypeError(`${what} wants a task function (async function* or function*), not ${describe(fn)}`);
}

/** What to throw for a task function that cannot be called, because it is a class. */
export function notAClass(fn: Function, what: string): TypeError {
  return new TypeError(
    `${what} wants a task function (async function* or function*), not ${describe(fn)}: to run a method, wrap it, as in ` +
      "() => object.method()",
  );
}

/** @throws TypeError with advice if `made`, which `fn` returned, is no coroutine. */
export function checkCoroutine(made: unknown, fn: Function, what: string): Coroutine<unknown> {
  if (typeof made === "object" && made !== null) {
    if (Symbol.iterator in made ? !isCollection(made) : Symbol.asyncIterator in made) return made as Coroutine<unknown>;
  }
  const name = fn.name === "" ? "the function" : `${fn.name}()`;
  if (isThenable(made)) {
    made.then(undefined, () => {}); // its failure is not what the reader must hear about
    throw new TypeError(
      `${what}: ${name} returned a promise, so it is an async function; a task function is an async function* (or a ` +
        "function*): add the star, or wait for the promise with yield* fromPromise(promise)",
    );
  }
  throw new TypeError(
    `${what}: ${name} returned ${describe(made)} where a coroutine was expected: is the star of function* missing?`,
  );
}

function isCollection(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set;
}

class Call<A extends unknown[], T> extends FrameOperation<T> {
  static {
    this.prototype.operationName = "call()";
  }
  readonly #fn: (...args: A) => Coroutine<T>;
  readonly #args: A;
  constructor(fn: (...args: A) => Coroutine<T>, args: A) {
    super();
    this.#fn = fn;
    this.#args = args;
  }
  protected open(task: Task): void {
    this.pushFrame(task, this.#fn, ...this.#args);
  }
  protected resumed(task: Task): IteratorResult<Trap, T> {
    if (task.failed) task.error = this.passOn(task.error);
    return task.takeResult();
  }
}

/**
 * Runs `fn(...args)` as a frame of the current task, and gives what it returns. So a plain generator can run an async
 * one, and the cost of a wake-up does not grow with the depth of calls. A checkpoint where `fn` is one.
 *
 * @throws TypeError at once if `fn` is no function; when driven, if it gives no coroutine. What `fn` throws.
 */
export function call<A extends unknown[], T>(fn: (...args: A) => Coroutine<T>, ...args: A): Operation<T> {
  checkTaskFunction(fn, "call(fn)");
  return new Call(fn, args);
}
