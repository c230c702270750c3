import { UsageError } from "../errors.ts";
import { call } from "../kernel/frame-operation.ts";
import { named } from "../kernel/named.ts";
import { openNursery } from "../kernel/nursery.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { checkBodies, coroutineOf } from "./judge.ts";

/**
 * Runs every body in a task of its own, and gives what the first to return returned, once the others have been cancelled
 * and have ended. If one throws before any has returned, the others are cancelled too, and what was thrown comes out as
 * from a nursery, in an ExceptionGroup; so does what a loser throws while it cleans up. Two that return in the same pass:
 * the first of them wins. A schedule point, as the exit of a nursery is.
 *
 *     const reply = yield* race([() => ask(primary), () => ask(secondary)]);
 *
 * Trio has none (#2633).
 *
 * @throws TypeError at once if `bodies` is no array of functions, RangeError if it is empty: nobody could win.
 */
export function race<T>(bodies: readonly (() => Coroutine<T>)[]): Operation<T> {
  checkBodies(bodies, "race(bodies)");
  if (bodies.length === 0) throw new RangeError("race(bodies): bodies must not be empty: nobody could win");
  const given = [...bodies];
  return operation("race()", () => run(given));
}

function* run<T>(bodies: readonly (() => Coroutine<T>)[]): Generator<Trap, T, any> {
  let winner: { readonly value: T } | undefined;
  yield* openNursery(function* (nursery) {
    for (const [index, body] of bodies.entries()) {
      const work = function* (): Generator<Trap, void, any> {
        const value: T = yield* call(() => coroutineOf(body(), `race(bodies): bodies[${index}]`));
        winner ??= { value };
        nursery.cancelScope.cancel("another body of the race() has won");
      };
      nursery.startSoon(named(body, work));
    }
  });
  if (winner !== undefined) return winner.value;
  throw new UsageError("race(): a body has cancelled the nursery that the race runs in, so nobody has won");
}
