import { yieldBriefly } from "../kernel/checkpoint.ts";
import { Cancelled, UsageError } from "../errors.ts";
import type { Operation, Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { ParkingLot } from "../kernel/parking-lot.ts";

/**
 * Runs blocks of several tasks in an order that a test decides: position 0 goes first, and each next one when the one
 * before it was disposed of.
 *
 *     using _turn = yield* sequencer.at(2);
 *
 * Trio: `trio.testing.Sequencer`.
 */
export class Sequencer {
  /** Positions that some task has asked for. */
  readonly #claimed = new Set<number>();
  readonly #waiting = new Map<number, ParkingLot>();
  /** Positions whose turn has come. */
  readonly #reached = new Set([0]);
  #broken = false;

  /**
   * Waits for the turn of `position`; disposing of what it gives lets the next position go. A task that is cancelled
   * while it waits breaks the sequence, for its turn would never end: it and all that wait get UsageError. A checkpoint.
   *
   * @param position a whole number, 0 or more; each is good for one use.
   * @throws TypeError, RangeError at once.
   * @throws UsageError if the position was used before, or the sequence is or becomes broken.
   */
  at(position: number): Operation<Disposable> {
    if (typeof position !== "number") {
      throw new TypeError(
        `sequencer.at(position): position must be a number, not ${String(position)} (${typeof position})`,
      );
    }
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new RangeError(`sequencer.at(position): position must be a whole number, 0 or more, not ${position}`);
    }
    return operation(`sequencer.at(${position})`, () => this.#turn(position));
  }

  *#turn(position: number): Generator<Trap, Disposable, any> {
    if (this.#claimed.has(position)) {
      throw new UsageError(`sequencer.at(${position}): this position has been used already: each is good for one use`);
    }
    this.#checkSound(position);
    this.#claimed.add(position);
    try {
      yield* this.#reached.has(position) ? yieldBriefly() : this.#lotOf(position).park();
    } catch (error) {
      this.#break();
      if (!(error instanceof Cancelled)) throw error;
      throw new UsageError(`sequencer.at(${position}): cancelled while it waited, so the sequence is broken`, {
        cause: error,
      });
    }
    this.#checkSound(position);
    return { [Symbol.dispose]: () => this.#reach(position + 1) };
  }

  #lotOf(position: number): ParkingLot {
    const lot = this.#waiting.get(position) ?? new ParkingLot();
    this.#waiting.set(position, lot);
    return lot;
  }

  #reach(position: number): void {
    this.#reached.add(position);
    this.#waiting.get(position)?.unparkAll();
  }

  #break(): void {
    this.#broken = true;
    for (const lot of this.#waiting.values()) lot.unparkAll();
  }

  #checkSound(position: number): void {
    if (!this.#broken) return;
    throw new UsageError(
      `sequencer.at(${position}): the sequence is broken: a task was cancelled while it waited for its turn`,
    );
  }
}
