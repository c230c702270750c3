import { describe, expect, test } from "bun:test";
import {
  BrokenResourceError,
  CancelScope,
  type Held,
  KeyboardInterrupt,
  Lock,
  StrictFIFOLock,
  UsageError,
  WouldBlock,
  openNursery,
} from "../../src/index.ts";
import { currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

describe.each([Lock, StrictFIFOLock])("%p", (Kind) => {
  test("one task at a time holds it", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      virtual(
        function* () {
          const lock = new Kind();
          let inside = 0;
          yield* openNursery(function* (nursery) {
            for (let i = 0; i < 10; i++) {
              nursery.startSoon(function* () {
                for (let round = 0; round < 5; round++) {
                  using _held = yield* lock.acquire();
                  expect(++inside).toBe(1);
                  yield* yieldBriefly();
                  inside--;
                }
              });
            }
          });
          expect(lock.locked).toBe(false);
        },
        { seed },
      );
    }
  });

  test("it is handed over at release, in order of arrival, and nobody overtakes", () => {
    virtual(function* () {
      const lock = new Kind();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        lock.acquireNoWait();
        for (const name of ["a", "b", "c"]) {
          waiter(
            nursery,
            log,
            name,
            () => lock.acquire(),
            () => lock.release(),
          );
          yield* waitAllTasksBlocked();
        }
        lock.release();
        expect(lock.locked).toBe(true); // it is a's, who has not run yet
        expect(() => lock.acquireNoWait()).toThrow(WouldBlock);
        yield* lock.acquire();
        log.push("main");
        lock.release();
      });
      expect(log).toEqual(["a", "b", "c", "main"]);
    });
  });

  test("acquire() is a checkpoint, also when the lock is free; the synchronous calls are none", () => {
    virtual(function* () {
      const lock = new Kind();
      yield* assertCheckpoints(() => lock.acquire());
      // oxlint-disable-next-line require-yield
      yield* assertNoCheckpoints(function* () {
        lock.release();
        lock.acquireNoWait();
        lock.release();
      });
    });
  });

  test("in a cancelled scope acquire() throws Cancelled, and the lock is not taken", () => {
    virtual(function* () {
      const lock = new Kind();
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(() => lock.acquire());
      expect(scope.cancelledCaught).toBe(true);
      expect(lock.locked).toBe(false);
    });
  });

  test("a cancelled waiter loses nothing for the others", () => {
    virtual(function* () {
      const lock = new Kind();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        lock.acquireNoWait();
        const first = waiter(nursery, log, "a", () => lock.acquire());
        waiter(
          nursery,
          log,
          "b",
          () => lock.acquire(),
          () => lock.release(),
        );
        yield* waitAllTasksBlocked();
        expect(lock.statistics()).toEqual({ locked: true, owner: currentTask(), tasksWaiting: 2 });
        first.cancel();
        lock.release();
      });
      expect(log).toEqual(["a cancelled", "b"].toSorted());
      expect(lock.statistics()).toEqual({ locked: false, owner: null, tasksWaiting: 0 });
    });
  });

  test("a lock handed over is kept, though the task is cancelled in the same step", () => {
    virtual(function* () {
      const lock = new Kind();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        lock.acquireNoWait();
        const scope = waiter(
          nursery,
          log,
          "a",
          () => lock.acquire(),
          () => lock.release(),
        );
        yield* waitAllTasksBlocked();
        lock.release();
        scope.cancel();
      });
      expect(log).toEqual(["a"]);
      expect(lock.locked).toBe(false);
    });
  });

  test("disposing of what acquire() gives releases; after a release by hand it does nothing", () => {
    virtual(function* () {
      const lock = new Kind();
      {
        using _held = yield* lock.acquire();
        expect(lock.locked).toBe(true);
      }
      expect(lock.locked).toBe(false);
      const old = yield* lock.acquire();
      lock.release();
      const held = lock.acquireNoWait();
      old[Symbol.dispose]();
      expect(lock.locked).toBe(true);
      held[Symbol.dispose]();
      held[Symbol.dispose]();
      expect(lock.locked).toBe(false);
    });
  });

  test("taking it twice, and releasing what one does not hold, are UsageErrors", () => {
    virtual(function* () {
      const lock = new Kind();
      expect(() => lock.release()).toThrow(UsageError);
      yield* lock.acquire();
      expect(yield* errorOf(lock.acquire())).toBeInstanceOf(UsageError);
      expect(() => lock.acquireNoWait()).toThrow(UsageError);
      yield* openNursery(function* (nursery) {
        // oxlint-disable-next-line require-yield
        nursery.startSoon(function* () {
          expect(() => lock.release()).toThrow(/does not hold the lock: task .* holds it/);
        });
      });
      expect(lock.locked).toBe(true);
      lock.release();
    });
  });

  test("when its owner ends without releasing it, who waits and who comes gets BrokenResourceError", () => {
    virtual(function* () {
      const lock = new Kind();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* careless() {
          yield* lock.acquire();
          yield* yieldBriefly();
          yield* yieldBriefly();
        });
        yield* yieldBriefly();
        waiter(nursery, log, "a", () => lock.acquire());
      });
      expect(log).toEqual(["a: BrokenResourceError"]);
      const error = yield* errorOf(lock.acquire());
      expect(error).toBeInstanceOf(BrokenResourceError);
      expect((error as Error).message).toContain("careless");
      expect(() => lock.acquireNoWait()).toThrow(BrokenResourceError);
    });
  });
});

test("KeyboardInterrupt in the wait leaves the lock to the next, and itself nothing behind", () => {
  virtual(function* () {
    const lock = new Lock();
    const { runner } = currentTask();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        using _held = lock.acquireNoWait();
        yield* waitAllTasksBlocked();
        waiter(
          nursery,
          log,
          "second",
          () => lock.acquire(),
          () => lock.release(),
        );
        yield* waitAllTasksBlocked();
        runner.interrupt();
      });
      yield* yieldBriefly();
      expect(yield* errorOf(lock.acquire())).toBeInstanceOf(KeyboardInterrupt);
    });
    expect(log).toEqual(["second"]);
    expect(lock.statistics()).toEqual({ locked: false, owner: null, tasksWaiting: 0 });
  });
});

test("a task that was handed the lock, and ends without releasing it, breaks it like any owner", () => {
  virtual(function* () {
    const lock = new Lock();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      yield* lock.acquire();
      waiter(nursery, log, "heir", () => lock.acquire());
      yield* waitAllTasksBlocked();
      waiter(nursery, log, "next", () => lock.acquire());
      yield* waitAllTasksBlocked();
      lock.release();
    });
    expect(log).toEqual(["heir", "next: BrokenResourceError"]);
  });
});

test("one that has released it may end: the lock goes on", () => {
  virtual(function* () {
    const lock = new Lock();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        using _held = yield* lock.acquire();
        lock.release();
        yield* lock.acquire();
        lock.release();
      });
    });
    yield* lock.acquire();
    expect(lock.statistics()).toEqual({ locked: true, owner: currentTask(), tasksWaiting: 0 });
    lock.release();
  });
});

test("a lock is held by the task that the release chose, before that task has run", () => {
  virtual(function* () {
    const lock = new Lock();
    let held: Held | undefined;
    yield* openNursery(function* (nursery) {
      lock.acquireNoWait();
      nursery.startSoon(function* () {
        held = yield* lock.acquire();
      });
      yield* waitAllTasksBlocked();
      lock.release();
      expect(lock.statistics().owner).not.toBe(currentTask());
      expect(() => lock.release()).toThrow(UsageError);
      yield* waitAllTasksBlocked();
    });
    expect(held).toBeDefined();
  });
});

test("outside a task there is nobody to hold it", () => {
  expect(thrownBy(() => new Lock().acquireNoWait())).toBeInstanceOf(UsageError);
});
