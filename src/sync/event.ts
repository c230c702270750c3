import { ParkingLot, yieldBriefly, type Operation } from "../hazmat.ts";
import { operation } from "../kernel/operation-of.ts";

export interface EventStatistics {
  /** How many tasks wait for the event. */
  readonly tasksWaiting: number;
}

/**
 * Something that happens once: tasks wait for it, and from then on nobody waits. It cannot be unset: make a new one for
 * the next time.
 *
 * Trio: `trio.Event`.
 */
export class Event {
  readonly #lot = new ParkingLot();
  #set = false;

  /** Whether it has happened. */
  get isSet(): boolean {
    return this.#set;
  }

  /** It has happened: wakes all who wait, in order of arrival. Setting it again does nothing. Not a checkpoint. */
  set(): void {
    this.#set = true;
    this.#lot.unparkAll();
  }

  /** Waits until it has happened. A checkpoint, also when it has happened already. Trio: `wait`. */
  wait(): Operation<void> {
    return operation("Event.wait()", () => (this.#set ? yieldBriefly() : this.#lot.park())[Symbol.iterator]());
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): EventStatistics {
    return { tasksWaiting: this.#lot.size };
  }
}
