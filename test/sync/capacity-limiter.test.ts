import { expect, test } from "bun:test";
import { CancelScope, CapacityLimiter, UsageError, WouldBlock, openNursery } from "../../src/index.ts";
import { currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

test("no more than there are tokens do something at once", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    virtual(
      function* () {
        const limiter = new CapacityLimiter(2);
        let inside = 0;
        let most = 0;
        yield* openNursery(function* (nursery) {
          for (let i = 0; i < 10; i++) {
            nursery.startSoon(function* () {
              using _held = yield* limiter.acquire();
              most = Math.max(most, ++inside);
              yield* yieldBriefly();
              inside--;
            });
          }
        });
        expect(most).toBe(2);
        expect(limiter.borrowedTokens).toBe(0);
      },
      { seed },
    );
  }
});

test("tokens go to who has waited longest, and newcomers do not overtake", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(1);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      limiter.acquireNoWait();
      for (const name of ["a", "b"]) {
        waiter(
          nursery,
          log,
          name,
          () => limiter.acquireOnBehalfOf(name),
          () => limiter.releaseOnBehalfOf(name),
        );
        yield* waitAllTasksBlocked();
      }
      expect(limiter.statistics()).toEqual({
        borrowedTokens: 1,
        totalTokens: 1,
        borrowers: [currentTask()],
        tasksWaiting: 2,
      });
      limiter.release();
      expect(limiter.statistics().borrowers).toEqual(["a"]);
      expect(() => limiter.acquireNoWait()).toThrow(WouldBlock);
    });
    expect(log).toEqual(["a", "b"]);
  });
});

test("a borrower holds one token at most, and gives back only what it has", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(5);
    yield* limiter.acquire();
    expect(yield* errorOf(limiter.acquire())).toBeInstanceOf(UsageError);
    expect(() => limiter.acquireNoWait()).toThrow(UsageError);
    expect(() => limiter.releaseOnBehalfOf("nobody")).toThrow(/"nobody" holds no token/);
    limiter.release();
    expect(() => limiter.release()).toThrow(UsageError);
    expect(limiter.borrowedTokens).toBe(0);
  });
});

test("two tasks cannot wait on behalf of the same borrower: it could get two tokens", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "a", () => limiter.acquireOnBehalfOf("x"));
      yield* waitAllTasksBlocked();
      waiter(nursery, log, "b", () => limiter.acquireOnBehalfOf("x"));
      yield* waitAllTasksBlocked();
      limiter.totalTokens = 2;
    });
    expect(log).toEqual(["b: UsageError", "a"]);
    expect(limiter.borrowedTokens).toBe(1);
  });
});

test("more tokens wake who waits; fewer let the holders finish", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(1);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const name of ["a", "b", "c", "d"]) {
        waiter(nursery, log, name, () => limiter.acquireOnBehalfOf(name));
        yield* waitAllTasksBlocked();
      }
      expect(log).toEqual(["a"]);
      limiter.totalTokens = 3;
      yield* waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c"]);
      limiter.totalTokens = 1;
      expect(limiter.availableTokens).toBe(-2);
      limiter.releaseOnBehalfOf("a");
      limiter.releaseOnBehalfOf("b");
      yield* waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c"]);
      limiter.releaseOnBehalfOf("c");
      yield* waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c", "d"]);
      limiter.totalTokens = Infinity;
      expect(limiter.availableTokens).toBe(Infinity);
    });
  });
});

test("acquire() is a checkpoint, also when it need not wait; the synchronous calls are none", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(1);
    yield* assertCheckpoints(() => limiter.acquire());
    // oxlint-disable-next-line require-yield
    yield* assertNoCheckpoints(function* () {
      limiter.release();
      limiter.acquireNoWait();
      limiter.release();
    });
  });
});

test("a wait that is cancelled leaves nothing behind, and its borrower may wait again", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const scope = waiter(nursery, log, "a", () => limiter.acquireOnBehalfOf("x"));
      yield* waitAllTasksBlocked();
      scope.cancel();
      yield* waitAllTasksBlocked();
      waiter(nursery, log, "b", () => limiter.acquireOnBehalfOf("x"));
      yield* waitAllTasksBlocked();
      limiter.totalTokens = 1;
    });
    expect(log).toEqual(["a cancelled", "b"]);
    const scope = new CancelScope();
    scope.cancel();
    limiter.totalTokens = 2;
    yield* scope.run(() => limiter.acquire());
    expect(scope.cancelledCaught).toBe(true);
    expect(limiter.borrowedTokens).toBe(1);
  });
});

test("a borrower whose wait was cancelled may wait again in the same step, before the cancelled task has run", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const scope = waiter(nursery, log, "a", () => limiter.acquireOnBehalfOf("x"));
      yield* waitAllTasksBlocked();
      scope.cancel();
      expect(limiter.statistics().tasksWaiting).toBe(0);
      limiter.totalTokens = 1;
      limiter.acquireOnBehalfOfNoWait("x");
    });
    expect(log).toEqual(["a cancelled"]);
    expect(limiter.statistics().borrowers).toEqual(["x"]);
  });
});

test("what acquire() gives returns the token once, and nothing after a release by hand", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(1);
    {
      using _held = yield* limiter.acquire();
      limiter.release();
    }
    const held = yield* limiter.acquire();
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    expect(limiter.borrowedTokens).toBe(0);
  });
});

test("what an earlier acquire() gave does not return the token of a later one", () => {
  virtual(function* () {
    const limiter = new CapacityLimiter(1);
    const earlier = yield* limiter.acquire();
    limiter.release();
    const later = yield* limiter.acquire();
    earlier[Symbol.dispose]();
    expect(limiter.borrowedTokens).toBe(1);
    later[Symbol.dispose]();
    expect(limiter.borrowedTokens).toBe(0);
  });
});

test("numbers of tokens that make no sense are refused, and change nothing", () => {
  const limiter = new CapacityLimiter(2);
  for (const value of ["1", null, undefined] as any[]) {
    expect(thrownBy(() => new CapacityLimiter(value))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => (limiter.totalTokens = value))).toBeInstanceOf(TypeError);
  }
  for (const value of [-1, 1.5, NaN, -Infinity]) {
    expect(thrownBy(() => new CapacityLimiter(value))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => (limiter.totalTokens = value))).toBeInstanceOf(RangeError);
  }
  expect(limiter.totalTokens).toBe(2);
});
