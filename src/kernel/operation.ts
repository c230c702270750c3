/**
 * The protocol between a task and the scheduler.
 *
 * A task is a generator. It blocks by `yield*`-ing an {@link Operation}, whose iterator does its work in its first
 * `next()` (from then on the task counts as blocked), answers with the one {@link TRAP}, and gives the result in its
 * second `next()`, once the scheduler has resumed the task. No value travels through the generators: what the operation
 * needs to say it writes on the task, so the trap is one constant and a wake-up allocates nothing.
 */

declare const trap: unique symbol;

/** What a coroutine yields to the scheduler. Opaque: only operations make it, and `yield*` passes it on. */
export interface Trap {
  readonly [trap]: true;
}

/** Something a task can wait for: `const value = yield* operation`. Fresh, lazy, and good for one use. */
export interface Operation<T> {
  [Symbol.iterator](): Iterator<Trap, T, any>;
}

/** An asynchronous coroutine: what calling an `async function*` gives. */
export interface AsyncOperation<T> {
  [Symbol.asyncIterator](): AsyncIterator<Trap, T, any>;
}

/** A running piece of a task: what a task function gives when called. */
export type Coroutine<T> = Operation<T> | AsyncOperation<T>;

/**
 * An `async function*`, a `function*`, or any function that returns a fresh coroutine or operation.
 *
 * To run one in the current task, write `yield* fn()`. A call of one with the `yield*` forgotten does nothing at all, and
 * nobody can tell: a generator that was never begun leaves no trace. (An operation of the library that was never driven is
 * reported.) `yield fn()`, without the star, is a TypeError at that line; `await fn()` is as silent as no keyword at all.
 */
export type TaskFunction<A extends unknown[], T> = (...args: A) => Coroutine<T>;

/** The one value that an operation yields. */
export const TRAP: Trap = Object.freeze({ toString: () => "a trap of tribun" }) as unknown as Trap;

/** The one result of an operation that suspends its task. */
export const SUSPENDED: IteratorResult<Trap, never> = { done: false, value: TRAP };

/** The one result of an operation that has nothing to say. */
export const DONE: IteratorResult<Trap, any> = { done: true, value: undefined };
