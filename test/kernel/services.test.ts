import { expect, test } from "bun:test";
import {
  CancelScope,
  type Cancelled,
  ExceptionGroup,
  UsageError,
  currentTime,
  openNursery,
  sleep,
  sleepForever,
  type Nursery,
  type TaskStatus,
} from "../../src/index.ts";
import { currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { errorOf, thrownBy, virtual } from "./programs.ts";

test("a service is cancelled and joined when the body and the other children have ended", () => {
  virtual(function* () {
    const log: string[] = [];
    let reason: unknown;
    yield* openNursery(function* (nursery) {
      nursery.startService(function* () {
        try {
          for (;;) {
            yield* sleep(10);
            log.push("beat");
          }
        } catch (error) {
          ({ reason } = error as Cancelled);
          throw error;
        } finally {
          log.push("service ends");
        }
      });
      nursery.startSoon(function* () {
        yield* sleep(35);
        log.push("child ends");
      });
      yield* sleep(15);
      log.push("body ends");
    });
    expect(log).toEqual(["beat", "body ends", "beat", "beat", "child ends", "service ends"]);
    expect(currentTime()).toBe(35);
    expect(reason).toBe("the nursery's body and its other tasks have ended");
  });
});

test("services alone do not keep a nursery, and may take their time to clean up", () => {
  virtual(function* () {
    let cleaned = 0;
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 3; i++) {
        nursery.startService(function* () {
          try {
            yield* sleepForever();
          } finally {
            yield* new CancelScope({ shield: true }).run(() => sleep(20));
            cleaned++;
          }
        });
      }
      yield* yieldBriefly();
    });
    expect(cleaned).toBe(3);
    expect(currentTime()).toBe(20);
  });
});

test("a service sees no cancellation while an ordinary child that it started goes on", () => {
  virtual(function* () {
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startService(function* () {
        nursery.startSoon(function* () {
          yield* sleep(50);
          log.push("child of the service");
        });
        try {
          yield* sleepForever();
        } finally {
          log.push("service ends");
        }
      });
      yield* sleep(10);
    });
    expect(log).toEqual(["child of the service", "service ends"]);
  });
});

test("a service started while services end is cancelled from the start", () => {
  virtual(function* () {
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startService(function* () {
        try {
          yield* sleepForever();
        } finally {
          nursery.startService(function* () {
            log.push("late one begins");
            yield* sleepForever();
            log.push("never");
          });
        }
      });
      yield* yieldBriefly();
    });
    expect(log).toEqual(["late one begins"]);
  });
});

test("a service that throws fails the nursery, and one that returns is a child that has ended", () => {
  virtual(function* () {
    const error = yield* errorOf(
      openNursery(function* (nursery) {
        nursery.startService(function* () {
          yield* sleep(5);
          throw new Error("mine");
        });
        nursery.startService(() => sleep(1));
        yield* sleepForever();
      }),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    expect(error.leaves().map(String)).toEqual(["Error: mine"]);
  });
});

test("cancelling the nursery ends services with everything else", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 5 });
    yield* scope.run(() =>
      openNursery(function* (nursery) {
        nursery.startService(() => sleepForever());
        yield* sleepForever();
      }),
    );
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("its task has the function's name; it is called at once; and what is no task function is refused", () => {
  virtual(function* () {
    let called = false;
    let closed: Nursery | undefined;
    yield* openNursery(function* (nursery) {
      closed = nursery;
      nursery.startService(function heartbeat(value: number) {
        called = true;
        return (function* (): Generator<any, void, any> {
          expect([currentTask().name, value]).toEqual(["heartbeat", 7]);
          yield* sleepForever();
        })();
      }, 7);
      expect(called).toBe(true);
      expect(thrownBy(() => nursery.startService(1 as any))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => nursery.startService((() => 5) as any))).toBeInstanceOf(TypeError);
      yield* yieldBriefly();
    });
    expect(thrownBy(() => closed!.startService(() => sleep(1)))).toBeInstanceOf(UsageError);
  });
});

test("a start() that is under way keeps services going, and so does the task that it brings", () => {
  virtual(function* () {
    const log: string[] = [];
    yield* openNursery(function* (other) {
      yield* openNursery(function* (nursery) {
        nursery.startService(function* () {
          try {
            yield* sleepForever();
          } finally {
            log.push(`service ends at ${currentTime()}`);
          }
        });
        other.startSoon(function* () {
          yield* nursery.start(function* (status: TaskStatus) {
            yield* sleep(10);
            status.started();
            yield* sleep(10);
          });
        });
        yield* sleep(1);
      });
    });
    expect(log).toEqual(["service ends at 20"]);
  });
});

test("a start() that fails when only services are left lets them end", () => {
  virtual(function* () {
    yield* openNursery(function* (other) {
      yield* openNursery(function* (nursery) {
        nursery.startService(sleepForever);
        other.startSoon(function* () {
          const failing = nursery.start(function* () {
            yield* sleep(10);
            throw new RangeError("not today");
          });
          expect(yield* errorOf(failing)).toBeInstanceOf(RangeError);
        });
        yield* sleep(1);
      });
      expect(currentTime()).toBe(10);
    });
  });
});

test("services of nested nurseries end with their own nursery, and what a service starts while it ends is waited for", () => {
  virtual(function* () {
    const log: string[] = [];
    const service = (name: string, ending?: () => void) =>
      function* (): Generator<any, void> {
        try {
          yield* sleepForever();
        } finally {
          log.push(`${name} at ${currentTime()}`);
          ending?.();
        }
      };
    yield* openNursery(function* (outer) {
      outer.startService(
        service("outer", () =>
          outer.startSoon(function* () {
            yield* sleep(5);
            log.push(`late child at ${currentTime()}`);
          }),
        ),
      );
      outer.startService(() =>
        openNursery(function* (within) {
          within.startService(service("within a service"));
          yield* sleepForever();
        }),
      );
      yield* openNursery(function* (inner) {
        inner.startService(service("inner"));
        yield* sleep(3);
      });
      yield* sleep(3);
    });
    expect(log).toEqual(["inner at 3", "outer at 6", "within a service at 6", "late child at 11"]);
  });
});
