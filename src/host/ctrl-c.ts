import type { SigintWatch } from "../../ffi/sigint.ts";
import type { Runner } from "../kernel/runner.ts";

/**
 * Ctrl-C for one run on the main thread, while nobody else handles SIGINT: the first becomes KeyboardInterrupt at main's
 * next checkpoint; a second one while the first is undelivered ends the process, from the signal handler itself. Where
 * the handler cannot be had, a plain listener (on Bun's loop) delivers the first.
 */
export class CtrlC {
  readonly #runner: Runner;
  readonly #watch: SigintWatch | null;
  readonly #wake: (() => void) | undefined;
  #plainListener: (() => void) | null = null;

  /**
   * @param install puts the handler in place, with a listener beneath it if one is given
   * @param wake for a run on Bun's loop: makes it look. Without it no listener is registered.
   */
  constructor(
    runner: Runner,
    install: (listener: (() => void) | undefined) => SigintWatch | null,
    wake: (() => void) | undefined,
  ) {
    this.#runner = runner;
    this.#wake = wake;
    const free = Bun.isMainThread && process.listenerCount("SIGINT") === 0;
    this.#watch = free ? install(wake) : null;
    if (this.#watch !== null) runner.onInterruptDelivered = () => this.#watch?.delivered();
    else if (free && wake !== undefined && process.platform !== "linux") this.#listenPlainly();
  }

  #listenPlainly(): void {
    this.#plainListener = () => {
      this.#runner.interrupt();
      this.#wake?.();
    };
    process.on("SIGINT", this.#plainListener);
  }

  /** Looks whether Ctrl-C was pressed. Cheap: a flag in memory. */
  check(): void {
    if (this.#watch?.pending === true && !this.#runner.keyboardInterruptPending) this.#runner.interrupt();
  }

  /** After a step that `node:vm` watched: its own handler took the place of ours. */
  restore(): void {
    this.#watch?.reinstall();
  }

  close(): void {
    this.check();
    this.#runner.onInterruptDelivered = null;
    this.#watch?.uninstall();
    if (this.#plainListener !== null) process.off("SIGINT", this.#plainListener);
  }
}
