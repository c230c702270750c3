import { checkDuration } from "../kernel/time-arguments.ts";
import type { Clock } from "../kernel/clock.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";

export interface MockClockOptions {
  /** Milliseconds of the clock for each millisecond of real time. Default 0: it stands still unless told to move. */
  readonly rate?: number | undefined;
  /** Real milliseconds of idleness before a jump. Default `Infinity`: never. */
  readonly autojumpThreshold?: number | undefined;
}

const OPTIONS: OptionNames<MockClockOptions> = { rate: true, autojumpThreshold: true };

/**
 * A clock for tests: it begins at 0, stands still unless it has a rate, and moves by {@link MockClock.jump}. With an
 * `autojumpThreshold` it jumps by itself, exactly to the next deadline, whenever for so many milliseconds of real time
 * no task ran and nothing came in: with a threshold of 0, programs that sleep for hours end at once.
 *
 * `waitAllTasksBlocked` has precedence over a jump. With no deadline to jump to the clock stays where it is, and counts
 * as no way on, so that a deadlock is found.
 *
 * Trio: `trio.testing.MockClock`, in milliseconds.
 */
export class MockClock implements Clock {
  #rate = 0;
  #autojumpThreshold = Infinity;
  /** The clock showed `#base` when real time was `#realBase`. */
  #base = 0;
  #realBase = 0;
  #changed: () => void = () => {};

  /** @throws TypeError, RangeError for options that are no number, NaN or negative. */
  constructor(options: MockClockOptions = {}) {
    checkOptions(options, OPTIONS, "new MockClock(options)");
    const { rate = 0, autojumpThreshold = Infinity } = options;
    this.rate = rate;
    this.autojumpThreshold = autojumpThreshold;
  }

  /** Milliseconds of the clock for each millisecond of real time; 0 for a clock that stands still. Set it at any time. */
  get rate(): number {
    return this.#rate;
  }
  set rate(rate: number) {
    if (typeof rate !== "number") {
      throw new TypeError(`MockClock: rate must be a number, not ${String(rate)} (${typeof rate})`);
    }
    if (!(rate >= 0 && rate < Infinity)) {
      throw new RangeError(`MockClock: rate must be a finite number, 0 or more, not ${rate}`);
    }
    this.#moveTo(this.currentTime());
    this.#rate = rate;
    this.#changed();
  }

  /** Real milliseconds of idleness before a jump; `Infinity` for never. Set it at any time; it counts at once. */
  get autojumpThreshold(): number {
    return this.#autojumpThreshold;
  }
  set autojumpThreshold(ms: number) {
    this.#autojumpThreshold = checkDuration(ms, "MockClock: autojumpThreshold");
    this.#changed();
  }

  /**
   * Moves the clock forward by `ms` milliseconds. Deadlines that this makes due count at once for `yieldIfCancelled`;
   * sleepers wake and blocked tasks are aborted in the next pass. Not a checkpoint.
   *
   * @throws TypeError, RangeError for what is no number, NaN or negative, and if the clock would be at Infinity.
   */
  jump(ms: number): void {
    checkDuration(ms, "clock.jump(ms): ms");
    const time = this.currentTime() + ms;
    if (time === Infinity) throw new RangeError(`clock.jump(ms): the clock cannot jump by ${ms} ms, to Infinity`);
    this.#moveTo(time);
    this.#changed();
  }

  startClock(changed: () => void = () => {}): void {
    this.#changed = changed;
  }

  currentTime(): number {
    if (this.#rate === 0) return this.#base;
    return this.#base + this.#rate * (performance.now() - this.#realBase);
  }

  deadlineToSleepTime(deadline: number): number {
    const left = deadline - this.currentTime();
    if (left <= 0) return 0;
    return this.#rate === 0 ? Infinity : left / this.#rate;
  }

  autojump(nextDeadline: number): void {
    // To the deadline exactly: a sum of the time that is left might fall short of it.
    if (nextDeadline !== Infinity && nextDeadline > this.currentTime()) this.#moveTo(nextDeadline);
  }

  #moveTo(time: number): void {
    this.#base = time;
    this.#realBase = performance.now();
  }
}
