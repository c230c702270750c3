import { Script } from "node:vm";
import { KeyboardInterrupt } from "../errors.ts";

const HOOK = Symbol.for("tribun.interruptibleStep");
const script = new Script('globalThis[Symbol.for("tribun.interruptibleStep")]()');

/**
 * Calls `step` so that a Ctrl-C stops it wherever it is, endless loops included. JavaScript has one way to do that: the
 * engine's termination, which `node:vm` sets up for SIGINT while a script runs, and which covers what the script calls.
 * `finally` blocks of what it stops do not run.
 *
 * @throws KeyboardInterrupt when it was stopped. What `step` throws.
 */
export function stepInterruptibly(step: () => void): void {
  const holder = globalThis as { [HOOK]?: () => void };
  let failed = false;
  let failure: unknown;
  holder[HOOK] = () => {
    try {
      step();
    } catch (error) {
      failed = true;
      failure = error;
    }
  };
  try {
    script.runInThisContext({ breakOnSigint: true });
  } catch {
    throw new KeyboardInterrupt("interrupted by Ctrl-C (SIGINT) where it stood");
  } finally {
    delete holder[HOOK];
  }
  if (failed) throw failure;
}
