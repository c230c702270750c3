/** Abort functions, also those that misbehave: the run ends with TrioInternalError, and strands nobody. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  KeyboardInterrupt,
  TrioInternalError,
  UsageError,
  moveOnAfter,
  named,
  openNursery,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  Result,
  currentTask,
  reschedule,
  spawnSystemTask,
  yieldBriefly,
  yieldIndefinitely,
  type AbortResult,
  type Task,
} from "../../src/hazmat.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";

describe("an abort function that", () => {
  /** How an abort may come to be asked for. */
  const OCCASIONS: [string, (scope: CancelScope) => void][] = [
    ["another task's cancel()", (scope) => scope.cancel()],
    ["a deadline", (scope) => void (scope.deadline = -Infinity)],
  ];
  const mistake = new Error("a mistake in the abort function");
  const FAULTS: [string, (task: () => Task) => unknown][] = [
    [
      "throws",
      () => {
        throw mistake;
      },
    ],
    ["returns nothing", () => undefined],
    ["returns nonsense", () => "succeeded"],
    ["returns an object that looks right", () => ({ ...Abort.SUCCEEDED })],
    [
      "reschedules its task and returns SUCCEEDED",
      (task) => {
        reschedule(task());
        return Abort.SUCCEEDED;
      },
    ],
  ];
  for (const [fault, abortFn] of FAULTS) {
    for (const [occasion, cancel] of OCCASIONS) {
      test(`${fault}, asked by ${occasion}, ends the run, and everybody unwinds`, () => {
        const trail: string[] = [];
        const error = thrownBy(() =>
          virtual(function* () {
            const scope = new CancelScope();
            yield* openNursery(function* (nursery) {
              nursery.startSoon(
                named("culprit", function* () {
                  const task = currentTask();
                  try {
                    yield* scope.run(() => yieldIndefinitely(() => abortFn(() => task) as AbortResult));
                    yield* sleepForever();
                  } finally {
                    trail.push("culprit");
                  }
                }),
              );
              nursery.startSoon(function* () {
                try {
                  yield* sleepForever();
                } finally {
                  trail.push("bystander");
                }
              });
              yield* passes(2);
              try {
                cancel(scope);
                trail.push("canceller was not troubled");
                yield* sleepForever();
              } finally {
                trail.push("canceller");
              }
            });
          }),
        );
        expect(error).toBeInstanceOf(TrioInternalError);
        expect(error.message).toContain("culprit");
        if (fault === "throws") expect(error.cause).toBe(mistake);
        expect(trail.toSorted()).toEqual(["bystander", "canceller", "canceller was not troubled", "culprit"]);
      });
    }

    test(`${fault}, asked when it blocks in a cancelled scope, ends the run too`, () => {
      const error = thrownBy(() =>
        virtual(() =>
          moveOnAfter(0, function* () {
            yield* errorOf(sleepForever());
            const task = currentTask();
            yield* yieldIndefinitely(() => abortFn(() => task) as AbortResult);
          }),
        ),
      );
      expect(error).toBeInstanceOf(TrioInternalError);
    });
  }

  test("refuses is not asked again, by further cancels of outer scopes", () => {
    virtual(function* () {
      let asked = 0;
      let task: Task | undefined;
      const outer = new CancelScope();
      const inner = new CancelScope();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
          yield* outer.run(() =>
            inner.run(function* () {
              yield* yieldIndefinitely(() => {
                asked++;
                return Abort.FAILED;
              });
              yield* yieldBriefly();
            }),
          );
        });
        yield* passes(2);
        inner.cancel();
        outer.cancel();
        nursery.cancelScope.cancel();
        expect(asked).toBe(1);
        reschedule(task!);
      });
      expect([inner.cancelledCaught, outer.cancelledCaught]).toEqual([false, false]);
    });
  });

  test("refused is not asked again when a shield was raised and lowered, nor for Ctrl-C", () => {
    virtual(function* () {
      let asked = 0;
      const task = currentTask();
      const [outer, inner] = [new CancelScope(), new CancelScope()];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* passes(3);
          outer.cancel();
          for (const shield of [true, false, true, false]) inner.shield = shield;
          task.runner.interrupt();
          expect(asked).toBe(1);
          reschedule(task);
        });
        yield* outer.run(() =>
          inner.run(function* () {
            yield* yieldIndefinitely(() => {
              asked++;
              return Abort.FAILED;
            });
            expect(yield* errorOf(yieldBriefly())).toBeInstanceOf(KeyboardInterrupt);
            expect(yield* errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
          }),
        );
      });
    });
  });

  test("refuses, reschedules by itself and returns FAILED, is in order", () => {
    virtual(function* () {
      let value: unknown;
      yield* moveOnAfter(5, function* () {
        const task = currentTask();
        value = yield* yieldIndefinitely(() => {
          reschedule(task, Result.value("by itself"));
          return Abort.FAILED;
        });
        yield* yieldBriefly();
        value = "not reached";
      });
      expect(value).toBe("by itself");
    });
  });

  test("of a system task misbehaves: as of any other", () => {
    const error = thrownBy(() =>
      virtual(function* () {
        spawnSystemTask(function* () {
          yield* yieldIndefinitely(() => {
            throw mistake;
          });
        });
        yield* sleep(1);
      }),
    );
    expect(error).toBeInstanceOf(TrioInternalError);
    expect(error.cause).toBe(mistake);
  });
});

describe("reschedule", () => {
  test("twice is an error at the second caller that names the task, who gets the first result", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        let task: Task | undefined;
        let got: unknown;
        nursery.startSoon(
          named("sleeper", function* () {
            task = currentTask();
            got = yield* yieldIndefinitely(() => Abort.FAILED);
          }),
        );
        yield* passes(1);
        reschedule(task!, Result.value(1));
        const error = thrownBy(() => reschedule(task!, Result.value(2)));
        expect(error).toBeInstanceOf(UsageError);
        expect(error.message).toContain("sleeper");
        yield* passes(1);
        expect(got).toBe(1);
        expect(thrownBy(() => reschedule(task!)).message).toContain("ended");
      });
    });
  });

  test("of the running task, and of one at a schedule point, is an error", () => {
    virtual(function* () {
      expect(thrownBy(() => reschedule(currentTask()))).toBeInstanceOf(UsageError);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          named("runnable", function* () {
            yield* passes(3);
          }),
        );
        yield* passes(1);
        const [task] = nursery.childTasks;
        const error = thrownBy(() => reschedule(task!));
        expect(error).toBeInstanceOf(UsageError);
        expect(error.message).toContain("runnable");
      });
    });
  });

  test("of a task in another operation of the library is an error, and that operation goes on", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const lot = new ParkingLot();
        nursery.startSoon(() => lot.park());
        nursery.startSoon(() => sleep(5));
        yield* passes(1);
        for (const task of nursery.childTasks) expect(thrownBy(() => reschedule(task))).toBeInstanceOf(UsageError);
        expect(lot.unpark()).toHaveLength(1);
      });
    });
  });

  test("wakes on a later pass, never inline", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        let task: Task | undefined;
        nursery.startSoon(function* () {
          task = currentTask();
          yield* yieldIndefinitely(() => Abort.FAILED);
          trail.push("woken");
        });
        yield* passes(1);
        reschedule(task!);
        trail.push("rescheduled");
      });
      expect(trail).toEqual(["rescheduled", "woken"]);
    });
  });

  test("then cancel in one step: the wake-up wins; the next checkpoint throws", () => {
    virtual(function* () {
      const trail: unknown[] = [];
      const scope = new CancelScope();
      let task: Task | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
          yield* scope.run(function* () {
            trail.push(yield* yieldIndefinitely(() => Abort.SUCCEEDED));
            trail.push(yield* errorOf(yieldBriefly()));
          });
        });
        yield* passes(2);
        reschedule(task!, Result.value("woken"));
        scope.cancel();
      });
      expect(trail).toEqual(["woken", expect.any(Cancelled)]);
    });
  });

  test("after cancel in one step is an error: SUCCEEDED counted as the one", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let task: Task | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
          yield* scope.run(() => yieldIndefinitely(() => Abort.SUCCEEDED));
        });
        yield* passes(2);
        scope.cancel();
        expect(thrownBy(() => reschedule(task!))).toBeInstanceOf(UsageError);
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });
});

describe("raiseCancel", () => {
  test("stays good after the wake-up, and is the scope's own Cancelled", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let task: Task | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
          yield* scope.run(function* () {
            let raise: (() => never) | undefined;
            const value = yield* yieldIndefinitely<string>((raiseCancel) => {
              raise = raiseCancel;
              return Abort.FAILED;
            });
            expect(value).toBe("finished");
            yield* passes(2);
            raise!();
          });
        });
        yield* passes(2);
        scope.cancel("why");
        reschedule(task!, Result.value("finished"));
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("raises KeyboardInterrupt when that is what interrupts, exactly once, whatever shields there are", () => {
    virtual(function* () {
      const task = currentTask();
      task.runner.interrupt();
      const got = yield* errorOf(
        new CancelScope({ shield: true }).run(() =>
          yieldIndefinitely((raiseCancel) => {
            reschedule(task, Result.capture(raiseCancel));
            return Abort.FAILED;
          }),
        ),
      );
      expect(got).toBeInstanceOf(KeyboardInterrupt);
      yield* sleep(1);
    });
  });
});
