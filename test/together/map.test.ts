import { expect, test } from "bun:test";
import { CancelScope, ExceptionGroup, all, currentTime, map, race, sleep, sleepForever } from "../../src/index.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

test("gives what fn returned, in the order of the items, and at most so many run at once", () => {
  for (const concurrency of [1, 2, 3, 10, Infinity]) {
    virtual(
      function* () {
        let running = 0;
        let most = 0;
        const results = yield* map(
          [50, 10, 40, 20, 30],
          function* (ms, index) {
            most = Math.max(most, ++running);
            yield* sleep(ms);
            running--;
            return `${index}:${ms}`;
          },
          { concurrency },
        );
        expect(results).toEqual(["0:50", "1:10", "2:40", "3:20", "4:30"]);
        expect(most).toBe(Math.min(concurrency, 5));
      },
      { seed: 3 },
    );
  }
});

test("without an option all run at once; of no items it gives an empty array", () => {
  virtual(function* () {
    yield* map([10, 20, 30], sleep);
    expect(currentTime()).toBe(30);
    expect(yield* map([], sleep)).toEqual([]);
  });
});

test("items are taken as there is room, and the iteration is closed when one throws", () => {
  virtual(function* () {
    let taken = 0;
    let closed = false;
    const endless = {
      *[Symbol.iterator](): Generator<number, void, void> {
        try {
          for (;;) yield taken++;
        } finally {
          closed = true;
        }
      },
    };
    const error = yield* errorOf(
      map(
        endless,
        function* (item) {
          yield* sleep(1);
          if (item === 20) throw new Error("enough");
        },
        { concurrency: 4 },
      ),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    expect(closed).toBe(true);
    expect(taken).toBeLessThanOrEqual(24);
  });
});

test("what closing the items throws comes out beside what ended the taking, and a Cancelled finds its scope", () => {
  virtual(function* () {
    const wontClose = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return() {
          throw new Error("cannot be closed");
        },
      }),
    } as unknown as Iterable<number>;
    const failed = yield* errorOf(
      map(
        wontClose,
        function* () {
          yield* sleep(1);
          throw new Error("from fn");
        },
        { concurrency: 1 },
      ),
    );
    expect(failed.leaves().map(String)).toEqual(["Error: from fn", "Error: cannot be closed"]);
    const scope = new CancelScope({ timeout: 5 });
    const cancelled = yield* errorOf(scope.run(() => map(wontClose, sleepForever, { concurrency: 1 })));
    expect(scope.cancelledCaught).toBe(true);
    expect(cancelled.leaves().map(String)).toEqual(["Error: cannot be closed"]);
  });
});

test("an iteration that throws cancels what runs", () => {
  virtual(function* () {
    const items = {
      *[Symbol.iterator](): Generator<number, void, void> {
        yield 1;
        throw new Error("no more");
      },
    };
    const error = yield* errorOf(map(items, () => sleepForever()));
    expect(error.errors[0].message).toBe("no more");
  });
});

test("cancelled from outside, it cancels all of them and takes no more", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 5 });
    let calls = 0;
    yield* scope.run(() =>
      map(
        [1, 2, 3, 4],
        () => {
          calls++;
          return sleepForever();
        },
        { concurrency: 2 },
      ),
    );
    expect(scope.cancelledCaught).toBe(true);
    expect(calls).toBe(2);
  });
});

test("arguments that make no sense are refused at once", () => {
  for (const items of [undefined, null, 3, {}] as any[]) {
    expect(thrownBy(() => map(items, sleep))).toBeInstanceOf(TypeError);
  }
  expect(thrownBy(() => map([1], 1 as any))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => map([1], sleep, null as any))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => map([1], sleep, { concurrency: "2" as any }))).toBeInstanceOf(TypeError);
  for (const concurrency of [0, -1, 1.5, NaN]) {
    expect(thrownBy(() => map([1], sleep, { concurrency }))).toBeInstanceOf(RangeError);
  }
});

test("what gives no coroutine is named: the bodies of all and race, the item of map", () => {
  virtual(function* () {
    const promised: any = async () => 1;
    const messages: string[] = [];
    for (const operation of [
      all([() => sleep(1), promised]),
      race([() => sleep(1), (() => 5) as any]),
      map([7, 8], ((item: number) => (item === 8 ? promised() : sleep(1))) as any),
    ]) {
      const error = yield* errorOf(operation);
      messages.push(error.errors[0].message);
    }
    expect(messages[0]).toStartWith(
      "all(bodies): bodies[1] returned a promise, so it is an async function: write async function*",
    );
    expect(messages[1]).toStartWith("race(bodies): bodies[1] returned number where a coroutine was expected");
    expect(messages[2]).toStartWith("map(items, fn): fn of item 1 returned a promise");
  });
});

test("cancelled from outside, it begins no more, though what runs is shielded", () => {
  virtual(function* () {
    let begun = 0;
    const scope = new CancelScope({ timeout: 25 });
    yield* scope.run(() =>
      map(
        Array.from({ length: 50 }),
        () => {
          begun++;
          return new CancelScope({ shield: true }).run(() => sleep(10));
        },
        { concurrency: 1 },
      ),
    );
    expect(begun).toBe(3);
  });
});

test("an iterator whose next() has thrown is not closed", () => {
  virtual(function* () {
    let closed = 0;
    const items = {
      [Symbol.iterator]: () => ({
        next(): never {
          throw new Error("no more");
        },
        return() {
          closed++;
          return { done: true as const, value: undefined };
        },
      }),
    };
    yield* errorOf(map(items, () => sleep(1)));
    expect(closed).toBe(0);
  });
});
