import { AsyncLocalStorage } from "node:async_hooks";
import { Script } from "node:vm";
import type { SigintWatch } from "../../ffi/sigint.ts";
import { KeyboardInterrupt } from "../errors.ts";

const HOOK = Symbol.for("tribun.interruptibleSteps");

/**
 * How long after a signal, in ms, the engine may stop the code: it is told by another thread. What comes while a turn is
 * set up must not stop the scheduler.
 */
const STOP_TAKES = 0.25;

/**
 * Steps of tasks that a Ctrl-C stops wherever they are, endless loops included. JavaScript has one way to do that: the
 * engine's termination, which `node:vm` sets up for SIGINT while a script runs, and which covers what the script calls.
 * Neither `catch` nor `finally` of what it stops runs.
 *
 * Setting it up takes a thread, 60 microseconds, and the signal's handler: a SIGINT that comes meanwhile is easily lost. But
 * that is so only for a script that is not within another one. So a whole turn of the scheduler is one script, and each
 * step in it is one more, which costs 6 microseconds.
 */
export class InterruptibleSteps {
  /** The run's own handler of SIGINT; while there is none, SIGINT is not the run's, and steps are taken plainly. */
  watch: SigintWatch | null = null;
  readonly #turnScript: Script = scriptThatCalls("turn");
  readonly #stepScript: Script = scriptThatCalls("step");

  /** Calls `body`, in which steps can be stopped. @throws What `body` throws. */
  turn(body: () => void): void {
    const { watch } = this;
    if (watch === null) {
      body();
      return;
    }
    let begun = false;
    const hooks: Hooks = {
      turn: capturing(() => {
        watch.enterScript();
        const end = performance.now() + STOP_TAKES;
        while (performance.now() < end);
        begun = true;
        body();
      }),
      step: null,
    };
    const holder = globalThis as { [HOOK]?: Hooks };
    holder[HOOK] = hooks;
    this.#hooks = hooks;
    try {
      do {
        try {
          this.#turnScript.runInThisContext({ breakOnSigint: true });
        } catch (error) {
          if (begun) throw error;
          watch.note();
        }
      } while (!begun);
    } finally {
      delete holder[HOOK];
      this.#hooks = null;
      watch.reinstall(); // `node:vm` has taken the signal's handler down
    }
    hooks.turn.rethrow();
  }
  #hooks: Hooks | null = null;

  /** Calls `step`. @throws KeyboardInterrupt when it was stopped. What `step` throws. */
  readonly run: (step: () => void) => void = (step) => {
    const { watch } = this;
    const hooks = this.#hooks;
    if (watch === null || hooks === null) {
      step();
      return;
    }
    const call = capturing(step);
    let ended = false;
    hooks.step = () => {
      watch.beginStep();
      call();
      ended = true;
      watch.endStep();
    };
    // A step that is stopped leaves its asynchronous context behind; the snapshot brings this one back.
    AsyncLocalStorage.snapshot()(() => {
      try {
        this.#stepScript.runInThisContext({ breakOnSigint: true });
      } catch (error) {
        watch.stepStopped();
        if (ended) {
          // It came too late for this step: it is main's, like one between steps. One that the turn's own script took
          // while it was set up, and that stops the code only now, is known to nobody else.
          watch.note();
          return;
        }
        watch.delivered();
        throw new KeyboardInterrupt("interrupted by Ctrl-C (SIGINT) where it stood", { cause: error });
      }
    });
    call.rethrow();
  };
}

/** What the scripts call. */
interface Hooks {
  readonly turn: Capturing;
  step: (() => void) | null;
}

function scriptThatCalls(hook: keyof Hooks): Script {
  return new Script(`globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(HOOK))})].${hook}()`);
}

/** A function that keeps what it throws: a script is to throw nothing but its own interruption. */
interface Capturing {
  (): void;
  rethrow(): void;
}

function capturing(fn: () => void): Capturing {
  let failure: { readonly error: unknown } | null = null;
  const call = (): void => {
    try {
      fn();
    } catch (error) {
      failure = { error };
    }
  };
  return Object.assign(call, {
    rethrow: () => {
      if (failure !== null) throw failure.error;
    },
  });
}
