import { AsyncReply } from "./async-reply.ts";
import { Guarded } from "./ki-protection.ts";
import type { Coroutine, Trap } from "./operation.ts";
import type { Task } from "./task.ts";
import type { ScopeOpener } from "./suspension.ts";
import { thread, type Extent } from "./thread.ts";
import type { Drivable } from "./undriven.ts";

export type AnyIterator = Iterator<Trap, unknown, unknown> | AsyncIterator<Trap, unknown, unknown>;

/** Enters the asynchronous context it was made in, calls the function there, and comes back. */
export type Context = <A extends unknown[], R>(fn: (...args: A) => R, ...args: A) => R;

/** What the tree of tasks wants to know of the operation that opened a frame. */
export interface FrameOpener extends ScopeOpener {
  readonly operationName: string;
  readonly origin: Drivable["origin"];
}

/**
 * A coroutine that the scheduler steps itself. A task has a stack of them: the bodies of scopes, nurseries and `call`
 * are frames of their own, so resuming the innermost one passes through none of those around it.
 */
export class Frame implements Extent {
  readonly task: Task;
  readonly iterator: AnyIterator;
  /** The iterator's, looked up once: each generator function has a prototype of its own, too many for the engine's caches. */
  readonly next: (this: AnyIterator) => unknown;
  /** Where the result goes; null for a task's first frame, whose result is the task's. */
  readonly parent: Frame | null;
  /** Present for asynchronous frames. */
  readonly reply: AsyncReply | null;
  /** The operation that opened it; null for a task's first frame. */
  readonly opener: FrameOpener | null;
  /** Protection from Ctrl-C: the coroutine's own if it has one, else as it was when the frame was made. */
  readonly kiProtected: boolean;

  constructor(
    task: Task,
    coroutine: Coroutine<unknown>,
    parent: Frame | null,
    opener: FrameOpener | null,
    kiProtected: boolean,
  ) {
    this.task = task;
    this.parent = parent;
    this.opener = opener;
    this.kiProtected = coroutine instanceof Guarded ? coroutine.kiProtected : kiProtected;
    // An operation of ours has both methods, and its synchronous one needs no promise.
    const isPlain = Symbol.iterator in coroutine;
    const iterator: AnyIterator = isPlain ? coroutine[Symbol.iterator]() : coroutine[Symbol.asyncIterator]();
    this.iterator = iterator;
    this.next = typeof iterator?.next === "function" ? iterator.next : noNext;
    this.reply = isPlain ? null : new AsyncReply(this);
  }
}

function noNext(): never {
  throw new TypeError("the iterator of this coroutine has no next()");
}

/** The answer of a coroutine that threw {@link thread.thrown}. It is caught at once: each function it passed would cost. */
export const THREW: IteratorResult<Trap, unknown> = { done: true, value: undefined };

/**
 * Lets the coroutine of `thread.frame` go on. A context is entered the cheapest with a function that takes nothing, and a
 * closure for each frame would take more memory than the frame.
 */
export function goOn(): unknown {
  const frame = thread.frame as Frame;
  try {
    return frame.next.call(frame.iterator);
  } catch (error) {
    thread.thrown = error;
    return THREW;
  }
}

/** Throws `error` where the coroutine stands, and lets it go on. */
export function throwIn(iterator: AnyIterator, error: Error): unknown {
  try {
    if (typeof iterator.throw === "function") return iterator.throw(error);
    thread.thrown = error;
  } catch (thrown) {
    thread.thrown = thrown;
  }
  return THREW;
}
