/** What is no task function, wherever one is taken. */
import { describe, expect, test } from "bun:test";
import { disableKiProtection, enableKiProtection, spawnSystemTask, yieldIndefinitely } from "../../src/hazmat.ts";
import {
  CancelScope,
  abortable,
  call,
  failAfter,
  failAt,
  fromPromise,
  moveOnAfter,
  moveOnAt,
  named,
  openNursery,
  run,
  runSync,
  sleep,
  type Coroutine,
} from "../../src/index.ts";
import { expectError, survived, thrownBy, thrownInRun, virtual, wrong } from "./soundness.ts";

async function asyncFunction(): Promise<number> {
  throw new Error("nobody must hear of this as an unhandled rejection");
}
function plainFunction(): number {
  return 7;
}
function* taskFunction(): Generator<never, void> {}
class Worker {
  *work(): Generator<never, void> {}
}

/** Wrong for what they are: the call itself refuses them. */
const NO_FUNCTIONS: [what: string, value: unknown, shown: string][] = [
  ["undefined", undefined, "undefined"],
  ["null", null, "null"],
  ["a string", "main", '"main"'],
  ["a number", 5, "5"],
  ["a symbol", Symbol("x"), "Symbol(x)"],
  ["a bigint", 5n, "5n"],
  ["an object", {}, "class Object"],
  ["an object without a prototype", Object.create(null), "an object"],
  ["a generator object", taskFunction(), "a generator object (pass the function itself, not a call of it)"],
  ["a promise", Promise.resolve(), "a promise"],
  ["an operation", sleep(1), "the operation sleep()"],
];

/** Functions that give no coroutine: found out when they are called. */
const NO_TASK_FUNCTIONS: [what: string, fn: unknown, advice: string][] = [
  ["an async function", asyncFunction, "asyncFunction() returned a promise, so it is an async function"],
  ["an async arrow function", async () => 1, "returned a promise, so it is an async function"],
  ["a plain function", plainFunction, "plainFunction() returned 7 where a coroutine was expected: is the star of"],
  ["a function that returns nothing", () => {}, "returned undefined where a coroutine was expected"],
  ["a function that returns null", () => null, "returned null where"],
  ["a function that returns a string", () => "abc", 'returned "abc" where'],
  ["a function that returns an array", () => [1, 2], "returned an object of class Array where"],
  ["a function that returns a map", () => new Map(), "returned an object of class Map where"],
  ["a function that returns a function", () => taskFunction, "returned the function taskFunction where"],
  ["a class", Worker, "the class Worker: to run a method, wrap it, as in () => object.method()"],
];

/** Everything that takes a task function, as a coroutine that uses it. `begins` is what the message begins with. */
const TAKERS: readonly (readonly [name: string, begins: string, use: (fn: any) => Coroutine<unknown>])[] = [
  ["call", "call(", (fn) => call(fn)],
  // What a nursery's body throws comes in a group, also where the body could not even begin.
  ["openNursery", "openNursery(", (fn) => openNursery(fn, { strictExceptionGroups: false })],
  ["scope.run", "scope.run(", (fn) => new CancelScope().run(fn)],
  ["moveOnAfter", "", (fn) => moveOnAfter(1, fn)],
  ["moveOnAt", "", (fn) => moveOnAt(1, fn)],
  ["failAfter", "", (fn) => failAfter(1, fn)],
  ["failAt", "", (fn) => failAt(1, fn)],
  [
    "nursery.startSoon",
    "nursery.startSoon(fn)",
    (fn) =>
      openNursery(
        function* (nursery) {
          nursery.startSoon(fn);
        },
        { strictExceptionGroups: false },
      ),
  ],
  [
    "nursery.start",
    "nursery.start(fn)",
    (fn) =>
      openNursery(
        function* (nursery) {
          yield* nursery.start(fn);
        },
        { strictExceptionGroups: false },
      ),
  ],
  [
    "spawnSystemTask",
    "spawnSystemTask(fn)",
    (fn) =>
      call(function* () {
        spawnSystemTask(fn);
      }),
  ],
];

for (const [name, begins, use] of TAKERS) {
  describe(name, () => {
    test.each(NO_FUNCTIONS)("refuses %s", (_, value, shown) => {
      const error = thrownInRun(() => use(value));
      expectError(error, TypeError, "wants a task function (", "), not", shown);
      expect(error.message).toStartWith(begins);
    });

    test.each(NO_TASK_FUNCTIONS)("refuses %s", (_, fn, advice) => {
      const error = thrownInRun(() => use(fn));
      expectError(error, TypeError, advice);
      expect(error.message).toStartWith(begins);
    });
  });
}

test("what is no function is refused by the call, before anything is driven", () => {
  expect(thrownBy(() => call(wrong(5)))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => openNursery(wrong(5)))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new CancelScope().run(wrong(5)))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => moveOnAfter(1, wrong(5)))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => failAt(1, wrong(5)))).toBeInstanceOf(TypeError);
});

test("the error's stack begins with the line that made the call", () => {
  const error = thrownBy(function theLine() {
    call(wrong(5));
  });
  expect(error.stack).toContain("theLine");
});

describe("run and runSync", () => {
  for (const [what, value, shown] of NO_FUNCTIONS) {
    test(`refuse ${what}`, async () => {
      expectError(
        thrownBy(() => runSync(wrong(value))),
        TypeError,
        "runSync(main)",
        shown,
      );
      const rejected = await run(wrong(value)).catch((error: unknown) => error);
      expectError(rejected, TypeError, "run(main)", shown);
    });
  }

  for (const [what, fn, advice] of NO_TASK_FUNCTIONS) {
    test(`refuse ${what}`, async () => {
      expectError(
        thrownBy(() => runSync(wrong(fn))),
        TypeError,
        "run(main)",
        advice,
      );
      const rejected = await run(wrong(fn)).catch((error: unknown) => error);
      expectError(rejected, TypeError, "run(main)", advice);
      expect(
        runSync(function* () {
          return "the next run is sound";
        }),
      ).toBe("the next run is sound");
    });
  }
});

test("wrappers of functions refuse what is none, naming it", () => {
  for (const value of [undefined, "fn", taskFunction(), Promise.resolve(), Object.create(null)]) {
    expectError(
      thrownBy(() => enableKiProtection(wrong(value))),
      TypeError,
      "enableKiProtection(fn): fn must be",
    );
    expectError(
      thrownBy(() => disableKiProtection(wrong(value))),
      TypeError,
      "disableKiProtection(fn): fn must be",
    );
    expectError(
      thrownBy(() => named("name", wrong(value))),
      TypeError,
      "named(name, fn): fn must be a function, not",
    );
    expectError(
      thrownBy(() => abortable(wrong(value))),
      TypeError,
      "abortable(fn): fn must be a function",
    );
    expectError(
      thrownBy(() => yieldIndefinitely(wrong(value))),
      TypeError,
      "yieldIndefinitely(abortFn): abortFn must",
    );
  }
});

test("wrapped functions of the wrong kind are refused where they are used, by the name they show", () => {
  const error = thrownInRun(() => call(wrong(named("worker", wrong(asyncFunction)))));
  expectError(error, TypeError, "worker() returned a promise");
  const guarded = thrownInRun(() => call(wrong(enableKiProtection(plainFunction))));
  expectError(guarded, TypeError, "plainFunction() returned 7");
});

test("fromPromise refuses what is no promise", () => {
  for (const [value, shown] of [
    [5, "5"],
    [undefined, "undefined"],
    [asyncFunction, "asyncFunction"],
  ] as const) {
    const error = thrownBy(() => fromPromise(wrong(value)));
    expectError(error, TypeError, "fromPromise(promise): promise must be a promise, not", shown);
  }
});

test("abortable refuses a function that returns no promise", () => {
  const error = thrownInRun(() => abortable(wrong(() => 5)));
  expectError(error, TypeError, "abortable(fn): fn must return a promise, not 5");
});

test("what the task function itself throws when it is called comes out as it is, and nothing was started", () => {
  const mine = new TypeError("mine");
  virtual(function* () {
    const error = yield* survived(() =>
      openNursery(
        function* (nursery) {
          nursery.startSoon(() => {
            throw mine;
          });
        },
        { strictExceptionGroups: false },
      ),
    );
    expect(error).toBe(mine);
  });
});

test("an iterator of the program's own that answers nonsense ends its task with an error that says so", () => {
  for (const answer of [undefined, null, 5, "done"]) {
    for (const kind of [Symbol.iterator, Symbol.asyncIterator]) {
      const error = thrownInRun(() => call(() => wrong({ [kind]: () => ({ next: () => answer }) })));
      expectError(error, TypeError, "answered", "to next(), not an object with done and value");
    }
  }
});

test("options that are no object are refused by the call", () => {
  for (const value of [null, true, 5, "strict"]) {
    expectError(
      thrownBy(() => openNursery(taskFunction, wrong(value))),
      TypeError,
      "openNursery(body, options): options",
    );
    expectError(
      thrownBy(() => moveOnAfter(1, taskFunction, wrong(value))),
      TypeError,
      "moveOnAfter(ms, body, options)",
    );
    expectError(
      thrownBy(() => moveOnAt(1, taskFunction, wrong(value))),
      TypeError,
      "moveOnAt(time, body, options)",
    );
    expectError(
      thrownBy(() => failAfter(1, taskFunction, wrong(value))),
      TypeError,
      "failAfter(ms, body, options)",
    );
    expectError(
      thrownBy(() => failAt(1, taskFunction, wrong(value))),
      TypeError,
      "failAt(time, body, options)",
    );
    expectError(
      thrownBy(() => new CancelScope(wrong(value))),
      TypeError,
      "new CancelScope(options): options must",
    );
  }
  const strict = thrownBy(() => openNursery(taskFunction, wrong({ strictExceptionGroups: "no" })));
  expectError(strict, TypeError, "strictExceptionGroups", '"no"');
});
