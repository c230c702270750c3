/** Mistakes that only an async function* can make. */
import { describe, expect, test } from "bun:test";
import { ParkingLot, currentTask, yieldBriefly } from "../../src/hazmat.ts";
import {
  TrioInternalError,
  UsageError,
  currentTime,
  fromPromise,
  named,
  openNursery,
  run,
  runSync,
  sleep,
  type Coroutine,
} from "../../src/index.ts";
import { errorOf, expectError, stillSound, thrownBy, wrong } from "./soundness.ts";

test("a promise that is yielded is awaited by the language; what is refused is its value", async () => {
  await run(async function* () {
    let error: unknown;
    try {
      yield wrong(Promise.resolve(5));
    } catch (thrown) {
      error = thrown;
    }
    expectError(error, TypeError, "yielded 5");
    yield* stillSound();
  });
});

test("a promise that is yielded and rejects throws its reason at the yield", async () => {
  const boom = new Error("boom");
  await run(async function* () {
    let error: unknown;
    try {
      yield wrong(Promise.reject(boom));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBe(boom);
    yield* stillSound();
  });
});

test("junk yielded after a native await is refused there, and the task goes on", async () => {
  await run(async function* () {
    for (let i = 0; i < 3; i++) {
      let error: unknown;
      try {
        await Bun.sleep(1);
        yield wrong(i);
      } catch (thrown) {
        error = thrown;
      }
      expectError(error, TypeError, `yielded ${i}`);
      yield* sleep(1);
    }
    yield* stillSound();
  });
});

test("for await over an operation waits for it, and its body never runs", async () => {
  await run(async function* () {
    const began = currentTime();
    for await (const _ of wrong(sleep(1))) throw new Error("ran");
    expect(currentTime()).toBeGreaterThanOrEqual(began + 1);
    yield* stillSound();
  });
});

test("an operation driven twice, the second time after a native await", async () => {
  await run(async function* () {
    const operation = sleep(1);
    yield* operation;
    await Bun.sleep(1);
    expectError(yield* errorOf(operation), UsageError, "sleep()", "has been driven already");
    yield* stillSound();
  });
});

test("an async generator given to two tasks: the second is refused, and the run goes on", async () => {
  await run(async function* () {
    async function* shared(): AsyncGenerator<any, void> {
      yield* sleep(5);
    }
    const coroutine = shared();
    let group: any;
    try {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(named("first", () => coroutine));
        nursery.startSoon(named("second", () => coroutine));
      });
    } catch (thrown) {
      group = thrown;
    }
    expectError(group.errors[0], UsageError, "task second went on with a coroutine of task first");
    yield* stillSound();
  });
});

test("in a host callback that a blocked task left behind an operation is refused, and the task goes on", async () => {
  await run(async function* () {
    const errors: unknown[] = [];
    setTimeout(() => errors.push(thrownBy(() => [...wrong(sleep(1))])), 1);
    yield* sleep(10);
    expectError(errors[0], UsageError, "sleep() was driven in task", "is waiting in sleep() already");
    yield* stillSound();
  });
});

test("in a host callback of a task that has ended", async () => {
  const errors: unknown[] = [];
  await run(async function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(
        named("short", async function* () {
          setTimeout(() => errors.push(thrownBy(() => [...wrong(sleep(1))])), 5);
        }),
      );
    });
    yield* sleep(20);
    yield* stillSound();
  });
  expectError(errors[0], UsageError, "sleep() was driven in the context of task short, which has ended");
});

test("a host callback that a plain task left behind is not taken for its parent's code", async () => {
  const seen: unknown[] = [];
  await run(async function* parent() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(function* child() {
        setTimeout(() => seen.push(thrownBy(currentTask)), 1);
        yield* sleep(10);
      });
    });
  });
  expectError(seen[0], UsageError, "currentTask() was called outside a task");
});

describe.each([
  ["the task's first", function* () {}],
  [
    "an operation",
    async function* () {
      yield* sleep(1);
    },
  ],
  [
    "a native await",
    async function* () {
      await Bun.sleep(1);
    },
  ],
] as [string, () => Coroutine<void>][])("an operation driven by hand and not waited for, after %s", (_, before) => {
  const drive = (operation: unknown): void => {
    wrong(operation)[Symbol.asyncIterator]().next();
  };

  test.each(["returns", "throws"])("is taken back where the task %s", async (how) => {
    await run(async function* () {
      const lot = new ParkingLot();
      const mine = new Error("mine");
      let error: any;
      try {
        yield* openNursery(async function* (nursery) {
          nursery.startSoon(async function* () {
            yield* wrong(before());
            drive(lot.park());
            if (how === "throws") throw mine;
          });
        });
      } catch (thrown) {
        error = thrown;
      }
      expect(error?.errors).toEqual(how === "throws" ? [mine] : undefined);
      expect(lot.size).toBe(0);
      yield* stillSound();
    });
  });

  test.each(["park()", "yieldBriefly()"])("%s, is taken back where junk is yielded", async (what) => {
    await run(async function* () {
      const lot = new ParkingLot();
      yield* openNursery(async function* (nursery) {
        nursery.startSoon(async function* () {
          yield* wrong(before());
          drive(what === "park()" ? lot.park() : yieldBriefly());
          let error: unknown;
          try {
            yield wrong(5);
          } catch (thrown) {
            error = thrown;
          }
          expectError(error, TypeError, "yielded 5");
          expect(lot.size).toBe(0);
          yield* sleep(1);
        });
      });
      yield* stillSound();
    });
  });
});

test.each(["before", "after"])(
  "a nursery opened by hand ends the run, where the task ends %s an await",
  async (when) => {
    const error = await run(async function* () {
      yield* openNursery(async function* (nursery) {
        nursery.startSoon(async function* () {
          wrong(openNursery(stillSound))[Symbol.asyncIterator]().next();
          if (when === "after") await Bun.sleep(1);
        });
      });
    }).catch((thrown: unknown) => thrown);
    expectError(error, TrioInternalError, "went on out of a scope, a nursery or a call() whose body had not ended");
  },
);

test("an operation raced by hand is not charged to the task in whose step the race is decided", async () => {
  await run(async function* () {
    const { promise, resolve } = Promise.withResolvers<void>();
    let error: unknown;
    await Promise.resolve();
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(
        named("racer", async function* () {
          await Promise.race([wrong(sleep(50))[Symbol.asyncIterator]().next(), promise]);
          error = yield* errorOf(sleep(1));
        }),
      );
      nursery.startSoon(async function* () {
        yield* sleep(1);
        resolve();
        for (let i = 0; i < 10; i++) await Promise.resolve();
        yield* sleep(1);
      });
    });
    expectError(error, UsageError, "was driven in task racer, which is waiting in sleep() already");
    yield* stillSound();
  });
});

test("runSync: a promise that needs Bun's loop is an error that says so, in the task that waits for it", () => {
  runSync(function* () {
    const error = yield* errorOf(fromPromise(Bun.sleep(1)));
    expectError(error, UsageError, "can never settle", "use run()");
    yield* stillSound();
  });
});

test("runSync: a native await of such a promise names the task", () => {
  const error = thrownBy(() =>
    runSync(async function* main() {
      await Bun.sleep(1);
    }),
  );
  expectError(error, UsageError, "native await that can never end", "task main", "use run()");
  runSync(stillSound);
});
