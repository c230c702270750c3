import { describe, expect, test } from "bun:test";
import { currentTime, moveOnAfter, openNursery, runSync, sleep, sleepForever } from "../../src/index.ts";
import { yieldIfCancelled } from "../../src/hazmat.ts";
import { MockClock, type MockClockOptions } from "../../src/testing.ts";
import { passes, thrownBy } from "../kernel/programs.ts";

test("begins at 0, and stands still", () => {
  const clock = new MockClock();
  expect([clock.currentTime(), clock.rate, clock.autojumpThreshold]).toEqual([0, 0, Infinity]);
  runSync(
    function* () {
      const before = performance.now();
      while (performance.now() < before + 2) yield* passes(1);
      expect(currentTime()).toBe(0);
    },
    { clock },
  );
});

test("jump moves it forward; deadlines that this makes due count at once, sleepers wake in the next pass", () => {
  const clock = new MockClock();
  const trail: string[] = [];
  runSync(
    function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(10);
          trail.push("woken");
        });
        yield* passes(1);
        clock.jump(9.5);
        yield* passes(3);
        yield* moveOnAfter(0.5, function* () {
          clock.jump(0.5);
          trail.push("jumped");
          yield* yieldIfCancelled();
          trail.push("not reached");
        });
      });
      expect(currentTime()).toBe(10);
    },
    { clock },
  );
  expect(trail).toEqual(["jumped", "woken"]);
});

test("a rate makes it go so many times as fast as real time", () => {
  const clock = new MockClock({ rate: 100 });
  const before = performance.now();
  runSync(() => sleep(1000), { clock });
  expect(performance.now() - before).toBeGreaterThanOrEqual(9);
  expect(performance.now() - before).toBeLessThan(500);
  expect(clock.currentTime()).toBeGreaterThanOrEqual(1000);
});

test("a rate that is set later counts from then; 0 stops the clock", () => {
  const clock = new MockClock();
  clock.jump(50);
  clock.rate = 1000;
  const before = performance.now();
  while (performance.now() < before + 2);
  clock.rate = 0;
  const stopped = clock.currentTime();
  expect(stopped).toBeGreaterThanOrEqual(50 + 2000);
  while (performance.now() < before + 4);
  expect(clock.currentTime()).toBe(stopped);
  clock.jump(1);
  expect(clock.currentTime()).toBe(stopped + 1);
});

test("says how long to sleep in real time", () => {
  const clock = new MockClock();
  clock.jump(10);
  expect([10, 5, -Infinity, 11, Infinity].map((time) => clock.deadlineToSleepTime(time))).toEqual([
    0,
    0,
    0,
    Infinity,
    Infinity,
  ]);
  clock.rate = 10;
  expect(clock.deadlineToSleepTime(1010)).toBeCloseTo(100, -1);
  expect(clock.deadlineToSleepTime(Infinity)).toBe(Infinity);
});

test("one clock may serve several runs, and goes on where it stood", () => {
  const clock = new MockClock({ autojumpThreshold: 0 });
  runSync(() => sleep(10), { clock });
  runSync(() => sleep(10), { clock });
  expect(clock.currentTime()).toBe(20);
});

test("a clock that no run has can be moved and changed", () => {
  const clock = new MockClock();
  clock.jump(5);
  clock.rate = 1;
  clock.autojumpThreshold = 0;
  clock.autojump(2);
  clock.autojump(Infinity);
  expect(clock.currentTime()).toBeGreaterThanOrEqual(5);
  expect(clock.currentTime()).toBeLessThan(1000);
});

test("changing a clock that another run uses does not touch this one", () => {
  const other = new MockClock();
  runSync(
    function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => moveOnAfter(10, sleepForever));
        other.jump(100);
        other.autojumpThreshold = 0;
        yield* passes(3);
        expect(currentTime()).toBe(0);
      });
    },
    { clock: new MockClock({ autojumpThreshold: 0 }) },
  );
});

describe("refuses", () => {
  test.each<[string, unknown, new () => Error]>([
    ["a negative rate", { rate: -1 }, RangeError],
    ["NaN for the rate", { rate: Number.NaN }, RangeError],
    ["an infinite rate", { rate: Infinity }, RangeError],
    ["a text for the rate", { rate: "1" }, TypeError],
    ["a negative threshold", { autojumpThreshold: -1 }, RangeError],
    ["NaN for the threshold", { autojumpThreshold: Number.NaN }, RangeError],
    ["null for the threshold", { autojumpThreshold: null }, TypeError],
    ["options that are none", 5, TypeError],
  ])("%s", (_, options, kind) => {
    expect(thrownBy(() => new MockClock(options as MockClockOptions))).toBeInstanceOf(kind);
  });

  test("a jump that is negative, NaN, infinite or no number, and stays where it was", () => {
    const clock = new MockClock();
    for (const ms of [-1, Number.NaN, Infinity]) expect(thrownBy(() => clock.jump(ms))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => clock.jump("1" as never))).toBeInstanceOf(TypeError);
    expect(clock.currentTime()).toBe(0);
  });
});
