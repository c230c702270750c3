/** waitAllTasksBlocked, and a clock's autojump. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  currentTime,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
  type Clock,
} from "../../src/index.ts";
import { currentCallSoonThreadAndSignalSafe, yieldBriefly } from "../../src/hazmat.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { passes, thrownBy, virtual } from "./programs.ts";
import { SimulatedIo, simulate } from "./simulated.ts";

describe("waitAllTasksBlocked", () => {
  test("returns when every other task is blocked", () => {
    virtual(function* () {
      let steps = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          for (; steps < 20; steps++) yield* yieldBriefly();
          yield* sleepForever();
        });
        yield* waitAllTasksBlocked();
        expect(steps).toBe(20);
        nursery.cancelScope.cancel();
      });
    });
  });

  test("a sleeping task counts as blocked, and the clock does not jump meanwhile", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1000));
        yield* waitAllTasksBlocked();
        expect(currentTime()).toBe(0);
        nursery.cancelScope.cancel();
      });
    });
  });

  test("waits for what a jump by hand has woken", () => {
    const clock = new MockClock();
    const trail: string[] = [];
    runSync(
      function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            trail.push("began");
            yield* sleep(5);
            trail.push("woken");
          });
          yield* waitAllTasksBlocked();
          expect(trail).toEqual(["began"]);
          clock.jump(10);
          yield* waitAllTasksBlocked();
          expect(trail).toEqual(["began", "woken"]);
        });
      },
      { clock },
    );
  });

  test("in a cancelled scope it throws Cancelled", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(() => waitAllTasksBlocked());
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("has precedence over a jump, though its cushion is longer than the threshold", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1000));
        const before = performance.now();
        yield* waitAllTasksBlocked(5);
        expect(performance.now() - before).toBeGreaterThanOrEqual(5);
        expect(currentTime()).toBe(0);
      });
      expect(currentTime()).toBe(1000);
    });
  });

  test("those with the shortest cushion go first, equal ones together, in order of arrival", () => {
    virtual(function* () {
      const order: string[] = [];
      yield* openNursery(function* (nursery) {
        for (const [name, cushion] of [
          ["long", 6],
          ["short", 2],
          ["none", 0],
          ["short too", 2],
          ["none either", 0],
        ] as const) {
          nursery.startSoon(function* () {
            yield* waitAllTasksBlocked(cushion);
            order.push(name);
          });
        }
      });
      expect(order).toEqual(["none", "none either", "short", "short too", "long"]);
    });
  });

  test("a wake-up of one begins the others' cushions anew", () => {
    virtual(function* () {
      let woken = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitAllTasksBlocked(4);
          woken = performance.now();
        });
        yield* waitAllTasksBlocked(8);
        expect(performance.now() - woken).toBeGreaterThanOrEqual(8);
      });
    });
  });

  test("a deadline that fires begins the cushion anew", () => {
    runSync(function* () {
      let lastWoken = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          for (let i = 0; i < 4; i++) {
            yield* sleep(8);
            lastWoken = performance.now();
          }
          yield* sleepForever();
        });
        yield* waitAllTasksBlocked(20);
        expect(performance.now() - lastWoken).toBeGreaterThanOrEqual(19.9);
        nursery.cancelScope.cancel();
      });
    });
  });

  test("a wait that ended early and for nothing is no idleness", () => {
    const io = new SimulatedIo(); // whose polls end at once, in real time
    const before = performance.now();
    simulate(() => waitAllTasksBlocked(5), { io });
    expect(performance.now() - before).toBeGreaterThanOrEqual(5);
    expect(io.polls.length).toBeGreaterThan(1);
  });

  test("can be cancelled, and then wakes nobody else", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        const scope = new CancelScope();
        nursery.startSoon(function* () {
          yield* scope.run(() => waitAllTasksBlocked());
          trail.push("cancelled");
        });
        nursery.startSoon(function* () {
          yield* waitAllTasksBlocked();
          trail.push("idle");
        });
        yield* passes(2);
        scope.cancel();
      });
      expect(trail).toEqual(["cancelled", "idle"]);
    });
  });

  test("a task in a native await counts as blocked", async () => {
    await run(function* () {
      const { promise, resolve } = Promise.withResolvers<void>();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(async function* () {
          await promise;
        });
        yield* waitAllTasksBlocked();
        resolve();
      });
    });
  });

  test("something that comes in from outside begins the cushion anew", async () => {
    await run(function* () {
      const callSoon = currentCallSoonThreadAndSignalSafe();
      let calls = 0;
      const timer = setInterval(() => {
        callSoon(() => {
          if (++calls === 5) clearInterval(timer);
        });
      }, 5);
      yield* waitAllTasksBlocked(250);
      expect(calls).toBe(5);
    });
  });

  test("judges its cushion at once", () => {
    expect(thrownBy(() => waitAllTasksBlocked(-1))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => waitAllTasksBlocked(Number.NaN))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => waitAllTasksBlocked("1" as never))).toBeInstanceOf(TypeError);
  });

  test("works in both hosts on real time", async () => {
    function* main(): Generator<any, number, any> {
      let late = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(1);
          late = 1;
          yield* sleepForever();
        });
        yield* waitAllTasksBlocked(20);
        nursery.cancelScope.cancel();
      });
      return late;
    }
    expect(runSync(main)).toBe(1);
    expect(await run(main)).toBe(1);
  });
});

describe("the autojump", () => {
  test("goes exactly to the next deadline, one after the other", () => {
    virtual(function* () {
      const times: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const ms of [0.1, 0.2, 0.1 + 0.2, 1e9, 1e9 + 0.1]) {
          nursery.startSoon(function* () {
            yield* sleep(ms);
            times.push(currentTime());
          });
        }
      });
      expect(times).toEqual([0.1, 0.2, 0.1 + 0.2, 1e9, 1e9 + 0.1]);
    });
  });

  test("does not happen while a task is runnable", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(10));
        yield* passes(50);
        expect(currentTime()).toBe(0);
      });
    });
  });

  test("waits for its threshold of real time", () => {
    const before = performance.now();
    runSync(() => sleep(1000), { clock: new MockClock({ autojumpThreshold: 10 }) });
    expect(performance.now() - before).toBeGreaterThanOrEqual(10);
    expect(performance.now() - before).toBeLessThan(900);
  });

  test("a threshold that is set in the run counts at once", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        clock.autojumpThreshold = 0;
        yield* sleep(1e6);
        expect(currentTime()).toBe(1e6);
      },
      { clock },
    );
  });

  test("a threshold set, and a jump made, by the host's code reach a sleeping run", async () => {
    const clock = new MockClock();
    setTimeout(() => clock.jump(1000), 2);
    setTimeout(() => (clock.autojumpThreshold = 0), 4);
    await run(
      function* () {
        yield* sleep(1000);
        expect(currentTime()).toBe(1000);
        yield* sleep(1e6);
        expect(currentTime()).toBe(1_001_000);
      },
      { clock },
    );
  });

  test("a clock of anybody's own making can have it", () => {
    const jumps: number[] = [];
    let now = 7;
    const clock: Clock = {
      startClock() {},
      currentTime: () => now,
      deadlineToSleepTime: () => Infinity,
      autojumpThreshold: 0,
      autojump(next) {
        jumps.push(next);
        now = next;
      },
    };
    runSync(
      function* () {
        yield* sleep(3);
        yield* moveOnAfter(5, sleepForever);
      },
      { clock },
    );
    expect(jumps).toEqual([10, 15]);
  });

  test("works on Bun's loop, whose own events come first", async () => {
    const trail: string[] = [];
    await run(
      function* () {
        setImmediate(() => trail.push("an immediate of Bun's"));
        yield* sleep(1000);
        trail.push("slept");
      },
      { clock: new MockClock({ autojumpThreshold: 0 }) },
    );
    expect(trail).toEqual(["an immediate of Bun's", "slept"]);
  });
});
