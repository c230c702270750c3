import { describe, expect, test } from "bun:test";
import { BrokenResourceError, CancelScope, UsageError, named, openNursery, type Nursery } from "../../src/index.ts";
import {
  ParkingLot,
  addParkingLotBreaker,
  currentTask,
  removeParkingLotBreaker,
  yieldBriefly,
  type Task,
} from "../../src/hazmat.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";

/** Parks tasks named for their numbers, and gives the scopes around them. */
function* park(
  nursery: Nursery,
  lot: ParkingLot,
  count: number,
  log: unknown[] = [],
): Generator<any, CancelScope[], any> {
  const scopes: CancelScope[] = [];
  for (let i = 0; i < count; i++) {
    const scope = new CancelScope();
    scopes.push(scope);
    nursery.startSoon(
      named(`${i}`, function* () {
        yield* scope.run(function* () {
          yield* lot.park();
          log.push(i);
        });
      }),
    );
    while (lot.size <= i) yield* passes(1);
  }
  return scopes;
}

const namesOf = (tasks: readonly Task[]): string[] => tasks.map(({ name }) => name);

test("the queue stays in order when tasks leave it at its head, middle and end", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const lot = new ParkingLot();
      const scopes = yield* park(nursery, lot, 6);
      for (const i of [0, 3, 5]) {
        scopes[i]!.cancel();
        scopes[i]!.cancel();
      }
      expect([lot.size, lot.statistics().tasksWaiting]).toEqual([3, 3]);
      expect(namesOf(lot.unpark(2))).toEqual(["1", "2"]);
      expect(namesOf(lot.unparkAll())).toEqual(["4"]);
      expect(lot.size).toBe(0);
    });
  });
});

test("cancel, then unpark in one step: the wake-up goes to the next", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const lot = new ParkingLot();
      const scopes = yield* park(nursery, lot, 2);
      scopes[0]!.cancel();
      expect(namesOf(lot.unpark())).toEqual(["1"]);
      yield* passes(2);
      expect([scopes[0]!.cancelledCaught, scopes[1]!.cancelledCaught]).toEqual([true, false]);
    });
  });
});

test("unpark, then cancel in one step: the wake-up wins", () => {
  virtual(function* () {
    const log: unknown[] = [];
    yield* openNursery(function* (nursery) {
      const lot = new ParkingLot();
      const scopes = yield* park(nursery, lot, 2, log);
      lot.unpark();
      scopes[0]!.cancel();
      yield* passes(2);
      expect(log).toEqual([0]);
      expect(scopes[0]!.cancelledCaught).toBe(false);
      expect(lot.size).toBe(1);
      lot.unparkAll();
    });
  });
});

test("a task that was moved to another lot is cancelled out of that one", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const [from, to] = [new ParkingLot(), new ParkingLot()];
      yield* park(nursery, to, 1);
      const scopes = yield* park(nursery, from, 3);
      from.repark(to, 2);
      expect([from.size, to.size]).toEqual([1, 3]);
      scopes[0]!.cancel();
      expect([from.size, to.size]).toEqual([1, 2]);
      expect(namesOf(to.unparkAll())).toEqual(["0", "1"]);
      from.reparkAll(to);
      expect(namesOf(to.unparkAll())).toEqual(["2"]);
    });
  });
});

test("reparking into the same lot moves the oldest to the end, and ends", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const lot = new ParkingLot();
      yield* park(nursery, lot, 3);
      lot.repark(lot);
      lot.reparkAll(lot);
      lot.repark(lot, 0);
      expect(namesOf(lot.unparkAll())).toEqual(["1", "2", "0"]);
    });
  });
});

test("parking in a cancelled scope leaves nothing in the lot", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(() => lot.park());
    expect([scope.cancelledCaught, lot.size]).toEqual([true, 0]);
  });
});

test("thousands of tasks park, and are woken in order", () => {
  virtual(function* () {
    const log: number[] = [];
    const lot = new ParkingLot();
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 5000; i++) {
        nursery.startSoon(function* () {
          yield* lot.park();
          log.push(i);
        });
      }
      yield* passes(1);
      expect(lot.size).toBe(5000);
      lot.unparkAll();
    });
    expect(log).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  });
});

describe("a broken lot", () => {
  test("throws at whoever is parked, in order, and at whoever parks", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      const log: unknown[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(function* () {
            expect(yield* errorOf(lot.park())).toBeInstanceOf(BrokenResourceError);
            log.push(i);
          });
        }
        yield* passes(1);
        lot.breakLot();
        expect(lot.brokenBy).toEqual([currentTask()]);
        expect(lot.size).toBe(0);
      });
      expect(log).toEqual([0, 1, 2]);
      const error = yield* errorOf(lot.park());
      expect(error).toBeInstanceOf(BrokenResourceError);
      expect(error.message).toContain(currentTask().name);
      lot.breakLot();
      expect(lot.brokenBy).toHaveLength(2);
    });
  });

  test("gives an error of its own to each", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      const errors = new Set<unknown>();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(function* () {
            errors.add(yield* errorOf(lot.park()));
          });
        }
        yield* passes(1);
        lot.breakLot();
      });
      expect(errors.size).toBe(3);
    });
  });

  test("a task moved into one gets the error", () => {
    virtual(function* () {
      const [lot, broken] = [new ParkingLot(), new ParkingLot()];
      broken.breakLot();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          expect(yield* errorOf(lot.park())).toBeInstanceOf(BrokenResourceError);
        });
        yield* passes(1);
        lot.reparkAll(broken);
        expect([lot.size, broken.size]).toEqual([0, 0]);
      });
    });
  });
});

describe("a breaker", () => {
  test("breaks its lots when it ends, however it ends", () => {
    virtual(function* () {
      for (const end of ["returns", "throws", "is cancelled"]) {
        const lot = new ParkingLot();
        let breaker: Task | undefined;
        yield* errorOf(
          openNursery(function* (nursery) {
            nursery.startSoon(
              named("breaker", function* () {
                breaker = currentTask();
                addParkingLotBreaker(breaker, lot);
                yield* passes(2);
                if (end === "throws") throw new Error("mine");
                if (end === "is cancelled") nursery.cancelScope.cancel();
                yield* yieldBriefly();
              }),
            );
            yield* new CancelScope({ shield: true }).run(function* () {
              const error = yield* errorOf(lot.park());
              expect(error).toBeInstanceOf(BrokenResourceError);
              expect(error.message).toContain("breaker");
            });
          }),
        );
        expect(lot.brokenBy).toEqual([breaker!]);
      }
    });
  });

  test("registered twice needs removing twice", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          const task = currentTask();
          addParkingLotBreaker(task, lot);
          addParkingLotBreaker(task, lot);
          removeParkingLotBreaker(task, lot);
          removeParkingLotBreaker(task, lot);
          expect(thrownBy(() => removeParkingLotBreaker(task, lot))).toBeInstanceOf(UsageError);
        });
      });
      expect(lot.brokenBy).toEqual([]);
    });
  });

  test("that has ended already is refused", () => {
    virtual(function* () {
      let task: Task | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
        });
      });
      expect(thrownBy(() => addParkingLotBreaker(task!, new ParkingLot()))).toBeInstanceOf(BrokenResourceError);
    });
  });

  test("must be a task, and its lot a lot", () => {
    virtual(function* () {
      const task = currentTask();
      for (const fn of [addParkingLotBreaker, removeParkingLotBreaker]) {
        expect(thrownBy(() => fn({} as Task, new ParkingLot()))).toBeInstanceOf(TypeError);
        expect(thrownBy(() => fn(task, {} as ParkingLot))).toBeInstanceOf(TypeError);
      }
      expect(thrownBy(() => new ParkingLot().breakLot({} as Task))).toBeInstanceOf(TypeError);
    });
  });
});
