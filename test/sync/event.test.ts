import { expect, test } from "bun:test";
import { CancelScope, Event, moveOnAfter, openNursery } from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

test("a task that waits goes on when the event is set, and later ones do not wait", () => {
  virtual(function* () {
    const event = new Event();
    const log: string[] = [];
    expect(event.isSet).toBe(false);
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "a", () => event.wait());
      yield* waitAllTasksBlocked();
      expect(event.statistics()).toEqual({ tasksWaiting: 1 });
      event.set();
      log.push("set");
    });
    yield* event.wait();
    expect(log).toEqual(["set", "a"]);
    expect(event.isSet).toBe(true);
    expect(event.statistics()).toEqual({ tasksWaiting: 0 });
  });
});

test("set() wakes all who wait, in order of arrival; again it does nothing", () => {
  virtual(function* () {
    const event = new Event();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const name of ["a", "b", "c"]) {
        waiter(nursery, log, name, () => event.wait());
        yield* waitAllTasksBlocked();
      }
      event.set();
      event.set();
    });
    expect(log).toEqual(["a", "b", "c"]);
  });
});

test("wait() is a checkpoint, also when the event is set", () => {
  virtual(function* () {
    const event = new Event();
    event.set();
    yield* assertCheckpoints(() => event.wait());
  });
});

test("in a cancelled scope wait() throws Cancelled, set or not", () => {
  virtual(function* () {
    for (const set of [true, false]) {
      const event = new Event();
      if (set) event.set();
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(() => event.wait());
      expect(scope.cancelledCaught).toBe(true);
      expect(event.statistics().tasksWaiting).toBe(0);
    }
  });
});

test("a wait that is cancelled leaves the others waiting", () => {
  virtual(function* () {
    const event = new Event();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const first = waiter(nursery, log, "a", () => event.wait());
      waiter(nursery, log, "b", () => event.wait());
      yield* waitAllTasksBlocked();
      first.cancel();
      yield* yieldBriefly();
      expect(event.statistics().tasksWaiting).toBe(1);
      event.set();
    });
    expect(log).toEqual(["a cancelled", "b"]);
  });
});

test("a set that comes before the cancel in one step wins; the other way round the cancel does", () => {
  virtual(function* () {
    for (const [setFirst, outcome] of [
      [true, "a"],
      [false, "a cancelled"],
    ] as const) {
      const event = new Event();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const scope = waiter(nursery, log, "a", () => event.wait());
        yield* waitAllTasksBlocked();
        if (setFirst) event.set();
        scope.cancel();
        if (!setFirst) event.set();
      });
      expect(log).toEqual([outcome]);
    }
  });
});

test("it cannot be unset", () => {
  const event = new Event();
  event.set();
  expect(thrownBy(() => ((event as any).isSet = false))).toBeInstanceOf(TypeError);
  expect(event.isSet).toBe(true);
  expect(Object.getOwnPropertyNames(Event.prototype).toSorted()).toEqual([
    "constructor",
    "isSet",
    "set",
    "statistics",
    "wait",
  ]);
});

test("an event that is never set can be given up", () => {
  virtual(function* () {
    expect(yield* moveOnAfter(10, () => new Event().wait())).toBeUndefined();
  });
});
