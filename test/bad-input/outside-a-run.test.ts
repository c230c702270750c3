/** What needs a run, called without one; call-soon functions that get what they cannot call. */
import { expect, test } from "bun:test";
import {
  RunVar,
  addInstrument,
  currentCallSoonThreadAndSignalSafe,
  currentClock,
  currentRootTask,
  currentStatistics,
  currentTask,
  removeInstrument,
  spawnSystemTask,
} from "../../src/hazmat.ts";
import { TrioInternalError, UsageError, currentEffectiveDeadline, currentTime, sleepForever } from "../../src/index.ts";
import { currentTrioToken } from "../../src/lowlevel.ts";
import { expectError, passes, stillSound, thrownBy, virtual, wrong } from "./soundness.ts";

function* nothing(): Generator<any, void> {}

const NEEDS_A_RUN: [name: string, use: () => unknown][] = [
  ["currentTask()", currentTask],
  ["currentRootTask()", currentRootTask],
  ["currentClock()", currentClock],
  ["currentStatistics()", currentStatistics],
  ["currentTime()", currentTime],
  ["currentEffectiveDeadline()", currentEffectiveDeadline],
  ["currentCallSoonThreadAndSignalSafe()", currentCallSoonThreadAndSignalSafe],
  ["currentTrioToken()", currentTrioToken],
  ["spawnSystemTask(fn)", () => spawnSystemTask(nothing)],
  ["addInstrument(instrument)", () => addInstrument({})],
  ["removeInstrument(instrument)", () => removeInstrument({})],
  ["RunVar colour", () => new RunVar("colour").get()],
  ["RunVar colour", () => new RunVar("colour").set(1)],
];

test.each(NEEDS_A_RUN)("%s outside a run", (name, use) => {
  expectError(thrownBy(use), UsageError, name);
});

test.each(NEEDS_A_RUN)("%s after a run, in what is left of it", (name, use) => {
  let leftOver!: () => unknown;
  virtual(function* () {
    leftOver = () => thrownBy(use);
    yield* passes(1);
  });
  expectError(leftOver(), UsageError, name);
});

test("removeInstrument() of one that is not there, addInstrument() of what is none", () => {
  virtual(function* () {
    expectError(
      thrownBy(() => removeInstrument({})),
      UsageError,
      "removeInstrument(instrument)",
      "no such instrument",
    );
    for (const [value, shown] of [
      [5, "5"],
      [null, "null"],
      ["x", '"x"'],
      [undefined, "undefined"],
    ] as const) {
      expectError(
        thrownBy(() => addInstrument(wrong(value))),
        TypeError,
        "addInstrument(instrument)",
        shown,
      );
    }
    const hook = thrownBy(() => addInstrument(wrong({ taskExited: "log" })));
    expectError(hook, TypeError, "taskExited must be a function", '"log"');
    yield* stillSound();
  });
});

test("callSoon(), callSoon.idempotent() and callSoon.forThread() refuse what is no function, and queue nothing", () => {
  virtual(function* () {
    yield* passes(2);
    const callSoon = currentCallSoonThreadAndSignalSafe();
    for (const [value, shown] of [
      [5, "5"],
      [undefined, "undefined"],
      ["fn", '"fn"'],
      [nothing(), "a generator"],
    ] as const) {
      expectError(
        thrownBy(() => callSoon(wrong(value))),
        TypeError,
        "callSoon(fn): fn must be a function, not",
        shown,
      );
      expectError(
        thrownBy(() => callSoon.idempotent(wrong(value))),
        TypeError,
        "callSoon.idempotent(fn): fn must",
        shown,
      );
      expectError(
        thrownBy(() => callSoon.forThread(wrong(value))),
        TypeError,
        "callSoon.forThread(fn): fn must",
        shown,
      );
    }
    expect(currentStatistics().callSoonQueueSize).toBe(0);
    yield* stillSound();
  });
});

test("a task function given to callSoon() ends the run with the advice", () => {
  const error = thrownBy(() =>
    virtual(function* () {
      currentCallSoonThreadAndSignalSafe()(wrong(nothing));
      yield* sleepForever();
    }),
  );
  expectError(error, TrioInternalError);
  const leaf = (group: any): unknown => (group instanceof AggregateError ? leaf(group.errors[0]) : group);
  expectError(leaf(error.cause), TypeError, "nothing is a task function", "spawnSystemTask(fn)");
});

test("a callback that throws, even nothing, ends the run with what it threw as the cause", () => {
  for (const boom of [new Error("boom"), "boom", undefined, null]) {
    const log: string[] = [];
    const error = thrownBy(() =>
      virtual(function* () {
        const callSoon = currentCallSoonThreadAndSignalSafe();
        callSoon(() => {
          throw boom;
        });
        callSoon(() => void log.push("the next one runs all the same"));
        try {
          yield* sleepForever();
        } finally {
          log.push("main unwound");
        }
      }),
    );
    expectError(error, TrioInternalError);
    const leaf = (group: any): unknown => (group instanceof AggregateError ? leaf(group.errors[0]) : group);
    expect(Object.is(leaf(error.cause), boom)).toBe(true);
    expect(log).toEqual(["the next one runs all the same", "main unwound"]);
    virtual(stillSound);
  }
});
