/** The stack of an error shows the chain of the user's functions, across frames. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  call,
  failAfter,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { errorOf, thrownBy } from "./programs.ts";

function* failingLeaf(): Generator<any, void, any> {
  yield* sleep(0);
  throw new Error("from the leaf");
}
function* callingMiddle(): Generator<any, void, any> {
  yield* call(failingLeaf);
}

/** Whether each name stands in the stack, in this order. */
function expectChain(stack: string, names: string[]): void {
  const places = names.map((name) => stack.split("\n").findIndex((line) => line.includes(`at ${name} (`)));
  expect([stack, places.every((place) => place > 0)]).toEqual([stack, true]);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

describe("names the functions from the throw outwards", () => {
  test("through yield* in plain generators", () => {
    // Methods: the engine keeps no stack of asynchronous generators that delegate to each other.
    const plain = {
      *leaf(): Generator<any, void, any> {
        yield* sleep(0);
        throw new Error("from the leaf");
      },
      *middle(): Generator<any, void, any> {
        yield* plain.leaf();
      },
      *main(): Generator<any, void, any> {
        yield* call(plain.middle);
      },
    };
    expectChain(thrownBy(() => runSync(plain.main)).stack, ["leaf", "middle", "main"]);
  });

  test("through call", () => {
    const error = thrownBy(() =>
      runSync(function* outermostMain() {
        yield* call(callingMiddle);
      }),
    );
    expectChain(error.stack, ["failingLeaf", "callingMiddle", "outermostMain"]);
  });

  test("through scopes and timeouts", () => {
    function* throughScopes(): Generator<any, void, any> {
      yield* new CancelScope().run(function* scopeBody() {
        yield* failAfter(1000, function* timeoutBody() {
          yield* moveOnAfter(1000, callingMiddle);
        });
      });
    }
    const error = thrownBy(() =>
      runSync(function* outermostMain() {
        yield* throughScopes();
      }),
    );
    expectChain(error.stack, [
      "failingLeaf",
      "callingMiddle",
      "timeoutBody",
      "scopeBody",
      "throughScopes",
      "outermostMain",
    ]);
  });

  test("through a nursery's body", () => {
    const error = thrownBy(() =>
      runSync(function* outermostMain() {
        yield* openNursery(function* nurseryBody() {
          yield* callingMiddle();
        });
      }),
    );
    expectChain(error.errors[0].stack, ["failingLeaf", "callingMiddle", "nurseryBody", "outermostMain"]);
  });

  test("on Bun's loop", async () => {
    const error = await run(function* outermostMain() {
      yield* call(callingMiddle);
    }).catch((error) => error);
    expectChain(error.stack, ["failingLeaf", "callingMiddle", "outermostMain"]);
  });
});

test("a stack holds no line of the scheduler's", () => {
  const error = thrownBy(() =>
    runSync(function* () {
      yield* call(() => new CancelScope().run(callingMiddle));
    }),
  );
  expect(error.stack.split("\n").filter((line: string) => /[\\/]src[\\/]kernel[\\/]/.test(line))).toEqual([]);
});

test("an error keeps its identity, message and cause through frames; a frozen one its stack", () => {
  runSync(function* () {
    const error = new Error("mine", { cause: "why" });
    const got = yield* errorOf(
      call(function* () {
        throw error;
      }),
    );
    expect(got).toBe(error);
    expect([got.message, got.cause]).toEqual(["mine", "why"]);
    const frozen = Object.freeze(new Error("frozen"));
    expect(
      yield* errorOf(
        call(function* () {
          throw frozen;
        }),
      ),
    ).toBe(frozen);
  });
});

test("an error that is thrown again does not grow without bound", () => {
  runSync(function* () {
    const error = new Error("mine");
    for (let i = 0; i < 200; i++) {
      yield* errorOf(
        call(function* () {
          throw error;
        }),
      );
    }
    expect(error.stack!.length).toBeLessThan(50_000);
  });
});

test("a Cancelled, which many tasks share, is left as it is", () => {
  runSync(function* () {
    const stacks: unknown[] = [];
    yield* moveOnAfter(0, function* () {
      try {
        yield* call(() => new CancelScope().run(sleepForever));
      } catch (error) {
        stacks.push((error as Error).stack);
        throw error;
      }
    });
    expect(stacks).toHaveLength(1);
  });
});
