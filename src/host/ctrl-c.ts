import { type SigintWatch, installSigint } from "../../ffi/sigint.ts";
import type { Runner } from "../kernel/runner.ts";
import type { Beginning } from "./options.ts";

/**
 * Ctrl-C for one run on the main thread, while nobody else handles SIGINT: the first becomes KeyboardInterrupt at main's
 * next checkpoint; a second one while the first is undelivered ends the process, from the signal handler itself. Where
 * the handler cannot be had, a plain listener (on Bun's loop) delivers the first.
 */
export class CtrlC {
  readonly #runner: Runner;
  readonly #watch: SigintWatch | null;
  /** How many of SIGINT's listeners are the run's own. */
  #listeners: number;
  #plainListener: (() => void) | null = null;

  /**
   * @param wakeFd the eventfd that ends the run's own wait, or -1
   * @param wake for a run on Bun's loop: makes it look. Called by a listener of Bun's.
   */
  constructor({ runner, interruptibleSteps }: Beginning, wakeFd: number, wake: (() => void) | undefined) {
    this.#runner = runner;
    const free = Bun.isMainThread && process.listenerCount("SIGINT") === 0;
    this.#watch = free ? installSigint(wakeFd, wake) : null;
    const watch = this.#watch;
    this.#listeners = watch !== null && wake !== undefined ? 1 : 0;
    if (watch !== null) {
      runner.onInterruptDelivered = () => watch.delivered();
      if (interruptibleSteps !== null) interruptibleSteps.restoreHandler = () => watch.reinstall();
    } else if (free && wake !== undefined && process.platform !== "linux") {
      this.#plainListener = () => {
        runner.interrupt();
        wake();
      };
      process.on("SIGINT", this.#plainListener);
    }
  }

  /** Looks whether Ctrl-C was pressed. Cheap: a flag in memory. */
  check(): void {
    const watch = this.#watch;
    if (watch === null || !watch.pending || this.#runner.keyboardInterruptPending) return;
    // The program has begun to handle SIGINT itself: then it is its own affair.
    if (process.listenerCount("SIGINT") > this.#listeners) watch.delivered();
    else this.#runner.interrupt();
  }

  close(): void {
    this.#watch?.uninstall();
    this.#listeners = 0;
    this.check(); // one that came until now is the run's; the flag can still be read
    this.#runner.onInterruptDelivered = null;
    if (this.#plainListener !== null) process.off("SIGINT", this.#plainListener);
  }
}
