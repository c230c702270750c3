import { FIRST_USER_KEY } from "../../ffi/completion-port.ts";
import { ClosedResourceError } from "../errors.ts";
import { EventBuffer, type EventQueue } from "./event-queue.ts";

/** A packet that was posted to the run's completion port, with the numbers that it was posted with. */
export interface CompletionEvent {
  readonly lpOverlapped: bigint;
  readonly bytesTransferred: number;
}

/** The keys of a run that are monitored, each with its queue. No key is given out twice. */
export class CompletionKeys {
  readonly #queues = new Map<number, EventBuffer<CompletionEvent>>();
  #next = FIRST_USER_KEY;

  /** How many are monitored. */
  get size(): number {
    return this.#queues.size;
  }

  open(): { key: number; queue: EventQueue<CompletionEvent> } {
    const key = this.#next++;
    const queue = new EventBuffer<CompletionEvent>();
    this.#queues.set(key, queue);
    return { key, queue };
  }

  close(key: number): void {
    const queue = this.#queues.get(key);
    this.#queues.delete(key);
    queue?.end(() => new ClosedResourceError(`completion key ${key} is monitored no more`));
  }

  /** @returns how many events were taken: none when nobody monitors `key`. */
  put(key: number, event: CompletionEvent): number {
    const queue = this.#queues.get(key);
    if (queue === undefined) return 0;
    queue.put(event);
    return 1;
  }
}
