/**
 * SIGINT as a flag. No signal can interrupt running JavaScript, so the one thing that has to happen at once (a second
 * Ctrl-C ending a program that never looks at the first) is done by a handler in C. On Windows SIGINT stands for the
 * console's Ctrl-C event, and Ctrl-Break counts as one.
 */
import { consoleControlHandler } from "./console-control.ts";
import { IN_STEP, type InterruptHandler, PENDING, SEEN, STOPPING, TAKES_BREAK } from "./interrupt-handler.ts";
import { sigactionHandler } from "./sigaction-handler.ts";
import type { WakeAddress } from "./wake-address.ts";

/** A SIGINT handler in place. One at a time per process. */
export interface SigintWatch {
  /** A SIGINT came and {@link SigintWatch.delivered} was not called since. Costs no foreign call. Readable after `uninstall`. */
  readonly pending: boolean;
  /** A SIGINT came of which the handler does not know: makes it pending. */
  note(): void;
  /** The pending SIGINT was dealt with: the next one is a first one again. */
  delivered(): void;
  /**
   * Called from within a script that `node:vm` runs with `breakOnSigint`: the handler takes the place of the script's
   * own, which would forget a SIGINT that comes while no code is left to stop. It calls it between
   * {@link SigintWatch.beginStep} and {@link SigintWatch.endStep}. Left by {@link SigintWatch.reinstall}.
   */
  enterScript(): void;
  /** From here on a SIGINT stops the code of the innermost script with `breakOnSigint`. Costs no foreign call. */
  beginStep(): void;
  /** Ends that. When a SIGINT has come and the script is to be stopped for it, then it is stopped in here. */
  endStep(): void;
  /** Ends that, after the script was stopped. */
  stepStopped(): void;
  /** SIGBREAK, where there is one, is somebody else's from here on. */
  leaveBreak(): void;
  /**
   * Puts the handler back after something else took its place, as `breakOnSigint` of `vm.Script` does for good. To be
   * called after such a script also when the handler was uninstalled within it; then it does nothing but tidy up.
   */
  reinstall(): void;
  /** Restores what was there before, unless somebody else took SIGINT over in the meantime. May be repeated. */
  uninstall(): void;
}

/** The handlers by `process.platform`. Each is one for the process, and throws where it cannot be had. */
const HANDLERS: { readonly [platform: string]: (() => InterruptHandler) | undefined } = {
  linux: sigactionHandler,
  win32: consoleControlHandler,
};

/**
 * Makes SIGINT set a flag. While the flag is set and undelivered, the next SIGINT ends the process with SIGINT's default
 * action, from within the handler. A system call that blocks the thread which took the signal fails with EINTR.
 *
 * @param wake what the handler wakes, if anything.
 * @param listener registered by `process.on("SIGINT")` beneath the handler, so that Bun's own handler runs as well and
 *   a main thread that sleeps in Bun's event loop is woken; removed again by `uninstall`.
 * @returns null when there is no handler to be had: off the main thread, on other systems, where `cc` is missing, or when SIGINT
 *   has not its default action, because somebody else handles it or it is ignored (a job started by `nohup` or `&`).
 */
export function installSigint(wake: WakeAddress | null, listener?: () => void): SigintWatch | null {
  if (!Bun.isMainThread || process.listenerCount("SIGINT") > 0) return null;
  const handler = handlerOnce();
  if (handler === null || !handler.isDefault()) return null;
  const signals = handler.signals.filter((signal) => process.listenerCount(signal) === 0);
  let watch: Watch | null = null;
  let heard = 0;
  const underneath =
    listener === undefined
      ? null
      : (): void => {
          heard++;
          if (watch !== null && watch.seen < heard) watch.note();
          listener();
        };
  if (underneath !== null) for (const signal of signals) process.on(signal, underneath);
  handler.install(wake, underneath !== null);
  if (signals.includes("SIGBREAK")) Atomics.store(handler.words, TAKES_BREAK, 1);
  watch = new Watch(handler, signals, underneath);
  return watch;
}

class Watch implements SigintWatch {
  readonly #handler: InterruptHandler;
  readonly #signals: readonly NodeJS.Signals[];
  #listener: (() => void) | null;
  #installed = true;

  constructor(handler: InterruptHandler, signals: readonly NodeJS.Signals[], listener: (() => void) | null) {
    this.#handler = handler;
    this.#signals = signals;
    this.#listener = listener;
  }

  get pending(): boolean {
    // An atomic load, since a plain one may be hoisted out of a loop that waits for the flag.
    return Atomics.load(this.#handler.words, PENDING) !== 0;
  }

  /** How many SIGINTs the handler has passed on to Bun's. */
  get seen(): number {
    return Atomics.load(this.#handler.words, SEEN);
  }

  note(): void {
    Atomics.store(this.#handler.words, PENDING, 1);
  }

  delivered(): void {
    Atomics.store(this.#handler.words, PENDING, 0);
  }

  enterScript(): void {
    this.#handler.enterScript();
  }

  beginStep(): void {
    Atomics.store(this.#handler.words, IN_STEP, 1);
  }

  endStep(): void {
    Atomics.store(this.#handler.words, IN_STEP, 0);
    // The engine stops code some microseconds after the signal, from another thread.
    while (Atomics.load(this.#handler.words, STOPPING) !== 0);
  }

  stepStopped(): void {
    Atomics.store(this.#handler.words, IN_STEP, 0);
    Atomics.store(this.#handler.words, STOPPING, 0);
  }

  leaveBreak(): void {
    Atomics.store(this.#handler.words, TAKES_BREAK, 0);
    if (this.#listener !== null) process.off("SIGBREAK", this.#listener);
  }

  reinstall(): void {
    this.#handler.reinstall(this.#installed);
  }

  uninstall(): void {
    this.#installed = false;
    this.#handler.uninstall();
    if (this.#listener === null) return;
    // Removing the last listener makes Bun set SIG_DFL; on a terminal it was Bun's own handler before.
    for (const signal of this.#signals) process.off(signal, this.#listener);
    this.#listener = null;
    this.#handler.restoreDefault();
  }
}

let handler: InterruptHandler | null | undefined;

function handlerOnce(): InterruptHandler | null {
  if (handler === undefined) {
    handler = null;
    try {
      handler = HANDLERS[process.platform]?.() ?? null;
    } catch {
      // No TinyCC in this Bun, or nowhere to put a file: the null of installSigint says so.
    }
  }
  return handler;
}
