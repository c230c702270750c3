import { AssertionError } from "node:assert";
import { RUN_OPTIONS, run, type RunOptions } from "../host/index.ts";
import { yieldBrieflyNoCancel } from "../kernel/checkpoint.ts";
import type { Clock } from "../kernel/clock.ts";
import { describe } from "../kernel/describe.ts";
import { call, checkCoroutine, checkTaskFunction } from "../kernel/frame-operation.ts";
import { currentRootTask, currentStatistics } from "../kernel/introspection.ts";
import { named } from "../kernel/named.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";
import type { TaskFunction, Trap } from "../kernel/operation.ts";
import type { Task } from "../kernel/task.ts";
import { Belongings } from "./belongings.ts";
import { TestEnd } from "./test-end.ts";
import { withSeed } from "./with-seed.ts";

/** The options of {@link run}, of which the clock and the seed can be more here; and what {@link inRun} itself does. */
export interface InRunOptions extends Omit<RunOptions, "clock" | "seed"> {
  /** A clock, which then serves every run of the test; or a function that makes each run one of its own. */
  readonly clock?: Clock | (() => Clock) | undefined;
  /**
   * Absent: the tasks of one pass run first in, first out. A number: in the order that this number decides. `"random"`:
   * another order each time the test runs.
   */
  readonly seed?: number | "random" | undefined;
  /**
   * How many seeds to try, one after the other, each in a run of its own: 1, 2, 3 and so on; of `seed: "random"`, as many
   * random ones. The first that fails is the last.
   */
  readonly seeds?: number | undefined;
  /** Whether the test fails when it leaves something behind. Default: true. */
  readonly checkLeftovers?: boolean | undefined;
}

const OPTIONS: OptionNames<InRunOptions> = { ...RUN_OPTIONS, seeds: true, checkLeftovers: true };

const WAY_OUT =
  "(a test ends and closes what it makes and opens, by `using` or `finally`; { checkLeftovers: false } is for one that cannot)";

const MADE_FOR_NOTHING =
  "({ checkLeftovers: false } is for a test that makes an operation and does not want it driven)";

/**
 * A function for `bun:test` that makes a run whose main task is `body`:
 *
 *     test("gives what was sent", inRun(async function* () { ... }, { clock: new MockClock({ autojumpThreshold: 0 }) }));
 *
 * The test passes when `body` returns, and fails with what it throws. What `test.each` gives is handed on to `body`. The
 * options are those of {@link run}, and more; a run in which nothing can wake anything ends with DeadlockError, unless
 * `deadlockDetection` is false.
 *
 * **Timeouts.** A test that runs into `bun:test`'s timeout, or does not wait for the promise, fails with TooSlowError and
 * the tree of its tasks. Its run is cancelled, and given up if it has not ended a second later, so that the next test
 * can make one. Not in concurrent tests, of which `bun:test` does not tell the end.
 *
 * **Seeds.** `{ seeds: 20 }` runs the test in 20 orders, `{ seed: "random" }` in a new one each time. The message of what
 * fails says with which seed it did: given as `{ seed: 17 }`, that number makes the same order again.
 *
 * **What is left behind.** A test that would pass fails with an AssertionError if it leaves behind a system task, spawned
 * in it, that has not ended when `body` has; a Worker that it made and that has not ended a second later; or a descriptor
 * that was not open before, a second later. It fails, too, if it made an operation that nobody drove: the forgotten `yield*`, of
 * which a run only warns. Descriptors can be seen on Linux, on macOS, and on FreeBSD where fdescfs is
 * mounted at /dev/fd; on Windows they are not looked at. What other code of the process opens meanwhile counts too, as do a
 * connection that `fetch` keeps alive and what Bun opens for its first `fs.watch`: `{ checkLeftovers: false }` is for
 * tests that cannot avoid that. Timers of JavaScript's own are not looked for.
 *
 * Trio: `trio.testing.trio_test`, which looks for none of this.
 *
 * @throws TypeError, RangeError at once if `body` is no function, for an option that there is not, or for `seeds`,
 *   `checkLeftovers` and a text as `seed`;
 *   of the options of `run` that is what the test fails with.
 */
export function inRun<A extends unknown[]>(
  body: TaskFunction<A, unknown>,
  options: InRunOptions = {},
): (...args: A) => Promise<void> {
  checkTaskFunction(body, "inRun(body)");
  checkOptions(options, OPTIONS, "inRun(body, options)");
  const { clock, seed, seeds, checkLeftovers = true, ...rest } = options;
  judgeSeeds(seed, seeds);
  const name = body.name || placeOf(new Error(), inRun);
  if (typeof checkLeftovers !== "boolean") {
    const got = describe(checkLeftovers);
    throw new TypeError(`inRun(body, { checkLeftovers }): checkLeftovers must be true or false, not ${got}`);
  }
  const once = async (args: A, seed: number | undefined, end: TestEnd): Promise<void> => {
    const theClock = typeof clock === "function" ? clock() : clock;
    const runOptions = {
      deadlockDetection: true,
      ...rest,
      ...(theClock === undefined ? {} : { clock: theClock }),
      ...(seed === undefined ? {} : { seed }),
    };
    if (!checkLeftovers) {
      await end.cancels(() => run(mainOf(name, body, args, null), runOptions));
      return;
    }
    const tasks: string[] = [];
    using belongings = new Belongings();
    const runner = await end.cancels(() => run(mainOf(name, body, args, tasks), runOptions));
    const left = [...tasks, ...(await belongings.leftBehind())];
    if (left.length > 0) {
      throw new AssertionError({ message: `the test left behind: ${left.join("; ")}\n\n${WAY_OUT}` });
    }
    const forgotten = runner?.forgotten ?? [];
    if (forgotten.length > 0) throw new AssertionError({ message: `${forgotten.join("\n")}\n\n${MADE_FOR_NOTHING}` });
  };
  const attempt = async (args: A, end: TestEnd): Promise<void> => {
    for (const each of seedsOf(seed, seeds)) {
      if (end.hasCome) return;
      try {
        await once(args, each, end);
      } catch (error) {
        throw Number.isSafeInteger(each) ? withSeed(error, each as number) : error;
      }
    }
  };
  return (...args) => TestEnd.of((end) => attempt(args, end));
}

/** Where `fn` was called, for the name of a main task that has none: a test that timed out is known by it. */
function placeOf(error: Error, fn: Function): string {
  Error.captureStackTrace(error, fn);
  const place = /^ +at (?:.*\()?(.*?:\d+):\d+\)?$/m.exec(error.stack ?? "")?.[1];
  return place === undefined ? "inRun(body)" : `inRun(body) at ${place}`;
}

/** `body` as a main task that puts into `left`, if that is given, what tasks it leaves behind. */
function mainOf<A extends unknown[]>(
  name: string,
  body: TaskFunction<A, unknown>,
  args: A,
  left: string[] | null,
): () => Generator<Trap, void, any> {
  return named(name, function* () {
    const before = systemTasks();
    const coroutine = checkCoroutine(body(...args), body, "inRun(body)");
    yield* call(() => coroutine);
    if (left === null) return;
    const isNew = (task: Task): boolean => !before.includes(task);
    // Who has just been told to end may do so: it is what waits, or never ends, that is left behind.
    for (let passes = 0; passes < 100 && systemTasks().some(isNew); passes++) {
      if (passes > 0 && currentStatistics().tasksRunnable === 0) break;
      yield* yieldBrieflyNoCancel();
    }
    for (const task of systemTasks()) {
      if (isNew(task))
        left.push([`system task ${task.name}, in ${task.waitsFor()}`, ...task.stack().slice(0, 1)].join(" "));
    }
  });
}

/** The root task has three nurseries, one in the other: call-soon's, the system tasks', main's (S14). */
function systemTasks(): Task[] {
  return [...(currentRootTask().childNurseries[1]?.childTasks ?? [])];
}

function judgeSeeds(seed: unknown, seeds: unknown): void {
  if (typeof seed === "string" && seed !== "random") {
    throw new TypeError(`inRun(body, { seed }): seed must be a whole number or "random", not ${describe(seed)}`);
  }
  if (seeds === undefined) return;
  if (typeof seeds !== "number") {
    throw new TypeError(`inRun(body, { seeds }): seeds must be a number of runs, not ${describe(seeds)}`);
  }
  if (!Number.isSafeInteger(seeds) || seeds < 1) {
    throw new RangeError(`inRun(body, { seeds }): seeds must be a whole number, 1 or more, not ${seeds}`);
  }
  if (typeof seed === "number") {
    throw new TypeError(
      "inRun(body, { seed, seeds }): a seed that is a number is the only one: leave out one of the two",
    );
  }
}

function* seedsOf(seed: number | "random" | undefined, seeds: number | undefined): Generator<number | undefined> {
  if (seed !== "random" && seeds === undefined) yield seed;
  else {
    for (let i = 1; i <= (seeds ?? 1); i++) yield seed === "random" ? Math.floor(Math.random() * 2 ** 32) : i;
  }
}
