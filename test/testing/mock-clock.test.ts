import { describe, expect, spyOn, test } from "bun:test";
import {
  abortable,
  currentTime,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { currentClock, yieldIfCancelled } from "../../src/hazmat.ts";
import { socketpair } from "../../src/socket.ts";
import { MockClock, waitAllTasksBlocked, type MockClockOptions } from "../../src/testing.ts";
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

test("goes exactly at its rate, from when it was set, on top of where it stood", () => {
  let real = 123;
  using _now = spyOn(performance, "now").mockImplementation(() => real);
  const clock = new MockClock();
  clock.jump(1.5);
  clock.rate = 2;
  expect(clock.currentTime()).toBe(1.5);
  real += 1;
  expect(clock.currentTime()).toBe(3.5);
  expect([3.25, 3.5, 4.5].map((time) => clock.deadlineToSleepTime(time))).toEqual([0, 0, 0.5]);
  clock.rate = 0.5;
  expect(clock.currentTime()).toBe(3.5);
  expect([3.25, 3.5, 4.5].map((time) => clock.deadlineToSleepTime(time))).toEqual([0, 0, 2]);
  clock.jump(0.5);
  expect(clock.currentTime()).toBe(4);
  real += 1;
  expect(clock.currentTime()).toBe(4.5);
  expect(thrownBy(() => (clock.rate = -1))).toBeInstanceOf(RangeError);
  expect(clock.rate).toBe(0.5);
});

test("a rate that is given at its making counts from then", () => {
  let real = 1e6;
  using _now = spyOn(performance, "now").mockImplementation(() => real);
  const clock = new MockClock({ rate: 3 });
  expect([clock.rate, clock.currentTime()]).toEqual([3, 0]);
  real += 2;
  expect(clock.currentTime()).toBe(6);
});

test("with a threshold of 0 the longest sleeps end at once, at their very times", () => {
  const clock = new MockClock();
  clock.autojumpThreshold = 0; // before the run has it
  runSync(
    function* () {
      for (let i = 0; i < 10; i++) {
        const before = currentTime();
        yield* sleep(1e7 * i);
        expect(currentTime()).toBe(before + 1e7 * i);
      }
    },
    { clock },
  );
  expect(clock.currentTime()).toBe(45e7);
});

test("waitAllTasksBlocked with a cushion shorter than the threshold, or none, ends before a jump", () => {
  const clock = new MockClock({ autojumpThreshold: 1e9 });
  runSync(
    function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1000));
        yield* waitAllTasksBlocked();
        yield* waitAllTasksBlocked(2);
        expect(currentTime()).toBe(0);
        nursery.cancelScope.cancel();
      });
    },
    { clock },
  );
});

test("a threshold that is lowered after the run was idle under the old one counts at once", () => {
  const clock = new MockClock({ autojumpThreshold: 1e9 });
  runSync(
    function* () {
      yield* waitAllTasksBlocked();
      clock.autojumpThreshold = 0;
      yield* sleep(1e8);
      expect(currentTime()).toBe(1e8);
    },
    { clock },
  );
});

test("a threshold that is raised again counts at once, too", () => {
  const clock = new MockClock({ autojumpThreshold: 0 });
  runSync(
    function* () {
      yield* sleep(5);
      clock.autojumpThreshold = Infinity;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(5));
        yield* waitAllTasksBlocked(3);
        expect(currentTime()).toBe(5);
        clock.jump(5);
      });
    },
    { clock },
  );
});

test("waitAllTasksBlocked comes before the jumps, and what it lets go on too", () => {
  const trail: string[] = [];
  runSync(
    function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(100);
          trail.push("slept 100");
        });
        nursery.startSoon(function* () {
          yield* waitAllTasksBlocked();
          trail.push("all blocked");
          yield* sleep(1000);
          trail.push("slept 1000");
        });
      });
    },
    { clock: new MockClock({ autojumpThreshold: 0 }) },
  );
  expect(trail).toEqual(["all blocked", "slept 100", "slept 1000"]);
});

test("another clock that is made, or changed, in a run does nothing to it", () => {
  runSync(
    function* () {
      const before = currentClock();
      const another = new MockClock({ autojumpThreshold: 0, rate: 3 });
      another.autojumpThreshold = 1;
      another.jump(1000);
      expect(currentClock()).toBe(before);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1e9));
        yield* waitAllTasksBlocked(4);
        expect(currentTime()).toBe(0);
        nursery.cancelScope.cancel();
      });
    },
    { clock: new MockClock() },
  );
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

test.each<[string, (clock: MockClock) => void]>([
  ["a jump", (clock) => clock.jump(1e6)],
  ["a rate", (clock) => (clock.rate = 1e9)],
  ["a threshold", (clock) => (clock.autojumpThreshold = 0)],
])("%s that comes from outside the run's tasks wakes it", async (_, change) => {
  const clock = new MockClock();
  await run(
    function* () {
      setImmediate(change, clock);
      yield* sleep(1e6);
      expect(currentTime()).toBeGreaterThanOrEqual(1e6);
    },
    { clock },
  );
});

test("a jump over several deadlines fires them in their order, equal ones in that in which they were set", () => {
  const clock = new MockClock();
  const fired: string[] = [];
  runSync(
    function* () {
      yield* openNursery(function* (nursery) {
        for (const [name, ms] of Object.entries({ c: 30, a: 10, d: 30, b: 20 })) {
          nursery.startSoon(function* () {
            yield* sleep(ms);
            fired.push(name);
          });
        }
        yield* waitAllTasksBlocked();
        clock.jump(1000);
      });
    },
    { clock },
  );
  expect(fired).toEqual(["a", "b", "c", "d"]);
});

describe("with a threshold above 0, what comes in sooner comes first", () => {
  const clock = (): MockClock => new MockClock({ autojumpThreshold: 1e6 });
  const soon = (): Promise<string> => new Promise((resolve) => setImmediate(resolve, "came"));

  test.each<[string, () => any]>([
    ["a promise", () => fromPromise(soon())],
    ["an abortable promise", () => abortable(() => soon())],
    [
      "a native await",
      async function* () {
        return await soon();
      },
    ],
    [
      "a descriptor",
      function* () {
        const [left, right] = socketpair();
        using _left = left;
        using _right = right;
        setImmediate(() => right.trySend(new Uint8Array(4)));
        return "came".slice((yield* left.recv(4)).length - 4);
      },
    ],
  ])("%s", async (_, comes) => {
    const value = await run(
      function* () {
        const value = yield* moveOnAfter(10, comes);
        expect(currentTime()).toBe(0);
        return value;
      },
      { clock: clock() },
    );
    expect(value).toBe("came");
  });
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
    clock.jump(Number.MAX_VALUE);
    expect(thrownBy(() => clock.jump(Number.MAX_VALUE))).toBeInstanceOf(RangeError);
    expect(clock.currentTime()).toBe(Number.MAX_VALUE);
  });
});
