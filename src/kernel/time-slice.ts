import { refillStacks } from "./undriven.ts";

/** While tasks are runnable, I/O and the host are looked at once in so many real milliseconds. */
export const SLICE = 0.5;
/** The time is read after so many steps at the most: what the host may have to wait for where they are suddenly long. */
const MOST_STEPS_BETWEEN_CLOCK_READS = 16;

/** How long a run has had the thread. Reading the clock costs as much as a step, so steps are counted in between. */
export class TimeSlice {
  /** Steps that may be taken before the clock is read; taken off by whoever takes them. */
  stepsLeft = 1;
  /** The run is waiting, or was until now. */
  paused = false;
  /** How often a slice was over. */
  over = 0;
  private stepsPlanned = 1;
  private began = 0;
  private clockReadAt = 0;

  /** The run goes on after a wait: time that it sleeps is not time that it has the thread. */
  resume(): void {
    this.paused = false;
    this.began = performance.now();
    this.clockReadAt = this.began;
    this.stepsLeft = this.stepsPlanned;
  }

  /** Whether the slice is over, and the next one has begun. */
  isOver(): boolean {
    if (this.stepsLeft > 0) return false;
    const now = performance.now();
    refillStacks(now);
    // As many steps to the next look as are likely to fit into the slice: few where steps are long.
    const each = (now - this.clockReadAt) / this.stepsPlanned;
    this.clockReadAt = now;
    this.stepsPlanned = Math.max(1, Math.min(MOST_STEPS_BETWEEN_CLOCK_READS, Math.floor(SLICE / each)));
    this.stepsLeft = this.stepsPlanned;
    if (now - this.began < SLICE) return false;
    this.began = now;
    this.over++;
    return true;
  }
}
