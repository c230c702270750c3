import { type IoChoice, chooseIo } from "../io/index.ts";
import { type Clock, SystemClock } from "../kernel/clock.ts";
import { describe } from "../kernel/describe.ts";
import { checkTaskFunction } from "../kernel/frame-operation.ts";
import type { Host } from "../kernel/host.ts";
import { checkInstrument, type Instrument } from "../kernel/instrument.ts";
import type { Coroutine } from "../kernel/operation.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";
import { Runner } from "../kernel/runner.ts";
import { thread } from "../kernel/thread.ts";
import { UsageError } from "../errors.ts";
import { InterruptibleSteps } from "./interruptible-steps.ts";
import { TreeOnQuit } from "./tree-on-quit.ts";

/** How a run is to be made; everything has a default. */
export interface RunOptions {
  /** Default: real time. */
  readonly clock?: Clock | undefined;
  readonly instruments?: Iterable<Instrument> | undefined;
  /** The I/O backend. Default: the platform's best. */
  readonly io?: IoChoice | undefined;
  /**
   * Main runs in a scope that this cancels; if that scope caught the Cancelled, the run throws `signal.reason`, else it
   * ends as main did.
   */
  readonly signal?: AbortSignal | undefined;
  /** Absent: the tasks of one pass run first in, first out. Given: in an order that this number decides. */
  readonly seed?: number | undefined;
  /** Whether a nursery wraps a single error in a group, too. Default: true. */
  readonly strictExceptionGroups?: boolean | undefined;
  /**
   * Default true: Ctrl-C is KeyboardInterrupt at main's next checkpoint. False: unprotected code of any task is
   * interrupted where it stands, without its `finally` blocks; each step then costs some 6 microseconds, and each
   * turn on Bun's loop 300. Windows' Ctrl-Break counts as Ctrl-C, but waits for main's next checkpoint in both modes.
   */
  readonly restrictKeyboardInterruptToCheckpoints?: boolean | undefined;
  /**
   * Whether a run in which nothing can wake anything ends with DeadlockError. Default: true in runSync, false in run, where
   * other code of the program may; what it holds for a way in there is a promise that is waited for, an AbortSignal that main
   * or a scope listens to, and a Worker's handle.
   */
  readonly deadlockDetection?: boolean | undefined;
  /**
   * Whether SIGQUIT (Ctrl-\ at a terminal, `kill -QUIT`) prints the tree of tasks (see `taskTree`) to standard error, in
   * the place of ending the process; the run goes on. Printed between two steps of tasks: not while one never ends.
   * Not on Windows and not in Workers; for runSync only on Linux: UnsupportedError. Default: false.
   */
  readonly taskTreeOnQuit?: boolean | undefined;
}

export const RUN_OPTIONS: OptionNames<RunOptions> = {
  clock: true,
  instruments: true,
  io: true,
  signal: true,
  seed: true,
  strictExceptionGroups: true,
  restrictKeyboardInterruptToCheckpoints: true,
  deadlockDetection: true,
  taskTreeOnQuit: true,
};

/** A run that has begun: main is called in its first pass. */
export interface Beginning {
  readonly runner: Runner;
  readonly signal: AbortSignal | undefined;
  readonly deadlockDetection: boolean;
  readonly taskTreeOnQuit: boolean;
  /** In the unrestricted mode: what steps the tasks. */
  readonly interruptibleSteps: InterruptibleSteps | null;
}

/**
 * Judges the arguments of `run` and `runSync`, and begins the run.
 *
 * @throws TypeError, RangeError naming the option. UsageError when a run is under way on this thread.
 * @throws UnsupportedError for a backend that the platform lacks.
 */
export function begin(
  what: "run" | "runSync",
  main: () => Coroutine<unknown>,
  options: RunOptions,
  host: Host,
  deadlockByDefault: boolean,
): Beginning {
  checkTaskFunction(main, `${what}(main)`);
  checkOptions(options, RUN_OPTIONS, `${what}(main, options)`);
  const {
    clock = new SystemClock(),
    instruments = [],
    io = "auto",
    signal,
    seed,
    strictExceptionGroups = true,
    restrictKeyboardInterruptToCheckpoints = true,
    deadlockDetection = deadlockByDefault,
    taskTreeOnQuit = false,
  } = options;
  const wrong = (option: string, wanted: string, got: unknown): TypeError =>
    new TypeError(`${what}(main, { ${option} }): ${option} must be ${wanted}, not ${describe(got)}`);
  if (
    typeof clock?.currentTime !== "function" ||
    typeof clock.startClock !== "function" ||
    typeof clock.deadlineToSleepTime !== "function"
  ) {
    throw wrong("clock", "an object with startClock(), currentTime() and deadlineToSleepTime(deadline)", clock);
  }
  const { autojumpThreshold, autojump }: Clock = clock;
  if (autojumpThreshold !== undefined) {
    if (typeof autojumpThreshold !== "number" || typeof autojump !== "function") {
      throw wrong("clock", "one whose autojumpThreshold is a number, and that has autojump(nextDeadline) then", clock);
    }
    if (!(autojumpThreshold >= 0)) {
      throw new RangeError(
        `${what}(main, { clock }): its autojumpThreshold must be real milliseconds, 0 or more, not ${autojumpThreshold}`,
      );
    }
  }
  if (typeof instruments !== "object" || instruments === null || !(Symbol.iterator in instruments)) {
    throw wrong("instruments", "an array (or other iterable) of instruments", instruments);
  }
  const hooks = [...instruments];
  for (const instrument of hooks) checkInstrument(instrument, `${what}(main, { instruments })`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong("signal", "an AbortSignal", signal);
  if (seed !== undefined && typeof seed !== "number") throw wrong("seed", "a whole number", seed);
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new RangeError(
      `${what}(main, { seed }): seed must be a whole number from -(2 ** 53 - 1) to 2 ** 53 - 1, not ${seed}`,
    );
  }
  const flags = { strictExceptionGroups, restrictKeyboardInterruptToCheckpoints, deadlockDetection, taskTreeOnQuit };
  for (const [option, value] of Object.entries(flags)) {
    if (typeof value !== "boolean") throw wrong(option, "true or false", value);
  }
  if (thread.runner !== null) {
    throw new UsageError(
      `${what}(): a run is under way on this thread already (main task ${mainOf(thread.runner)}), and a thread has one at ` +
        "a time: start tasks in its nurseries, send into it by a channel or callSoon, or make the second run after it, or in " +
        "a Worker; a test that timed out leaves its run behind, unless inRun made it",
    );
  }
  if (taskTreeOnQuit) TreeOnQuit.check(what);
  const interruptibleSteps =
    restrictKeyboardInterruptToCheckpoints || !Bun.isMainThread ? null : new InterruptibleSteps();
  const manager = chooseIo(io);
  let runner: Runner | null = null;
  try {
    runner = new Runner(
      {
        clock,
        io: manager,
        host,
        instruments: hooks,
        signal,
        seed,
        strictExceptionGroups,
        fulfilled,
        interruptibly: interruptibleSteps?.run ?? null,
      },
      main,
    );
    runner.pass(0); // the root task's first step: main and the call-soon task are there, and have not begun
    return { runner, signal, deadlockDetection, taskTreeOnQuit, interruptibleSteps };
  } catch (error) {
    if (runner === null) {
      thread.runner = null;
      manager.close();
    } else runner.close();
    throw error;
  }
}

function fulfilled(promise: Promise<unknown>): unknown {
  return Bun.peek.status(promise) === "fulfilled" ? Bun.peek(promise) : undefined;
}

function mainOf({ mainTask }: Runner): string {
  return mainTask === null ? "not begun" : `${mainTask.name}: ${mainTask.status()}`;
}
