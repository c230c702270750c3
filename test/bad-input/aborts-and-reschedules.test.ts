/** Abort functions that break their promises, and reschedules that nobody waits for. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  Result,
  currentTask,
  reschedule,
  yieldIndefinitely,
  type AbortFunction,
  type Task,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  TrioInternalError,
  UsageError,
  moveOnAfter,
  named,
  openNursery,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { expectError, passes, stillSound, thrownBy, virtual, wrong } from "./soundness.ts";

const boom = new Error("boom");

/** Abort functions that are wrong, and what the run's end says of them. */
const WRONG: readonly (readonly [what: string, abortFn: AbortFunction, says: string])[] = [
  [
    "throws",
    () => {
      throw boom;
    },
    "the abort function of task sleeper, blocked in yieldIndefinitely(), threw",
  ],
  [
    "throws something that is no Error",
    () => {
      throw undefined;
    },
    "of task sleeper, blocked in yieldIndefinitely(), threw",
  ],
  [
    "throws what raiseCancel throws",
    (raiseCancel) => raiseCancel(),
    "of task sleeper, blocked in yieldIndefinitely(), threw",
  ],
  [
    "returns nothing",
    wrong(() => {}),
    "of task sleeper returned nothing: it must return Abort.SUCCEEDED or Abort.FAILED",
  ],
  ["returns true", wrong(() => true), "of task sleeper returned true: it must return"],
  ["returns a string", wrong(() => "SUCCEEDED"), 'of task sleeper returned "SUCCEEDED": it must return'],
  ["returns its own look-alike", wrong(() => ({ ...Abort.SUCCEEDED })), "of task sleeper returned an object"],
  ["returns an object without a prototype", wrong(() => Object.create(null)), "of task sleeper returned an object"],
  ["is an async function", wrong(async () => Abort.SUCCEEDED), "of task sleeper returned a promise"],
  [
    "reschedules the task and says SUCCEEDED",
    () => {
      reschedule(currentTask());
      return Abort.SUCCEEDED;
    },
    "of task sleeper rescheduled the task and returned Abort.SUCCEEDED",
  ],
];

/** Who makes the abort be asked for. */
const CANCELLERS: [how: string, cancel: (scope: CancelScope) => void][] = [
  ["another task's cancel()", (scope) => scope.cancel()],
  [
    "a deadline",
    (scope) => {
      scope.deadline = 5;
    },
  ],
];

for (const [what, abortFn, says] of WRONG) {
  describe(`an abort function that ${what}`, () => {
    test.each(CANCELLERS)("ends the run after %s, with every task unwound", (_, cancel) => {
      const log: string[] = [];
      const error = thrownBy(() =>
        virtual(function* () {
          const scope = new CancelScope();
          try {
            yield* openNursery(function* (nursery) {
              nursery.startSoon(
                named("sleeper", function* () {
                  try {
                    yield* scope.run(() => yieldIndefinitely(abortFn));
                  } finally {
                    log.push("sleeper unwound");
                  }
                }),
              );
              nursery.startSoon(function* () {
                try {
                  yield* sleepForever();
                } finally {
                  log.push("bystander unwound");
                }
              });
              yield* passes(3);
              cancel(scope); // does not throw: it is not the canceller's fault
              log.push("cancelled");
              yield* sleepForever();
            });
          } finally {
            log.push("main unwound");
          }
        }),
      );
      expectError(error, TrioInternalError, says);
      expect(log.toSorted()).toEqual(["bystander unwound", "cancelled", "main unwound", "sleeper unwound"]);
      runSync(stillSound);
    });

    test("ends the run in a context that is cancelled already", () => {
      const error = thrownBy(() =>
        virtual(
          named("sleeper", function* () {
            const scope = new CancelScope();
            scope.cancel();
            yield* scope.run(() => yieldIndefinitely(abortFn));
            yield* sleepForever();
          }),
        ),
      );
      expectError(error, TrioInternalError, says);
      runSync(stillSound);
    });
  });
}

test("what the abort function threw is the cause", () => {
  const error = thrownBy(() =>
    virtual(() =>
      moveOnAfter(1, () =>
        yieldIndefinitely(() => {
          throw boom;
        }),
      ),
    ),
  );
  expectError(error, TrioInternalError);
  expect(error.cause).toBe(boom);
});

/** Starts a task in yieldIndefinitely(), and gives it. */
function* blocked(log: unknown[], use: (task: Task) => Generator<any, void>): Generator<any, void> {
  yield* openNursery(function* (nursery) {
    let task!: Task;
    nursery.startSoon(
      named("sleeper", function* () {
        task = currentTask();
        log.push(yield* yieldIndefinitely(() => Abort.SUCCEEDED));
      }),
    );
    yield* passes(2);
    yield* use(task);
  });
}

test("a second reschedule is refused where it is made, and the first holds", () => {
  virtual(function* () {
    const log: unknown[] = [];
    yield* blocked(log, function* (task) {
      reschedule(task, Result.value(1));
      const error = thrownBy(() => reschedule(task, Result.value(2)));
      expectError(error, UsageError, "task sleeper has been rescheduled already", "exactly one reschedule()");
    });
    expect(log).toEqual([1]);
    yield* stillSound();
  });
});

test("a reschedule after the task was cancelled is refused", () => {
  virtual(function* () {
    let task!: Task;
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(
        named("sleeper", function* () {
          task = currentTask();
          yield* scope.run(() => yieldIndefinitely(() => Abort.SUCCEEDED));
        }),
      );
      yield* passes(2);
      scope.cancel();
      const error = thrownBy(() => reschedule(task));
      expectError(error, UsageError, "task sleeper has been rescheduled already", "Abort.SUCCEEDED counts as one");
    });
    expect(scope.cancelledCaught).toBe(true);
    yield* stillSound();
  });
});

test("the running task, one that has ended, and one that never ran cannot be rescheduled", () => {
  virtual(function* () {
    expectError(
      thrownBy(() => reschedule(currentTask())),
      UsageError,
      "task ",
      "is not blocked",
    );
    let ended!: Task;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(
        named("short", function* () {
          ended = currentTask();
        }),
      );
      const [fresh] = nursery.childTasks;
      expectError(
        thrownBy(() => reschedule(fresh as Task)),
        UsageError,
        "task short has been rescheduled already",
      );
    });
    expectError(
      thrownBy(() => reschedule(ended)),
      UsageError,
      "task short has ended",
    );
    yield* stillSound();
  });
});

test("a task that waits for something else is not rescheduled from outside", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    for (const [wait, name, end] of [
      [() => sleep(1), "sleep()", () => {}],
      [() => lot.park(), "ParkingLot.park()", () => lot.unpark()],
      [() => openNursery(() => sleep(1)), "openNursery()", () => {}],
    ] as const) {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          named("waiter", function* () {
            yield* wait();
          }),
        );
        yield* passes(3);
        const [task] = nursery.childTasks;
        const error = thrownBy(() => reschedule(task as Task));
        expectError(error, UsageError, "task waiter is blocked in ", "only its own waker may end");
        if (name !== "openNursery()") expect(error.message).toContain(name);
        end();
      });
    }
    yield* stillSound();
  });
});

test("a reschedule that was refused for its result left the task asleep", () => {
  virtual(function* () {
    const log: unknown[] = [];
    yield* blocked(log, function* (task) {
      expect(thrownBy(() => reschedule(task, wrong("value")))).toBeInstanceOf(TypeError);
      yield* passes(2);
      expect(log).toEqual([]);
      reschedule(task, Result.value("woken"));
    });
    expect(log).toEqual(["woken"]);
  });
});

test("a task function with its own look-alike of Cancelled is not taken for cancelled", () => {
  virtual(function* () {
    const fake = Object.assign(new Error("fake"), { name: "Cancelled" });
    const scope = new CancelScope();
    let error: unknown;
    try {
      yield* scope.run(function* () {
        scope.cancel();
        throw fake;
      });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBe(fake);
    expect(error).not.toBeInstanceOf(Cancelled);
    expect(scope.cancelledCaught).toBe(false);
    yield* stillSound();
  });
});
