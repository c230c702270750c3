import { Cancelled } from "../errors.ts";
import { Frame } from "./frame.ts";
import { SUSPENDED, type Coroutine, type Operation, type Trap } from "./operation.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import type { Task } from "./task.ts";
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

  override next(): IteratorResult<Trap, T> {
    if (this.task !== null) return this.resumed(this.task);
    const task = drivingTask(this);
    this.open(task);
    this.task = task;
    return SUSPENDED;
  }

  protected pushFrame<A extends unknown[]>(task: Task, fn: (...args: A) => Coroutine<unknown>, ...args: A): void {
    const coroutine = checkCoroutine(fn(...args), fn, this.operationName);
    task.frame = new Frame(task, coroutine, task.frame, currentExtentIsProtected());
  }

  /** An error that leaves a frame gets the stack of the frames around it, which are not on the engine's stack. */
  protected passOn(error: unknown): unknown {
    if (error instanceof Error && !(error instanceof Cancelled)) joinStacks(error);
    return error;
  }
}

/** @throws TypeError if `fn` is no function. `what` is the call, as in `nursery.startSoon(fn)`. */
export function checkTaskFunction(fn: unknown, what: string): void {
  if (typeof fn === "function") return;
  throw new TypeError(`${what} wants a task function (async function* or function*), not ${describe(fn)}`);
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

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** A short phrase for an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "function":
      return `the function ${value.name || "(anonymous)"}`;
    case "object": {
      if (isThenable(value)) return "a promise";
      if ("next" in value) return "a generator object (pass the function itself, not a call of it)";
      const name = value.constructor?.name;
      return name ? `an object of class ${name}` : "an object";
    }
    default:
      return String(value);
  }
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
