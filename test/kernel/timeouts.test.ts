import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  TooSlowError,
  currentEffectiveDeadline,
  currentTime,
  failAfter,
  failAt,
  moveOnAfter,
  moveOnAt,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { errorOf, thrownBy, virtual } from "./programs.ts";

test("moveOnAfter gives the body's value, or undefined when it was cut off; the body gets the scope", () => {
  virtual(function* () {
    expect(
      yield* moveOnAfter(10, function* (scope) {
        expect(scope).toBeInstanceOf(CancelScope);
        expect(scope.deadline).toBe(10);
        yield* sleep(5);
        return "in time";
      }),
    ).toBe("in time");
    let seen: CancelScope | undefined;
    expect(
      yield* moveOnAfter(10, function* (scope) {
        seen = scope;
        yield* sleep(50);
        return "too late";
      }),
    ).toBeUndefined();
    expect([seen!.cancelledCaught, currentTime()]).toEqual([true, 15]);
  });
});

test("moveOnAfter counts from when it is driven", () => {
  virtual(function* () {
    const operation = moveOnAfter(10, sleepForever);
    yield* sleep(5);
    yield* operation;
    expect(currentTime()).toBe(15);
  });
});

test("moveOnAt takes a time of the run's clock, which may have passed", () => {
  virtual(function* () {
    yield* moveOnAt(10, sleepForever);
    expect(currentTime()).toBe(10);
    yield* moveOnAt(5, sleepForever);
    expect(currentTime()).toBe(10);
  });
});

test("failAfter and failAt throw TooSlowError when the body was cut off", () => {
  virtual(function* () {
    const error = yield* errorOf(failAfter(10, sleepForever));
    expect(error).toBeInstanceOf(TooSlowError);
    expect(error.message).toContain("10 ms");
    expect(currentTime()).toBe(10);
    expect(yield* errorOf(failAt(20, sleepForever))).toBeInstanceOf(TooSlowError);
    expect(currentTime()).toBe(20);
    const value: string = yield* failAfter(10, function* () {
      yield* sleep(1);
      return "in time";
    });
    expect(value).toBe("in time");
  });
});

test("failAfter(0) without a checkpoint in the body is no error, with one it is", () => {
  virtual(function* () {
    expect(
      yield* failAfter(0, function* () {
        return 1;
      }),
    ).toBe(1);
    expect(yield* errorOf(failAfter(0, () => sleep(0)))).toBeInstanceOf(TooSlowError);
  });
});

test("failAfter whose body ends although the time was up does not fail", () => {
  virtual(function* () {
    const value = yield* failAfter(10, function* () {
      yield* errorOf(sleepForever());
      return "ended all the same";
    });
    expect(value).toBe("ended all the same");
  });
});

test("a scope's cancel() in failAfter counts as too slow, as in Trio", () => {
  virtual(function* () {
    const error = yield* errorOf(
      failAfter(10, function* (scope) {
        scope.cancel();
        yield* sleepForever();
      }),
    );
    expect(error).toBeInstanceOf(TooSlowError);
  });
});

test("an outer cancellation passes through failAfter as Cancelled", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 5 });
    yield* scope.run(() => failAfter(10, sleepForever));
    expect([scope.cancelledCaught, currentTime()]).toEqual([true, 5]);
  });
});

test("of two timeouts due at the same time the outer one decides", () => {
  virtual(function* () {
    const error = yield* errorOf(failAfter(10, () => moveOnAfter(10, sleepForever)));
    expect(error).toBeInstanceOf(TooSlowError);
    expect(yield* moveOnAfter(10, () => failAfter(10, sleepForever))).toBeUndefined();
  });
});

test("shield keeps outer cancellation away, not the timeout", () => {
  virtual(function* () {
    const trail: number[] = [];
    yield* moveOnAfter(5, function* () {
      yield* moveOnAfter(10, sleepForever, { shield: true });
      trail.push(currentTime());
      expect(yield* errorOf(failAfter(10, sleepForever, { shield: true }))).toBeInstanceOf(TooSlowError);
      trail.push(currentTime());
      yield* moveOnAt(30, sleepForever, { shield: true });
      trail.push(currentTime());
      yield* errorOf(failAt(40, sleepForever, { shield: true }));
      trail.push(currentTime());
      yield* sleep(1);
      trail.push(-1);
    });
    expect(trail).toEqual([10, 20, 30, 40]);
  });
});

test("the deadline may be moved from within", () => {
  virtual(function* () {
    yield* moveOnAfter(10, function* (scope) {
      yield* sleep(5);
      scope.deadline += 20;
      expect(currentEffectiveDeadline()).toBe(30);
      yield* sleepForever();
    });
    expect(currentTime()).toBe(30);
  });
});

test("Infinity is no timeout at all", () => {
  virtual(function* () {
    yield* moveOnAfter(Infinity, function* () {
      expect(currentEffectiveDeadline()).toBe(Infinity);
    });
  });
});

describe("arguments", () => {
  for (const [name, after] of [
    ["moveOnAfter", moveOnAfter],
    ["failAfter", failAfter],
  ] as const) {
    test(`${name} refuses wrong ones at once, naming them`, () => {
      expect(thrownBy(() => after(-1, sleepForever))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => after(Number.NaN, sleepForever))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => after("1" as never, sleepForever))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => after(1, undefined as never))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => after(1, sleepForever, { shield: 1 } as never))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => after(-1, sleepForever)).message).toContain(name);
    });
  }
  for (const [name, at] of [
    ["moveOnAt", moveOnAt],
    ["failAt", failAt],
  ] as const) {
    test(`${name} refuses wrong ones at once, naming them`, () => {
      expect(thrownBy(() => at(Number.NaN, sleepForever))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => at("1" as never, sleepForever))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => at(1, undefined as never))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => at(Number.NaN, sleepForever)).message).toContain(name);
    });
  }
});
