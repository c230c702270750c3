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
