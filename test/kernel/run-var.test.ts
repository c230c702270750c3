import { expect, test } from "bun:test";
import { UsageError, openNursery } from "../../src/index.ts";
import { RunVar, currentCallSoonThreadAndSignalSafe, spawnSystemTask } from "../../src/hazmat.ts";
import { passes, thrownBy, virtual } from "./programs.ts";

test("has one value for each run, and its default in every other", () => {
  const variable = new RunVar<number>("count", 0);
  for (let i = 0; i < 2; i++) {
    virtual(function* () {
      expect(variable.get()).toBe(0);
      variable.set(5);
      expect(variable.get()).toBe(5);
      yield* passes(1);
    });
  }
});

test("all tasks of the run share it, system tasks and call-soon callbacks too", () => {
  virtual(function* () {
    const variable = new RunVar<string>("shared");
    const seen: string[] = [];
    variable.set("by main");
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        seen.push(variable.get());
        variable.set("by a child");
      });
    });
    spawnSystemTask(function* () {
      seen.push(variable.get());
    });
    currentCallSoonThreadAndSignalSafe()(() => seen.push(variable.get()));
    yield* passes(3);
    expect(seen).toEqual(["by main", "by a child", "by a child"]);
  });
});

test("without value and default get() is a UsageError that names it; undefined is a default like any other", () => {
  virtual(function* () {
    const error = thrownBy(() => new RunVar("nothing").get());
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("nothing");
    expect(new RunVar<undefined>("with a default", undefined).get()).toBeUndefined();
  });
});

test("reset() goes back to before the set() that gave the token", () => {
  virtual(function* () {
    const variable = new RunVar<number>("count");
    const first = variable.set(1);
    const second = variable.set(2);
    variable.reset(second);
    expect(variable.get()).toBe(1);
    variable.reset(first);
    expect(thrownBy(() => variable.get())).toBeInstanceOf(UsageError);
  });
});

test("a token is good for one use, on the variable that made it", () => {
  virtual(function* () {
    const [one, other] = [new RunVar<number>("one"), new RunVar<number>("other")];
    const token = one.set(1);
    expect(thrownBy(() => other.reset(token))).toBeInstanceOf(UsageError);
    one.reset(token);
    expect(thrownBy(() => one.reset(token))).toBeInstanceOf(UsageError);
    for (const wrong of [undefined, null, 5, {}]) {
      expect(thrownBy(() => one.reset(wrong as never))).toBeInstanceOf(TypeError);
    }
  });
});

test("outside a run every call is a UsageError", () => {
  const variable = new RunVar("outside", 1);
  expect(thrownBy(() => variable.get())).toBeInstanceOf(UsageError);
  expect(thrownBy(() => variable.set(2))).toBeInstanceOf(UsageError);
});

test("a token of another run is refused", () => {
  const variable = new RunVar<number>("count");
  let token: ReturnType<typeof variable.set> | undefined;
  virtual(function* () {
    token = variable.set(1);
  });
  virtual(function* () {
    variable.set(7);
    expect(thrownBy(() => variable.reset(token!))).toBeInstanceOf(UsageError);
    expect(variable.get()).toBe(7);
  });
});
