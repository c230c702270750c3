import { UsageError, WouldBlock } from "../errors.ts";
import type { Operation } from "../hazmat.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";
import { type Held, HeldOnce } from "./held.ts";
import { judgeCount } from "./judge.ts";
import { WaitList, Waiting } from "./wait-list.ts";

export interface SemaphoreOptions {
  /** A release that would raise the value above this is an error. Default: no limit. */
  readonly maxValue?: number | undefined;
}

const OPTIONS: OptionNames<SemaphoreOptions> = { maxValue: true };

export interface SemaphoreStatistics {
  readonly value: number;
  /** How many tasks wait for it. */
  readonly tasksWaiting: number;
}

/**
 * A count that tasks take from and add to: who finds it at 0 waits. Who releases need not be who acquired; to limit how
 * many do something at once, a CapacityLimiter is safer.
 *
 * Trio: `trio.Semaphore`.
 */
export class Semaphore {
  readonly #waiting: WaitList<Acquire> = new WaitList();
  readonly #maxValue: number | undefined;
  #value: number;

  /**
   * @param value what it begins at: a whole number, 0 or more.
   * @throws TypeError, RangeError
   */
  constructor(value: number, options: SemaphoreOptions = {}) {
    const call = "new Semaphore(value, options)";
    this.#value = judgeCount(value, "value", 0, Number.MAX_SAFE_INTEGER, call);
    checkOptions(options, OPTIONS, call);
    const { maxValue } = options;
    if (maxValue !== undefined) judgeCount(maxValue, "maxValue", value, Number.MAX_SAFE_INTEGER, call);
    this.#maxValue = maxValue;
  }

  /** How often it can be acquired without waiting. */
  get value(): number {
    return this.#value;
  }

  /** The most that it may come to; undefined when there is no limit. */
  get maxValue(): number | undefined {
    return this.#maxValue;
  }

  /** Takes one, or waits for one. What it gives releases once when disposed of. A checkpoint. Trio: `acquire`. */
  acquire(): Operation<Held> {
    return new Acquire(this, this.#waiting);
  }

  /** Takes one if there is one. Not a checkpoint. Trio: `acquire_nowait`. @throws WouldBlock when there is none. */
  acquireNoWait(): Held {
    if (!this.take()) throw new WouldBlock("Semaphore.acquireNoWait(): the value is 0");
    return this.held();
  }

  /**
   * Adds one: for the task that has waited longest, if any waits. Not a checkpoint. Trio: `release`.
   *
   * @throws UsageError when that would be more than `maxValue`.
   */
  release(): void {
    const first = this.#waiting.first;
    if (first !== null) {
      this.#waiting.delete(first);
      first.endWait();
      return;
    }
    if (this.#value === this.#maxValue) {
      throw new UsageError(
        `Semaphore.release(): the value is at its maximum, ${this.#value}: it was released too often`,
      );
    }
    this.#value++;
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): SemaphoreStatistics {
    return { value: this.#value, tasksWaiting: this.#waiting.size };
  }

  /** @internal */
  take(): boolean {
    if (this.#value === 0) return false;
    this.#value--;
    return true;
  }

  /** @internal */
  held(): Held {
    return new HeldOnce(() => this.release());
  }
}

class Acquire extends Waiting<Held, Acquire> {
  static {
    this.prototype.operationName = "Semaphore.acquire()";
  }
  declare private readonly semaphore: Semaphore;

  constructor(semaphore: Semaphore, list: WaitList<Acquire>) {
    super(list);
    this.semaphore = semaphore;
  }

  protected attempt(): boolean {
    return this.semaphore.take();
  }

  protected result(): Held {
    return this.semaphore.held();
  }
}
