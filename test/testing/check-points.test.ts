import { AssertionError } from "node:assert";
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  call,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  type Coroutine,
  type TaskStatus,
} from "../../src/index.ts";
import { ParkingLot, yieldBriefly, yieldBrieflyNoCancel, yieldIfCancelled } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

const FULL: [string, () => Coroutine<unknown>][] = [
  ["yieldBriefly", yieldBriefly],
  ["sleep", () => sleep(5)],
  ["sleep(0)", () => sleep(0)],
  ["waitAllTasksBlocked", () => waitAllTasksBlocked()],
  ["fromPromise of a settled promise", () => fromPromise(Promise.resolve())],
  [
    "nursery.start",
    () =>
      openNursery((nursery) =>
        nursery.start(function* (status: TaskStatus) {
          status.started();
        }),
      ),
  ],
  [
    "the pair yieldIfCancelled and yieldBrieflyNoCancel",
    function* () {
      yield* yieldIfCancelled();
      yield* yieldBrieflyNoCancel();
    },
  ],
  [
    "the pair the other way round",
    function* () {
      yield* yieldBrieflyNoCancel();
      yield* yieldIfCancelled();
    },
  ],
  ["a checkpoint in a scope, in a frame", () => call(() => moveOnAfter(100, yieldBriefly))],
];
const HALF: [string, () => Coroutine<unknown>][] = [
  ["yieldIfCancelled alone", yieldIfCancelled],
  ["yieldBrieflyNoCancel alone", yieldBrieflyNoCancel],
  ["an empty nursery", () => openNursery(function* () {})],
  [
    "a nursery with a child",
    () =>
      openNursery(function* (nursery) {
        nursery.startSoon(yieldBriefly);
      }),
  ],
];
const NONE: [string, () => Coroutine<unknown>][] = [
  ["nothing", function* () {}],
  ["a scope and a call with nothing in them", () => new CancelScope().run(() => call(function* () {}))],
  [
    "calls that are no operations",
    function* () {
      new ParkingLot().unparkAll();
      new CancelScope().cancel();
    },
  ],
];

describe("assertCheckpoints", () => {
  test.each(FULL)("passes for %s", (_, body) => {
    virtual(() => assertCheckpoints(body));
  });

  test.each([...HALF, ...NONE])("fails for %s", (_, body) => {
    virtual(function* () {
      const error = yield* errorOf(assertCheckpoints(body));
      expect(error).toBeInstanceOf(AssertionError);
      expect(error.message).toContain("no full checkpoint");
    });
  });

  test("gives what the body gives, and throws what it throws", () => {
    virtual(function* () {
      const value = yield* assertCheckpoints(function* () {
        yield* yieldBriefly();
        return "value";
      });
      expect(value).toBe("value");
      const error = new Error("mine");
      const got = yield* errorOf(
        assertCheckpoints(function* () {
          throw error;
        }),
      );
      expect(got).toBe(error);
    });
  });

  test("a cancelled operation passes: its Cancelled comes through", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(function* () {
        expect(yield* errorOf(assertCheckpoints(yieldIfCancelled))).toBeInstanceOf(Cancelled);
        yield* assertCheckpoints(() => sleep(1));
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });
});

describe("assertNoCheckpoints", () => {
  test.each(NONE)("passes for %s", (_, body) => {
    virtual(() => assertNoCheckpoints(body));
  });

  test.each([...FULL, ...HALF])("fails for %s", (_, body) => {
    virtual(function* () {
      const error = yield* errorOf(assertNoCheckpoints(body));
      expect(error).toBeInstanceOf(AssertionError);
      expect(error.cause).toBeUndefined();
    });
  });

  test("fails for a body that throws after a checkpoint, with what it threw as the cause", () => {
    virtual(function* () {
      const mine = new Error("mine");
      const error = yield* errorOf(
        assertNoCheckpoints(function* () {
          yield* yieldBriefly();
          throw mine;
        }),
      );
      expect(error).toBeInstanceOf(AssertionError);
      expect(error.cause).toBe(mine);
    });
  });

  test("gives what the body gives, and throws what it throws", () => {
    virtual(function* () {
      expect(
        yield* assertNoCheckpoints(function* () {
          return "value";
        }),
      ).toBe("value");
      const error = new Error("mine");
      const got = yield* errorOf(
        assertNoCheckpoints(function* () {
          throw error;
        }),
      );
      expect(got).toBe(error);
    });
  });
});

test("what other tasks pass meanwhile does not count", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => sleep(5));
      nursery.startSoon(function* () {
        expect(yield* errorOf(assertCheckpoints(yieldBrieflyNoCancel))).toBeInstanceOf(AssertionError);
      });
    });
  });
});

test("a native await is no point of either kind", async () => {
  await run(async function* () {
    yield* assertNoCheckpoints(async function* () {
      await new Promise((resolve) => setTimeout(resolve, 2));
    });
  });
});

test("they nest: the outer one counts what the inner one saw", () => {
  virtual(function* () {
    yield* assertCheckpoints(() => assertCheckpoints(yieldBriefly));
    yield* assertCheckpoints(function* () {
      yield* yieldBriefly();
      yield* assertNoCheckpoints(function* () {});
    });
    const error = yield* errorOf(assertNoCheckpoints(() => assertCheckpoints(yieldBriefly)));
    expect(error).toBeInstanceOf(AssertionError);
  });
});

test("a body that is no function is refused at once", () => {
  expect(thrownBy(() => assertCheckpoints(5 as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => assertNoCheckpoints(sleep(1) as never))).toBeInstanceOf(TypeError);
});
