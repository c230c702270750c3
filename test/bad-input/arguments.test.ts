/** Durations, times, switches and counts of the wrong type, or out of range: refused by the call, by name and value. */
import { describe, expect, test } from "bun:test";
import {
  ParkingLot,
  Result,
  RunVar,
  addParkingLotBreaker,
  currentTask,
  removeParkingLotBreaker,
  reschedule,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  ExceptionGroup,
  UsageError,
  failAfter,
  failAt,
  moveOnAfter,
  moveOnAt,
  openNursery,
  sleep,
  sleepForever,
  sleepUntil,
} from "../../src/index.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { expectError, passes, stillSound, thrownBy, virtual, wrong } from "./soundness.ts";

function* nothing(): Generator<any, void> {}

const NO_NUMBERS: [what: string, value: unknown, shown: string][] = [
  ["a string", "100", '"100"'],
  ["null", null, "null"],
  ["a bigint", 100n, "100n"],
  ["a boolean", true, "true"],
  ["a symbol", Symbol("soon"), "Symbol(soon)"],
  ["a Date", new Date(0), "class Date"],
  ["an object without a prototype", Object.create(null), "an object"],
  ["a function", nothing, "the function nothing"],
  ["an array", [5], "class Array"],
];

/** Whatever takes a duration, or a time. `named` is how the message names it. */
const DURATIONS: [named: string, use: (ms: any) => unknown][] = [
  ["sleep(ms): ms", sleep],
  ["moveOnAfter(ms): ms", (ms) => moveOnAfter(ms, nothing)],
  ["failAfter(ms): ms", (ms) => failAfter(ms, nothing)],
  ["new CancelScope({ timeout }): timeout", (timeout) => new CancelScope({ timeout })],
  ["waitAllTasksBlocked(cushion): cushion", waitAllTasksBlocked],
  ["clock.jump(ms): ms", (ms) => new MockClock().jump(ms)],
];
const TIMES: readonly (readonly [named: string, use: (time: any) => unknown])[] = [
  ["sleepUntil(time): time", sleepUntil],
  ["moveOnAt(time): time", (time) => moveOnAt(time, nothing)],
  ["failAt(time): time", (time) => failAt(time, nothing)],
  ["new CancelScope({ deadline }): deadline", (deadline) => new CancelScope({ deadline })],
  [
    "scope.deadline",
    (deadline) => {
      new CancelScope().deadline = deadline;
    },
  ],
];

for (const [named, use] of [...DURATIONS, ...TIMES]) {
  describe(named, () => {
    test.each(NO_NUMBERS)("refuses %s", (_, value, shown) => {
      expectError(
        thrownBy(() => use(value)),
        TypeError,
        named,
        "milliseconds",
        "not ",
        shown,
      );
    });

    test("refuses NaN", () => {
      expectError(
        thrownBy(() => use(NaN)),
        RangeError,
        named,
        "milliseconds",
        "NaN",
      );
    });
  });
}

test.each(DURATIONS)("%s: refuses a negative duration", (named, use) => {
  for (const ms of [-1, -0.001, -Infinity]) {
    expectError(
      thrownBy(() => use(ms)),
      RangeError,
      named,
      "0 or more",
      `${ms}`,
    );
  }
});

test("a duration left out is refused", () => {
  for (const use of [sleep, moveOnAfter, failAfter]) {
    expectError(
      thrownBy(() => wrong(use)()),
      TypeError,
      "ms must be a number of milliseconds, not undefined",
    );
  }
  expectError(
    thrownBy(() => wrong(sleepUntil)()),
    TypeError,
    "time must be a time in milliseconds",
  );
});

test("minus zero, zero, fractions and Infinity are durations", () => {
  virtual(function* () {
    yield* sleep(-0);
    yield* sleep(0);
    yield* sleep(0.25);
    const scope = new CancelScope({ timeout: 0 });
    yield* scope.run(function* () {
      yield* sleep(Infinity);
    });
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("the stack begins with the line of the call, not with the line that would have driven it", () => {
  const error = thrownBy(function theLineOfTheCall() {
    sleep(-1);
  });
  const [, ...lines] = error.stack.split("\n");
  expect(lines.some((line: string) => line.includes("theLineOfTheCall"))).toBe(true);
});

test("in a task a refused argument is an error like any other: caught, and the task goes on", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        for (let i = 0; i < 3; i++) {
          expect(thrownBy(() => sleep(wrong("1")))).toBeInstanceOf(TypeError);
          yield* sleep(1);
        }
      });
    });
    yield* stillSound();
  });
});

test("a deadline that is refused leaves the scope as it was", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 10 });
    yield* scope.run(function* () {
      expect(scope.deadline).toBe(10);
      for (const value of NO_NUMBERS.map(([, value]) => value).concat(NaN)) {
        thrownBy(() => {
          scope.deadline = wrong(value);
        });
      }
      expect(scope.deadline).toBe(10);
      yield* sleep(9);
      expect(scope.cancelCalled).toBe(false);
      yield* sleepForever();
    });
    expect(scope.cancelledCaught).toBe(true);
    yield* stillSound();
  });
});

describe("shield", () => {
  const NO_BOOLEANS: readonly (readonly [value: unknown, shown: string])[] = [
    [1, "1"],
    [0, "0"],
    ["true", '"true"'],
    [null, "null"],
    [{}, "class Object"],
    [Object.create(null), "an object"],
  ];

  test("must be a boolean where a scope is made", () => {
    for (const [shield, shown] of NO_BOOLEANS) {
      const options = wrong({ shield });
      const name = "new CancelScope({ shield }): shield must be true or false, not";
      expectError(
        thrownBy(() => new CancelScope(options)),
        TypeError,
        name,
        shown,
      );
      expectError(
        thrownBy(() => moveOnAfter(1, nothing, options)),
        TypeError,
        "shield must be true or false",
        shown,
      );
      expectError(
        thrownBy(() => moveOnAt(1, nothing, options)),
        TypeError,
        "shield must be true or false",
        shown,
      );
      expectError(
        thrownBy(() => failAfter(1, nothing, options)),
        TypeError,
        "shield must be true or false",
        shown,
      );
      expectError(
        thrownBy(() => failAt(1, nothing, options)),
        TypeError,
        "shield must be true or false",
        shown,
      );
    }
  });

  test("must be a boolean where it is set, and stays as it was", () => {
    const scope = new CancelScope({ shield: true });
    for (const [shield, shown] of [...NO_BOOLEANS, [undefined, "undefined"] as const]) {
      const error = thrownBy(() => {
        scope.shield = wrong(shield);
      });
      expectError(error, TypeError, "scope.shield must be true or false, not", shown);
    }
    expect(scope.shield).toBe(true);
  });
});

test("a deadline and a timeout together are refused", () => {
  const error = thrownBy(() => new CancelScope({ deadline: 5, timeout: 5 }));
  expectError(error, TypeError, "deadline or timeout, not both");
});

describe("ParkingLot", () => {
  test("a count of the wrong type", () => {
    for (const [, value, shown] of NO_NUMBERS) {
      const lot = new ParkingLot();
      expectError(
        thrownBy(() => lot.unpark(wrong(value))),
        TypeError,
        "lot.unpark(count): count must be a number",
        shown,
      );
      const repark = thrownBy(() => lot.repark(new ParkingLot(), wrong(value)));
      expectError(repark, TypeError, "lot.repark(newLot, count): count must be a number", shown);
    }
  });

  test("a count out of range", () => {
    for (const count of [-1, 1.5, NaN, -Infinity]) {
      const lot = new ParkingLot();
      expectError(
        thrownBy(() => lot.unpark(count)),
        RangeError,
        "whole number, 0 or more, or Infinity for all",
        `${count}`,
      );
      expectError(
        thrownBy(() => lot.repark(new ParkingLot(), count)),
        RangeError,
        "lot.repark(newLot, count)",
        `${count}`,
      );
    }
  });

  test("a refused count wakes and moves nobody", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => lot.park());
        nursery.startSoon(() => lot.park());
        yield* passes(2);
        thrownBy(() => lot.unpark(-1));
        thrownBy(() => lot.unpark(wrong("2")));
        thrownBy(() => lot.repark(wrong({})));
        thrownBy(() => lot.reparkAll(wrong(undefined)));
        thrownBy(() => lot.breakLot(wrong("me")));
        expect(lot.size).toBe(2);
        expect(lot.brokenBy).toEqual([]);
        expect(lot.unparkAll()).toHaveLength(2);
      });
      yield* stillSound();
    });
  });

  test("what is no lot and what is no task", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      for (const [, value, shown] of NO_NUMBERS) {
        expectError(
          thrownBy(() => lot.repark(wrong(value))),
          TypeError,
          "newLot must be a ParkingLot",
          shown,
        );
        expectError(
          thrownBy(() => lot.breakLot(wrong(value))),
          TypeError,
          "task must be a Task",
          shown,
        );
        expectError(
          thrownBy(() => addParkingLotBreaker(wrong(value), lot)),
          TypeError,
          "task must be a Task",
          shown,
        );
        const adding = thrownBy(() => addParkingLotBreaker(currentTask(), wrong(value)));
        expectError(adding, TypeError, "addParkingLotBreaker(task, lot): lot must be a ParkingLot", shown);
        expectError(
          thrownBy(() => removeParkingLotBreaker(wrong(value), lot)),
          TypeError,
          "task must be a Task",
          shown,
        );
      }
      yield* passes(1);
    });
  });
});

test("reschedule() refuses what is no Task, what is no Result", () => {
  virtual(function* () {
    for (const [, value, shown] of NO_NUMBERS) {
      expectError(
        thrownBy(() => reschedule(wrong(value))),
        TypeError,
        "reschedule(task): task must be a Task",
        shown,
      );
      const result = thrownBy(() => reschedule(currentTask(), wrong(value)));
      expectError(result, TypeError, "reschedule(task, result): result must be a Result", shown, "Result.value(...)");
    }
    yield* stillSound();
  });
});

test("Result.capture() and ExceptionGroup refuse what they cannot take", () => {
  expectError(
    thrownBy(() => Result.capture(wrong("fn"))),
    TypeError,
    "Result.capture(fn): fn must be a function, not",
  );
  expectError(
    thrownBy(() => new ExceptionGroup([])),
    RangeError,
    "at least one error",
  );
  const group = new ExceptionGroup([new Error("one")]);
  expectError(
    thrownBy(() => group.split(wrong("Error"))),
    TypeError,
    "an error class or a predicate",
    '"Error"',
  );
});

test("a RunVar's token: what is none, one that was used, another variable's", () => {
  virtual(function* () {
    const a = new RunVar<number>("a");
    const b = new RunVar<number>("b", 0);
    expectError(
      thrownBy(() => a.get()),
      UsageError,
      "RunVar a has no value in this run and no default",
      "set() it first",
    );
    const token = a.set(1);
    for (const value of [undefined, null, 5, "token", {}, Object.create(null)]) {
      expectError(
        thrownBy(() => a.reset(wrong(value))),
        TypeError,
        "RunVar a.reset(token)",
        "what set() gave",
      );
    }
    expectError(
      thrownBy(() => b.reset(wrong(token))),
      UsageError,
      "RunVar b.reset(token)",
      "belongs to RunVar a",
    );
    a.reset(token);
    expectError(
      thrownBy(() => a.reset(token)),
      UsageError,
      "used already",
    );
    expectError(
      thrownBy(() => a.get()),
      UsageError,
      "no value in this run",
    );
    expect(b.get()).toBe(0);
    yield* passes(1);
  });
});
