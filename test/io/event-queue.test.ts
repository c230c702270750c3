import { expect, test } from "bun:test";
import { CancelScope, ClosedResourceError, named, openNursery, type Nursery } from "../../src/index.ts";
import { EventBuffer } from "../../src/io/event-queue.ts";
import { errorOf, passes } from "../kernel/programs.ts";
import { simulate } from "../kernel/simulated.ts";

/** Starts a task that takes one batch, and lets it begin to wait. */
function* taker(
  nursery: Nursery,
  queue: EventBuffer<number>,
  name: string,
  log: unknown[],
): Generator<any, CancelScope, any> {
  const scope = new CancelScope();
  nursery.startSoon(
    named(name, function* () {
      yield* scope.run(function* () {
        log.push([name, yield* queue.get()]);
      });
      if (scope.cancelledCaught) log.push([name, "cancelled"]);
    }),
  );
  yield* passes(2);
  return scope;
}

test("get() gives all there are, oldest first, and leaves nothing", () => {
  simulate(function* () {
    const queue = new EventBuffer<number>();
    for (const item of [1, 2, 3]) queue.put(item);
    expect(yield* queue.get()).toEqual([1, 2, 3]);
    queue.put(4);
    expect(yield* queue.get()).toEqual([4]);
  });
});

test("get() is a schedule point also when there is something", () => {
  simulate(function* () {
    const log: unknown[] = [];
    yield* openNursery(function* (nursery) {
      const queue = new EventBuffer<number>();
      queue.put(1);
      nursery.startSoon(function* () {
        log.push("the other");
      });
      log.push(yield* queue.get());
    });
    expect(log).toEqual(["the other", [1]]);
  });
});

test("get() in a cancelled scope is cancelled, and what is there stays", () => {
  simulate(function* () {
    const queue = new EventBuffer<number>();
    queue.put(1);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(function* () {
      yield* queue.get();
    });
    expect(scope.cancelledCaught).toBe(true);
    expect(yield* queue.get()).toEqual([1]);
  });
});

test("a task that waits gets what came first and all that came before it ran", () => {
  simulate(function* () {
    const log: unknown[] = [];
    const queue = new EventBuffer<number>();
    yield* openNursery(function* (nursery) {
      yield* taker(nursery, queue, "a", log);
      for (const item of [1, 2, 3]) queue.put(item);
    });
    expect(log).toEqual([["a", [1, 2, 3]]]);
  });
});

test("tasks that wait are served in the order in which they came, one batch each", () => {
  simulate(function* () {
    const log: unknown[] = [];
    const queue = new EventBuffer<number>();
    yield* openNursery(function* (nursery) {
      yield* taker(nursery, queue, "a", log);
      yield* taker(nursery, queue, "b", log);
      queue.put(1);
      yield* taker(nursery, queue, "c", log);
      queue.put(2);
      queue.put(3);
      yield* passes(1);
      queue.put(4);
    });
    expect(log).toEqual([
      ["a", [1]],
      ["b", [2, 3]],
      ["c", [4]],
    ]);
  });
});

test("a newcomer does not take what is on its way to the one who waited", () => {
  simulate(function* () {
    const log: unknown[] = [];
    const queue = new EventBuffer<number>();
    yield* openNursery(function* (nursery) {
      yield* taker(nursery, queue, "a", log);
      queue.put(1);
      nursery.startSoon(function* () {
        log.push(["b", yield* queue.get()]);
      });
      yield* passes(3);
      expect(log).toEqual([["a", [1]]]);
      queue.put(2);
    });
    expect(log).toEqual([
      ["a", [1]],
      ["b", [2]],
    ]);
  });
});

test("a cancelled task leaves the line, and no event is spent on it", () => {
  simulate(function* () {
    const log: unknown[] = [];
    const queue = new EventBuffer<number>();
    yield* openNursery(function* (nursery) {
      const scope = yield* taker(nursery, queue, "a", log);
      yield* taker(nursery, queue, "b", log);
      scope.cancel();
      queue.put(1);
    });
    expect(log.toSorted()).toEqual([
      ["a", "cancelled"],
      ["b", [1]],
    ]);
  });
});

test("an event that came before the cancel is delivered all the same", () => {
  simulate(function* () {
    const log: unknown[] = [];
    const queue = new EventBuffer<number>();
    yield* openNursery(function* (nursery) {
      const scope = yield* taker(nursery, queue, "a", log);
      queue.put(1);
      scope.cancel();
    });
    expect(log).toEqual([["a", [1]]]);
  });
});

test("an ended queue gives what is left, and then the error to all who ask", () => {
  simulate(function* () {
    const queue = new EventBuffer<number>();
    queue.put(1);
    queue.end(() => new ClosedResourceError("ended"));
    expect(yield* queue.get()).toEqual([1]);
    const errors = [yield* errorOf(queue.get()), yield* errorOf(queue.get())];
    for (const error of errors) expect(error).toBeInstanceOf(ClosedResourceError);
    expect(errors[0]).not.toBe(errors[1]);
  });
});

test("the end of a queue wakes all who wait", () => {
  simulate(function* () {
    const queue = new EventBuffer<number>();
    const errors: unknown[] = [];
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 2; i++) {
        nursery.startSoon(function* () {
          errors.push(yield* errorOf(queue.get()));
        });
      }
      yield* passes(2);
      queue.end(() => new ClosedResourceError("ended"));
    });
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toBeInstanceOf(ClosedResourceError);
  });
});
