import { describe, expect, test } from "bun:test";
import { ExceptionGroup, isCancelled, moveOnAfter, openNursery, sleepForever } from "../../src/index.ts";
import { errorOf, thrownBy, virtual } from "./programs.ts";

class Odd extends Error {}
const [a, b, c] = [new Error("a"), new Odd("b"), new Odd("c")];
const group = new ExceptionGroup([a, new ExceptionGroup([b, a], "inner"), c], "outer");

test("is an AggregateError with the errors in their order, and a message that counts them and names the first leaves", () => {
  expect(group).toBeInstanceOf(AggregateError);
  expect(group).toBeInstanceOf(Error);
  expect(group.name).toBe("ExceptionGroup");
  expect(group.errors).toHaveLength(3);
  expect(group.message).toBe("outer (3 sub-errors): Error: a; Error: b; Error: a; and 1 more");
  expect(new ExceptionGroup([a]).message).toBe("several errors (1 sub-error): Error: a");
  expect(String(new ExceptionGroup([group, a]))).toBe(
    "ExceptionGroup: several errors (2 sub-errors): Error: a; Error: b; Error: a; and 2 more",
  );
});

test("a leaf is named by its first line, in short, whatever it is", () => {
  const unreadable = Object.defineProperty(new Error("x"), "message", {
    get() {
      throw new Error("not to be read");
    },
  });
  const messageOf = (leaf: unknown): string =>
    new ExceptionGroup([leaf], "g").message.slice("g (1 sub-error): ".length);
  expect(messageOf(new Error("first line\nsecond line"))).toBe("Error: first line");
  expect(messageOf(new TypeError())).toBe("TypeError");
  expect(messageOf(new Error("x".repeat(1000)))).toBe(`Error: ${"x".repeat(73)}…`);
  expect([undefined, null, "text", 5n].map(messageOf)).toEqual(["undefined", "null", '"text"', "5n (a bigint)"]);
  expect(messageOf(unreadable)).toBe("an object");
  virtual(function* () {
    yield* moveOnAfter(0, function* () {
      expect(messageOf(yield* errorOf(sleepForever()))).toBe("Cancelled (deadline)");
    });
  });
});

test("leaves() are the errors that are no groups, in order", () => {
  expect(group.leaves()).toEqual([a, b, a, c]);
});

describe("split", () => {
  test("gives two groups of the same shape", () => {
    const [odd, rest] = group.split(Odd);
    expect(odd!.message).toStartWith("outer");
    expect(odd!.errors).toHaveLength(2);
    expect(odd!.errors[0].message).toStartWith("inner");
    expect(odd!.errors[0].errors).toEqual([b]);
    expect(odd!.errors[1]).toBe(c);
    expect(rest!.errors[0]).toBe(a);
    expect(rest!.errors[1].errors).toEqual([a]);
    expect(odd!.stack).toBe(group.stack!);
  });

  test("takes a predicate", () => {
    const [matching, rest] = group.split((error) => error === a);
    expect(matching!.leaves()).toEqual([a, a]);
    expect(rest!.leaves()).toEqual([b, c]);
  });

  test("gives the group itself and null where all or nothing matches", () => {
    expect(group.split(RangeError)).toEqual([null, group]);
    expect(group.split(RangeError)[1]).toBe(group);
    expect(group.split((error) => !(error instanceof ExceptionGroup))[0]).toBe(group);
    expect(group.split(Error)).toEqual([group, null]);
  });

  test("parts are named like groups that were made so, not by what they have lost", () => {
    const [odd, rest] = group.split(Odd);
    expect(odd!.message).toBe("outer (2 sub-errors): Error: b; Error: c");
    expect(rest!.message).toBe("outer (2 sub-errors): Error: a; Error: a");
  });

  test("keeps the cause", () => {
    const caused = new ExceptionGroup([a, b], "with a cause", { cause: "why" });
    expect(caused.split(Odd).map((part) => part!.cause)).toEqual(["why", "why"]);
  });

  test("refuses what is neither class nor predicate", () => {
    expect(thrownBy(() => group.split("Error" as never))).toBeInstanceOf(TypeError);
  });
});

test("subgroup gives the matching part, or null", () => {
  expect(group.subgroup(Odd)!.leaves()).toEqual([b, c]);
  expect(group.subgroup(RangeError)).toBeNull();
});

test("an AggregateError that is none of ours counts as a leaf", () => {
  const other = new AggregateError([a, b]);
  expect(new ExceptionGroup([other]).leaves()).toEqual([other]);
});

test("what is no Error may be in it", () => {
  const mixed = new ExceptionGroup([undefined, "text", 5]);
  expect(mixed.leaves()).toEqual([undefined, "text", 5]);
  expect(mixed.split((error) => error === 5)[0]!.errors).toEqual([5]);
});

test("a group of nothing is refused", () => {
  expect(thrownBy(() => new ExceptionGroup([]))).toBeInstanceOf(RangeError);
});

test("isCancelled tells a Cancelled, and a group of nothing else, however deep", () => {
  virtual(function* () {
    let cancelled: unknown;
    yield* moveOnAfter(0, function* () {
      cancelled = yield* errorOf(sleepForever());
    });
    expect(isCancelled(cancelled)).toBe(true);
    expect(isCancelled(new ExceptionGroup([cancelled, new ExceptionGroup([cancelled])]))).toBe(true);
    expect(isCancelled(new ExceptionGroup([cancelled, a]))).toBe(false);
    expect(isCancelled(a)).toBe(false);
    expect(isCancelled(undefined)).toBe(false);
    expect(isCancelled(new AggregateError([]))).toBe(false);
    expect(isCancelled(new AggregateError([cancelled]))).toBe(true);
    expect(isCancelled(new ExceptionGroup([new AggregateError([cancelled])]))).toBe(true);
  });
});

test("an error is looked at as often in two hundred nurseries as in ten: depth does not make its way out dearer", () => {
  const looksAt = (depth: number): number => {
    let looks = 0;
    const error = new Proxy(new Error("deep"), {
      getPrototypeOf(target) {
        looks++;
        return Reflect.getPrototypeOf(target);
      },
    });
    function* nest(levels: number): Generator<any, void> {
      yield* openNursery(function* () {
        if (levels === 0) throw error;
        yield* nest(levels - 1);
      });
    }
    let group: any = thrownBy(() => virtual(() => nest(depth)));
    for (let level = 0; level <= depth; level++) group = group.errors[0];
    expect(group === error).toBe(true);
    return looks;
  };
  expect(looksAt(200)).toBe(looksAt(10));
});

test("groups nested deeper than functions can be are split, told to be cancelled and gone through", () => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // stacks are what takes time here
  try {
    const nest = (innermost: Error, make: (inner: Error) => Error): Error => {
      let outer = innermost;
      for (let i = 0; i < 35_000; i++) outer = make(outer);
      return outer;
    };
    const outermost = nest(new ExceptionGroup([a, b]), (inner) => new ExceptionGroup([inner])) as ExceptionGroup;
    const [odd, rest] = outermost.split(Odd);
    expect([odd!.leaves(), rest!.leaves()]).toEqual([[b], [a]]);
    expect(isCancelled(outermost)).toBe(false);
    expect(isCancelled(nest(a, (inner) => new AggregateError([inner])))).toBe(false);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});

test("Python's order of arguments is refused, and so is what is no list of errors", () => {
  for (const errors of ["two things broke", new Error("one"), null, 5] as any[]) {
    expect(thrownBy(() => new ExceptionGroup(errors, [] as any))).toBeInstanceOf(TypeError);
  }
});
