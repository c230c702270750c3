import { AsyncLocalStorage } from "node:async_hooks";
import { Script } from "node:vm";
import { KeyboardInterrupt } from "../errors.ts";

const HOOK = Symbol.for("tribun.interruptibleStep");

/**
 * Steps of tasks that a Ctrl-C stops wherever they are, endless loops included. JavaScript has one way to do that: the
 * engine's termination, which `node:vm` sets up for SIGINT while a script runs, and which covers what the script calls.
 * Neither `catch` nor `finally` of what it stops runs. Entering a script costs some 60 microseconds.
 */
export class InterruptibleSteps {
  /** Called after every step: `node:vm` has taken the signal's handler down, the run's own included. */
  restoreHandler: () => void = () => {};
  readonly #script = new Script(`globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(HOOK))})]()`);

  /** Calls `step`. @throws KeyboardInterrupt when it was stopped. What `step` throws. */
  readonly run: (step: () => void) => void = (step) => {
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
      // A step that is stopped leaves its asynchronous context behind; the snapshot brings this one back.
      AsyncLocalStorage.snapshot()(() => {
        try {
          this.#script.runInThisContext({ breakOnSigint: true });
        } catch (error) {
          throw new KeyboardInterrupt("interrupted by Ctrl-C (SIGINT) where it stood", { cause: error });
        }
      });
    } finally {
      delete holder[HOOK];
      this.restoreHandler();
    }
    if (failed) throw failure;
  };
}
