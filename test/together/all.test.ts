import { expect, test } from "bun:test";
import { CancelScope, ExceptionGroup, all, race, sleep, sleepForever } from "../../src/index.ts";
import { currentStatistics } from "../../src/hazmat.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

test("gives what the bodies returned, in their order", () => {
  virtual(function* () {
    const [a, b, c] = yield* all([
      function* () {
        yield* sleep(30);
        return "a";
      },
      function* () {
        yield* sleep(10);
        return 2;
      },
      () => sleep(20),
    ]);
    expect([a.length, b + 1, c]).toEqual([1, 3, undefined]);
    expect(yield* all([])).toEqual([]);
  });
});

test("the first that throws cancels the others, and all have ended when it comes out", () => {
  virtual(function* () {
    const before = currentStatistics().tasksLiving;
    const log: string[] = [];
    const error = yield* errorOf(
      all([
        function* () {
          yield* sleep(10);
          throw new Error("mine");
        },
        function* () {
          try {
            yield* sleepForever();
          } finally {
            log.push("cleaned up");
          }
        },
      ]),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    expect(error.errors.map((one: Error) => one.message)).toEqual(["mine"]);
    expect(log).toEqual(["cleaned up"]);
    expect(currentStatistics().tasksLiving).toBe(before);
  });
});

test("cancelled from outside, it cancels all of them", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 5 });
    yield* scope.run(() => all([() => sleepForever(), () => sleep(1)]));
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("all and race run the bodies that they were given, whatever becomes of the array", () => {
  virtual(function* () {
    for (const change of [
      (bodies: unknown[]): unknown => bodies.push(1),
      (bodies: unknown[]): unknown => bodies.pop(),
    ]) {
      const bodies = [() => sleep(1)];
      const [together, against] = [all(bodies), race(bodies)];
      change(bodies);
      expect([yield* together, yield* against]).toEqual([[undefined], undefined]);
    }
  });
});

test("what is no array of functions is refused at once", () => {
  for (const wrong of [undefined, {}, () => sleep(1), [sleep(1)], [null]] as any[]) {
    expect(thrownBy(() => all(wrong))).toBeInstanceOf(TypeError);
  }
});

test("the refusal says what stands there, and what to write for it", () => {
  for (const [wrong, message] of [
    [Promise.resolve(1), /not a promise; write \(\) => fromPromise/],
    [sleep(1), /not the operation sleep\(\); write \(\) => fn/],
    [(function* () {})(), /not a generator object; write/],
    [null, /not null; write/],
  ] as const) {
    expect(() => all([wrong as any])).toThrow(message);
  }
});
