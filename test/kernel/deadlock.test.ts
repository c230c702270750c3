import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  DeadlockError,
  Event,
  Lock,
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
  currentCallSoonThreadAndSignalSafe,
  spawnSystemTask,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { errorOf, passes, thrownBy } from "./programs.ts";
import { SimulatedIo, simulate } from "./simulated.ts";

test("a run in which nothing can wake anything ends with the tree of tasks, and clean-up has run", () => {
  const trail: unknown[] = [];
  const error = thrownBy(() =>
    runSync(
      named("main", function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(
            named("waiter", function* () {
              try {
                yield* new ParkingLot().park();
              } catch (error) {
                trail.push(error);
                throw error;
              } finally {
                yield* new CancelScope({ shield: true }).run(() => sleep(1));
                trail.push("cleaned up");
              }
            }),
          );
          yield* sleepForever();
        });
      }),
    ),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(error.message).toContain("main");
  expect(error.message).toContain("waiter: ParkingLot.park()");
  expect(trail).toEqual([expect.any(Cancelled), "cleaned up"]);
});

test("the error says in whose place each task waits, at which line, and in which scopes", () => {
  const lock = new Lock();
  const error = thrownBy(() =>
    runSync(
      named("main", () =>
        openNursery(function* (nursery) {
          yield* lock.acquire();
          nursery.startSoon(
            named("waiter", function* () {
              yield* new CancelScope().run(() => lock.acquire());
            }),
          );
          yield* new Event().wait();
        }),
      ),
    ),
  );
  expect(error.message).toStartWith(
    "every task is blocked, no deadline is set, and nothing outside could wake one:\nmain: Event.wait()\n",
  );
  expect(error.message).toMatch(
    /\n {4}waiter: Lock\.acquire\(\), in ParkingLot\.park\(\), held by task main\n {6}at .*deadlock\.test\.ts/,
  );
  expect(error.message).toMatch(/\n {6}scope\.run\(\), at .*deadlock\.test\.ts/);
});

test("of thousands of tasks the error shows as many as can be read", () => {
  const error = thrownBy(() =>
    runSync(() =>
      openNursery(function* (nursery) {
        for (let i = 0; i < 5_000; i++) nursery.startSoon(sleepForever);
      }),
    ),
  );
  expect(error.message.split("\n").length).toBeLessThan(210);
  expect(error.message).toMatch(/\n… and \d{4} more tasks$/);
});

test("a clock that stands still before a deadline is said to", () => {
  const error = thrownBy(() => runSync(() => sleep(5), { clock: new MockClock() }));
  expect(error.message).toStartWith("every task is blocked, the clock stands still before the next deadline, ");
  expect(error.message).toContain("sleep(), 5 ms left");
});

test("what main throws in its clean-up is the error's cause", () => {
  const mine = new Error("mine");
  const error = thrownBy(() =>
    runSync(function* () {
      try {
        yield* sleepForever();
      } finally {
        throw mine;
      }
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(error.cause).toBe(mine);
});

test("twice: shielded clean-up that waits for ever ends the run all the same, and leaves it sound", () => {
  const error = thrownBy(() =>
    runSync(function* () {
      try {
        yield* sleepForever();
      } finally {
        yield* new CancelScope({ shield: true }).run(
          named("stubborn clean-up", function* () {
            yield* new ParkingLot().park();
          }),
        );
      }
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(error.message).toStartWith("after main was cancelled for a deadlock, ");
  expect(error.message).toContain("ParkingLot.park()");
  expect(error.cause).toBeInstanceOf(DeadlockError); // with the tree as it was at first
  // A reason takes one line of the tree, whatever it says.
  for (const line of error.message.split("\n")) expect(line.length).toBeLessThan(300);
  expect(runSync(() => sleep(1))).toBeUndefined();
});

test("a task that refuses to be cancelled ends the run too", () => {
  const error = thrownBy(() => runSync(() => yieldIndefinitely(() => Abort.FAILED)));
  expect(error).toBeInstanceOf(DeadlockError);
});

test("a main that catches its Cancelled and returns does not hide the deadlock", () => {
  expect(thrownBy(() => runSync(() => errorOf(sleepForever())))).toBeInstanceOf(DeadlockError);
});

test("system tasks that wait are no way on", () => {
  const error = thrownBy(() =>
    runSync(function* () {
      spawnSystemTask(sleepForever);
      yield* sleepForever();
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
});

test("a MockClock with nothing to jump to, or that nothing moves, counts as no deadline", () => {
  expect(thrownBy(() => runSync(sleepForever, { clock: new MockClock({ autojumpThreshold: 0 }) }))).toBeInstanceOf(
    DeadlockError,
  );
  expect(thrownBy(() => runSync(() => sleep(5), { clock: new MockClock() }))).toBeInstanceOf(DeadlockError);
});

describe("it is no deadlock", () => {
  test("while a deadline is set", () => {
    runSync(() => moveOnAfter(5, sleepForever));
  });

  test("while the I/O manager has a wait", () => {
    const io = new SimulatedIo([[1000, "a", 3]]);
    expect(simulate(() => io.receive("a"), { io })).toBe(3);
  });

  test("while a promise may settle in Bun's loop", async () => {
    const value = await run(() => fromPromise(new Promise<string>((resolve) => setTimeout(resolve, 5, "settled"))), {
      deadlockDetection: true,
    });
    expect(value).toBe("settled");
    await run(
      async function* () {
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield* sleep(1);
      },
      { deadlockDetection: true },
    );
  });

  test("while main or a scope listens to an AbortSignal that Bun's loop may abort; one that is aborted is no way on", async () => {
    const aborted = (): AbortSignal => {
      const controller = new AbortController();
      setTimeout(() => controller.abort("no longer needed"), 5);
      return controller.signal;
    };
    const options = { deadlockDetection: true };
    const rejection = (main: () => any, signal?: AbortSignal): Promise<unknown> =>
      run(main, { ...options, signal }).catch((error: unknown) => error);
    expect(await rejection(sleepForever, aborted())).toBe("no longer needed");
    await run(() => new CancelScope({ signal: aborted() }).run(sleepForever), options);
    const afterwards = function* (): Generator<any, void, any> {
      yield* new CancelScope({ signal: aborted() }).run(sleepForever);
      yield* new CancelScope({ signal: new AbortController().signal }).run(() => sleep(1));
      yield* sleepForever();
    };
    expect(await rejection(afterwards)).toBeInstanceOf(DeadlockError);
    const shielded = (): any => new CancelScope({ shield: true }).run(sleepForever);
    expect(await rejection(shielded, aborted())).toBeInstanceOf(DeadlockError);
    expect(await rejection(shielded, AbortSignal.abort("at once"))).toBeInstanceOf(DeadlockError);
  });

  test("in run(), where the host's code may wake somebody, unless one asks", async () => {
    const lot = new ParkingLot();
    setTimeout(() => lot.unpark(), 5);
    await run(() => lot.park());
    const error = await run(() => new ParkingLot().park(), { deadlockDetection: true }).catch((error) => error);
    expect(error).toBeInstanceOf(DeadlockError);
  });

  test("while a call from the run's own code is queued", () => {
    runSync(function* () {
      const lot = new ParkingLot();
      currentCallSoonThreadAndSignalSafe()(() => lot.unpark());
      yield* lot.park();
      yield* passes(1);
    });
  });
});

test("in the kernel alone: main is cancelled, and the error comes out", () => {
  const trail: string[] = [];
  const error = thrownBy(() =>
    simulate(function* () {
      try {
        yield* sleepForever();
      } finally {
        yield* new CancelScope({ shield: true }).run(() => sleep(100));
        trail.push("cleaned up");
      }
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(trail).toEqual(["cleaned up"]);
});
