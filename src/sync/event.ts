import { ParkingLot, type Operation } from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";

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
    return new Wait(this, this.#lot);
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): EventStatistics {
    return { tasksWaiting: this.#lot.size };
  }
}

class Wait extends Attempt<void> {
  static {
    this.prototype.operationName = "Event.wait()";
  }
  readonly #event: Event;
  readonly #lot: ParkingLot;

  constructor(event: Event, lot: ParkingLot) {
    super();
    this.#event = event;
    this.#lot = lot;
  }

  protected attempt(): boolean {
    return this.#event.isSet;
  }

  protected wait(): Operation<void> {
    return this.#lot.park();
  }

  protected result(): void {}
}
