/** What an `async function*` may do besides driving operations: await. And what it finds afterwards. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  UsageError,
  call,
  currentEffectiveDeadline,
  currentTime,
  fromPromise,
  moveOnAfter,
  named,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  Result,
  currentStatistics,
  currentTask,
  reschedule,
  yieldBriefly,
  yieldIndefinitely,
  type Task,
} from "../../src/hazmat.ts";
import { errorOf, passes, thrownBy } from "./programs.ts";

const soon = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("other tasks run while a promise is pending", async () => {
  const trail: string[] = [];
  await run(async function* () {
    yield* openNursery(async function* (nursery) {
      const { promise, resolve } = Promise.withResolvers<void>();
      nursery.startSoon(async function* () {
        await promise;
        trail.push("after the await");
      });
      nursery.startSoon(function* () {
        yield* passes(5);
        trail.push("others ran");
        resolve();
      });
    });
  });
  expect(trail).toEqual(["others ran", "after the await"]);
});

test("a native await is no cancel point: cancellation arrives at the next operation", async () => {
  await run(async function* () {
    const trail: string[] = [];
    const scope = new CancelScope({ timeout: 1 });
    yield* scope.run(async function* () {
      await soon(10);
      trail.push("after the await");
      yield* yieldBriefly();
      trail.push("not reached");
    });
    expect(trail).toEqual(["after the await"]);
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("awaits that settle at once end within the step, in runSync too", () => {
  runSync(async function* () {
    for (let i = 0; i < 100; i++) await Promise.resolve();
    await Promise.all([Promise.resolve(1), (async () => 2)()]);
    yield* yieldBriefly();
    await Promise.resolve();
    return yield* sleep(0);
  });
});

test("a rejected await throws in place, and what is not caught ends the task", async () => {
  const error = new Error("mine");
  await run(async function* () {
    let caught: unknown;
    try {
      await Promise.reject(error);
    } catch (thrown) {
      caught = thrown;
    }
    expect(caught).toBe(error);
    const got = yield* errorOf(
      openNursery(function* (nursery) {
        nursery.startSoon(async function* () {
          await soon();
          throw error;
        });
        yield* sleepForever();
      }),
    );
    expect(got.errors).toEqual([error]);
  });
});

describe("after a native await", () => {
  test("currentTask() and what needs the run still work, also in functions it calls", async () => {
    await run(async function* () {
      yield* openNursery(function* (nursery) {
        for (const name of ["a", "b", "c"]) {
          nursery.startSoon(
            named(name, async function* () {
              const task = currentTask();
              await soon(Math.random() * 3);
              const helper = async (): Promise<Task> => {
                await Promise.resolve();
                return currentTask();
              };
              expect(currentTask()).toBe(task);
              expect(await helper()).toBe(task);
              expect(currentTime()).toBeGreaterThan(0);
              expect(currentEffectiveDeadline()).toBe(Infinity);
              expect(currentStatistics().tasksLiving).toBeGreaterThan(3);
              yield* sleep(1);
              expect(currentTask()).toBe(task);
              await soon();
              expect(currentTask().name).toBe(name);
            }),
          );
        }
        yield* sleep(1);
      });
    });
  });

  test("a nursery can be used: startSoon, cancel", async () => {
    const trail: string[] = [];
    await run(async function* () {
      yield* openNursery(async function* (nursery) {
        await soon();
        nursery.startSoon(function* () {
          trail.push("child");
          yield* sleepForever();
        });
        await soon(5);
        nursery.cancelScope.cancel();
      });
    });
    expect(trail).toEqual(["child"]);
  });

  test("operations can be driven that finish, block and throw", async () => {
    await run(async function* () {
      const lot = new ParkingLot();
      yield* openNursery(async function* (nursery) {
        nursery.startSoon(async function* () {
          await soon();
          yield* lot.park();
          await soon();
          expect(
            yield* call(async function* () {
              await soon();
              return 5;
            }),
          ).toBe(5);
        });
        while (lot.size === 0) yield* sleep(1);
        lot.unpark();
        await soon();
        expect(yield* errorOf(call((() => 5) as never))).toBeInstanceOf(TypeError);
      });
    });
  });
});

describe("a task counts as blocked from the moment its operation is driven", () => {
  /** Runs `act` in a microtask after the operation was driven, before the scheduler can have seen the trap. */
  async function* driveAndAct(
    drive: (act: () => void) => AsyncGenerator<any, unknown, any>,
    act: () => void,
  ): AsyncGenerator<any, unknown, any> {
    await soon();
    return yield* drive(() => queueMicrotask(act));
  }

  test("a task unparked by a promise callback before its trap arrived loses no wake-up", async () => {
    for (const depth of [0, 1, 5]) {
      const lot = new ParkingLot();
      let woken = 0;
      await run(async function* () {
        async function* park(levels: number, act: () => void): AsyncGenerator<any, void, any> {
          if (levels > 0) return yield* park(levels - 1, act);
          act();
          yield* lot.park();
        }
        yield* driveAndAct(
          (act) => park(depth, act),
          () => (woken = lot.unpark().length),
        );
      });
      expect(woken).toBe(1);
      expect(lot.size).toBe(0);
    }
  });

  test("unparked in the very microtask in which it parked", async () => {
    const lot = new ParkingLot();
    await run(async function* () {
      await soon();
      const parking = lot.park();
      const iterator = (parking as any)[Symbol.asyncIterator]();
      const parked = iterator.next();
      expect(lot.unpark()).toEqual([currentTask()]);
      expect((await parked).done).toBe(true);
    });
  });

  test("rescheduled with a value, or an error, before its trap arrived", async () => {
    await run(async function* () {
      const task = currentTask();
      const value = yield* driveAndAct(
        async function* (act) {
          act();
          return yield* yieldIndefinitely(() => Abort.FAILED);
        },
        () => reschedule(task, Result.value("early")),
      );
      expect(value).toBe("early");
      const error = new Error("early");
      const got: unknown[] = [];
      try {
        yield* driveAndAct(
          async function* (act) {
            act();
            return yield* yieldIndefinitely(() => Abort.FAILED);
          },
          () => reschedule(task, Result.error(error)),
        );
      } catch (thrown) {
        got.push(thrown);
      }
      expect(got).toEqual([error]);
    });
  });

  test("cancelled before its trap arrived", async () => {
    const scope = new CancelScope();
    await run(async function* () {
      yield* scope.run(() =>
        driveAndAct(
          async function* (act) {
            act();
            yield* sleepForever();
          },
          () => scope.cancel(),
        ),
      );
    });
    expect(scope.cancelledCaught).toBe(true);
  });

  test("woken by a promise callback while other tasks keep the run busy", async () => {
    const lot = new ParkingLot();
    let rounds = 0;
    await run(async function* () {
      yield* openNursery(async function* (nursery) {
        nursery.startSoon(function* () {
          for (;;) yield* yieldBriefly();
        });
        for (; rounds < 50; rounds++) {
          await Promise.resolve();
          if (rounds % 5 === 0) await soon(0);
          Promise.resolve()
            .then(() => {})
            .then(() => lot.unpark());
          yield* lot.park();
        }
        nursery.cancelScope.cancel();
      });
    });
    expect(rounds).toBe(50);
  });
});

test("a task in a native await can be cancelled around, and the nursery waits for it", async () => {
  const trail: string[] = [];
  await run(async function* () {
    yield* moveOnAfter(1, () =>
      openNursery(function* (nursery) {
        nursery.startSoon(async function* () {
          await soon(10);
          trail.push("awaited");
          expect(yield* errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
        });
        yield* sleepForever();
      }),
    );
    trail.push("left");
  });
  expect(trail).toEqual(["awaited", "left"]);
});

test("a task function that ends in a native await ends its task then", async () => {
  const trail: string[] = [];
  await run(async function* () {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* () {
        await soon(2);
        trail.push("child");
      });
      nursery.startSoon(async function* () {
        await Promise.resolve();
        trail.push("microtask");
      });
    });
    trail.push("joined");
    await soon(1);
  });
  expect(trail).toEqual(["microtask", "child", "joined"]);
});

test("an async generator that yields a value by hand after an await gets a TypeError there", async () => {
  await run(async function* () {
    await soon();
    let error: unknown;
    try {
      yield 5 as never;
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TypeError);
    yield* sleep(0);
  });
});

describe("in runSync, where Bun's loop does not turn", () => {
  test("a native await that can never end names its tasks, and the others unwind", () => {
    const trail: string[] = [];
    const error = thrownBy(() =>
      runSync(async function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(
            named("hung", async function* () {
              await new Promise(() => {});
            }),
          );
          nursery.startSoon(function* () {
            try {
              yield* sleepForever();
            } finally {
              trail.push("unwound");
            }
          });
          yield* sleepForever();
        });
      }),
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("hung");
    expect(error.message).toContain("run()");
    expect(trail).toEqual(["unwound"]);
    expect(
      runSync(function* () {
        return "the next run";
      }),
    ).toBe("the next run");
  });

  test("fromPromise of a promise that can never settle throws in its task", () => {
    runSync(function* () {
      const error = yield* errorOf(fromPromise(soon()));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("run()");
      yield* sleep(1);
    });
  });

  test("a sleeper that resolves the promise is waited for", () => {
    const trail: string[] = [];
    runSync(function* () {
      const { promise, resolve } = Promise.withResolvers<string>();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(async function* () {
          trail.push(await promise);
        });
        nursery.startSoon(function* () {
          yield* sleep(2);
          resolve("resolved");
        });
      });
    });
    expect(trail).toEqual(["resolved"]);
  });
});
