/** S38 to S45: ParkingLot. */
import { describe, expect, test } from "bun:test";
import {
  ParkingLot,
  type Task,
  addParkingLotBreaker,
  currentTask,
  removeParkingLotBreaker,
  yieldBriefly,
} from "../../src/hazmat.ts";
import {
  BrokenResourceError,
  CancelScope,
  Cancelled,
  type Nursery,
  UsageError,
  openNursery,
  runSync,
} from "../../src/index.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { type Kind, forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

/** Starts a task that parks in `lot`, in a scope of its own, and notes how that ended. */
function parker(kind: Kind, nursery: Nursery, lot: ParkingLot, name: string, log: string[]): CancelScope {
  const scope = new CancelScope();
  nursery.startSoon(
    kind.task(function* () {
      yield scope.run(
        kind.task(function* () {
          yield lot.park();
          log.push(name);
        }),
      );
      if (scope.cancelledCaught) log.push(`${name} cancelled`);
    }),
  );
  return scope;
}

forBothKinds((kind) => {
  /** Runs `script` in a nursery, with a lot and a log; whoever is parked at its end is cancelled. */
  function withLot(
    script: (
      lot: ParkingLot,
      log: string[],
      park: (name: string, lot?: ParkingLot) => CancelScope,
    ) => Generator<any, void, any>,
  ): void {
    runSync(
      kind.task(function* () {
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            const lot = new ParkingLot();
            const log: string[] = [];
            yield* script(lot, log, (name, where = lot) => parker(kind, nursery, where, name, log));
            nursery.cancelScope.cancel();
          }),
        );
      }),
    );
  }

  test("S38 a lot is a fair queue, whatever leaves it or moves meanwhile", () => {
    withLot(function* (lot, log, park) {
      const other = new ParkingLot();
      const scopes = ["a", "b", "c", "d", "e"].map((name) => park(name));
      yield waitAllTasksBlocked();
      scopes[1]!.cancel();
      lot.repark(other);
      park("f");
      yield waitAllTasksBlocked();
      other.repark(lot);
      lot.unparkAll();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["b cancelled", "c", "d", "e", "f", "a"]);
    });
  });

  test("S39 size is how many tasks are parked", () => {
    withLot(function* (lot, _log, park) {
      expect(lot.size).toBe(0);
      const scope = park("a");
      park("b");
      park("c");
      expect(lot.size).toBe(0);
      yield waitAllTasksBlocked();
      expect(lot.size).toBe(3);
      lot.unpark();
      expect(lot.size).toBe(2);
      scope.cancel(); // a was woken: it is not in the lot any more
      expect(lot.size).toBe(2);
      lot.unparkAll();
      expect(lot.size).toBe(0);
    });
  });

  test("S40 park is a checkpoint: it lets others run, and gives nothing", () => {
    withLot(function* (lot, log, park) {
      park("a");
      yield waitAllTasksBlocked();
      expect(log).toEqual([]);
      let value: unknown = "unset";
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(
            kind.task(function* () {
              value = yield lot.park();
            }),
          );
          yield waitAllTasksBlocked();
          lot.unparkAll();
        }),
      );
      expect(value).toBeUndefined();
    });
  });

  test("S40 in a cancelled scope park throws Cancelled, and leaves no trace in the lot", () => {
    withLot(function* (lot, log, park) {
      park("first");
      yield waitAllTasksBlocked();
      const scope = park("second");
      scope.cancel();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["second cancelled"]);
      expect(lot.size).toBe(1);
      lot.unpark();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["second cancelled", "first"]);
    });
  });

  test("S40 cancelling takes out this task only, at once, and the others keep their order", () => {
    withLot(function* (lot, log, park) {
      const scopes = ["a", "b", "c", "d"].map((name) => park(name));
      yield waitAllTasksBlocked();
      scopes[1]!.cancel();
      expect(lot.size).toBe(3);
      for (let n = 0; n < 3; n++) {
        lot.unpark();
        yield waitAllTasksBlocked();
      }
      expect(log).toEqual(["b cancelled", "a", "c", "d"]);
    });
  });

  test("S40 a wake-up that was issued beats a cancel in the same step; the next checkpoint throws", () => {
    withLot(function* (lot, log) {
      const scope = new CancelScope();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(
            kind.task(function* () {
              yield scope.run(
                kind.task(function* () {
                  yield lot.park();
                  log.push("woken");
                  expect(yield kind.errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
                }),
              );
            }),
          );
          yield waitAllTasksBlocked();
          lot.unpark();
          scope.cancel();
        }),
      );
      expect(log).toEqual(["woken"]);
    });
  });

  test("S40 unpark skips a task that was cancelled before, and no wake-up is lost", () => {
    withLot(function* (lot, log, park) {
      const scope = park("a");
      park("b");
      yield waitAllTasksBlocked();
      scope.cancel();
      expect(lot.unpark()).toHaveLength(1);
      yield waitAllTasksBlocked();
      expect(log.toSorted()).toEqual(["a cancelled", "b"]);
    });
  });

  test("S41 unpark wakes the oldest first, one by one", () => {
    withLot(function* (lot, log, park) {
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
        lot.unpark();
        yield waitAllTasksBlocked();
        expect(log).toEqual(expected);
      }
    });
  });

  test("S41 unpark(count) wakes that many, and those woken in one step run oldest first", () => {
    withLot(function* (lot, log, park) {
      for (const name of ["a", "b", "c", "d"]) park(name);
      yield waitAllTasksBlocked();
      lot.unpark(3);
      expect(log).toEqual([]); // never inline
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c"]);
      expect(lot.size).toBe(1);
    });
  });

  test("S41 unpark gives the tasks it woke, oldest first", () => {
    withLot(function* (lot) {
      const parked: Task[] = [];
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          for (let n = 0; n < 3; n++) {
            nursery.startSoon(
              kind.task(function* () {
                parked.push(currentTask());
                yield lot.park();
              }),
            );
          }
          yield waitAllTasksBlocked();
          const first = lot.unpark(2);
          expect(first).toHaveLength(2);
          expect(first[0]).toBe(parked[0]!);
          expect(first[1]).toBe(parked[1]!);
          expect(lot.unpark()[0]).toBe(parked[2]!);
        }),
      );
    });
  });

  test("S41 fewer parked than count is fine, and so is none", () => {
    withLot(function* (lot, log, park) {
      expect(lot.unpark()).toEqual([]);
      expect(lot.unpark(7)).toEqual([]);
      park("a");
      park("b");
      yield waitAllTasksBlocked();
      expect(lot.unpark(0)).toEqual([]);
      expect(lot.size).toBe(2);
      expect(lot.unpark(7)).toHaveLength(2);
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "b"]);
    });
  });

  test("S41 unpark(Infinity) wakes all", () => {
    withLot(function* (lot, log, park) {
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      expect(lot.unpark(Infinity)).toHaveLength(3);
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c"]);
    });
  });

  test("S42 unparkAll wakes all, oldest first, and gives them", () => {
    withLot(function* (lot, log, park) {
      expect(lot.unparkAll()).toEqual([]);
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      expect(lot.unparkAll()).toHaveLength(3);
      expect(lot.size).toBe(0);
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "b", "c"]);
    });
  });

  test("S42 who parks again while being woken waits for the next wake-up", () => {
    withLot(function* (lot) {
      let rounds = 0;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(
            kind.task(function* () {
              for (; rounds < 2; rounds++) yield lot.park();
            }),
          );
          yield waitAllTasksBlocked();
          lot.unparkAll();
          yield waitAllTasksBlocked();
          expect(rounds).toBe(1);
          expect(lot.size).toBe(1);
          lot.unparkAll();
        }),
      );
    });
  });

  test("S43 repark moves the oldest to the other lot's end, in order, without waking them", () => {
    withLot(function* (lot, log, park) {
      const other = new ParkingLot();
      park("x", other);
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      lot.repark(other, 2);
      yield waitAllTasksBlocked();
      expect(log).toEqual([]);
      expect([lot.size, other.size]).toEqual([1, 3]);
      for (let n = 0; n < 3; n++) {
        other.unpark();
        yield waitAllTasksBlocked();
      }
      expect(log).toEqual(["x", "a", "b"]);
      lot.unpark();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["x", "a", "b", "c"]);
    });
  });

  test("S43 repark moves one unless told how many, and fewer are fine", () => {
    withLot(function* (lot, _log, park) {
      const other = new ParkingLot();
      lot.repark(other);
      lot.repark(other, 3);
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      lot.repark(other);
      expect([lot.size, other.size]).toEqual([2, 1]);
      lot.repark(other, 0);
      expect([lot.size, other.size]).toEqual([2, 1]);
      lot.repark(other, 7);
      expect([lot.size, other.size]).toEqual([0, 3]);
      other.unparkAll();
    });
  });

  test("S43 a task that was moved is cancelled out of its new lot", () => {
    withLot(function* (lot, log, park) {
      const other = new ParkingLot();
      const scope = park("a");
      park("b");
      yield waitAllTasksBlocked();
      lot.reparkAll(other);
      scope.cancel();
      expect([lot.size, other.size]).toEqual([0, 1]);
      other.unparkAll();
      yield waitAllTasksBlocked();
      expect(log.toSorted()).toEqual(["a cancelled", "b"]);
    });
  });

  test("S43 a lot reparked on itself goes round", () => {
    withLot(function* (lot, log, park) {
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      lot.repark(lot);
      expect(lot.size).toBe(3);
      lot.unparkAll();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["b", "c", "a"]);
    });
  });

  test("S44 reparkAll moves every task, in order, without waking them", () => {
    withLot(function* (lot, log, park) {
      const other = new ParkingLot();
      park("x", other);
      for (const name of ["a", "b", "c"]) park(name);
      yield waitAllTasksBlocked();
      lot.reparkAll(other);
      yield waitAllTasksBlocked();
      expect(log).toEqual([]);
      expect([lot.size, other.size]).toEqual([0, 4]);
      other.unparkAll();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["x", "a", "b", "c"]);
    });
  });

  test("S45 statistics tell how many tasks wait, as a record of that moment", () => {
    withLot(function* (lot, _log, park) {
      const empty = lot.statistics();
      expect(empty).toEqual({ tasksWaiting: 0 });
      park("a");
      park("b");
      yield waitAllTasksBlocked();
      expect(lot.statistics()).toEqual({ tasksWaiting: 2 });
      expect(empty).toEqual({ tasksWaiting: 0 });
    });
  });

  describe("a breaker", () => {
    test("breaks the lot when it ends: those parked there, and those who park later, get BrokenResourceError", () => {
      withLot(function* (lot) {
        const errors: unknown[] = [];
        let owner: Task | undefined;
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            const release = new ParkingLot();
            nursery.startSoon(
              kind.task(function* theOwner() {
                owner = currentTask();
                addParkingLotBreaker(owner, lot);
                yield release.park();
              }),
            );
            for (let n = 0; n < 2; n++) {
              nursery.startSoon(
                kind.task(function* () {
                  errors.push(yield kind.errorOf(lot.park()));
                }),
              );
            }
            yield waitAllTasksBlocked();
            release.unpark();
          }),
        );
        errors.push(yield kind.errorOf(lot.park()));
        expect(errors).toHaveLength(3);
        for (const error of errors) {
          expect(error).toBeInstanceOf(BrokenResourceError);
          expect((error as Error).message).toContain("theOwner");
        }
        expect(lot.brokenBy).toHaveLength(1);
        expect(lot.brokenBy[0]).toBe(owner!);
        expect(lot.size).toBe(0);
        expect(thrown(() => addParkingLotBreaker(owner!, lot))).toBeInstanceOf(BrokenResourceError);
      });
    });

    test("that was registered twice has to be removed twice", () => {
      withLot(function* (lot) {
        const end = function* (removals: number): Generator<any, void, any> {
          yield openNursery(
            kind.task(function* (nursery: Nursery) {
              nursery.startSoon(
                kind.task(function* () {
                  const task = currentTask();
                  addParkingLotBreaker(task, lot);
                  addParkingLotBreaker(task, lot);
                  for (let n = 0; n < removals; n++) removeParkingLotBreaker(task, lot);
                  if (removals === 2)
                    expect(thrown(() => removeParkingLotBreaker(task, lot))).toBeInstanceOf(UsageError);
                }),
              );
            }),
          );
        };
        yield* end(2);
        expect(lot.brokenBy).toEqual([]);
        yield* end(1);
        expect(lot.brokenBy).toHaveLength(1);
      });
    });

    test("is added to by breaking again, and is the current task where none is given", () => {
      withLot(function* (lot) {
        const me = currentTask();
        lot.breakLot();
        lot.breakLot(me);
        expect(lot.brokenBy).toHaveLength(2);
        expect(lot.brokenBy.every((task) => task === me)).toBe(true);
      });
    });

    test("takes tasks that are reparked onto the broken lot with it", () => {
      withLot(function* (lot) {
        const broken = new ParkingLot();
        broken.breakLot();
        let error: unknown;
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            nursery.startSoon(
              kind.task(function* () {
                error = yield kind.errorOf(lot.park());
              }),
            );
            yield waitAllTasksBlocked();
            lot.reparkAll(broken);
          }),
        );
        expect(error).toBeInstanceOf(BrokenResourceError);
      });
    });
  });
});

test("S40 a promise callback may unpark a task before the scheduler has seen it park: the wake-up is not lost", () => {
  const lot = new ParkingLot();
  let woken: Task[] = [];
  let passes = 0;
  runSync(function* () {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* () {
        void Promise.resolve().then(() => (woken = lot.unpark()));
        yield* lot.park();
        passes++;
      });
    });
  });
  expect([woken.length, passes]).toEqual([1, 1]);
});

for (const [count, error] of [
  [-1, RangeError],
  [1.5, RangeError],
  [Number.NaN, RangeError],
  [-Infinity, RangeError],
  ["1", TypeError],
  [null, TypeError],
  [1n, TypeError],
] as const) {
  test(`S41 unpark(${String(count)}) is a ${error.name}`, () => {
    const problem = thrown(() => new ParkingLot().unpark(count as number));
    expect(problem).toBeInstanceOf(error);
    expect(problem.message).toContain("count");
  });

  test(`S43 repark(lot, ${String(count)}) is a ${error.name}`, () => {
    const problem = thrown(() => new ParkingLot().repark(new ParkingLot(), count as number));
    expect(problem).toBeInstanceOf(error);
    expect(problem.message).toContain("count");
  });
}

test("S43 what is no ParkingLot cannot be reparked to", () => {
  const lot = new ParkingLot();
  for (const call of [
    () => lot.repark(null as never),
    () => lot.repark({} as never, 2),
    () => lot.reparkAll([] as never),
  ]) {
    const problem = thrown(call);
    expect(problem).toBeInstanceOf(TypeError);
    expect(problem.message).toContain("newLot");
  }
});

test("S45 none of the synchronous methods needs a run", () => {
  const lot = new ParkingLot();
  expect(lot.unpark()).toEqual([]);
  expect(lot.unparkAll()).toEqual([]);
  lot.repark(new ParkingLot());
  lot.reparkAll(new ParkingLot());
  expect(lot.statistics()).toEqual({ tasksWaiting: 0 });
  expect(lot.size).toBe(0);
});

test("S43 the seed's example", () => {
  const lot1 = new ParkingLot();
  const lot2 = new ParkingLot();
  async function* parker(lot: ParkingLot) {
    yield* lot.park();
  }
  runSync(async function* () {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(parker, lot1);
      yield* waitAllTasksBlocked();
      expect(lot1.size).toBe(1);
      expect(lot2.size).toBe(0);
      lot1.repark(lot2);
      expect(lot1.size).toBe(0);
      expect(lot2.size).toBe(1);
      // This wakes up the task that was originally parked in lot1.
      lot2.unpark();
    });
  });
});
