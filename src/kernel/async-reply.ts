import { AsyncLocalStorage } from "node:async_hooks";
import { notResumed } from "./by-hand.ts";
import { goOn, throwIn, type AnyIterator, type Context, type Frame } from "./frame.ts";
import { UsageError } from "../errors.ts";
import type { Trap } from "./operation.ts";
import type { Task } from "./task.ts";
import { extents, thread } from "./thread.ts";

/**
 * What an asynchronous frame answered, or is still to answer, and how it goes on. It stands in an operation that it
 * drives by a promise ({@link AsyncDrive}), or at a trap that it has yielded, or in a native await.
 */
export class AsyncReply {
  readonly frame: Frame;
  /** `next()` was called and its promise has not settled. */
  pending = false;
  /** The answer is here and the scheduler has not looked at it. */
  ready = false;
  /** The frame's code has run up to its first `await` or operation. */
  begun = false;
  /** The scheduler is waiting for it in this very step. */
  inStep = false;
  /** Its code may go on without the scheduler: it is in a native await. */
  outside = false;
  /** The task was made runnable before its trap arrived. */
  wakeOnTrap = false;
  failed = false;
  result: IteratorResult<Trap, unknown> | undefined = undefined;
  error: unknown = undefined;
  /** The promise of its last `next()`, while nobody has looked whether it has settled. */
  answer: Promise<unknown> | null = null;
  /** The frame's asynchronous context, which carries its extent; made when its code is called a second time. */
  context: Context | null = null;
  /** The operation whose result its code awaits. */
  driven: Driven | null = null;
  #resolve: (result: IteratorResult<Trap, unknown>) => void = nothing;
  #reject: (error: unknown) => void = nothing;
  #executor: ((resolve: (result: any) => void, reject: (error: unknown) => void) => void) | null = null;

  constructor(frame: Frame) {
    this.frame = frame;
  }

  /** Calls the frame's code, in its asynchronous context. @returns {@link THREW} where a hand-written iterator did. */
  call(mistake: Error | null): unknown {
    const { frame } = this;
    if (mistake !== null) return this.#contextAgain()(throwIn, frame.iterator, mistake);
    if (this.begun) {
      const context = this.#contextAgain();
      thread.frame = frame;
      return context(goOn);
    }
    this.#claim();
    return frame.task.context(callInExtent, frame);
  }

  #contextAgain(): Context {
    return (this.context ??= this.frame.task.context(snapshotInExtent, this.frame));
  }

  /**
   * The microtasks were drained: whether the answer is here.
   * @returns false where the answer has to be waited for, and {@link AsyncReply.attach} is due.
   */
  look(): boolean {
    const result = this.frame.task.runner.stepper.fulfilled(this.answer as Promise<unknown>);
    if (result === undefined) return false;
    this.answer = null;
    this.result = result as IteratorResult<Trap, unknown>;
    this.failed = false;
    this.pending = false;
    this.ready = true;
    return true;
  }

  /** Has the answer brought when it comes. */
  attach(): void {
    const answer = this.answer as Promise<unknown>;
    this.answer = null;
    answer.then(
      (result) => this.#settle(false, result as IteratorResult<Trap, unknown>, undefined),
      (error) => this.#settle(true, undefined, error),
    );
  }

  /** The frame's code could not even be called. */
  threw(error: unknown): void {
    this.#settle(true, undefined, error);
  }

  /**
   * The frame's code is about to begin. @throws UsageError where it is another frame's already: an async generator would
   * queue the `next()` of the second one, and end for both.
   */
  #claim(): void {
    const { iterator } = this.frame;
    const owner = owners.get(iterator);
    if (owner?.pending === true && owner !== this) throw notResumed(owner.frame.task);
    owners.set(iterator, this);
    this.begun = true;
  }

  /** The promise that the frame's code awaits while its task is blocked in `operation`. */
  promiseOf(operation: Driven): Promise<unknown> {
    this.driven = operation;
    if (this.outside) this.frame.task.runner.stepper.cameBack(this);
    this.#executor ??= (resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    };
    return new Promise(this.#executor);
  }

  /** Takes the result of the operation that was waited for, and gives it to the code; that goes on in a microtask. */
  settleDriven(operation: Driven): void {
    this.driven = null;
    let result: IteratorResult<Trap, unknown>;
    try {
      result = operation.next();
    } catch (error) {
      this.#reject(error);
      return;
    }
    this.#resolve(result);
  }

  /**
   * The wait is taken back: code that still awaits it, and that nobody awaits, is told, and does not stay there for ever. By an
   * answer that throws when it is read: a rejection would be an unhandled one where no code awaits it.
   */
  leaveDriven(task: Task, operation: string): void {
    if (this.driven === null) return;
    this.driven = null;
    this.#resolve({
      get done(): never {
        throw new UsageError(
          `${operation} was left: code that task ${task.name} did not wait for was in it, and the task went on or ended; ` +
            "await what you call",
        );
      },
      value: undefined,
    });
  }

  /**
   * The frame's code was stopped where it stood: it fails with `error`. Where that was between two stretches of it, the
   * code goes on, to get an error out of its next operation; that is nobody's any more.
   */
  abandon(error: unknown): void {
    this.#settle(true, undefined, error);
    this.#abandoned = true;
  }
  #abandoned = false;

  #settle(failed: boolean, result: IteratorResult<Trap, unknown> | undefined, error: unknown): void {
    if (this.#abandoned) return;
    this.failed = failed;
    this.result = result;
    this.error = error;
    this.pending = false;
    this.ready = true;
    if (!this.inStep) this.frame.task.runner.stepper.replySettled(this.frame.task, this);
  }
}

function callInExtent(frame: Frame): unknown {
  thread.frame = frame;
  return extents.run(frame, goOn);
}

function snapshotInExtent(frame: Frame): Context {
  return extents.run(frame, () => AsyncLocalStorage.snapshot() as Context);
}

/** Which frame steps an async coroutine. */
const owners = new WeakMap<AnyIterator, AsyncReply>();

interface Driven {
  next(): IteratorResult<Trap, unknown>;
}

function nothing(): void {}
