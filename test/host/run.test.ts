/** What is `run`'s own: its promise, its order with the host's code, and one run after the other. */
import { describe, expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  DeadlockError,
  TrioInternalError,
  UsageError,
  fromPromise,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  currentCallSoonThreadAndSignalSafe,
  waitReadable,
  yieldBriefly,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import { MockClock, inRun } from "../../src/testing.ts";
import { Descriptors, signal } from "../io/descriptors.ts";

describe("the order of things", () => {
  test("main is called on the first pass, after run() has returned, and after microtasks", async () => {
    const trail: string[] = [];
    void Promise.resolve().then(() => trail.push("microtask"));
    const running = run(function* () {
      trail.push("main");
    });
    trail.push("returned");
    await Promise.resolve();
    await running;
    expect(trail).toEqual(["returned", "microtask", "main"]);
  });

  test("what an instrument's beforeRun does comes before run() returns", () => {
    const trail: string[] = [];
    const instruments = [
      { beforeRun: () => void trail.push("beforeRun"), afterRun: () => void trail.push("afterRun") },
    ];
    const running = run(
      function* () {
        trail.push("main");
      },
      { instruments },
    );
    trail.push("returned");
    return running.then(() => {
      expect(trail).toEqual(["beforeRun", "returned", "main", "afterRun"]);
    });
  });

  test("it gives what main returned, a promise included, as it is", async () => {
    const value = { any: "thing" };
    expect(
      await run(function* () {
        return value;
      }),
    ).toBe(value);
    // Promises resolve to what promises resolve to.
    expect(
      await run(function* () {
        return Promise.resolve(value);
      }),
    ).toBe(value);
  });

  test("it never throws: every error, of options too, is a rejection", async () => {
    const made = [
      run(5 as never),
      run(sleepForever, 5 as never),
      run(sleepForever, { io: "none" as never }),
      run(() => {
        throw new RangeError("mine");
      }),
    ];
    const names = (await Promise.allSettled(made)).map(
      (one) => one.status === "rejected" && (one.reason as Error).name,
    );
    expect(names.slice(0, 3).every((name) => name === "TypeError" || name === "RangeError")).toBe(true);
    expect(names[3]).toBe("RangeError");
  });

  test("the run is over when its promise settles: the next one may begin in its first callback", async () => {
    using descriptors = new Descriptors();
    const ready = descriptors.bell();
    signal(ready);
    const outcome = await run(function* () {
      yield* sleep(1);
      yield* waitReadable(ready);
      return "first";
    }).then((first) =>
      run(function* () {
        yield* sleep(1);
        return [first, "second"];
      }),
    );
    expect(outcome).toEqual(["first", "second"]);
  });

  test("AsyncLocalStorage: main has the values of run()'s caller", async () => {
    const storage = new AsyncLocalStorage<string>();
    const running = storage.run("the caller's", () =>
      run(function* () {
        yield* sleep(1);
        return storage.getStore();
      }),
    );
    expect(await storage.run("another's", () => running)).toBe("the caller's");
    expect(storage.getStore()).toBeUndefined();
  });
});

describe("one after the other", () => {
  test("200 runs, every other one with a descriptor wait", async () => {
    using descriptors = new Descriptors();
    for (let round = 0; round < 200; round++) {
      const fd = descriptors.bell();
      if (round % 10 === 0) setImmediate(signal, fd);
      else signal(fd);
      const got = await run(async function* () {
        if (round % 2 === 0) yield* waitReadable(fd);
        yield* sleep(0);
        return round;
      });
      expect(got).toBe(round);
      descriptors.close(fd);
    }
  });

  test("200 that fail in turn with what main throws, an abort and a crash, and each leaves the thread free", async () => {
    for (let round = 0; round < 200; round++) {
      const error = new Error(`${round}`);
      const controller = new AbortController();
      const got = await run(
        function* () {
          if (round % 3 === 0) throw error;
          if (round % 3 === 1) controller.abort(error);
          else
            currentCallSoonThreadAndSignalSafe()(() => {
              throw error;
            });
          yield* sleepForever();
        },
        { signal: controller.signal },
      ).catch((thrown: unknown) => thrown);
      if (round % 3 === 2) expect(got).toBeInstanceOf(TrioInternalError);
      else expect(got).toBe(error);
    }
  });

  test("run and runSync in turn", async () => {
    for (let round = 0; round < 50; round++) {
      expect(
        runSync(() =>
          openNursery(function* () {
            yield* sleep(0);
            return round;
          }),
        ),
      ).toBe(round);
      expect(
        await run(() =>
          openNursery(async function* () {
            yield* sleep(0);
            return round;
          }),
        ),
      ).toBe(round);
    }
  });
});

describe("a run in a run", () => {
  test("is refused in a task and in a timer's callback, and the outer one goes on", async () => {
    await run(function* () {
      expect(() => runSync(sleepForever)).toThrow(UsageError);
      const refused = yield* fromPromise(run(sleepForever).catch((error: unknown) => error));
      expect(refused).toBeInstanceOf(UsageError);
      expect((refused as Error).message).toContain("a thread has one at a time");
      const later = new Promise((resolve) => setTimeout(() => resolve(run(sleepForever).catch((error) => error)), 1));
      expect(yield* fromPromise(later)).toBeInstanceOf(UsageError);
      yield* sleep(1);
    });
  });

  test("is refused until the outer one's promise has settled, and then no longer", async () => {
    using descriptors = new Descriptors();
    const never = descriptors.bell();
    let settled = false;
    // It ends with a helper thread at work, which takes a while to end.
    const outer = run(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(() => waitReadable(never));
        yield* sleep(20);
        nursery.cancelScope.cancel();
      }),
    ).finally(() => (settled = true));
    let refused = 0;
    while (!settled) {
      const error = await run(function* () {}).catch((thrown: unknown) => thrown);
      if (error !== undefined) {
        expect(error).toBeInstanceOf(UsageError);
        refused++;
      }
      await new Promise(setImmediate);
    }
    expect(refused).toBeGreaterThan(0);
    await outer;
    expect(
      await run(function* () {
        return "free";
      }),
    ).toBe("free");
  });
});

describe("deadlockDetection", () => {
  const detect = { deadlockDetection: true };
  const never = (): Promise<unknown> => new Promise(() => {});
  const failure = (promise: Promise<unknown>): Promise<any> =>
    promise.then(
      () => null,
      (error: unknown) => error,
    );

  test("true: a run that nothing can wake ends with DeadlockError, after main's clean-up", async () => {
    const trail: string[] = [];
    const error = await failure(
      run(function* () {
        yield* sleep(1);
        try {
          yield* sleepForever();
        } finally {
          trail.push("cleaned up");
        }
      }, detect),
    );
    expect(error).toBeInstanceOf(DeadlockError);
    expect(trail).toEqual(["cleaned up"]);
  });

  test("true: tasks that cannot be cancelled end the run too", async () => {
    const error = await failure(run(() => yieldIndefinitely(() => Abort.FAILED), detect));
    expect(error).toBeInstanceOf(DeadlockError);
    expect(error.message).toContain("cannot be cancelled");
    expect(
      await run(function* () {
        return "sound";
      }),
    ).toBe("sound");
  });

  test("true: a promise, a descriptor, a deadline, a handle given out may all wake it", async () => {
    using descriptors = new Descriptors();
    const fd = descriptors.bell();
    setTimeout(signal, 20, fd);
    await run(() => waitReadable(fd), detect);
    await run(() => fromPromise(Bun.sleep(20)), detect);
    await run(async function* () {
      await Bun.sleep(20);
    }, detect);
    await run(() => sleep(20), detect);
    await run(function* () {
      const lot = new ParkingLot();
      currentCallSoonThreadAndSignalSafe().forThread(() => {});
      setTimeout(() => lot.unpark(), 20);
      yield* lot.park();
    }, detect);
  });

  test("false, the default: nothing is taken for a deadlock", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort("at last"), 20);
    expect(await failure(run(sleepForever, { signal: controller.signal }))).toBe("at last");
    const other = AbortSignal.timeout(20);
    expect(await failure(run(() => fromPromise(never()), { signal: other }))).toBe(other.reason);
  });
});

test("inside a bun:test test, run() is awaited like anything else", async () => {
  const trail = await run(
    async function* () {
      const trail: number[] = [];
      yield* openNursery(async function* (nursery) {
        for (const ms of [3, 1, 2]) {
          nursery.startSoon(async function* () {
            yield* sleep(ms * 1000);
            trail.push(ms);
          });
        }
      });
      return trail;
    },
    { clock: new MockClock({ autojumpThreshold: 0 }) },
  );
  expect(trail).toEqual([1, 2, 3]);
});

test(
  "inside a bun:test test made by inRun(), everything of the loop is there",
  inRun(async function* () {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    expect(yield* fromPromise(fetch(server.url).then((response) => response.text()))).toBe("hello");
    await server.stop(true);
    yield* yieldBriefly();
  }),
);
