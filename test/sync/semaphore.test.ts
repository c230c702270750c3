import { expect, test } from "bun:test";
import { CancelScope, Semaphore, UsageError, WouldBlock, openNursery } from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

test("as many hold it as its value says", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    virtual(
      function* () {
        const semaphore = new Semaphore(3);
        let inside = 0;
        let most = 0;
        yield* openNursery(function* (nursery) {
          for (let i = 0; i < 10; i++) {
            nursery.startSoon(function* () {
              using _held = yield* semaphore.acquire();
              most = Math.max(most, ++inside);
              yield* yieldBriefly();
              inside--;
            });
          }
        });
        expect(most).toBe(3);
        expect(semaphore.value).toBe(3);
      },
      { seed },
    );
  }
});

test("a release goes to the task that has waited longest, and the value stays 0", () => {
  virtual(function* () {
    const semaphore = new Semaphore(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const name of ["a", "b", "c"]) {
        waiter(nursery, log, name, () => semaphore.acquire());
        yield* waitAllTasksBlocked();
      }
      expect(semaphore.statistics()).toEqual({ value: 0, tasksWaiting: 3 });
      for (let i = 0; i < 3; i++) {
        semaphore.release();
        expect(semaphore.value).toBe(0);
        expect(() => semaphore.acquireNoWait()).toThrow(WouldBlock);
      }
    });
    expect(log).toEqual(["a", "b", "c"]);
  });
});

test("acquire() is a checkpoint, also when it need not wait; the synchronous calls are none", () => {
  virtual(function* () {
    const semaphore = new Semaphore(1);
    yield* assertCheckpoints(() => semaphore.acquire());
    // oxlint-disable-next-line require-yield
    yield* assertNoCheckpoints(function* () {
      semaphore.release();
      semaphore.acquireNoWait();
    });
  });
});

test("in a cancelled scope acquire() throws Cancelled, and takes nothing; a cancelled waiter loses nothing", () => {
  virtual(function* () {
    const semaphore = new Semaphore(1);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(() => semaphore.acquire());
    expect(scope.cancelledCaught).toBe(true);
    expect(semaphore.value).toBe(1);
    semaphore.acquireNoWait();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const first = waiter(nursery, log, "a", () => semaphore.acquire());
      waiter(nursery, log, "b", () => semaphore.acquire());
      yield* waitAllTasksBlocked();
      first.cancel();
      semaphore.release();
    });
    expect(log.toSorted()).toEqual(["a cancelled", "b"]);
  });
});

test("what acquire() gives releases once", () => {
  virtual(function* () {
    const semaphore = new Semaphore(1);
    const held = yield* semaphore.acquire();
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    expect(semaphore.value).toBe(1);
  });
});

test("releasing beyond maxValue is a UsageError, and changes nothing", () => {
  const semaphore = new Semaphore(1, { maxValue: 2 });
  expect(semaphore.maxValue).toBe(2);
  semaphore.release();
  expect(() => semaphore.release()).toThrow(UsageError);
  expect(semaphore.value).toBe(2);
  expect(new Semaphore(0).maxValue).toBeUndefined();
});

test("values that make no sense are refused at once", () => {
  for (const value of ["1", null, undefined] as any[]) {
    expect(thrownBy(() => new Semaphore(value))).toBeInstanceOf(TypeError);
  }
  for (const value of [-1, 1.5, NaN, Infinity]) {
    expect(thrownBy(() => new Semaphore(value))).toBeInstanceOf(RangeError);
  }
  expect(() => new Semaphore(3, { maxValue: 2 })).toThrow(/maxValue must be a whole number, from 3/);
  expect(thrownBy(() => new Semaphore(3, null as any))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new Semaphore(3, { maxValue: "4" as any }))).toBeInstanceOf(TypeError);
  for (const maxValue of [-1, 3.5, NaN, Infinity]) {
    expect(thrownBy(() => new Semaphore(3, { maxValue }))).toBeInstanceOf(RangeError);
  }
});
