import type { Instrument, Task } from "../hazmat.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";

export interface WatchdogOptions {
  /** How many real milliseconds a step may take. Default: 100. */
  readonly threshold?: number | undefined;
  /** Called for a step that took longer, after it, with how many milliseconds it took. Default: a process warning. */
  readonly onHold?: ((task: Task, ms: number) => void) | undefined;
}

const OPTIONS: OptionNames<WatchdogOptions> = { threshold: true, onHold: true };

/**
 * An instrument that names a task which held the thread for too long, from one checkpoint to the next: meanwhile no other
 * task ran, no deadline was kept and, in `run`, Bun's loop stood still.
 *
 *     await run(main, { instruments: [new Watchdog({ threshold: 50 })] });
 *
 * It says so when the task has let go of the thread: as a process warning with the code `TRIBUN_WATCHDOG` that tells where
 * the task is then, or by `onHold`, which may look at `task.status()` and `task.stack()`. A step that never ends cannot be
 * reported, and code that goes on after a native `await` is part of a step only as far as its microtasks follow one another.
 */
export class Watchdog implements Instrument {
  readonly #threshold: number;
  readonly #onHold: (task: Task, ms: number) => void;
  #began = Infinity;

  /** @throws TypeError, RangeError for options of the wrong type, NaN or negative. */
  constructor(options: WatchdogOptions = {}) {
    checkOptions(options, OPTIONS, "new Watchdog(options)");
    const { threshold = 100, onHold = warn } = options;
    if (typeof threshold !== "number") {
      throw new TypeError(`new Watchdog({ threshold }): threshold must be a number, not ${typeof threshold}`);
    }
    if (!(threshold >= 0)) {
      throw new RangeError(
        `new Watchdog({ threshold }): threshold must be a number of milliseconds, 0 or more, not ${threshold}`,
      );
    }
    if (typeof onHold !== "function") {
      throw new TypeError(`new Watchdog({ onHold }): onHold must be a function, not ${typeof onHold}`);
    }
    this.#threshold = threshold;
    this.#onHold = onHold;
  }

  beforeTaskStep(): void {
    this.#began = performance.now();
  }

  afterTaskStep(task: Task): void {
    const ms = performance.now() - this.#began; // negative for the step that it was added in
    this.#began = Infinity;
    if (ms > this.#threshold) this.#onHold(task, ms);
  }
}

function warn(task: Task, ms: number): void {
  const stack = task.stack();
  const place = stack.length === 0 ? "" : ` ${stack[0]}`;
  const warning = new Error(
    `task ${task.name} held the thread for ${Math.round(ms)} ms, and nothing else could run; now: ${task.status()}${place}`,
  ) as Error & { code: string };
  warning.name = "TribunWarning";
  warning.code = "TRIBUN_WATCHDOG";
  warning.stack = [`${warning.name}: ${warning.message}`, ...stack.map((line) => `    ${line}`)].join("\n");
  process.emitWarning(warning);
}
