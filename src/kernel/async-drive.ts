import { SUSPENDED, type Trap } from "./operation.ts";
import type { SingleUse } from "./single-use.ts";

/**
 * How an async generator drives an operation that blocks its task. `yield*` awaits whatever `next()` gives, so here it is
 * given a promise of the operation's result, which the scheduler settles when it resumes the task. Nothing is yielded: the
 * generator's own promises, two thirds of the microtasks and the entering of its asynchronous context at every step are
 * saved: an async switch costs about what the engine takes for `next().then()` of a generator that yields.
 *
 * What cannot suspend this way (a plain generator that an async one delegates to, an operation that opens a frame) yields
 * its trap, as in plain generators.
 */
export class AsyncDrive<T> implements AsyncIterator<Trap, T, any> {
  readonly #operation: SingleUse<T>;

  constructor(operation: SingleUse<T>) {
    this.#operation = operation;
  }

  // `yield*` takes a plain answer as well, and it is the cheaper one where nothing has to be waited for.
  next(): any {
    const operation = this.#operation;
    const answer = operation.next();
    if (answer !== SUSPENDED) return answer;
    const reply = operation.task?.frame?.reply ?? null;
    // In a plain frame it is driven by hand, and whoever does so gets the trap.
    return reply === null ? answer : reply.promiseOf(operation);
  }

  throw(error: unknown): never {
    throw error;
  }

  return(): never {
    return this.#operation.return();
  }
}
