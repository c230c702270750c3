/** What a task yields by hand. */
import { expect, test } from "bun:test";
import { currentStatistics } from "../../src/hazmat.ts";
import { call, named, openNursery, sleep, type Coroutine } from "../../src/index.ts";
import { expectError, passes, stillSound, thrownInRun, virtual } from "./soundness.ts";

function* inner(): Generator<any, string> {
  yield* sleep(1);
  return "inner";
}

/** What is yielded, what of it is shown in a plain generator, and the advice. */
const JUNK: readonly (readonly [what: string, make: () => any, parts: readonly string[]])[] = [
  ["a number", () => 5, ["yielded 5", "only by yield* to an operation"]],
  ["undefined", () => undefined, ["yielded undefined"]],
  ["null", () => null, ["yielded null"]],
  ["a string", () => "x".repeat(1_000), [`yielded "${"x".repeat(40)}…"`]],
  ["a symbol", () => Symbol("x"), ["yielded Symbol(x)"]],
  ["a bigint", () => 5n, ["yielded 5n"]],
  ["an object", () => ({ a: 1 }), ["yielded an object of class Object"]],
  ["an object without a prototype", () => Object.create(null), ["yielded an object"]],
  ["an operation", () => sleep(1), ["yielded the operation sleep()", "write yield* where it says yield"]],
  ["a generator", () => inner(), ["yielded a generator", "write yield* where it says yield"]],
];

for (const [what, make, parts] of JUNK) {
  test(`${what}: a TypeError at the yield, which names the task`, () => {
    const error = thrownInRun(function* () {
      yield make();
    });
    expectError(error, TypeError, "task ", ...parts);
  });

  test(`${what}: the error can be caught there, and the task goes on`, () => {
    virtual(function* () {
      const errors: unknown[] = [];
      for (let i = 0; i < 3; i++) {
        try {
          yield make();
        } catch (error) {
          errors.push(error);
        }
        yield* sleep(1);
      }
      expect(errors).toHaveLength(3);
      yield* stillSound();
    });
  });
}

test("a promise yielded in a plain generator: the advice is fromPromise", () => {
  const error = virtual(() =>
    call(function* () {
      try {
        // The text of this file is run again with asynchronous generators, whose yield waits for a promise by itself.
        yield Promise.resolve(5) as any;
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    }),
  );
  expectError(error, TypeError, "yielded", "yield* ");
});

test("deep within calls, the error is thrown in the innermost function, whose clean-up can block", () => {
  virtual(function* () {
    const log: string[] = [];
    function* deepest(): Generator<any, void> {
      try {
        yield "junk";
      } finally {
        yield* sleep(1);
        log.push("cleaned up");
      }
    }
    try {
      yield* call(function* () {
        yield* call(deepest);
      });
    } catch (error) {
      expectError(error, TypeError, '"junk"');
      log.push("caught");
    }
    expect(log).toEqual(["cleaned up", "caught"]);
    yield* stillSound();
  });
});

test("the message names the task, and its siblings are cancelled by the nursery as by any error", () => {
  virtual(function* () {
    const before = currentStatistics().tasksLiving;
    let error: any;
    try {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          named("the culprit", function* (): Generator<any, void> {
            yield 5;
          }),
        );
        yield* sleep(1_000);
      });
    } catch (group) {
      error = (group as AggregateError).errors[0];
    }
    expectError(error, TypeError, "task the culprit yielded 5");
    yield* passes(3);
    expect(currentStatistics().tasksLiving).toBe(before);
  });
});

test("a coroutine that has no throw() ends with the error", () => {
  const error = thrownInRun(() =>
    call((): Coroutine<unknown> => ({ [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 5 as any }) }) })),
  );
  expectError(error, TypeError, "yielded 5");
});

test("a trap kept from an earlier wait and yielded again is refused", () => {
  const error = thrownInRun(function* () {
    const operation = sleep(1) as any;
    let trap: unknown;
    for (const yielded of operation) {
      trap = yielded;
      yield yielded; // by hand, but right
    }
    yield trap;
  });
  expectError(error, TypeError, "a trap of tribun");
});

test("an operation yielded without its star: the message names the line that made it", () => {
  const error = thrownInRun(function* () {
    yield* call(function* helper(): Generator<any, void> {
      yield sleep(1);
    });
  });
  expect((error as Error).message).toMatch(
    /sleep\(\), made at helper \(.*wrong-yields\.test\.ts.*:\d+:\d+\), instead of driving it/,
  );
});
