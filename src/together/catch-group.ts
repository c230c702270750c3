import { Cancelled } from "../errors.ts";
import { ExceptionGroup, type ErrorMatcher } from "../kernel/exception-group.ts";
import { call } from "../kernel/frame-operation.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { coroutineIn } from "../sync/judge.ts";

/** Which errors it is for, and what to do with them: a task function or a plain function of the group that they make. */
export type GroupHandler = readonly [what: ErrorMatcher, handle: (group: ExceptionGroup) => Coroutine<unknown> | void];

/**
 * Runs `body`, and gives each handler in turn those of its errors that the handler is for and no earlier one has had, as one
 * group of their shape; also a single error that is in no group. What is left, and what handlers throw, comes out; if nothing
 * does, it gives `undefined`. A handler that throws the group it was given has handled nothing of it; an error that stands in it twice counts as one. Cancelled is never handled: its
 * scope needs it.
 *
 *     yield* catchGroup(serve, [
 *       [SystemError, (group) => log(group.leaves())],
 *       [isTemporary, function* (group) { yield* retry(group); }],
 *     ]);
 *
 * Python: `except*`. A checkpoint only as `body` and the handlers are.
 *
 * @throws TypeError at once for an argument. What no handler was for: as it was thrown if no handler had any of it, else in a
 *   group of the old shape, with what the handlers, or their predicates, threw before it.
 */
export function catchGroup<T>(body: () => Coroutine<T>, handlers: Iterable<GroupHandler>): Operation<T | undefined> {
  const what = "catchGroup(body, handlers)";
  if (typeof body !== "function") throw new TypeError(`${what}: body must be a task function, not ${typeof body}`);
  if (typeof handlers !== "object" || handlers === null || !(Symbol.iterator in handlers)) {
    throw new TypeError(`${what}: handlers must be an array of [class or predicate, function]`);
  }
  const list = [...handlers];
  for (const [index, handler] of list.entries()) {
    if (Array.isArray(handler) && typeof handler[0] === "function" && typeof handler[1] === "function") continue;
    throw new TypeError(`${what}: handlers[${index}] must be [class or predicate, function]`);
  }
  return operation("catchGroup()", () => run(body, list));
}

function* run<T>(body: () => Coroutine<T>, handlers: readonly GroupHandler[]): Generator<Trap, T | undefined, any> {
  let thrown: unknown;
  try {
    return yield* call(body);
  } catch (error) {
    thrown = error;
  }
  const group = thrown instanceof ExceptionGroup ? thrown : new ExceptionGroup([thrown], "an error");
  const [cancelled, errors] = group.split(Cancelled);
  let ahead = errors;
  let isTouched = false;
  const notHandled = [cancelled];
  const out: unknown[] = [];
  for (const [index, [what, handle]] of handlers.entries()) {
    if (ahead === null) break;
    let matching: ExceptionGroup | null = null;
    try {
      [matching, ahead] = ahead.split(what);
      if (matching === null) continue;
      isTouched = true;
      const made = coroutineIn(handle(matching), `catchGroup(body, handlers): handlers[${index}]`);
      if (made !== null) yield* call(() => made);
    } catch (error) {
      isTouched = true;
      if (matching !== null && error === matching) notHandled.push(matching);
      else out.push(error);
    }
  }
  if (!isTouched) throw thrown;
  notHandled.push(ahead);
  const leaves = new Set(notHandled.flatMap((part) => part?.leaves() ?? []));
  const [left] = group.split((leaf) => leaves.has(leaf)); // all of it in its old place
  if (left !== null) out.push(left);
  if (out.length === 1) throw out[0];
  if (out.length > 1) throw new ExceptionGroup(out, "what was not handled, and what handlers threw");
  return undefined;
}
