/** Scopes entered twice, nurseries that are closed, start() without started(). */
import { expect, test } from "bun:test";
import { spawnSystemTask } from "../../src/hazmat.ts";
import {
  CancelScope,
  Nursery,
  UsageError,
  call,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  type TaskStatus,
} from "../../src/index.ts";
import { Socket } from "../../src/socket.ts";
import { errorOf, expectError, passes, stillSound, survived, thrownBy, virtual } from "./soundness.ts";

function* nothing(): Generator<any, void> {}

test("a scope entered a second time is refused, when that is driven", () => {
  virtual(function* () {
    const scope = new CancelScope();
    yield* scope.run(nothing);
    const again = scope.run(nothing);
    const error = yield* survived(() => again);
    expectError(error, UsageError, "CancelScope has been entered already", "good for one run()", "make a new one");
  });
});

test("a scope entered within itself is refused, and stays in force", () => {
  virtual(function* () {
    const scope = new CancelScope();
    const value = yield* scope.run(function* () {
      expectError(yield* errorOf(scope.run(nothing)), UsageError, "entered already");
      scope.cancel();
      yield* sleep(1);
      return "not reached";
    });
    expect(value).toBeUndefined();
    expect(scope.cancelledCaught).toBe(true);
    yield* stillSound();
  });
});

test("a scope entered by two tasks is refused in the second, and stays the first one's", () => {
  virtual(function* () {
    const scope = new CancelScope();
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* scope.run(sleepForever);
        log.push("first: cut off");
      });
      yield* passes(2);
      nursery.startSoon(function* () {
        expectError(yield* errorOf(scope.run(sleepForever)), UsageError, "entered already");
        yield* sleep(1);
        log.push("second: goes on");
        scope.cancel();
      });
    });
    expect(log).toEqual(["second: goes on", "first: cut off"]);
    yield* stillSound();
  });
});

test("the scope that moveOnAfter() gives its body cannot be entered by it", () => {
  virtual(function* () {
    yield* moveOnAfter(10, function* (scope) {
      expectError(yield* errorOf(scope.run(nothing)), UsageError, "entered already");
    });
    yield* stillSound();
  });
});

test("a nursery's own scope cannot be entered", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      expectError(yield* errorOf(nursery.cancelScope.run(nothing)), UsageError, "entered already");
    });
    yield* stillSound();
  });
});

test("a closed nursery takes no tasks: the function is not even called", () => {
  virtual(function* () {
    let nursery!: Nursery;
    yield* openNursery(function* (opened) {
      nursery = opened;
    });
    let called = false;
    const late = function* (): Generator<any, void> {
      called = true;
    };
    const soon = thrownBy(() => nursery.startSoon(late));
    expectError(soon, UsageError, "closed to new arrivals", "start tasks while it is open");
    const start = yield* survived(() => nursery.start(late));
    expectError(start, UsageError, "closed to new arrivals");
    expect(called).toBe(false);
    expect(nursery.childTasks.size).toBe(0);
  });
});

test("a nursery that closed while the task function was being called takes no task either", () => {
  let leaked!: Nursery;
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      leaked = nursery;
    });
    const error = yield* survived(() =>
      call(function* () {
        leaked.startSoon(nothing);
      }),
    );
    expectError(error, UsageError, "closed to new arrivals");
  });
  // Nor after the run.
  expectError(
    thrownBy(() => leaked.startSoon(nothing)),
    UsageError,
    "closed to new arrivals",
  );
});

test("spawnSystemTask() while the run ends is refused", () => {
  const log: any[] = [];
  virtual(
    function* () {
      yield* passes(1);
    },
    { instruments: [{ afterRun: () => log.push(thrownBy(() => spawnSystemTask(nothing))) }] },
  );
  expectError(log[0], UsageError, "spawnSystemTask(fn)", "the run is ending");
});

test("start(): a task that ends without started() is an error that says what to call", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const error = yield* survived(() => nursery.start(function* (_status: TaskStatus) {}));
      expectError(error, UsageError, "nursery.start(fn)", "without calling taskStatus.started()", "startSoon()");
    });
  });
});

test("started() called twice is refused at the second call, and the task goes on", () => {
  virtual(function* () {
    const log: unknown[] = [];
    yield* openNursery(function* (nursery) {
      const value = yield* nursery.start(function* (status: TaskStatus<number>) {
        status.started(1);
        expectError(
          thrownBy(() => status.started(2)),
          UsageError,
          "taskStatus.started() was called twice",
          "call it once",
        );
        yield* sleep(1);
        log.push("ended");
      });
      log.push(value);
    });
    expect(log).toEqual([1, "ended"]);
    yield* stillSound();
  });
});

test("a nursery or a socket made by new is refused, with the function that makes one", () => {
  const make =
    (made: unknown): (() => unknown) =>
    () =>
      new (made as new () => unknown)();
  expectError(thrownBy(make(Nursery)), TypeError, "openNursery(body)");
  expectError(thrownBy(make(Socket)), TypeError, "socket()");
});
