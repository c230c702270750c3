/** Options of run() and runSync(), each judged by name; clocks and instruments that break in use. */
import { describe, expect, spyOn, test } from "bun:test";
import {
  TrioInternalError,
  UnsupportedError,
  run,
  runSync,
  sleep,
  type Clock,
  type RunOptions,
} from "../../src/index.ts";
import { BACKENDS } from "../backends.ts";
import { expectError, stillSound, thrownBy, virtual, wrong } from "./soundness.ts";

function* nothing(): Generator<any, string> {
  return "ran";
}

const clock: Clock = { startClock() {}, currentTime: () => 0, deadlineToSleepTime: (deadline) => deadline };

const WRONG: readonly (readonly [
  options: Record<string, unknown>,
  type: new (message: string) => Error,
  parts: readonly string[],
])[] = [
  [{ clock: 5 }, TypeError, ["clock must be an object with startClock(), currentTime()", "not 5"]],
  [{ clock: null }, TypeError, ["clock must be", "not null"]],
  [{ clock: {} }, TypeError, ["clock must be", "class Object"]],
  [{ clock: { ...clock, startClock: undefined } }, TypeError, ["clock must be"]],
  [{ clock: { ...clock, currentTime: 5 } }, TypeError, ["clock must be"]],
  [{ clock: { ...clock, deadlineToSleepTime: null } }, TypeError, ["clock must be"]],
  [{ clock: Object.create(null) }, TypeError, ["clock must be", "an object"]],
  [{ instruments: 5 }, TypeError, ["instruments must be an array (or other iterable)", "not 5"]],
  [{ instruments: {} }, TypeError, ["instruments must be an array"]],
  [{ instruments: "trace" }, TypeError, ["instruments must be an array", '"trace"']],
  [{ instruments: [5] }, TypeError, ["instruments", "an instrument must be an object with hooks, not 5"]],
  [{ instruments: [{ beforeRun: 5 }] }, TypeError, ["instruments", "beforeRun must be a function, not 5"]],
  [{ signal: 5 }, TypeError, ["signal must be an AbortSignal", "not 5"]],
  [{ signal: new AbortController() }, TypeError, ["signal must be an AbortSignal", "class AbortController"]],
  [{ seed: "1" }, TypeError, ["seed must be a whole number", '"1"']],
  [{ seed: 1n }, TypeError, ["seed must be a whole number", "1n"]],
  [{ seed: 1.5 }, RangeError, ["seed must be a whole number", "1.5"]],
  [{ seed: NaN }, RangeError, ["seed must be a whole number", "NaN"]],
  [{ seed: Infinity }, RangeError, ["seed must be a whole number", "Infinity"]],
  [{ strictExceptionGroups: 1 }, TypeError, ["strictExceptionGroups must be true or false", "not 1"]],
  [
    { restrictKeyboardInterruptToCheckpoints: "no" },
    TypeError,
    ["restrictKeyboardInterruptToCheckpoints must be", '"no"'],
  ],
  [{ deadlockDetection: null }, TypeError, ["deadlockDetection must be true or false", "not null"]],
  [{ taskTreeOnQuit: "SIGQUIT" }, TypeError, ["taskTreeOnQuit must be true or false", '"SIGQUIT"']],
  [{ io: "uring" }, TypeError, ["io must be", '"uring"']],
  [{ io: 5 }, TypeError, ["io must be", "5"]],
  [{ io: () => 5 }, TypeError, ["io: the function must return an I/O manager"]],
];

for (const [options, type, parts] of WRONG) {
  test(`${Object.keys(options).join()}: ${parts.join(" … ")}: refused by both`, async () => {
    const thrown = thrownBy(() => runSync(nothing, wrong(options)));
    expectError(thrown, type, ...parts);
    const rejected = await run(nothing, wrong(options)).catch((error: unknown) => error);
    expectError(rejected, type, ...parts);
    expect(runSync(nothing)).toBe("ran");
    expect(await run(nothing)).toBe("ran");
  });
}

test("options that are no object", async () => {
  for (const [options, shown] of [
    [null, "null"],
    [5, "5"],
    ["io", '"io"'],
    [true, "true"],
  ] as const) {
    expectError(
      thrownBy(() => runSync(nothing, wrong(options))),
      TypeError,
      "runSync(main, options): options must",
      shown,
    );
    const rejected = await run(nothing, wrong(options)).catch((error: unknown) => error);
    expectError(rejected, TypeError, "run(main, options): options must be an object", shown);
  }
});

test("a backend of another platform: UnsupportedError, which names those there are", async () => {
  const io = process.platform === "win32" ? "epoll" : "iocp";
  const rejected = await run(nothing, { io }).catch((error: unknown) => error);
  expectError(rejected, UnsupportedError, JSON.stringify(io), process.platform, JSON.stringify(BACKENDS[0]));
  expectError(
    thrownBy(() => runSync(nothing, { io })),
    UnsupportedError,
    JSON.stringify(io),
  );
  expect(runSync(nothing)).toBe("ran");
});

test("undefined stands for an option left out", () => {
  const options = wrong({
    clock: undefined,
    instruments: undefined,
    io: undefined,
    signal: undefined,
    seed: undefined,
  });
  expect(runSync(nothing, options)).toBe("ran");
});

describe("a clock that breaks", () => {
  const boom = new Error("the clock is broken");
  test("where it is started: its error, and no run is left", async () => {
    const broken = {
      ...clock,
      startClock: () => {
        throw boom;
      },
    };
    expect(thrownBy(() => runSync(nothing, { clock: broken }))).toBe(boom);
    expect(await run(nothing, { clock: broken }).catch((error: unknown) => error)).toBe(boom);
    expect(runSync(nothing)).toBe("ran");
  });

  test("in the middle: the scheduler cannot go on, and says why; the next run is sound", async () => {
    const options = (): RunOptions => {
      let reads = 0;
      return {
        clock: {
          ...clock,
          currentTime() {
            if (++reads > 3) throw boom;
            return 0;
          },
          deadlineToSleepTime: () => 0,
        },
      };
    };
    const program = function* (): Generator<any, void> {
      yield* sleep(1);
      yield* sleep(1);
    };
    for (const error of [
      thrownBy(() => runSync(program, options())),
      await run(program, options()).catch((error: unknown) => error),
    ]) {
      expectError(error, TrioInternalError, "the scheduler failed");
      expect(error.cause).toBe(boom);
    }
    runSync(stillSound);
    await run(stillSound);
  });
});

describe("an instrument that throws", () => {
  const HOOKS = [
    "beforeRun",
    "afterRun",
    "taskSpawned",
    "taskScheduled",
    "beforeTaskStep",
    "afterTaskStep",
    "taskExited",
    "beforeIoWait",
    "afterIoWait",
  ] as const;
  for (const hook of HOOKS) {
    for (const boom of [new Error("boom"), Object.create(null), undefined]) {
      test(`in ${hook}, ${boom instanceof Error ? "an Error" : boom === undefined ? "undefined" : "an odd object"}: told once, removed, and the run goes on`, () => {
        const warnings = spyOn(process, "emitWarning").mockImplementation(() => {});
        try {
          let calls = 0;
          const bad = {
            [hook]: () => {
              calls++;
              throw boom;
            },
          };
          let told = 0;
          const good = { taskExited: () => void told++ };
          virtual(stillSound, { instruments: [bad, good] });
          expect(calls).toBe(1);
          expect(told).toBeGreaterThan(3);
          expect(warnings).toHaveBeenCalledTimes(1);
          const [warning] = warnings.mock.calls[0] as unknown as [Error & { code: string }];
          expect(warning.code).toBe("TRIBUN_INSTRUMENT");
          expect(warning.message).toContain(`an instrument's ${hook} threw`);
          expect(warning.message).toContain("the instrument was removed");
        } finally {
          warnings.mockRestore();
        }
      });
    }
  }
});
