/** What is `runSync`'s own: it owns the thread, and Bun's loop does not turn meanwhile. */
import { describe, expect, test } from "bun:test";
import {
  DeadlockError,
  UsageError,
  abortable,
  fromPromise,
  moveOnAfter,
  openNursery,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { ParkingLot, waitReadable, yieldBriefly } from "../../src/hazmat.ts";
import { Descriptors, drain, write } from "../io/descriptors.ts";
import { runProgram } from "./children.ts";
import { BACKENDS } from "../backends.ts";
import { whyNot } from "../platform.ts";

function thrownBy(fn: () => unknown): any {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("can be called", () => {
  const places: Record<string, (callback: () => void) => void> = {
    "an async function, after an await": (act) => void Bun.sleep(0).then(act),
    "a microtask": (act) => void Promise.resolve().then(act),
    queueMicrotask,
    nextTick: process.nextTick,
    "a timer": (callback) => void setTimeout(callback, 1),
    "an immediate": setImmediate,
  };
  async function* main(): AsyncGenerator<any, string[], any> {
    const trail: string[] = [];
    const lot = new ParkingLot();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(async function* () {
        await Promise.resolve();
        yield* lot.park();
        trail.push("async");
      });
      yield* sleep(1);
      lot.unpark();
    });
    trail.push(yield* fromPromise(Promise.resolve("promise")));
    return trail;
  }
  for (const [place, later] of Object.entries(places)) {
    test(`from ${place}, with plain and async tasks`, async () => {
      const { promise, resolve } = Promise.withResolvers<string[]>();
      later(() => resolve(Promise.try(() => runSync(main))));
      const trail = await promise;
      expect(trail).toEqual(["async", "promise"]);
    });
  }

  test("between a promise and what waits for it: neither is lost, or runs twice", async () => {
    const trail: string[] = [];
    const slow = Bun.sleep(2).then(() => trail.push("slow"));
    const fast = Promise.resolve().then(() => trail.push("fast"));
    runSync(() => sleep(10));
    trail.push("after the run");
    await Promise.all([slow, fast]);
    expect(trail).toEqual(["fast", "after the run", "slow"]);
  });
});

test("Bun's loop does not turn meanwhile, microtasks do", () => {
  const trail: string[] = [];
  setTimeout(() => trail.push("timer"), 0);
  setImmediate(() => trail.push("immediate"));
  queueMicrotask(() => trail.push("microtask"));
  runSync(() => sleep(5));
  expect(trail).toEqual(["microtask"]);
});

test("200 runs one after the other", () => {
  for (let round = 0; round < 200; round++) {
    const got = runSync(function* () {
      yield* sleep(0);
      return round;
    });
    expect(got).toBe(round);
  }
});

describe("a promise that needs Bun's loop", () => {
  const never = (): Promise<never> => new Promise(() => {});

  test("in fromPromise and abortable: a UsageError in the task that waits, which may catch it", () => {
    runSync(function* () {
      for (const operation of [
        () => fromPromise(never()),
        () => abortable(() => never()),
        () => fromPromise(Bun.sleep(1)),
      ]) {
        let thrown: unknown;
        try {
          yield* operation();
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(UsageError);
        expect((thrown as Error).message).toContain("use run()");
      }
      yield* sleep(1);
    });
  });

  test("in fromPromise of several tasks: in each of them", () => {
    const names: string[] = [];
    runSync(() =>
      openNursery(function* (nursery) {
        for (let i = 0; i < 5; i++) {
          nursery.startSoon(async function* () {
            try {
              yield* fromPromise(never());
            } catch (error) {
              names.push((error as Error).name);
            }
          });
        }
      }),
    );
    expect(names).toEqual(Array.from({ length: 5 }, () => "UsageError"));
  });

  test("in a native await: the error names the task, and the run is given up", () => {
    const trail: string[] = [];
    const error = thrownBy(() =>
      runSync(() =>
        openNursery(function* (nursery) {
          nursery.startSoon(async function* stuckInAnAwait() {
            await never();
            yield* sleep(0);
          });
          try {
            yield* sleepForever();
          } finally {
            trail.push("unwound");
          }
        }),
      ),
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("stuckInAnAwait");
    expect(error.message).toContain("use run()");
    expect(trail).toEqual(["unwound"]);
    expect(
      runSync(function* () {
        return "sound";
      }),
    ).toBe("sound");
  });

  test("is left alone while a deadline, or anything else, may end the wait", () => {
    runSync(function* () {
      expect(yield* moveOnAfter(5, () => fromPromise(never()))).toBeUndefined();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => fromPromise(never()));
        yield* sleep(5);
        nursery.cancelScope.cancel();
      });
    });
  });

  test("that settles by microtasks alone is waited for", () => {
    runSync(function* () {
      const deep = async (depth: number): Promise<number> => (depth === 0 ? 0 : 1 + (await deep(depth - 1)));
      expect(yield* fromPromise(deep(1000))).toBe(1000);
    });
    runSync(async function* () {
      expect(await Promise.resolve("awaited")).toBe("awaited");
      yield* yieldBriefly();
    });
  });
});

test("a deadlock ends it", () => {
  expect(thrownBy(() => runSync(sleepForever))).toBeInstanceOf(DeadlockError);
  expect(thrownBy(() => runSync(() => new ParkingLot().park()))).toBeInstanceOf(DeadlockError);
});

describe("in a process of its own", () => {
  test("a handle given out keeps it waiting: a Worker ends the wait", async () => {
    expect(await runProgram("waits-sync", ["worker"])).toEqual({
      said: ["waiting", "from the Worker", "ended"],
      end: 0,
    });
  });

  for (const io of BACKENDS) {
    const why = whyNot("signals");
    test.skipIf(why !== "")(
      `${io}: signals that interrupt the system's wait, in a storm, lose nothing${why}`,
      async () => {
        const signals = ["SIGWINCH", "SIGCHLD", "SIGUSR2"] as const;
        let storm: Timer | undefined;
        const { said, end } = await runProgram("waits-sync", ["storm", io], (line, child) => {
          if (line !== "ready") return;
          let sent = 0;
          storm = setInterval(() => child.kill(signals[sent++ % signals.length]!), 1);
        });
        clearInterval(storm);
        expect({ said, end }).toEqual({ said: ["ready", "20 deadlines, none early", "20 descriptors"], end: 0 });
      },
    );
  }

  test("what waits for descriptors and deadlines at once sleeps in one call", () => {
    using descriptors = new Descriptors();
    const [reading, writing] = descriptors.oneWay();
    let polls = 0;
    runSync(
      () =>
        openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* waitReadable(reading);
            drain(reading);
          });
          yield* sleep(20);
          write(writing);
        }),
      { instruments: [{ beforeIoWait: (ms) => void (polls += ms > 0 ? 1 : 0) }] },
    );
    expect(polls).toBeLessThan(10);
  });
});

test("time asleep is not taken off the time slice: what a wake-up sets off is done before I/O is looked at again", () => {
  let tooSoon = 0;
  let woke = 0;
  const WAKE_UPS = 20;
  runSync(
    function* () {
      for (let i = 0; i < WAKE_UPS; i++) {
        yield* sleep(1);
        woke = performance.now();
        for (let step = 0; step < 70; step++) yield* yieldBriefly(); // the clock is read once in 16
      }
    },
    // Where the machine is so slow that these steps take a slice, a look amid them is right.
    { instruments: [{ beforeIoWait: (ms) => void (tooSoon += ms === 0 && performance.now() - woke < 0.4 ? 1 : 0) }] },
  );
  expect(tooSoon).toBeLessThan(WAKE_UPS / 2); // one, at the most, where the thread is interrupted in the wrong moment
});
