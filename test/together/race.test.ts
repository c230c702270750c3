import { expect, test } from "bun:test";
import { CancelScope, ExceptionGroup, UsageError, currentTime, race, sleep, sleepForever } from "../../src/index.ts";
import { currentTask } from "../../src/hazmat.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

test("gives what the first to return returned, when the others have been cancelled and have ended", () => {
  virtual(function* () {
    const log: string[] = [];
    const value = yield* race([
      function* () {
        try {
          yield* sleepForever();
        } finally {
          log.push("cleaned up");
        }
        return "never";
      },
      function* () {
        yield* sleep(10);
        return "second";
      },
      function* () {
        yield* sleep(20);
        log.push("too late");
        return "third";
      },
    ]);
    expect(value).toBe("second");
    expect(log).toEqual(["cleaned up"]);
    expect(currentTime()).toBe(10);
  });
});

test("undefined wins too, and of two in one pass the first", () => {
  virtual(function* () {
    expect(yield* race<void | number>([() => sleep(1), () => sleepForever()])).toBeUndefined();
    const give = (value: number) =>
      function* (): Generator<any, number, any> {
        yield* sleep(5);
        return value;
      };
    expect(yield* race([give(1), give(2)])).toBe(1);
  });
});

test("one that throws first ends the race; what a loser throws while it cleans up is not lost", () => {
  virtual(function* () {
    const error = yield* errorOf(
      race([
        function* () {
          yield* sleep(1);
          throw new Error("mine");
        },
        () => sleepForever(),
      ]),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    const late = yield* errorOf(
      race([
        () => sleep(1),
        function* () {
          try {
            yield* sleepForever();
          } finally {
            // oxlint-disable-next-line no-unsafe-finally
            throw new Error("while cleaning up");
          }
        },
      ]),
    );
    expect(late.errors[0].message).toBe("while cleaning up");
  });
});

test("one that throws in the pass in which another returns is not lost, whichever came first", () => {
  virtual(function* () {
    const wins = function* (): Generator<any, string> {
      yield* sleep(5);
      return "won";
    };
    const fails = function* (): Generator<any, never> {
      yield* sleep(5);
      throw new Error("failed");
    };
    for (const bodies of [
      [wins, fails],
      [fails, wins],
    ]) {
      expect((yield* errorOf(race(bodies))).leaves().map(String)).toEqual(["Error: failed"]);
    }
  });
});

test("cancelled from outside while the losers clean up, it throws Cancelled, though there is a winner", () => {
  virtual(function* () {
    const scope = new CancelScope();
    let cleaned = false;
    const value = yield* scope.run(() =>
      race([
        () => sleep(1),
        function* () {
          try {
            yield* sleepForever();
          } finally {
            yield* new CancelScope({ shield: true }).run(function* () {
              yield* sleep(5);
              scope.cancel();
              yield* sleep(5);
              cleaned = true;
            });
          }
        },
      ]),
    );
    expect([value, scope.cancelledCaught, cleaned]).toEqual([undefined, true, true]);
  });
});

test("cancelled from outside, it cancels all of them", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 5 });
    yield* scope.run(() => race([() => sleepForever(), () => sleepForever()]));
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("a race of nobody, and what is no array of functions, is refused at once", () => {
  expect(thrownBy(() => race([]))).toBeInstanceOf(RangeError);
  for (const wrong of [undefined, [sleep(1)], [1]] as any[]) {
    expect(thrownBy(() => race(wrong))).toBeInstanceOf(TypeError);
  }
});

test("a body that cancels the nursery it runs in is told that nobody has won", () => {
  virtual(function* () {
    const error = yield* errorOf(
      race([
        function* () {
          currentTask().parentNursery!.cancelScope.cancel();
          yield* sleepForever();
        },
      ]),
    );
    expect(error).toBeInstanceOf(UsageError);
  });
});
