/** Orders and atomicity: what may be relied on between two checkpoints, and within one pass. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  ClosedResourceError,
  currentTime,
  moveOnAfter,
  named,
  openNursery,
  runSync,
  sleep,
} from "../../src/index.ts";
import { ParkingLot, currentTask, yieldBriefly, type Task } from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";
import { SimulatedIo, simulate } from "./simulated.ts";

test("without a seed a pass runs its tasks in the order in which they became runnable", () => {
  virtual(function* () {
    const order: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const name of ["a", "b", "c", "d"]) {
        nursery.startSoon(function* () {
          for (let i = 0; i < 3; i++) {
            order.push(name);
            yield* yieldBriefly();
          }
        });
      }
    });
    expect(order.join("")).toBe("abcdabcdabcd");
  });
});

test("what becomes runnable in a pass waits for the next", () => {
  virtual(function* () {
    const order: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        order.push("a");
        nursery.startSoon(function* () {
          order.push("child of a");
        });
        yield* yieldBriefly();
        order.push("a again");
      });
      nursery.startSoon(function* () {
        order.push("b");
      });
    });
    expect(order).toEqual(["a", "b", "child of a", "a again"]);
  });
});

test("no other task runs between two checkpoints", () => {
  virtual(function* () {
    let inside = false;
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(function* () {
          for (let j = 0; j < 10; j++) {
            expect(inside).toBe(false);
            inside = true;
            new CancelScope().cancel();
            nursery.startSoon(yieldBriefly);
            new ParkingLot().unparkAll();
            inside = false;
            yield* yieldBriefly();
          }
        });
      }
    });
  });
});

describe("a seed", () => {
  function trace(seed: number | undefined): string {
    const order: string[] = [];
    virtual(
      function* () {
        const lot = new ParkingLot();
        yield* openNursery(function* (nursery) {
          for (const name of "abcdef") {
            nursery.startSoon(function* () {
              order.push(name);
              yield* yieldBriefly();
              order.push(name);
              yield* sleep(10);
              order.push(name);
              yield* lot.park();
              order.push(name);
            });
          }
          yield* sleep(20);
          lot.unparkAll();
        });
      },
      seed === undefined ? {} : { seed },
    );
    return order.join("");
  }

  test("reproduces a run exactly", () => {
    for (const seed of [0, 1, -1, 42, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]) expect(trace(seed)).toBe(trace(seed));
  });

  test("makes another order than no seed, and than another seed", () => {
    // A seed is more than its lower half.
    const traces = new Set([undefined, 1, 2, 3, 4, 5, 5 + 2 ** 32, 5 - 2 ** 32].map(trace));
    expect(traces.size).toBe(8);
    expect(trace(undefined)).toBe("abcdef".repeat(4));
  });

  test("every order of the tasks of a pass comes up", () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const order: string[] = [];
      virtual(
        () =>
          openNursery(function* (nursery) {
            for (const name of "abc") {
              nursery.startSoon(function* () {
                order.push(name);
              });
            }
          }),
        { seed },
      );
      orders.add(order.join(""));
    }
    expect([...orders].toSorted()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });

  test("each task still runs once a pass, and waiters are still woken in order of arrival", () => {
    virtual(
      function* () {
        const steps = [0, 0, 0];
        const lot = new ParkingLot();
        yield* openNursery(function* (nursery) {
          for (let i = 0; i < 3; i++) {
            nursery.startSoon(
              named(`${i}`, function* () {
                for (let j = 0; j < 10; j++) {
                  steps[i]!++;
                  yield* yieldBriefly();
                }
                yield* sleep(i + 1);
                yield* lot.park();
              }),
            );
          }
          for (let i = 0; i < 8; i++) {
            yield* passes(1);
            expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
          }
          yield* sleep(100);
          expect(lot.unparkAll().map(({ name }: Task) => name)).toEqual(["0", "1", "2"]);
        });
      },
      { seed: 7 },
    );
  });

  test.each([1.5, Number.NaN, Infinity])("that is no whole number is refused: %p", (seed) => {
    expect(thrownBy(() => runSync(yieldBriefly, { seed }))).toBeInstanceOf(RangeError);
  });
});

describe("in a world of its own", () => {
  test("time moves straight to what comes next, and I/O and deadlines take their turns", () => {
    const io = new SimulatedIo([
      [10, "a", 1],
      [30, "a", 2],
    ]);
    const trail: unknown[] = [];
    simulate(
      function* () {
        trail.push(yield* io.receive("a"), currentTime());
        yield* sleep(5);
        trail.push(currentTime(), yield* io.receive("a"), currentTime());
      },
      { io },
    );
    expect(trail).toEqual([1, 10, 15, 2, 30]);
    expect(io.closed).toBe(true);
  });

  test("data that came in the pass in which the deadline is due wins", () => {
    const io = new SimulatedIo([[10, "a", 7]]);
    simulate(
      function* () {
        const value = yield* moveOnAfter(10, () => io.receive("a"));
        expect([value, currentTime()]).toEqual([7, 10]);
        expect(yield* moveOnAfter(10, () => io.receive("a"))).toBeUndefined();
        expect([currentTime(), io.waiting]).toEqual([20, 0]);
      },
      { io },
    );
  });

  test("data that is there loses to a deadline that was due before, when the scope is cancelled already", () => {
    const io = new SimulatedIo([[0, "a", 7]]);
    simulate(
      function* () {
        yield* moveOnAfter(0, function* () {
          yield* errorOf(yieldBriefly());
          yield* errorOf(io.receive("a"));
        });
        // It did not happen: the data is still there.
        expect(yield* io.receive("a")).toBe(7);
      },
      { io },
    );
  });

  test("while tasks are runnable the I/O manager is asked once per time slice, not on every pass", () => {
    const io = new SimulatedIo();
    simulate(
      function* () {
        yield* passes(5000);
      },
      { io },
    );
    expect(io.polls.length).toBeLessThan(500);
    expect(io.polls.every((ms) => ms === 0)).toBe(true);
  });

  test("while it is busy, a run still hears of I/O within a slice or two", () => {
    const io = new SimulatedIo([[0, "a", 1]]);
    simulate(
      function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            for (;;) yield* yieldBriefly();
          });
          const before = performance.now();
          yield* io.receive("a");
          expect(performance.now() - before).toBeLessThan(100);
          nursery.cancelScope.cancel();
        });
      },
      { io },
    );
  });

  test("the wait is for as long as the next deadline is away", () => {
    const io = new SimulatedIo();
    simulate(
      function* () {
        yield* openNursery(function* (nursery) {
          for (const ms of [30, 10, 20]) nursery.startSoon(() => sleep(ms));
        });
      },
      { io },
    );
    expect(io.polls.filter((ms) => ms > 0)).toEqual([10, 10, 10]);
  });

  test("a source that is closed gives its waiter an error, and others go on", () => {
    const io = new SimulatedIo([[10, "b", 5]]);
    simulate(
      function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            expect(yield* errorOf(io.receive("a"))).toBeInstanceOf(ClosedResourceError);
          });
          nursery.startSoon(function* () {
            expect(yield* io.receive("b")).toBe(5);
          });
          yield* passes(1);
          io.closeSource("a");
        });
      },
      { io },
    );
  });

  test("the manager is closed also when main throws", () => {
    const io = new SimulatedIo();
    const error = new Error("mine");
    expect(
      thrownBy(() =>
        simulate(
          function* () {
            throw error;
          },
          { io },
        ),
      ),
    ).toBe(error);
    expect(io.closed).toBe(true);
  });
});

test("deadlines of one time fire in the order in which they were set; moving one sets it anew", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const order: string[] = [];
      const scopes: Record<string, CancelScope> = {};
      yield* openNursery(function* (nursery) {
        for (const name of ["a", "b", "c", "d"]) {
          nursery.startSoon(function* () {
            const scope = (scopes[name] = new CancelScope({ deadline: name === "b" ? 5 : 10 }));
            yield* scope.run(function* () {
              try {
                yield* sleep(1000);
              } finally {
                order.push(name);
              }
            });
          });
        }
        yield* passes(2);
        scopes["b"]!.deadline = 10;
        scopes["a"]!.deadline = 10;
        clock.jump(50);
      });
      expect(order).toEqual(["c", "d", "b", "a"]);
    },
    { clock },
  );
});

test("earlier deadlines fire before later ones, of scopes and sleepers alike", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const order: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const ms of [40, 10, 30, 20]) {
          nursery.startSoon(function* () {
            if (ms % 20 === 0) yield* moveOnAfter(ms, () => sleep(1000));
            else yield* sleep(ms);
            order.push(ms);
          });
        }
        yield* passes(2);
        clock.jump(100);
      });
      expect(order).toEqual([10, 20, 30, 40]);
    },
    { clock },
  );
});

test("tasks are numbered as they are spawned", () => {
  virtual(function* () {
    const ids: number[] = [];
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(function* () {
          ids.push(currentTask().id);
        });
      }
    });
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });
});
