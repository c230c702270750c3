/** A clock of the user's own that jumps by itself, written on the public names of "tribun" alone (#3296). */
import { describe, expect, test } from "bun:test";
import {
  DeadlockError,
  currentTime,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
  type Clock,
} from "../../src/index.ts";
import { currentClock } from "../../src/hazmat.ts";
import { inRun, waitAllTasksBlocked } from "../../src/testing.ts";
import { passes, thrownBy } from "../kernel/programs.ts";

/** Goes at `rate`, jumps when all is quiet for `autojumpThreshold` ms, and writes down where it went. */
class DiaryClock implements Clock {
  readonly diary: number[] = [];
  #base = 0;
  #realBase = performance.now();
  #rate: number;
  #threshold: number;
  #changed: () => void = () => {};

  constructor(rate: number, threshold: number) {
    this.#rate = rate;
    this.#threshold = threshold;
  }

  startClock(changed: () => void = () => {}): void {
    this.#changed = changed;
    this.#setTo(this.#base);
  }

  currentTime(): number {
    return this.#base + this.#rate * (performance.now() - this.#realBase);
  }

  deadlineToSleepTime(deadline: number): number {
    const left = deadline - this.currentTime();
    return left <= 0 ? 0 : left / this.#rate; // at a rate of 0 it never comes by itself: Infinity
  }

  get autojumpThreshold(): number {
    return this.#threshold;
  }

  set autojumpThreshold(ms: number) {
    this.#threshold = ms;
    this.#changed();
  }

  autojump(nextDeadline: number): void {
    this.diary.push(nextDeadline);
    this.#setTo(nextDeadline);
  }

  /** From outside: moves it, and tells the run. */
  moveTo(time: number): void {
    this.#setTo(time);
    this.#changed();
  }

  #setTo(time: number): void {
    this.#base = time;
    this.#realBase = performance.now();
  }
}

const hosts = [
  ["runSync", async (main: () => any, clock: Clock) => runSync(main, { clock })],
  ["run", async (main: () => any, clock: Clock) => run(main, { clock })],
] as const;

describe.each(hosts)("under %s", (_, runs) => {
  test("it jumps from deadline to deadline, exactly", async () => {
    const clock = new DiaryClock(0, 0);
    await runs(function* () {
      expect(currentClock()).toBe(clock);
      yield* sleep(0.1);
      yield* moveOnAfter(1e9, sleepForever);
      expect(currentTime()).toBe(1e9 + 0.1);
    }, clock);
    expect(clock.diary).toEqual([0.1, 1e9 + 0.1]);
  });

  test("waitAllTasksBlocked has precedence over its jumps", async () => {
    const clock = new DiaryClock(0, 0);
    await runs(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1000));
        yield* waitAllTasksBlocked(3);
        expect(clock.diary).toEqual([]);
      });
    }, clock);
    expect(clock.diary).toEqual([1000]);
  });

  test("while it goes at a rate it jumps only over what is farther off than its threshold", async () => {
    // 100 ms of it in 1 ms: what is 2000 ms off comes by itself, in 20; for 1e6 it jumps.
    const clock = new DiaryClock(100, 200);
    await runs(function* () {
      yield* sleep(2000);
      expect(clock.diary).toEqual([]);
      const from = currentTime();
      yield* sleep(1e6);
      expect(clock.diary).toHaveLength(1);
      expect(clock.diary[0]).toBeGreaterThanOrEqual(from + 1e6);
    }, clock);
  });

  test("with nothing to jump to it is left alone", async () => {
    const clock = new DiaryClock(0, 0);
    await runs(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(sleepForever);
        yield* passes(5);
        yield* waitAllTasksBlocked();
        nursery.cancelScope.cancel();
      });
    }, clock);
    expect(clock.diary).toEqual([]);
  });
});

test("with nothing to jump to, it counts as no way on: a deadlock is found", () => {
  expect(thrownBy(() => runSync(sleepForever, { clock: new DiaryClock(0, 0) }))).toBeInstanceOf(DeadlockError);
});

describe.each(hosts)("under %s is refused, naming what is wrong, one", (_, runs) => {
  test.each<[string, object, new () => Error, string]>([
    ["whose threshold is no number", { autojumpThreshold: "0" }, TypeError, "autojumpThreshold"],
    ["whose threshold is negative", { autojumpThreshold: -1 }, RangeError, "-1"],
    ["whose threshold is NaN", { autojumpThreshold: Number.NaN }, RangeError, "NaN"],
    [
      "with a threshold that cannot jump",
      { autojumpThreshold: 0, autojump: undefined },
      TypeError,
      "autojump(nextDeadline)",
    ],
  ])("%s", async (_, fault, kind, says) => {
    const sound = { startClock() {}, currentTime: () => 0, deadlineToSleepTime: () => 0, autojump() {} };
    let error: any;
    try {
      await runs(() => sleep(0), { ...sound, ...fault });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain("clock");
    expect(error.message).toContain(says);
  });
});

test("what it calls when it was moved, or its threshold set, from outside wakes a sleeping run", async () => {
  const clock = new DiaryClock(0, Infinity);
  const trail: string[] = [];
  await run(
    function* () {
      setImmediate(() => {
        trail.push("moved");
        clock.moveTo(1000);
      });
      yield* sleep(1000);
      trail.push(`woken at ${currentTime()}`);
      setImmediate(() => {
        trail.push("set");
        clock.autojumpThreshold = 0;
      });
      yield* sleep(1e6);
      trail.push(`woken at ${currentTime()}`);
    },
    { clock },
  );
  expect(trail).toEqual(["moved", "woken at 1000", "set", "woken at 1001000"]);
  expect(clock.diary).toEqual([1_001_000]);
});

test("what it calls between runs, or before one, does nothing", async () => {
  const clock = new DiaryClock(0, Infinity);
  clock.autojumpThreshold = 0;
  await run(() => sleep(5), { clock });
  clock.moveTo(100);
  await run(() => sleep(5), { clock });
  expect(clock.diary).toEqual([5, 105]);
});

test(
  "it serves inRun as any clock does",
  inRun(
    function* () {
      yield* sleep(1e6);
      expect(currentTime()).toBe(1e6);
    },
    { clock: () => new DiaryClock(0, 0) },
  ),
);
