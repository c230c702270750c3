/** Operations that are not driven as they are meant to be: once, by `yield*`, in a task, one at a time. */
import { expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  currentStatistics,
  currentTask,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
  type Operation,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  TrioInternalError,
  UsageError,
  call,
  currentTime,
  fromPromise,
  moveOnAfter,
  named,
  openNursery,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import {
  errorOf,
  expectError,
  passes,
  stillSound,
  survived,
  thrownBy,
  thrownInRun,
  virtual,
  wrong,
} from "./soundness.ts";

function* nothing(): Generator<any, void> {}

/** An operation of each kind, that would be over by itself within a millisecond of the clock. */
const OPERATIONS: [name: string, make: () => Operation<unknown>][] = [
  ["yieldBriefly()", yieldBriefly],
  ["yieldIfCancelled()", yieldIfCancelled],
  ["yieldBrieflyNoCancel()", yieldBrieflyNoCancel],
  ["sleep()", () => sleep(1)],
  ["waitAllTasksBlocked()", () => waitAllTasksBlocked()],
  ["fromPromise()", () => fromPromise(Promise.resolve(1))],
  ["call()", () => call(nothing)],
  ["scope.run()", () => new CancelScope().run(nothing)],
  ["moveOnAfter()", () => moveOnAfter(1, nothing)],
  ["openNursery()", () => openNursery(nothing)],
];

test.each(OPERATIONS)("%s driven a second time is refused", (name, make) => {
  const error = thrownInRun(function* () {
    const operation = make();
    yield* operation;
    yield* operation;
  });
  expectError(error, UsageError, name, "has been driven already", "call the function again for a fresh one");
});

test.each(OPERATIONS)("%s outside a run, by hand: refused, and good for nothing any more", (name, make) => {
  const operation = make();
  expectError(
    thrownBy(() => [...wrong(operation)]),
    UsageError,
    name,
    "outside a task",
  );
  const error = virtual(function* () {
    return yield* errorOf(operation);
  });
  expectError(error, UsageError, name, "has been driven already");
});

test.each(OPERATIONS)("%s made outside a run can be driven in one", (_, make) => {
  const operation = make();
  virtual(function* () {
    yield* operation;
    yield* stillSound();
  });
});

test("a task that drives the operation another task is in is refused; the first goes on undisturbed", () => {
  virtual(function* () {
    const operation = sleep(10);
    const log: unknown[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* operation;
        log.push(currentTime());
      });
      yield* passes(2);
      const error = yield* errorOf(operation);
      expectError(error, UsageError, "sleep()", "has been driven already");
    });
    expect(log).toEqual([10]);
    yield* stillSound();
  });
});

test("an operation given to two tasks as their coroutine: the second startSoon() is refused", () => {
  virtual(function* () {
    const operation = sleep(10);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => operation);
      expectError(
        thrownBy(() => nursery.startSoon(() => operation)),
        UsageError,
        "sleep()",
        "has been driven already",
      );
      expect(nursery.childTasks.size).toBe(1);
    });
    yield* stillSound();
  });
});

test("in a host callback an operation is refused, and the task from which the callback came goes on", () => {
  const log: unknown[] = [];
  virtual(function* () {
    // A microtask is the one host callback that runs beside runSync.
    void Promise.resolve().then(() => log.push(thrownBy(() => [...wrong(sleep(1))])));
    yield* sleep(5);
    yield* stillSound();
  });
  expectError(log[0], UsageError, "sleep() was driven");
});

test("a blocked task cannot be made to wait for a second operation", () => {
  virtual(function* () {
    yield* passes(3);
    const before = currentStatistics();
    const promise = Promise.resolve();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(
        named("waiter", function* () {
          // Begins to wait by hand, and then goes on to another operation.
          const iterator = wrong(sleep(1_000))[Symbol.iterator]();
          iterator.next();
          const error = yield* errorOf(sleep(1));
          expectError(error, UsageError, "sleep() was driven in task waiter", "is waiting in sleep() already");
          expectError(error, UsageError, "give the second one a task of its own with nursery.startSoon()");
        }),
      );
      yield* fromPromise(promise);
    });
    yield* stillSound();
    yield* passes(3);
    expect(currentStatistics()).toEqual(before);
  });
});

/** Ways to drive an operation by hand that every JavaScript programmer may try. */
const BY_HAND: readonly (readonly [how: string, drive: (operation: any) => void])[] = [
  ["a spread", (operation) => void [...operation]],
  ["Array.from", (operation) => void Array.from(operation)],
  [
    "a destructuring",
    (operation) => {
      const [_first] = operation;
    },
  ],
  [
    "a for...of",
    (operation) => {
      for (const _ of operation);
    },
  ],
  [
    "a for...of that is left",
    (operation) => {
      for (const _ of operation) break;
    },
  ],
  ["new Set", (operation) => void new Set(operation)],
  [
    "two calls of next()",
    (operation) => {
      const iterator = operation[Symbol.iterator]();
      iterator.next();
      iterator.next();
    },
  ],
];

for (const [how, drive] of BY_HAND) {
  test(`${how} over an operation is refused, and the wait that it began is taken back`, () => {
    for (const [name, make] of [
      ["sleep()", () => sleep(1)],
      ["sleep()", sleepForever],
      ["schedule point", yieldBriefly],
      ["ParkingLot.park()", () => new ParkingLot().park()],
      ["fromPromise()", () => fromPromise(new Promise(() => {}))],
      ["waitAllTasksBlocked()", () => waitAllTasksBlocked(5)],
    ] as const) {
      const error = thrownInRun(function* () {
        drive(make());
      });
      expectError(
        error,
        UsageError,
        how === "a for...of that is left" || how === "a destructuring" ? "" : name,
        "by hand",
        "yield*",
      );
    }
  });

  test(`${how}: the error can be caught, and the task can wait again`, () => {
    virtual(function* () {
      yield* passes(3);
      const before = currentStatistics();
      expect(thrownBy(() => drive(sleep(1)))).toBeInstanceOf(UsageError);
      yield* sleep(5);
      expect(currentTime()).toBe(5);
      expect(thrownBy(() => drive(yieldBriefly()))).toBeInstanceOf(UsageError);
      yield* sleep(5);
      expect(currentTime()).toBe(10);
      yield* stillSound();
      yield* passes(3);
      expect(currentStatistics()).toEqual(before);
    });
  });
}

test("a task parked by hand has left the lot: the wake-up goes to the next", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(thrownBy(() => [...wrong(lot.park())])).toBeInstanceOf(UsageError);
        yield* sleep(1);
      });
      nursery.startSoon(function* () {
        yield* lot.park();
        log.push("woken");
      });
      yield* passes(3);
      expect(lot.size).toBe(1);
      lot.unpark();
    });
    expect(log).toEqual(["woken"]);
  });
});

test("a task that ends in the middle of a wait begun by hand leaves nothing behind", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        wrong(lot.park())[Symbol.iterator]().next();
      });
    });
    expect(lot.size).toBe(0);
    expect(lot.unpark()).toEqual([]);
    yield* stillSound();
  });
});

test("junk yielded in the middle of a wait begun by hand: the wait is taken back", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    wrong(lot.park())[Symbol.iterator]().next();
    expect(lot.size).toBe(1);
    let error: unknown;
    try {
      yield 5;
    } catch (thrown) {
      error = thrown;
    }
    expectError(error, TypeError, "yielded 5");
    expect(lot.size).toBe(0);
    yield* stillSound();
  });
});

test("a wait that cannot be taken back ends the run, which says so", () => {
  const error = thrownBy(() =>
    virtual(
      named("handy", function* () {
        expect(thrownBy(() => [...wrong(yieldIndefinitely(() => Abort.FAILED))])).toBeInstanceOf(UsageError);
        yield* sleepForever();
      }),
    ),
  );
  expectError(error, TrioInternalError, "task handy went on out of yieldIndefinitely(), which cannot be taken back");
  runSync(stillSound);
});

test("a body that was opened by hand, and left, ends the run, with all that was started in it", () => {
  for (const open of [
    () => call(() => sleep(1)),
    () => new CancelScope().run(() => sleep(1)),
    () => openNursery(() => sleep(1)),
  ]) {
    const error = thrownBy(() =>
      virtual(
        named("handy", function* () {
          expect(thrownBy(() => [...wrong(open())])).toBeInstanceOf(UsageError);
        }),
      ),
    );
    expectError(error, TrioInternalError, "task handy went on out of a scope, a nursery or a call()", "with yield*");
    runSync(stillSound);
  }
});

test("a generator given to two tasks: the second is refused, and names the first", () => {
  virtual(function* () {
    const log: string[] = [];
    function* shared(): Generator<any, void> {
      try {
        yield* sleep(10);
        log.push(`slept in ${currentTask().name}`);
      } finally {
        log.push("cleaned up");
      }
    }
    const coroutine = shared();
    const group = yield* survived(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(named("first", () => coroutine));
        nursery.startSoon(named("second", () => coroutine));
      }),
    );
    const [error] = group.errors;
    expectError(
      error,
      UsageError,
      "task second went on with a coroutine of task first",
      "waits in sleep()",
      "fresh one",
    );
    expect(log).toEqual(["cleaned up"]);
  });
});

test("a generator in a body or a nursery of one task, stepped by another, disturbs neither", () => {
  for (const wait of [
    () => openNursery(() => sleep(10)),
    () => new CancelScope().run(() => sleep(10)),
    () => call(() => sleep(10)),
  ]) {
    virtual(function* () {
      function* shared(): Generator<any, void> {
        yield* wait();
      }
      const coroutine = shared();
      const group = yield* survived(() =>
        openNursery(function* (nursery) {
          nursery.startSoon(named("first", () => coroutine));
          nursery.startSoon(named("second", () => coroutine));
        }),
      );
      expectError(group.errors[0], UsageError, "task second went on with a coroutine of task first");
    });
  }
});

test("a coroutine that is over ends its second task at once", () => {
  virtual(function* () {
    const coroutine = nothing();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => coroutine);
      nursery.startSoon(() => coroutine);
    });
    yield* stillSound();
  });
});
