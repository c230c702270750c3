import type { Operation } from "../hazmat.ts";
import { WaitList, Waiting } from "./wait-list.ts";

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
  readonly #waiting: WaitList<Wait> = new WaitList();
  #set = false;

  /** Whether it has happened. */
  get isSet(): boolean {
    return this.#set;
  }

  /** It has happened: wakes all who wait, in order of arrival. Setting it again does nothing. Not a checkpoint. */
  set(): void {
    this.#set = true;
    const waiting = this.#waiting;
    for (let wait = waiting.first; wait !== null; wait = waiting.first) {
      waiting.delete(wait);
      wait.endWait();
    }
  }

  /** Waits until it has happened. A checkpoint, also when it has happened already. Trio: `wait`. */
  wait(): Operation<void> {
    return new Wait(this, this.#waiting);
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): EventStatistics {
    return { tasksWaiting: this.#waiting.size };
  }
}

class Wait extends Waiting<void, Wait> {
  static {
    this.prototype.operationName = "Event.wait()";
  }
  declare private readonly event: Event;

  constructor(event: Event, list: WaitList<Wait>) {
    super(list);
    this.event = event;
  }

  protected attempt(): boolean {
    return this.event.isSet;
  }

  protected result(): void {}
}
