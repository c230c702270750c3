import { type SigintWatch, installSigint } from "../../ffi/sigint.ts";
import type { WakeAddress } from "../../ffi/wake-address.ts";
import type { Runner } from "../kernel/runner.ts";
import type { InterruptibleSteps } from "./interruptible-steps.ts";
import type { Beginning } from "./options.ts";

/**
 * Ctrl-C for one run on the main thread, while nobody else handles SIGINT: the first becomes KeyboardInterrupt at main's
 * next checkpoint; a second one while the first is undelivered ends the process, from the signal handler itself. When
 * the program begins to listen to SIGINT itself, it is its own affair from then on. Where the handler cannot be had, a
 * plain listener (on Bun's loop) delivers the first.
 */
export class CtrlC {
  readonly #runner: Runner;
  readonly #watch: SigintWatch | null;
  readonly #interruptibleSteps: InterruptibleSteps | null;
  #plainListener: (() => void) | null = null;

  /**
   * @param wakeAddress what ends the run's own wait, where that blocks the thread
   * @param wake for a run on Bun's loop: makes it look. Called by a listener of Bun's.
   */
  constructor(
    { runner, interruptibleSteps }: Beginning,
    wakeAddress: WakeAddress | null,
    wake: (() => void) | undefined,
  ) {
    this.#runner = runner;
    this.#interruptibleSteps = interruptibleSteps;
    const free = Bun.isMainThread && process.listenerCount("SIGINT") === 0;
    this.#watch = free ? installSigint(wakeAddress, wake) : null;
    const watch = this.#watch;
    if (watch !== null) {
      runner.onInterruptDelivered = () => watch.delivered();
      if (interruptibleSteps !== null) interruptibleSteps.watch = watch;
      process.on("newListener", this.#giveUp);
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
    if (watch !== null && watch.pending && !this.#runner.keyboardInterruptPending) this.#runner.interrupt();
  }

  /** Calls `body`, in the unrestricted mode so that the steps in it can be stopped. @throws What `body` throws. */
  turn(body: () => void): void {
    if (this.#interruptibleSteps === null) body();
    else this.#interruptibleSteps.turn(body);
  }

  readonly #giveUp = (event: string | symbol): void => {
    if (event === "SIGINT") this.#leave();
    else if (event === "SIGBREAK") this.#watch?.leaveBreak();
  };

  #leave(): void {
    process.off("newListener", this.#giveUp);
    if (this.#interruptibleSteps !== null) this.#interruptibleSteps.watch = null;
    this.#watch?.uninstall();
    this.check(); // one that came until now is the run's; the flag can still be read
  }

  close(): void {
    this.#leave();
    this.#runner.onInterruptDelivered = null;
    if (this.#plainListener !== null) process.off("SIGINT", this.#plainListener);
  }
}
