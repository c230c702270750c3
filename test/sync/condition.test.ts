import { expect, test } from "bun:test";
import {
  CancelScope,
  Condition,
  type Coroutine,
  type Held,
  KeyboardInterrupt,
  Lock,
  UsageError,
  moveOnAfter,
  openNursery,
} from "../../src/index.ts";
import { currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

/** Waits for `condition` as people do; `then` is called with the lock held. */
function waitFor(condition: Condition, then: () => void = () => {}): Coroutine<void> {
  return (function* (): Generator<any, void, any> {
    using _held: Held = yield* condition.acquire();
    yield* condition.wait();
    then();
  })();
}

test("wait() gives the lock back, and has it again when it was notified", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "a", () => waitFor(condition, () => log.push(`locked: ${condition.locked}`)));
      yield* waitAllTasksBlocked();
      expect(condition.locked).toBe(false);
      using _held = yield* condition.acquire();
      expect(condition.statistics().tasksWaiting).toBe(1);
      condition.notify();
      expect(condition.statistics().tasksWaiting).toBe(0);
      expect(condition.statistics().lock.tasksWaiting).toBe(1);
      yield* yieldBriefly();
      log.push("notified");
    });
    expect(log).toEqual(["notified", "locked: true", "a"]);
    expect(condition.locked).toBe(false);
  });
});

test("notify(n) lets the n that have waited longest go on, notifyAll() all, one after the other", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const name of ["a", "b", "c", "d", "e"]) {
        waiter(nursery, log, name, () => waitFor(condition));
        yield* waitAllTasksBlocked();
      }
      for (const [notify, expected] of [
        [() => condition.notify(0), ""],
        [() => condition.notify(), "a"],
        [() => condition.notify(2), "abc"],
        [() => condition.notifyAll(), "abcde"],
      ] as const) {
        yield* condition.acquire();
        notify();
        condition.release();
        yield* waitAllTasksBlocked();
        expect(log.join("")).toBe(expected);
      }
    });
  });
});

test("wait() and notify() without the lock are UsageErrors", () => {
  virtual(function* () {
    const condition = new Condition();
    expect(yield* errorOf(condition.wait())).toBeInstanceOf(UsageError);
    expect(() => condition.notify()).toThrow(UsageError);
    expect(() => condition.notifyAll()).toThrow(UsageError);
    expect(() => condition.release()).toThrow(UsageError);
  });
});

test("a wait that is cancelled has the lock again before Cancelled comes out", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const scope = waiter(nursery, log, "a", function () {
        return (function* (): Generator<any, void, any> {
          yield* condition.acquire();
          try {
            yield* condition.wait();
          } finally {
            log.push("back");
            condition.release(); // a UsageError if it were not held
          }
        })();
      });
      yield* waitAllTasksBlocked();
      yield* condition.acquire();
      scope.cancel();
      yield* yieldBriefly();
      yield* yieldBriefly();
      log.push("still mine");
      condition.release();
    });
    expect(log).toEqual(["still mine", "back", "a cancelled"]);
    expect(condition.locked).toBe(false);
  });
});

test("one that was notified and is then cancelled passes nothing on, and loses nothing", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const first = waiter(nursery, log, "a", () => waitFor(condition));
      yield* waitAllTasksBlocked();
      waiter(nursery, log, "b", () => waitFor(condition));
      yield* waitAllTasksBlocked();
      yield* condition.acquire();
      condition.notify();
      first.cancel(); // it waits for the lock by now
      condition.notify();
      condition.release();
    });
    expect(log.toSorted()).toEqual(["a cancelled", "b"]);
    expect(condition.locked).toBe(false);
  });
});

test("a wait gives up by a timeout", () => {
  virtual(function* () {
    const condition = new Condition();
    yield* condition.acquire();
    expect(yield* moveOnAfter(10, () => condition.wait())).toBeUndefined();
    condition.release();
  });
});

test("Ctrl-C in the wait, and again while the lock is taken again: it is held before KeyboardInterrupt comes out", () => {
  virtual(function* () {
    const condition = new Condition();
    const main = currentTask();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      yield* condition.acquire();
      nursery.startSoon(function* () {
        using _held = yield* condition.acquire();
        main.runner.interrupt();
        yield* waitAllTasksBlocked();
        expect(condition.statistics()).toMatchObject({ tasksWaiting: 0, lock: { tasksWaiting: 1 } });
        main.runner.interrupt();
        yield* waitAllTasksBlocked();
        log.push("still mine");
      });
      expect(yield* errorOf(condition.wait())).toBeInstanceOf(KeyboardInterrupt);
      expect(condition.statistics().lock.owner).toBe(main);
      log.push("back");
      condition.release();
    });
    expect(log).toEqual(["still mine", "back"]);
  });
});

test("a wait in a scope that is cancelled already gives the lock back, and has it again before Cancelled comes out", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      yield* condition.acquire();
      waiter(
        nursery,
        log,
        "another",
        () => condition.acquire(),
        () => condition.release(),
      );
      yield* waitAllTasksBlocked();
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(() => condition.wait());
      expect(scope.cancelledCaught).toBe(true);
      log.push("back");
      condition.release();
    });
    expect(log).toEqual(["another", "back"]);
  });
});

test("when an owner ends without releasing the lock, a wait that was notified or cancelled gets BrokenResourceError", () => {
  virtual(function* () {
    for (const how of ["notified", "cancelled"]) {
      const condition = new Condition();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const scope = waiter(nursery, log, how, () => waitFor(condition));
        yield* waitAllTasksBlocked();
        nursery.startSoon(function* () {
          yield* condition.acquire();
          if (how === "notified") condition.notify();
          else scope.cancel();
        });
      });
      expect(log).toEqual([`${how}: BrokenResourceError`]);
    }
  });
});

test("wait() is a checkpoint", () => {
  virtual(function* () {
    const condition = new Condition();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitAllTasksBlocked();
        using _held = yield* condition.acquire();
        condition.notify();
      });
      yield* condition.acquire();
      yield* assertCheckpoints(() => condition.wait());
      condition.release();
    });
  });
});

test("what acquire() gave before a wait releases after it", () => {
  virtual(function* () {
    const condition = new Condition();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "a", () => waitFor(condition));
      yield* waitAllTasksBlocked();
      using _held = yield* condition.acquire();
      condition.notify();
    });
    expect(condition.locked).toBe(false);
  });
});

test("conditions may share a lock", () => {
  virtual(function* () {
    const lock = new Lock();
    const [full, empty] = [new Condition(lock), new Condition(lock)];
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "full", () => waitFor(full));
      waiter(nursery, log, "empty", () => waitFor(empty));
      yield* waitAllTasksBlocked();
      yield* lock.acquire();
      full.notify();
      lock.release();
      yield* waitAllTasksBlocked();
      expect(log).toEqual(["full"]);
      nursery.cancelScope.cancel();
    });
  });
});

test("arguments that make no sense are refused at once", () => {
  expect(thrownBy(() => new Condition({} as any))).toBeInstanceOf(TypeError);
  virtual(function* () {
    const condition = new Condition();
    yield* condition.acquire();
    expect(thrownBy(() => condition.notify("1" as any))).toBeInstanceOf(TypeError);
    for (const count of [-1, 0.5, NaN]) expect(thrownBy(() => condition.notify(count))).toBeInstanceOf(RangeError);
    condition.release();
  });
});
