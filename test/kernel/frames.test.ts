import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  call,
  currentTime,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  UsageError,
  type Operation,
} from "../../src/index.ts";
import { ParkingLot, currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { assertNoCheckpoints } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "./programs.ts";

test("call runs a function as a frame of the same task, and gives what it returns", () => {
  virtual(function* () {
    const task = currentTask();
    const value = yield* call(
      function* (a: number, b: string) {
        expect(currentTask()).toBe(task);
        yield* sleep(1);
        return `${a}${b}`;
      },
      1,
      "b",
    );
    expect(value).toBe("1b");
  });
});

test("call throws what the function throws, when called, at its first step and later", () => {
  virtual(function* () {
    for (const thrown of [new Error("mine"), undefined, "text"]) {
      const got: unknown[] = [];
      for (const body of [
        (): never => {
          throw thrown;
        },
        function* () {
          throw thrown;
        },
        function* () {
          yield* sleep(1);
          throw thrown;
        },
      ]) {
        try {
          yield* call(body);
          got.push("nothing was thrown");
        } catch (error) {
          got.push(error);
        }
      }
      expect(got).toEqual([thrown, thrown, thrown]);
    }
  });
});

test("call is a checkpoint only where the function is one", () => {
  virtual(function* () {
    expect(
      yield* assertNoCheckpoints(() =>
        call(function* () {
          return 5;
        }),
      ),
    ).toBe(5);
  });
});

test("call takes whatever gives a fresh coroutine: operations too", () => {
  virtual(function* () {
    yield* call(sleep, 5);
    yield* call(() => moveOnAfter(5, sleepForever));
    expect(currentTime()).toBe(10);
  });
});

test("call refuses what is no function at once, and what gives no coroutine when driven", () => {
  expect(thrownBy(() => call(5 as never))).toBeInstanceOf(TypeError);
  virtual(function* () {
    expect(yield* errorOf(call((() => 5) as never))).toBeInstanceOf(TypeError);
    expect(yield* errorOf(call((async () => 5) as never))).toBeInstanceOf(TypeError);
    expect((yield* errorOf(call((async () => 5) as never))).message).toContain("async function*");
  });
});

test("the kinds may be mixed at any depth", () => {
  virtual(function* () {
    const plain: (depth: number) => Generator<any, number, any> = function* (depth) {
      yield* yieldBriefly();
      return depth === 0 ? 0 : 1 + (yield* call(asynchronous, depth - 1));
    };
    const asynchronous: (depth: number) => AsyncGenerator<any, number, any> = async function* (depth) {
      yield* yieldBriefly();
      await Promise.resolve();
      return depth === 0 ? 0 : 1 + (yield* depth % 3 === 0 ? call(asynchronous, depth - 1) : call(plain, depth - 1));
    };
    expect(yield* call(plain, 20)).toBe(20);
  });
});

test("cancellation unwinds frames of both kinds from the inside out", () => {
  virtual(function* () {
    const trail: string[] = [];
    const wrap = (name: string, inner: () => Operation<void>) => [
      function* (): Generator<any, void, any> {
        try {
          yield* inner();
        } finally {
          yield* new CancelScope({ shield: true }).run(() => sleep(1));
          trail.push(name);
        }
      },
      async function* (): AsyncGenerator<any, void, any> {
        try {
          yield* inner();
        } finally {
          await Promise.resolve();
          yield* new CancelScope({ shield: true }).run(() => sleep(1));
          trail.push(name);
        }
      },
    ];
    const [a] = wrap("a", () => sleepForever());
    const [, b] = wrap("b", () => call(a!));
    const [c] = wrap("c", () => call(b!));
    yield* moveOnAfter(5, () => call(c!));
    expect(trail).toEqual(["a", "b", "c"]);
  });
});

test("a wake-up costs the same however many frames are around it", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    let woken = 0;
    function* deep(depth: number): Generator<any, void, any> {
      if (depth > 0) return yield* call(deep, depth - 1);
      for (;;) {
        yield* lot.park();
        woken++;
      }
    }
    yield* openNursery(function* (nursery) {
      nursery.startSoon(deep, 20_000);
      while (lot.size === 0) yield* yieldBriefly();
      const before = performance.now();
      for (let i = 0; i < 1000; i++) {
        lot.unpark();
        while (lot.size === 0) yield* yieldBriefly();
      }
      // Delegation through 20,000 generators would take some 500 µs each time.
      expect(performance.now() - before).toBeLessThan(250);
      expect(woken).toBe(1000);
      nursery.cancelScope.cancel();
    });
  });
});

describe("an operation", () => {
  test("is lazy: nothing happens until it is driven", () => {
    virtual(function* () {
      let called = false;
      const operation = call(function* () {
        called = true;
      });
      yield* yieldBriefly();
      expect(called).toBe(false);
      yield* operation;
      expect(called).toBe(true);
    });
  });

  test("is good for one use", () => {
    virtual(function* () {
      for (const operation of [sleep(1), yieldBriefly(), call(yieldBriefly), openNursery(function* () {})]) {
        yield* operation;
        expect(yield* errorOf(operation)).toBeInstanceOf(UsageError);
      }
    });
  });

  test("belongs to the task that first drove it", () => {
    virtual(function* () {
      const operation = sleep(5);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => operation);
        nursery.startSoon(function* () {
          const error = yield* errorOf(operation);
          expect(error).toBeInstanceOf(UsageError);
          expect(error.message).toContain("fresh");
        });
      });
    });
  });

  test("driven outside a task is a UsageError that says so", () => {
    for (const operation of [sleep(1), yieldBriefly(), call(yieldBriefly), new ParkingLot().park()]) {
      const error = thrownBy(() => operation[Symbol.iterator]().next());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("outside a task");
    }
  });

  test("driven by hand while the task is in another one is a UsageError", () => {
    virtual(function* () {
      const first = sleep(1)[Symbol.iterator]();
      const second = sleep(1)[Symbol.iterator]();
      const { value: trap } = first.next();
      const error = thrownBy(() => second.next());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("one operation at a time");
      yield trap as never;
      expect(first.next().done).toBe(true);
    });
  });
});

describe("what a task yields by hand", () => {
  test.each<[string, unknown, string]>([
    ["a value", 5, "5"],
    ["nothing", undefined, "undefined"],
    ["a text", "text", "text"],
    ["an operation", new ParkingLot().park(), "yield*"],
    ["a generator", (function* () {})(), "yield*"],
  ])("%s is a TypeError at the yield, and the task goes on", (_, value, word) => {
    virtual(function* () {
      let error: any;
      try {
        yield value as never;
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(word);
      yield* sleep(1);
    });
  });
});

test("a promise that a plain generator yields is a TypeError that names fromPromise", () => {
  // A method: an asynchronous generator would wait for the promise by itself.
  const program = {
    *main(): Generator<any, void, any> {
      let error: any;
      try {
        yield Promise.resolve(1) as never;
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain("fromPromise");
      yield* sleep(1);
    },
  };
  virtual(program.main);
});
