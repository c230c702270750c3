import { drainMicrotasks } from "bun:jsc";
import { TrioInternalError } from "../errors.ts";
import type { PollSetIo } from "../io/index.ts";
import type { IocpIoManager } from "../io/iocp.ts";
import type { Host } from "../kernel/host.ts";
import type { Coroutine } from "../kernel/operation.ts";
import type { Runner } from "../kernel/runner.ts";
import { CompletionWatcher } from "./completion-watcher.ts";
import { CtrlC } from "./ctrl-c.ts";
import { type RunOptions, begin } from "./options.ts";
import { outOfTheLoop, stillStuck } from "./no-way-on.ts";
import { LoopWatcher } from "./loop-watcher.ts";
import { openThreadCalls } from "./thread-calls.ts";
import { ThreadWatcher } from "./thread-watcher.ts";
import { TreeOnQuit } from "./tree-on-quit.ts";
import { warn } from "./warn.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Runs `main` on Bun's event loop: `fetch`, timers, `Bun.serve` and everything else of the process go on beside it. While
 * nothing is runnable Bun's loop, or a helper thread, watches what tasks wait for, and nothing uses the CPU; while tasks
 * are busy, Bun's loop gets a turn after every time slice. The run keeps the process alive. `main` is called on the
 * first pass, after this returns.
 *
 * Trio: `trio.run` and `trio.lowlevel.start_guest_run` in one.
 *
 * @returns a promise of what main returns. It rejects with what main throws, as it is; with UsageError inside a run;
 *   TypeError, RangeError, UnsupportedError for options; KeyboardInterrupt, TrioInternalError, DeadlockError; and the
 *   reason of `options.signal`. When it settles, no thread, descriptor, timer or listener of the run is left.
 */
export function run<T>(main: () => Coroutine<T>, options: RunOptions = {}): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    new LoopHost(main, options, resolve as (value: unknown) => void, reject);
  });
}

/** A timer of Bun's holds 31 bits. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** While tasks are busy with I/O alone, Bun's loop gets a turn once in so many ms. */
const IO_SLICE = 0.1;

/** A run that cannot be told when there is something to do looks once in so many ms. */
const LOOK_EVERY = 5;

class LoopHost implements Host {
  readonly #runner: Runner;
  readonly #signal: AbortSignal | undefined;
  readonly #deadlockDetection: boolean;
  readonly #ctrlC: CtrlC;
  readonly #quit: TreeOnQuit | null;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  /** What a run waits for may be nothing that Bun's loop knows: this keeps the process alive. */
  readonly #keepAlive: Timer;
  #timer: Timer | null = null;
  /** A pass is on its way. */
  #scheduled = false;
  /** Passes are being made. */
  #passing = false;
  /** Bun's loop called for a pass meanwhile: some step turns it, as `expect(promise).resolves` of `bun test` does. */
  #calledWithin = false;
  /** Bun's loop has had a turn since something last happened: idleness may be believed. */
  #turned = false;
  #ended = false;
  #watcher: Watcher | null = null;
  #slice = 0;
  /** When this turn of ours began. */
  #turnBegan = 0;
  readonly #pass: () => void = () => this.#go();

  constructor(
    main: () => Coroutine<unknown>,
    options: RunOptions,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    const beginning = begin("run", main, options, this, false);
    const { runner, signal, deadlockDetection, taskTreeOnQuit } = beginning;
    this.#runner = runner;
    this.#signal = signal;
    this.#deadlockDetection = deadlockDetection;
    this.#keepAlive = setInterval(() => {}, LONGEST_TIMER);
    this.#ctrlC = new CtrlC(beginning, null, () => this.wake());
    this.#quit = taskTreeOnQuit ? new TreeOnQuit(runner, "run", null) : null;
    this.wake();
  }

  readonly drainMicrotasks: () => void = drainMicrotasks;

  warn = warn;

  openThreadCalls(): ReturnType<Host["openThreadCalls"]> {
    return openThreadCalls();
  }

  wake(): void {
    this.#turned = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(this.#pass);
  }

  /** Passes, until there is nothing to do or the slice is over. */
  #go(): void {
    this.#scheduled = false;
    if (this.#ended) return;
    if (this.#passing) {
      this.#calledWithin = true;
      return;
    }
    const runner = this.#runner;
    if (runner.givenUp !== null) {
      this.#end(runner.givenUp);
      return;
    }
    this.#passing = true;
    runner.asleep = false;
    this.#turnBegan = performance.now();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      this.#ctrlC.check();
      this.#ctrlC.turn(this.#passes);
      this.#ctrlC.check(); // not every system calls again for one that came within the turn
    } catch (error) {
      this.#end(error);
      return;
    }
    this.#passing = false;
    if (runner.done) this.#end(null);
    else if (this.#calledWithin) this.#schedule();
    this.#calledWithin = false;
  }

  readonly #passes = (): void => {
    while (!this.#runner.done && this.#next());
  };

  /** One pass. @returns whether another may follow at once. */
  #next(): boolean {
    const runner = this.#runner;
    let ms = runner.timeToWait();
    if (runner.isBusy) {
      this.#turned = false;
      if (!runner.mustLook()) {
        runner.passes();
        return true;
      }
      runner.pass(runner.poll(0));
      if (runner.slices === this.#slice) return true;
      this.#slice = runner.slices;
      this.#schedule();
      return false;
    }
    drainMicrotasks();
    if (runner.isBusy) return true;
    if (runner.io.waiting > 0 || this.#watcher !== null) {
      const events = runner.poll(0);
      if (events > 0) {
        runner.pass(events);
        // Where answers come at once there may always be more.
        if (performance.now() - this.#turnBegan < IO_SLICE) return true;
        this.#schedule();
        return false;
      }
    }
    // Microtasks may have moved a deadline; and a Worker may have called, whose wake-up this poll has swallowed.
    ms = runner.timeToWait();
    if (runner.isBusy) return true;
    if (ms === 0) {
      // All is quiet, as far as can be seen from here; what Bun's loop has ready comes first.
      if (this.#turned) {
        this.#turned = false;
        runner.pass(0);
        return true;
      }
      this.#turned = true;
      this.#schedule();
      return false;
    }
    if (ms === Infinity && this.#deadlockDetection && runner.isStuck && !runner.awaitsTheHost) {
      if (!runner.deadlock()) throw stillStuck(runner);
      return true;
    }
    this.#sleep(ms);
    return false;
  }

  /** Until the next deadline, a descriptor, a call from outside. */
  #sleep(ms: number): void {
    const runner = this.#runner;
    runner.asleep = true;
    let most = ms;
    if (runner.io.waiting === 0 && !runner.entryQueue.isOpenToThreads) this.#watcher?.rest();
    else if (!this.#watch()) most = Math.min(ms, LOOK_EVERY);
    if (most !== Infinity) this.#timer = setTimeout(this.#pass, Math.min(Math.ceil(most), LONGEST_TIMER));
  }

  /** Has the I/O manager watched. @returns false when that cannot be done for now. */
  #watch(): boolean {
    this.#watcher ??= this.#makeWatcher();
    return this.#watcher === null || this.#watcher.watch(); // one that nobody can watch wakes the run itself
  }

  #makeWatcher(): Watcher | null {
    // In the run's own context: that of the code which happened to put the run to sleep would go from pass to pass.
    const look = (): void => this.#runner.baseContext(this.#look);
    const fail = (error: unknown): void => this.#fail(error);
    const { io } = this.#runner;
    if ("waitElsewhere" in io) return new CompletionWatcher(io as IocpIoManager, look, fail);
    if (!("pollSet" in io)) return null;
    const descriptors = io as PollSetIo;
    if (!LoopWatcher.suits(descriptors)) return new ThreadWatcher(descriptors, look, fail);
    return new LoopWatcher(descriptors, look, () => {
      void this.#watcher?.close();
      this.#watcher = null;
      this.wake();
    });
  }

  readonly #look = (): void => {
    this.#turned = false;
    if (!this.#scheduled) this.#go();
  };

  #fail(error: unknown): void {
    this.#runner.crash(new TrioInternalError("the thread that waits for I/O failed", { cause: error }));
    this.wake();
  }

  #end(failure: unknown): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    clearInterval(this.#keepAlive);
    this.#ctrlC.close();
    this.#quit?.close();
    const finish = (): void => {
      this.#runner.close();
      try {
        if (failure !== null) throw failure === this.#runner.givenUp ? failure : outOfTheLoop(failure);
        this.#resolve(this.#runner.outcome(this.#signal));
      } catch (error) {
        this.#reject(error);
      }
    };
    // It watches descriptors that the close gives back, so it goes first.
    if (this.#watcher === null) finish();
    else void this.#watcher.close().then(finish);
  }
}
