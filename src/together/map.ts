import { ExceptionGroup } from "../kernel/exception-group.ts";
import { call } from "../kernel/frame-operation.ts";
import { named } from "../kernel/named.ts";
import { openNursery } from "../kernel/nursery.ts";
import { currentEffectiveDeadline } from "../kernel/timeouts.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";
import { coroutineOf } from "./judge.ts";

export interface MapOptions {
  /** How many run at once, at most: a whole number, 1 or more, or `Infinity`. Default: `Infinity`. */
  readonly concurrency?: number | undefined;
}

const OPTIONS: OptionNames<MapOptions> = { concurrency: true };

/**
 * Runs `fn(item, index)` for every item, each in a task of its own, at most `concurrency` at once, and gives what they
 * returned, in the order of the items. The items are taken as there is room for them, so with a `concurrency` an iterable may
 * be long, or have no end until one throws. The first that throws cancels the others and ends the taking; what was thrown
 * comes out as from a nursery, in an ExceptionGroup. A schedule point, as the exit of a nursery is.
 *
 *     const pages = yield* map(urls, download, { concurrency: 8 });
 *
 * Trio has none (#2633).
 *
 * @throws TypeError, RangeError at once for an argument. What the iteration throws cancels what runs, as an error of `fn`.
 */
export function map<I, T>(
  items: Iterable<I>,
  fn: (item: I, index: number) => Coroutine<T>,
  options: MapOptions = {},
): Operation<T[]> {
  const what = "map(items, fn, options)";
  if (items === null || items === undefined || typeof (items as Iterable<I>)[Symbol.iterator] !== "function") {
    throw new TypeError(
      `${what}: items must be an array or another iterable, not ${items === null ? "null" : typeof items}`,
    );
  }
  if (typeof fn !== "function") throw new TypeError(`${what}: fn must be a task function, not ${typeof fn}`);
  checkOptions(options, OPTIONS, what);
  const { concurrency = Infinity } = options;
  if (typeof concurrency !== "number") {
    throw new TypeError(`${what}: concurrency must be a number, not ${typeof concurrency}`);
  }
  if (!(concurrency === Infinity || (Number.isSafeInteger(concurrency) && concurrency >= 1))) {
    throw new RangeError(`${what}: concurrency must be a whole number, 1 or more, or Infinity, not ${concurrency}`);
  }
  return operation("map()", () => run(items, fn, concurrency));
}

function* run<I, T>(
  items: Iterable<I>,
  fn: (item: I, index: number) => Coroutine<T>,
  concurrency: number,
): Generator<Trap, T[], any> {
  const results: T[] = [];
  const left = items[Symbol.iterator]();
  let exhausted = false;
  let taken = 0;
  try {
    yield* openNursery(function* (nursery) {
      /** Takes an item, and starts a task that goes on with the next ones. @returns whether there was one. */
      const startOne = (): boolean => {
        exhausted = true; // also when it throws: then it is not to be closed
        const step = left.next();
        if (step.done === true) return false;
        exhausted = false;
        nursery.startSoon(task, step.value, taken++);
        return true;
      };
      function* work(item: I, index: number): Generator<Trap, void, any> {
        results[index] = yield* call(() => coroutineOf(fn(item, index), `map(items, fn): fn of item ${index}`));
        // Cancelled, also from outside: no more are begun, though what runs may be shielded.
        if (!exhausted && currentEffectiveDeadline() !== -Infinity) startOne();
      }
      const task = named(fn, work);
      while (taken < concurrency && startOne());
    });
  } catch (error) {
    if (!exhausted) closeAfter(error, left);
    throw error;
  }
  if (!exhausted) left.return?.();
  return results;
}

/** What closing throws comes out beside what ended the taking: neither is lost, and a Cancelled finds its scope. */
function closeAfter(error: unknown, left: Iterator<unknown>): void {
  try {
    left.return?.();
  } catch (another) {
    throw new ExceptionGroup([error, another], "errors in a map(), and in closing its items");
  }
}
