import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  ExceptionGroup,
  catchGroup,
  sleep,
  sleepForever,
  openNursery,
  type GroupHandler,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

function* throwing(error: unknown): Generator<any, never, any> {
  yield* yieldBriefly();
  throw error;
}

test("gives what the body returns, when it throws nothing", () => {
  virtual(function* () {
    const value = yield* catchGroup(
      function* () {
        yield* sleep(1);
        return 5;
      },
      [[Error, () => {}]],
    );
    expect(value).toBe(5);
  });
});

test("each handler gets those that it is for and no earlier one has had, as a group of their shape", () => {
  virtual(function* () {
    const [type, range, other] = [new TypeError("t"), new RangeError("r"), new Error("o")];
    const got: unknown[] = [];
    const nested = new ExceptionGroup([type, new ExceptionGroup([range, other], "inner")], "outer");
    const value = yield* catchGroup(
      () => throwing(nested),
      [
        [
          TypeError,
          (group) => {
            got.push(group.leaves());
          },
        ],
        [
          RangeError,
          function* (group) {
            yield* sleep(1);
            got.push(group.errors);
          },
        ],
        [
          () => true,
          (group) => {
            got.push(group.leaves());
          },
        ],
        [
          Error,
          () => {
            got.push("never");
          },
        ],
      ],
    );
    expect(value).toBeUndefined();
    expect(got[0]).toEqual([type]);
    expect((got[1] as ExceptionGroup[])[0]!.errors).toEqual([range]);
    expect(got[2]).toEqual([other]);
    expect(got.length).toBe(3);
  });
});

test("a single error that is in no group is handled too, whatever was thrown", () => {
  virtual(function* () {
    for (const thrown of [new TypeError("bare"), "a string"]) {
      const got: unknown[] = [];
      yield* catchGroup(
        () => throwing(thrown),
        [[(error) => error === thrown, (group) => void got.push(...group.errors)]],
      );
      expect(got).toEqual([thrown]);
    }
  });
});

test("what no handler is for comes out as it was; after a handler, the rest in its shape", () => {
  virtual(function* () {
    const bare = new Error("bare");
    expect(yield* errorOf(catchGroup(() => throwing(bare), [[TypeError, () => {}]]))).toBe(bare);
    const group = new ExceptionGroup([bare, new TypeError("t")], "both");
    expect(yield* errorOf(catchGroup(() => throwing(group), []))).toBe(group);
    const rest = yield* errorOf(catchGroup(() => throwing(group), [[TypeError, () => {}]]));
    expect(rest).toBeInstanceOf(ExceptionGroup);
    expect(rest.errors).toEqual([bare]);
  });
});

test("what a handler throws comes out, and the other handlers have had their turn", () => {
  virtual(function* () {
    const [mine, left] = [new Error("from the handler"), new EvalError("left")];
    const group = new ExceptionGroup([new TypeError("t"), new RangeError("r"), left]);
    let turns = 0;
    const error = yield* errorOf(
      catchGroup(
        () => throwing(group),
        [
          [
            TypeError,
            () => {
              throw mine;
            },
          ],
          [RangeError, () => void turns++],
        ],
      ),
    );
    expect(turns).toBe(1);
    expect(error.leaves()).toEqual([mine, left]);
  });
});

describe("as Python's except* has it", () => {
  class Value extends Error {}
  class Type extends Error {}
  const [v, t, w] = [new Value("v"), new Type("t"), new Value("w")];
  const inner = new ExceptionGroup([t, w], "inner");
  const group = new ExceptionGroup([v, inner], "outer");
  const again: GroupHandler[1] = (given) => {
    throw given;
  };
  /** What comes out, a group as its message and what is in it. */
  function outcome(thrown: unknown, handlers: GroupHandler[]): unknown {
    const shape = (error: unknown): unknown =>
      error instanceof ExceptionGroup ? [error.message.replace(/ \(.*/s, ""), ...error.errors.map(shape)] : error;
    return virtual(function* () {
      return shape(yield* errorOf(catchGroup(() => throwing(thrown), handlers)));
    });
  }

  test("what a handler throws again is in its old place, with what no handler was for", () => {
    expect(outcome(group, [[Value, again]])).toEqual(["outer", v, ["inner", t, w]]);
    expect(
      outcome(group, [
        [Value, again],
        [Type, again],
      ]),
    ).toEqual(["outer", v, ["inner", t, w]]);
    expect(
      outcome(group, [
        [Value, again],
        [Type, () => {}],
      ]),
    ).toEqual(["outer", v, ["inner", w]]);
    expect(outcome(v, [[Value, again]])).toEqual(["an error", v]);
  });

  test("another error that a handler throws comes first, and then all that was not handled, in one group", () => {
    const fresh = new Error("fresh");
    const throwFresh = (): void => {
      throw fresh;
    };
    expect(
      outcome(group, [
        [Type, throwFresh],
        [(error) => error === v, again],
      ]),
    ).toEqual(["what was not handled, and what handlers threw", fresh, ["outer", v, ["inner", w]]]);
    expect(outcome(v, [[Value, throwFresh]])).toBe(fresh);
    expect(
      outcome(group, [
        [
          Value,
          (given) => {
            throw given.errors[0];
          },
        ],
      ]),
    ).toEqual(["what was not handled, and what handlers threw", v, ["outer", ["inner", t]]]);
  });

  test("a predicate that throws handles nothing, and nothing is lost by it", () => {
    const mistake = new Error("in the predicate");
    const wrong = (): boolean => {
      throw mistake;
    };
    expect(outcome(inner, [[wrong, () => {}]])).toEqual([
      "what was not handled, and what handlers threw",
      mistake,
      ["inner", t, w],
    ]);
    expect(
      outcome(inner, [
        [wrong, () => {}],
        [Error, () => {}],
      ]),
    ).toBe(mistake);
  });

  test("an error that is there twice and was handled in one place only is not lost", () => {
    const twice = new ExceptionGroup([v, new ExceptionGroup([v], "inner")], "outer");
    const isInner = (error: unknown): boolean => error instanceof ExceptionGroup && error.message.startsWith("inner");
    expect(outcome(twice, [[isInner, () => {}]])).toEqual(["outer", v, ["inner", v]]);
  });
});

test("a handler that is cancelled has had its turn: the others have theirs, and what is left comes out beside", () => {
  virtual(function* () {
    const [left, other] = [new EvalError("left"), new RangeError("other")];
    const scope = new CancelScope();
    const log: string[] = [];
    const error = yield* errorOf(
      scope.run(() =>
        catchGroup(
          () => throwing(new ExceptionGroup([new TypeError("t"), left, other])),
          [
            [
              TypeError,
              function* () {
                scope.cancel();
                yield* sleep(1);
              },
            ],
            [RangeError, () => void log.push("handled")],
          ],
        ),
      ),
    );
    expect([scope.cancelledCaught, log, error.leaves()]).toEqual([true, ["handled"], [left]]);
  });
});

test("Cancelled is never handled: its scope gets it, with errors beside it and without", () => {
  virtual(function* () {
    let handled: unknown[] = [];
    const scope = new CancelScope();
    yield* scope.run(() =>
      catchGroup(
        function* () {
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() => sleepForever());
            nursery.startSoon(function* () {
              try {
                yield* sleepForever();
              } catch {
                throw new TypeError("while cleaning up");
              }
            });
            yield* yieldBriefly();
            scope.cancel();
            yield* sleepForever();
          });
        },
        [[Error, (group) => void (handled = group.leaves())]],
      ),
    );
    expect(scope.cancelledCaught).toBe(true);
    expect(handled.map(String)).toEqual(["TypeError: while cleaning up"]);
    expect(handled.some((error) => error instanceof Cancelled)).toBe(false);
  });
});

test("arguments that make no sense are refused at once", () => {
  const body = (): ReturnType<typeof sleep> => sleep(1);
  for (const [wrongBody, handlers] of [
    [1, []],
    [body, undefined],
    [body, [Error]],
    [body, [[Error]]],
    [body, [["Error", () => {}]]],
  ] as any[]) {
    expect(thrownBy(() => catchGroup(wrongBody, handlers))).toBeInstanceOf(TypeError);
  }
});
