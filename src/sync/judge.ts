import type { Coroutine } from "../kernel/operation.ts";

/** What the calls of this folder say of numbers they cannot take. `call` is how a message names the call. */

/**
 * @param most `Infinity` is allowed only where it is the most.
 * @throws TypeError, RangeError
 */
export function judgeCount(value: unknown, name: string, least: number, most: number, call: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${call}: ${name} must be a number, not ${value === null ? "null" : typeof value}`);
  }
  const whole = Number.isSafeInteger(value) || (value === Infinity && most === Infinity);
  if (whole && value >= least && value <= most) return value;
  const upTo = most === Infinity ? `${least} or more, or Infinity` : `from ${least} to ${most}`;
  throw new RangeError(`${call}: ${name} must be a whole number, ${upTo}, not ${value}`);
}

/**
 * The coroutine that a callback gave, which may be a task function or a plain one; null for whatever else it gave.
 *
 * @throws TypeError for a promise, for which nobody would wait.
 */
export function coroutineIn(made: unknown, place: string): Coroutine<unknown> | null {
  if (typeof made !== "object" || made === null) return null;
  if ("then" in made && typeof made.then === "function") {
    Promise.resolve(made as PromiseLike<unknown>).catch(() => {}); // its failure is not what the reader must hear about
    throw new TypeError(
      `${place} returned a promise, so it is an async function: write async function*, or () => fromPromise(promise)`,
    );
  }
  if (isSource(made)) return null;
  const drives = Symbol.asyncIterator in made || (Symbol.iterator in made && !isCollection(made));
  return drives ? (made as Coroutine<unknown>) : null;
}

/** What can be looped over with `for await`, and is no coroutine for that: a ReceiveChannel, a Web stream. */
function isSource(value: object): boolean {
  return "receiveNoWait" in value || value instanceof ReadableStream;
}

function isCollection(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set;
}
