import { writeSync } from "node:fs";
import { type SigquitAction, sigquitAction } from "../../ffi/sigquit.ts";
import type { WakeAddress } from "../../ffi/wake-address.ts";
import { UnsupportedError } from "../errors.ts";
import type { Runner } from "../kernel/runner.ts";

/** A tree that was not asked for by a program, but by a key, has so many lines at most. */
const LONGEST_TREE = 10_000;

/** Standard error may be a pipe that is full: so often, a millisecond apart, what is left is tried again. */
const PATIENCE = 1_000;

/**
 * SIGQUIT prints the tree of tasks to standard error, and the run goes on: the way of the Java virtual machine. On Bun's
 * loop by a listener, which is called when that loop gets its turn; for a run that owns the thread by a handler that sets
 * a flag and ends the wait. A step that never ends keeps both from being heard.
 */
export class TreeOnQuit {
  readonly #runner: Runner;
  readonly #action: SigquitAction | null;
  readonly #listener: (() => void) | null;
  /** What SIGQUIT did is to be brought back. */
  readonly #restores: boolean;

  /** @throws UnsupportedError where `what`, the host by its name, cannot have it. */
  static check(what: string): void {
    const option = `${what}(main, { taskTreeOnQuit: true })`;
    if (process.platform === "win32") {
      throw new UnsupportedError(`${option}: Windows has no SIGQUIT; call taskTree() where the program likes`);
    }
    if (!Bun.isMainThread) {
      throw new UnsupportedError(`${option}: signals come to the main thread only, and this is a Worker`);
    }
    if (what === "runSync" && sigquitAction() === null) {
      throw new UnsupportedError(
        `${option}: here no signal can be heard while runSync() owns the thread; use run(), or call taskTree()`,
      );
    }
  }

  /**
   * @param host `"run"`: with Bun's loop turning; `"runSync"`: with {@link TreeOnQuit.check} called now and then.
   * @param wake what ends the wait of a run that owns the thread
   */
  constructor(runner: Runner, host: "run" | "runSync", wake: WakeAddress | null) {
    this.#runner = runner;
    this.#action = sigquitAction();
    if (host === "runSync") {
      this.#listener = null;
      this.#restores = false;
      this.#action?.install(wake);
    } else {
      this.#listener = () => this.#print();
      this.#restores = process.listenerCount("SIGQUIT") === 0;
      if (this.#restores) this.#action?.remember();
      process.on("SIGQUIT", this.#listener);
    }
  }

  /** Prints, if the handler was called. Cheap: a flag in memory. */
  check(): void {
    if (this.#listener !== null || this.#action === null || !this.#action.pending) return;
    this.#action.taken();
    this.#print();
  }

  close(): void {
    if (this.#listener === null) {
      this.#action?.uninstall();
      return;
    }
    process.off("SIGQUIT", this.#listener);
    if (this.#restores) this.#action?.restore();
  }

  #print(): void {
    const now = new Date().toISOString();
    write(`SIGQUIT: the tasks of process ${process.pid} at ${now}\n${this.#runner.tree(LONGEST_TREE)}\n`);
  }
}

/** Writes to standard error, as far as it can be written to. */
function write(text: string): void {
  let left: Uint8Array = new TextEncoder().encode(text);
  for (let tries = 0; left.length > 0 && tries < PATIENCE;) {
    try {
      left = left.subarray(writeSync(2, left));
    } catch (error) {
      if (!["EAGAIN", "EINTR"].includes((error as NodeJS.ErrnoException).code ?? "")) return; // nobody to tell
      tries++;
      Bun.sleepSync(1);
    }
  }
}
