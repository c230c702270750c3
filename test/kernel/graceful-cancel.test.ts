import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  type Cancelled,
  type TaskStatus,
  UsageError,
  currentEffectiveDeadline,
  currentTime,
  openNursery,
  run,
  sleep,
  sleepForever,
  stopRequested,
  untilStopRequested,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { thrownBy, virtual } from "./programs.ts";

describe("scope.cancel({ grace })", () => {
  test("lets tasks see that they are asked to stop, and end by themselves", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* scope.run(function* () {
            while (!stopRequested()) yield* sleep(10);
            yield* sleep(10); // what was begun is finished
            log.push(`ends at ${currentTime()}`);
          });
        });
        yield* sleep(15);
        expect(scope.stopRequested).toBe(false);
        scope.cancel({ grace: 100 });
        expect(scope.stopRequested).toBe(true);
        expect(scope.cancelCalled).toBe(false);
      });
      expect(log).toEqual(["ends at 30"]);
      expect([scope.cancelCalled, scope.cancelledCaught]).toEqual([false, false]);
    });
  });

  test("cuts off what is left when the grace is over, for the reason that was given", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let caught: Cancelled | undefined;
      yield* scope.run(function* () {
        scope.cancel({ grace: 50, reason: "shutting down" });
        expect(currentEffectiveDeadline()).toBe(50);
        try {
          yield* sleepForever();
        } catch (error) {
          caught = error as Cancelled;
          throw error;
        }
      });
      expect(currentTime()).toBe(50);
      expect(scope.cancelledCaught).toBe(true);
      expect(caught).toMatchObject({ source: "explicit", reason: "shutting down" });
    });
  });

  test("a grace of 0 cancels as the deadline of now does", () => {
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        scope.cancel({ grace: 0 });
        expect([scope.cancelCalled, stopRequested()]).toEqual([true, true]);
        yield* sleepForever();
      });
      expect([scope.cancelledCaught, currentTime()]).toEqual([true, 0]);
    });
  });

  test("a grace can be shortened and ended, and never be made longer", () => {
    virtual(function* () {
      const shortened = new CancelScope();
      yield* shortened.run(function* () {
        shortened.cancel({ grace: 50 });
        shortened.cancel({ grace: 100 });
        shortened.deadline = Infinity;
        expect(shortened.deadline).toBe(50);
        shortened.cancel({ grace: 20 });
        yield* sleepForever();
      });
      expect(currentTime()).toBe(20);
      const ended = new CancelScope();
      yield* ended.run(function* () {
        ended.cancel({ grace: 50 });
        ended.cancel();
        expect(ended.cancelCalled).toBe(true);
        yield* sleepForever();
      });
      expect(currentTime()).toBe(20);
    });
  });

  test("an earlier deadline of the scope's own stays, and is the cause then", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      let source: unknown;
      yield* scope.run(function* () {
        scope.cancel({ grace: 50 });
        try {
          yield* sleepForever();
        } catch (error) {
          ({ source } = error as Cancelled);
          throw error;
        }
      });
      expect([currentTime(), source]).toEqual([10, "deadline"]);
    });
  });

  test("given before the entry, it counts from when it was given", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 100 });
      scope.cancel({ grace: 30 });
      yield* sleep(10);
      yield* scope.run(function* () {
        expect(stopRequested()).toBe(true);
        yield* sleepForever();
      });
      expect(currentTime()).toBe(30);
    });
  });

  test("reaches everything in the scope, but what a shield hides, and that once the shield is lowered", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const shielded = new CancelScope({ shield: true });
      const log: string[] = [];
      yield* outer.run(() =>
        openNursery(function* (nursery) {
          nursery.startSoon(() =>
            shielded.run(function* () {
              yield* untilStopRequested();
              log.push("shielded");
            }),
          );
          nursery.startSoon(function* () {
            yield* untilStopRequested();
            log.push("open");
          });
          yield* waitAllTasksBlocked();
          outer.cancel({ grace: 1_000 });
          yield* waitAllTasksBlocked();
          expect(log).toEqual(["open"]);
          shielded.shield = false;
        }),
      );
      expect(log).toEqual(["open", "shielded"]);
    });
  });

  test("a reason that is no plain object with a grace is a reason", () => {
    virtual(function* () {
      for (const reason of [
        { why: 1 },
        "grace",
        null,
        new (class {
          grace = 5;
        })(),
      ]) {
        const scope = new CancelScope();
        yield* scope.run(function* () {
          scope.cancel(reason);
          expect(scope.cancelCalled).toBe(true);
          yield* yieldBriefly();
        });
      }
    });
  });

  test("a grace that makes no sense is refused, and so is one outside a run", () => {
    expect(thrownBy(() => new CancelScope().cancel({ grace: 5 }))).toBeInstanceOf(UsageError);
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        for (const grace of ["5", null, undefined]) {
          expect(thrownBy(() => scope.cancel({ grace }))).toBeInstanceOf(TypeError);
        }
        for (const grace of [-1, NaN]) expect(thrownBy(() => scope.cancel({ grace }))).toBeInstanceOf(RangeError);
        expect([scope.stopRequested, scope.cancelCalled]).toEqual([false, false]);
        yield* yieldBriefly();
      });
    });
  });
});

describe("untilStopRequested()", () => {
  test("wakes those who wait in order of arrival, and later ones do not wait", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const log: number[] = [];
      yield* scope.run(() =>
        openNursery(function* (nursery) {
          for (let i = 0; i < 4; i++) {
            nursery.startSoon(function* () {
              yield* untilStopRequested();
              log.push(i);
            });
            yield* waitAllTasksBlocked();
          }
          scope.cancel({ grace: 10 });
          yield* assertCheckpoints(() => untilStopRequested());
        }),
      );
      expect(log).toEqual([0, 1, 2, 3]);
    });
  });

  test("wakes a task that start() moves into a nursery that was asked to stop", () => {
    virtual(function* () {
      yield* openNursery(function* (other) {
        yield* openNursery(function* (target) {
          const went: number[] = [];
          other.startSoon(function* () {
            yield* target.start(function* (status: TaskStatus) {
              yield* openNursery(function* (nursery) {
                nursery.startSoon(function* () {
                  yield* untilStopRequested();
                  went.push(currentTime());
                });
                yield* sleep(10);
                status.started();
              });
            });
          });
          yield* sleep(1);
          target.cancelScope.cancel({ grace: 1_000 });
          yield* sleep(100);
          expect(went).toEqual([10]);
        });
      });
    });
  });

  test("throws Cancelled when the scope is cancelled without a grace, and leaves nothing behind", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 5 });
      yield* scope.run(() => untilStopRequested());
      expect(scope.cancelledCaught).toBe(true);
      const other = new CancelScope();
      yield* other.run(function* () {
        other.cancel({ grace: 10 }); // the wait that was cancelled is not woken
        yield* yieldBriefly();
      });
    });
  });

  test("code outside the run can ask, while the run sleeps", async () => {
    const scope = new CancelScope();
    await run(function* () {
      setTimeout(() => scope.cancel({ grace: 10_000 }), 1);
      yield* scope.run(() => untilStopRequested());
    });
    expect(scope.cancelledCaught).toBe(false);
  });

  test("stopRequested() outside a task is a UsageError", () => {
    expect(thrownBy(() => stopRequested())).toBeInstanceOf(UsageError);
  });
});
