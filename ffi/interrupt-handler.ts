/** What a native handler of Ctrl-C supplies; `ffi/sigint.ts` does the rest. */
import type { WakeAddress } from "./wake-address.ts";

/** Indices into the 32-bit words that a handler shares with JavaScript. Its C has them as an enum, in this order. */

/** A Ctrl-C came that nobody has dealt with. */
export const PENDING: number = 0;
/** A step is under way that a Ctrl-C is to stop. */
export const IN_STEP: number = 1;
/** A Ctrl-C came in such a step, and the engine has not stopped it yet. */
export const STOPPING: number = 2;
/** How many the handler has passed on to what was there before it. */
export const SEEN: number = 3;
/** Ctrl-Break is taken for a Ctrl-C, where there is such a key. */
export const TAKES_BREAK: number = 4;
/** How many words there are. */
export const WORDS: number = 5;

/** One for each process. It runs on whatever thread the system pleases, and touches nothing of JavaScript's but the words. */
export interface InterruptHandler {
  /** The events by the names under which `process.on` knows them. */
  readonly signals: readonly NodeJS.Signals[];
  readonly words: Int32Array;
  /** Whether a Ctrl-C does now what it does in a program that cares for none. Remembers it for `restoreDefault`. */
  isDefault(): boolean;
  /** Sets all words to 0. @param chained whether what was there before is called as well, each time. */
  install(wake: WakeAddress | null, chained: boolean): void;
  /** Takes the place of the handler of a script with `breakOnSigint`. */
  enterScript(): void;
  /** After such a script. @param installed false when `uninstall` was called within it. */
  reinstall(installed: boolean): void;
  uninstall(): void;
  /** Makes up for what Bun does when the last listener is removed. */
  restoreDefault(): void;
}
