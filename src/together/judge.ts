import type { Coroutine } from "../kernel/operation.ts";
import { coroutineIn } from "../sync/judge.ts";

/** @throws TypeError if `bodies` is no array of functions. */
export function checkBodies(bodies: unknown, call: string): void {
  if (!Array.isArray(bodies))
    throw new TypeError(`${call}: bodies must be an array of functions, not ${typeof bodies}`);
  for (const [index, body] of bodies.entries()) {
    if (typeof body === "function") continue;
    const [what, wayOut] = mistaken(body);
    throw new TypeError(
      `${call}: bodies[${index}] must be a function that returns a coroutine or an operation, not ${what}; ${wayOut}`,
    );
  }
}

/** What stands there, and what to write for it. */
function mistaken(body: unknown): [what: string, wayOut: string] {
  const makes = "write () => fn(1) for fn(1)";
  if (typeof body !== "object" || body === null) return [body === null ? "null" : typeof body, makes];
  if ("then" in body) return ["a promise", "write () => fromPromise(promise), or () => abortable((signal) => …)"];
  if ("operationName" in body) return [`the operation ${String(body.operationName)}`, makes];
  return ["next" in body ? "a generator object" : "an object", makes];
}

/**
 * What a function of the user's gave where a coroutine belongs.
 *
 * @throws TypeError that names the place, for anything else.
 */
export function coroutineOf<T>(made: Coroutine<T>, place: string): Coroutine<T> {
  const coroutine = coroutineIn(made, place);
  if (coroutine !== null) return coroutine as Coroutine<T>;
  throw new TypeError(
    `${place} returned ${made === null ? "null" : typeof made} where a coroutine was expected: is the star of function* missing?`,
  );
}
