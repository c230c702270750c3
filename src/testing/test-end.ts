import { onTestFinished } from "bun:test";
import { TooSlowError } from "../errors.ts";
import type { Runner } from "../kernel/runner.ts";
import { taskOfContext, thread } from "../kernel/thread.ts";

/** How long a run that was cancelled may take to end, in ms, before it is given up. */
const GRACE = 1000;
/** How long bun:test is to wait for what is done at the end of a test, in ms. */
const TIMEOUT = 30_000;

/** Whose run is under way, on this thread. */
let underWay: TestEnd | null = null;

/**
 * The end of a test, as bun:test sees it: it waits for no test longer than its timeout, and then goes on to the next. A
 * run that is still going on when the end comes is cancelled, so that its tasks clean up and the next test finds the
 * thread free.
 *
 * Outside of bun:test there is no such end, and of concurrent tests bun:test does not tell it.
 */
export class TestEnd {
  /** Whether it has come: there is no point in another run. */
  hasCome = false;
  #runner: Runner | null = null;
  #ended: Promise<unknown> = Promise.resolve();

  /**
   * Makes `attempt`, and gives what it comes to. If the end of the test comes first, nobody waits for that any more: then
   * it never settles, and bun:test is told what came of it.
   */
  static async of(attempt: (end: TestEnd) => Promise<void>): Promise<void> {
    const end = new TestEnd();
    const { promise: outcome, resolve } = Promise.withResolvers<void>();
    let isOver = false;
    const isAlone = whenTestIsOver(async () => {
      if (isOver && !end.hasCome) return;
      await end.#come();
      await outcome;
    });
    // Of a test that timed out a hook may make a run before its end is told, and a hook that throws keeps that from us.
    if (isAlone && underWay !== null && taskOfContext()?.runner !== underWay.#runner) await underWay.#come();
    resolve(attempt(end));
    await settling(outcome);
    isOver = true;
    if (end.hasCome) await new Promise<never>(() => {});
    return outcome;
  }

  /**
   * Waits for the run that `begin` makes, and has it cancelled when the end comes first.
   *
   * @returns that run; null where it was over before it began. @throws what it comes to.
   */
  async cancels(begin: () => Promise<void>): Promise<Runner | null> {
    const isFree = thread.runner === null;
    this.#ended = begin();
    const runner = isFree ? thread.runner : null;
    if (runner !== null) {
      this.#runner = runner;
      underWay = this;
    }
    try {
      await this.#ended;
      return runner;
    } finally {
      this.#runner = null;
      if (underWay === this) underWay = null;
    }
  }

  async #come(): Promise<void> {
    this.hasCome = true;
    const runner = this.#runner;
    if (runner === null) return;
    const error = new TooSlowError(
      "bun:test took the test for over when its run was not: either the test ran into its timeout, or it did not wait for " +
        "the promise of inRun's function. Give it more time, test(name, inRun(body), ms), or put a failAfter(ms, body) " +
        `around what may take too long. The run was cancelled. It stood here:\n${runner.tree()}`,
    );
    runner.fail(error);
    if (await settlesWithin(this.#ended, GRACE)) return;
    error.message +=
      `\n\nIt did not end within ${GRACE} ms of that, and was given up: what its tasks hold they hold on to. It stood here:\n` +
      runner.tree();
    runner.giveUp(error);
    await settling(this.#ended);
  }
}

/**
 * Has `fn` called when bun:test is done with the test that is under way.
 *
 * @returns false if it will not be: when no test is under way, or several are.
 */
function whenTestIsOver(fn: () => Promise<void>): boolean {
  try {
    onTestFinished(fn, { timeout: TIMEOUT });
    return true;
  } catch {
    return false;
  }
}

function settling(promise: Promise<unknown>): Promise<void> {
  const settled = (): void => {};
  return promise.then(settled, settled);
}

/** Whether `promise` is settled before `ms` milliseconds are over. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ms, false);
  try {
    return await Promise.race([settling(promise).then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
