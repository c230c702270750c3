/**
 * A run's clock. Times are milliseconds from a start of the clock's own choosing.
 *
 * Trio: `trio.abc.Clock`, in milliseconds, with the autojump hook that Trio keeps private (#3296).
 */
export interface Clock {
  /**
   * The run begins. `changed` may be kept and called whenever the clock was moved or its threshold changed from outside
   * a task, so that a sleeping run looks at it again.
   */
  startClock(changed?: () => void): void;
  /** The time now, in milliseconds. */
  currentTime(): number;
  /** How many real milliseconds to sleep until `deadline`, which is `Infinity` when there is none. */
  deadlineToSleepTime(deadline: number): number;
  /** After so many real milliseconds in which nothing at all happened, 0 or more, {@link Clock.autojump} is called. */
  autojumpThreshold?: number;
  /**
   * Jump to `nextDeadline`, which is `Infinity` when there is none. Has to be there where there is a threshold. A clock
   * that stays short of the deadline is asked again when as much time has passed.
   */
  autojump?(nextDeadline: number): void;
}

/**
 * Real time: monotonic, from an arbitrary start far from zero, so that a time of another clock taken for one of this is
 * noticed at once.
 */
export class SystemClock implements Clock {
  readonly #offset = 1e7 + Math.floor(Math.random() * 1e8);
  startClock(): void {}
  currentTime(): number {
    return performance.now() + this.#offset;
  }
  deadlineToSleepTime(deadline: number): number {
    return deadline - this.currentTime();
  }
}
