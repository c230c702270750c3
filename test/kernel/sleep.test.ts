import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  UsageError,
  currentTime,
  moveOnAfter,
  openNursery,
  runSync,
  sleep,
  sleepForever,
  sleepUntil,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { MockClock, assertCheckpoints } from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";

test("sleep waits for so many milliseconds of the run's clock, from when it is driven", () => {
  virtual(function* () {
    const operation = sleep(10);
    yield* sleep(5);
    yield* operation;
    expect(currentTime()).toBe(15);
  });
});

test("sleepUntil waits until a time; one that has passed makes it a checkpoint", () => {
  virtual(function* () {
    yield* sleepUntil(10);
    expect(currentTime()).toBe(10);
    for (const time of [10, 3, 0, -5, -Infinity]) yield* assertCheckpoints(() => sleepUntil(time));
    expect(currentTime()).toBe(10);
  });
});

test("sleepForever, sleep(Infinity) and sleepUntil(Infinity) end by cancellation only", () => {
  virtual(function* () {
    for (const operation of [sleepForever(), sleep(Infinity), sleepUntil(Infinity)]) {
      yield* moveOnAfter(5, () => operation);
    }
    expect(currentTime()).toBe(15);
  });
});

test("sleepers wake in the order of their times, and of equal times in the order in which they fell asleep", () => {
  virtual(function* () {
    const order: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const [name, ms] of [
        ["a", 20],
        ["b", 10],
        ["c", 20],
        ["d", 10],
        ["e", 20],
      ] as const) {
        nursery.startSoon(function* () {
          yield* sleep(ms);
          order.push(name);
        });
      }
    });
    expect(order).toEqual(["b", "d", "a", "c", "e"]);
  });
});

test("sleepers that one jump makes due wake in the order of their times", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const order: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const ms of [30, 10, 20]) {
          nursery.startSoon(function* () {
            yield* sleep(ms);
            order.push(ms);
          });
        }
        yield* passes(1);
        clock.jump(100);
        yield* passes(3);
        expect(order).toEqual([10, 20, 30]);
      });
    },
    { clock },
  );
});

test("a sleeper that is cancelled does not wake again when its time comes", () => {
  virtual(function* () {
    const trail: string[] = [];
    yield* moveOnAfter(5, function* () {
      try {
        yield* sleep(10);
      } finally {
        trail.push(`cut off at ${currentTime()}`);
      }
    });
    yield* sleep(20);
    expect(trail).toEqual(["cut off at 5"]);
  });
});

test("a scope that is due when its sleeper is catches, since it is further out", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 10 });
    yield* scope.run(() => sleep(10));
    expect(scope.cancelledCaught).toBe(true);
    const later = new CancelScope({ timeout: 11 });
    yield* later.run(() => sleep(10));
    expect(later.cancelledCaught).toBe(false);
  });
});

test("a scope cancelled in the step that woke the sleeper: the wake-up wins", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const scope = new CancelScope();
      const trail: unknown[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(10);
          scope.cancel();
        });
        nursery.startSoon(function* () {
          yield* scope.run(function* () {
            yield* sleep(10);
            trail.push("slept");
            yield* yieldBriefly();
            trail.push("not reached");
          });
        });
        yield* passes(1);
        clock.jump(10);
      });
      expect(trail).toEqual(["slept"]);
    },
    { clock },
  );
});

describe("arguments", () => {
  test.each([
    ["sleep(-1)", () => sleep(-1), RangeError],
    ["sleep(NaN)", () => sleep(Number.NaN), RangeError],
    ["sleep of a text", () => sleep("1" as never), TypeError],
    ["sleep of nothing", () => (sleep as unknown as () => void)(), TypeError],
    ["sleepUntil(NaN)", () => sleepUntil(Number.NaN), RangeError],
    ["sleepUntil of a Date", () => sleepUntil(new Date() as never), TypeError],
  ])("%s is refused at once", (_, fn, kind) => {
    expect(thrownBy(fn)).toBeInstanceOf(kind);
  });
});

test("real time: a sleep lasts no shorter than it says", () => {
  runSync(function* () {
    const before = performance.now();
    const start = currentTime();
    yield* sleep(20);
    expect(performance.now() - before).toBeGreaterThanOrEqual(19.9);
    expect(currentTime() - start).toBeGreaterThanOrEqual(20);
  });
});

test("the clock of a run without one begins far from zero, so mixed-up times are noticed", () => {
  runSync(function* () {
    expect(currentTime()).toBeGreaterThan(1e6);
    expect(yield* errorOf(sleepUntil(performance.now()))).toBeUndefined();
  });
});

test("currentTime outside a run is a UsageError", () => {
  expect(thrownBy(() => currentTime())).toBeInstanceOf(UsageError);
});
