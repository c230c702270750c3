import { describe } from "./describe.ts";
import { extents, thread, type Extent } from "./thread.ts";
import type { Trap } from "./operation.ts";

/**
 * Protection from Ctrl-C follows the dynamic extent of a call: code is protected if what called it is, unless one of
 * the two wrappers here says otherwise. The state is restored around every suspension, so two tasks never see each
 * other's, and two closures of one function do not share it (S32 to S37).
 */

/** Whether the code that is running is protected. Outside a run, and in host callbacks, it counts as protected. */
export function currentExtentIsProtected(): boolean {
  if (thread.task !== null) return thread.kiProtected;
  return extents.getStore()?.kiProtected ?? true;
}

/**
 * S37: whether the calling code is protected from Ctrl-C. Needs no run; not a checkpoint.
 * Trio: `trio.lowlevel.currently_ki_protected`.
 */
export function currentlyKiProtected(): boolean {
  return currentExtentIsProtected();
}

/**
 * S34: wraps a function of any kind so that its code is protected from Ctrl-C, also after it was suspended. At its own
 * checkpoints it may still get KeyboardInterrupt (S36). Use it only for code that ends, or passes a checkpoint, in
 * bounded time. Trio: `trio.lowlevel.enable_ki_protection`.
 */
export function enableKiProtection<F extends (...args: any[]) => any>(fn: F): F {
  return withProtection(fn, true, "enableKiProtection(fn)");
}

/**
 * S33: wraps a function of any kind so that its code may be interrupted by Ctrl-C, also where its caller is protected,
 * as in system tasks and call-soon callbacks. Trio: `trio.lowlevel.disable_ki_protection`.
 */
export function disableKiProtection<F extends (...args: any[]) => any>(fn: F): F {
  return withProtection(fn, false, "disableKiProtection(fn)");
}

function withProtection<F extends (...args: any[]) => any>(fn: F, kiProtected: boolean, what: string): F {
  if (typeof fn !== "function") throw new TypeError(`${what}: fn must be a function, not ${describe(fn)}`);
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    const made: unknown = inExtent(kiProtected, () => fn.apply(this, args));
    if (typeof made !== "object" || made === null) return made;
    if (Symbol.iterator in made && "next" in made) return new GuardedIterator(made as Inner, kiProtected);
    if (Symbol.asyncIterator in made && "next" in made) return new GuardedAsyncIterator(made as Inner, kiProtected);
    return made;
  };
  Object.defineProperty(wrapper, "name", { value: fn.name, configurable: true });
  Object.defineProperty(wrapper, "length", { value: fn.length, configurable: true });
  return wrapper as F;
}

/** Runs `step` with the state set, in the scheduler's record and in the asynchronous context alike. */
function inExtent<T>(kiProtected: boolean, step: () => T): T {
  const task = thread.task ?? extents.getStore()?.task ?? null;
  if (task === null) return step();
  const before = thread.kiProtected;
  thread.kiProtected = kiProtected;
  const extent: Extent = { task, kiProtected };
  try {
    return extents.run(extent, step);
  } finally {
    thread.kiProtected = before;
  }
}

interface Inner {
  [Symbol.iterator]?(): unknown;
  next(value?: unknown): any;
  throw?(error: unknown): any;
  return?(value?: unknown): any;
}

/** @internal A coroutine whose code has its own state. */
export abstract class Guarded {
  protected readonly inner: Inner;
  readonly kiProtected: boolean;
  constructor(inner: Inner, kiProtected: boolean) {
    this.inner = inner;
    this.kiProtected = kiProtected;
  }
  next(value?: unknown): any {
    return inExtent(this.kiProtected, () => this.inner.next(value));
  }
  throw(error: unknown): any {
    return inExtent(this.kiProtected, () => {
      if (this.inner.throw === undefined) throw error;
      return this.inner.throw(error);
    });
  }
  return(value?: unknown): any {
    return inExtent(this.kiProtected, () => this.inner.return?.(value) ?? { done: true, value });
  }
}

class GuardedIterator extends Guarded implements Iterator<Trap, unknown, unknown> {
  [Symbol.iterator](): this {
    this.inner[Symbol.iterator]?.(); // an operation notes that it is driven, once
    return this;
  }
}

class GuardedAsyncIterator extends Guarded implements AsyncIterator<Trap, unknown, unknown> {
  [Symbol.asyncIterator](): this {
    return this;
  }
}
