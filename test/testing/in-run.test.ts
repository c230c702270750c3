import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  DeadlockError,
  UsageError,
  currentTime,
  fromPromise,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { currentTask } from "../../src/hazmat.ts";
import { MockClock, inRun } from "../../src/testing.ts";
import { thrownBy } from "../kernel/programs.ts";

test(
  "the body is the main task of a run",
  inRun(async function* () {
    expect(currentTask().parentNursery).not.toBeNull();
    expect(thrownBy(() => runSync(() => sleep(0)))).toBeInstanceOf(UsageError);
    await new Promise((resolve) => setTimeout(resolve, 1));
    yield* sleep(1);
  }),
);

test(
  "plain generators, and operations, will do",
  inRun(() =>
    new CancelScope({ timeout: 1 }).run(function* () {
      yield* sleep(1000);
    }),
  ),
);

test(
  "options are the run's",
  inRun(
    function* () {
      yield* sleep(1e6);
      expect(currentTime()).toBe(1e6);
    },
    { clock: new MockClock({ autojumpThreshold: 0 }) },
  ),
);

test("a test in which nothing can wake anything ends with DeadlockError, and does not hang", async () => {
  const hung = inRun(sleepForever, { clock: new MockClock({ autojumpThreshold: 0 }) });
  expect(await hung().catch((error: unknown) => error)).toBeInstanceOf(DeadlockError);
});

test("a run in a run is refused with the name of the one under way", async () => {
  const error = await inRun(async function* outer() {
    yield* fromPromise(run(() => sleep(0)));
  })().catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("a run is under way on this thread already (main task ");
});

describe("what test.each gives is handed on", () => {
  test.each([
    [1, "one"],
    [2, "two"],
  ])(
    "%i %s",
    inRun(function* (number: number, name: string) {
      yield* sleep(0);
      expect([undefined, "one", "two"][number]).toBe(name);
    }),
  );
});

test("the test fails with what the body throws", async () => {
  const error = new Error("mine");
  const fails = inRun(function* () {
    yield* sleep(0);
    throw error;
  });
  expect(await fails().catch((thrown) => thrown)).toBe(error);
});

test("what the body returns is not the test's affair", async () => {
  expect(
    await inRun(function* () {
      return 5;
    })(),
  ).toBeUndefined();
});

test("a function without the star fails the test, and no function is refused at once", async () => {
  expect(await inRun((async () => {}) as never)().catch((thrown) => thrown)).toBeInstanceOf(TypeError);
  expect(thrownBy(() => inRun(5 as never))).toBeInstanceOf(TypeError);
});
