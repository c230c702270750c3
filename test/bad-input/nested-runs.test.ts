/** A run within a run: every combination is refused, and the outer run goes on. */
import { expect, test } from "bun:test";
import { currentCallSoonThreadAndSignalSafe } from "../../src/hazmat.ts";
import { UsageError, fromPromise, run, runSync, sleep } from "../../src/index.ts";
import { expectError, stillSound, thrownBy } from "./soundness.ts";

function* nothing(): Generator<any, string> {
  return "ran";
}

/** Both kinds of nested run, from where it is called: their errors. */
async function nested(): Promise<unknown[]> {
  const inner = [thrownBy(() => runSync(nothing))];
  inner.push(await run(nothing).catch((error: unknown) => error));
  return inner;
}

function expectRefused(errors: readonly unknown[]): void {
  expect(errors).toHaveLength(2);
  expectError(
    errors[0],
    UsageError,
    "runSync(): a run is under way on this thread already",
    "a thread has one at a time",
  );
  expectError(errors[1], UsageError, "run(): a run is under way on this thread already", "in a Worker");
}

test("in a task of runSync(), plain and async", () => {
  runSync(function* () {
    expectRefused(yield* fromPromise(nested()));
    yield* stillSound();
  });
  runSync(async function* () {
    expectRefused(await nested());
    yield* stillSound();
  });
});

test("in a task of run(), plain and async, and after a native await", async () => {
  await run(function* () {
    expectRefused(yield* fromPromise(nested()));
    yield* stillSound();
  });
  await run(async function* () {
    await Bun.sleep(1);
    expectRefused(await nested());
    yield* stillSound();
  });
});

test("in host code beside a run()", async () => {
  let stop!: () => void;
  const outer = run(function* () {
    yield* fromPromise(new Promise<void>((resolve) => (stop = resolve)));
    yield* stillSound();
    return "outer";
  });
  await Bun.sleep(1);
  expectRefused(await nested());
  stop();
  expect(await outer).toBe("outer");
});

test("in a call-soon callback and in an instrument", async () => {
  const errors: Promise<unknown[]>[] = [];
  await run(
    function* () {
      currentCallSoonThreadAndSignalSafe()(() => void errors.push(nested()));
      yield* sleep(1);
      yield* stillSound();
    },
    { instruments: [{ beforeRun: () => void errors.push(nested()) }] },
  );
  expect(errors).toHaveLength(2);
  for (const each of errors) expectRefused(await each);
});

test("two runs begun at once on one thread: the first goes on, the second is refused", async () => {
  const first = run(function* () {
    yield* stillSound();
    return "first";
  });
  const second = run(nothing).catch((error: unknown) => error);
  expectError(await second, UsageError, "run(): a run is under way on this thread already");
  expect(await first).toBe("first");
});

test("one after the other is no nesting, whatever became of the first", async () => {
  for (let i = 0; i < 3; i++) {
    expect(
      thrownBy(() =>
        runSync(() => {
          throw new Error("first");
        }),
      ).message,
    ).toBe("first");
    expect(runSync(nothing)).toBe("ran");
    await run(() => {
      throw new Error("second");
    }).catch(() => {});
    expect(await run(nothing)).toBe("ran");
  }
});
