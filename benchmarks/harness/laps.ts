/**
 * Batches timed from inside the work, so that what surrounds them (a run, a nursery, tasks) is not in them. A batch
 * should be short, for the percentiles' sake, and still long enough for one reading of the clock (some 50 ns) not to
 * matter.
 */
import { expectCount } from "./expect.ts";

export class Laps {
  /** How many batches the work has to do. */
  readonly count: number;
  readonly #size: number;
  readonly #warmUp: number;
  readonly #times: number[] = [];

  /**
   * @param size how many pieces of work a batch is
   * @param count how many batches there are to be that count
   * @param warmUp how many come before them and do not: the first thousand operations of a run keep the stack of their
   *   making, in case their `yield*` was forgotten
   */
  constructor(size: number, count: number, warmUp = 0) {
    this.#size = size;
    this.#warmUp = warmUp;
    this.count = warmUp + count;
  }

  /** A batch begins here, where the one before it ends; called once more at the end of the last. */
  mark(): void {
    this.#times.push(Bun.nanoseconds());
  }

  /** The nanoseconds that one piece of work took, of each batch that counts. */
  samples(): number[] {
    expectCount("marks", this.#times.length, this.count + 1);
    const times = this.#times.slice(this.#warmUp);
    return times.slice(1).map((time, index) => (time - times[index]!) / this.#size);
  }
}

/** Laps of work that is counted: all of it must have been done. */
export class CountedLaps extends Laps {
  /** How many pieces were done. */
  done = 0;
  readonly #what: string;
  readonly #expected: number;

  /** @param what the pieces, for the error: `"checkpoints"` */
  constructor(what: string, size: number, count: number, warmUp = 0) {
    super(size, count, warmUp);
    this.#what = what;
    this.#expected = size * this.count;
  }

  override samples(): number[] {
    expectCount(this.#what, this.done, this.#expected);
    return super.samples();
  }
}
