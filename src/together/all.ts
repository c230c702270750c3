import { named } from "../kernel/named.ts";
import { openNursery } from "../kernel/nursery.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { call } from "../kernel/frame-operation.ts";
import { checkBodies, coroutineOf } from "./judge.ts";

type Results<Bodies extends readonly (() => Coroutine<unknown>)[]> = {
  -readonly [K in keyof Bodies]: Bodies[K] extends () => Coroutine<infer T> ? T : never;
};

/**
 * Runs every body in a task of its own, and gives what they returned, in the order of the bodies. The first that throws
 * cancels the others; when all have ended, what was thrown comes out as from a nursery, in an ExceptionGroup. Of no bodies
 * it gives an empty array. A checkpoint as the exit of a nursery is: a schedule point.
 *
 *     const [user, posts] = yield* all([() => load(1), () => loadPosts(1)]);
 *
 * Trio has none (#2633).
 *
 * @throws TypeError at once if `bodies` is no array of functions.
 */
export function all<const Bodies extends readonly (() => Coroutine<unknown>)[]>(
  bodies: Bodies,
): Operation<Results<Bodies>> {
  checkBodies(bodies, "all(bodies)");
  const given = [...bodies];
  return operation("all()", () => run(given)) as Operation<Results<Bodies>>;
}

function* run(bodies: readonly (() => Coroutine<unknown>)[]): Generator<Trap, unknown[], any> {
  const results: unknown[] = bodies.map(() => undefined);
  yield* openNursery(function* (nursery) {
    for (const [index, body] of bodies.entries()) {
      const work = function* (): Generator<Trap, void, any> {
        results[index] = yield* call(() => coroutineOf(body(), `all(bodies): bodies[${index}]`));
      };
      nursery.startSoon(named(body, work));
    }
  });
  return results;
}
