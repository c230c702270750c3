import type { Kevent } from "../../ffi/kqueue.ts";
import { BusyResourceError, ClosedResourceError } from "../errors.ts";
import { wake, wakeWithError } from "../kernel/suspension.ts";
import type { Task } from "../kernel/task.ts";
import { EventBuffer } from "./event-queue.ts";

/** Who gets the events of one pair of `ident` and `filter`: a task, once, or a queue. */
type Taker = Task | EventBuffer<Kevent>;

/**
 * S9, S10: who waits for which kevent. A pair has one taker; the registration in the kqueue is the program's own.
 *
 * Trio's fault #3500 was an event, already fetched, whose waiter had gone: it was looked up in vain, and the run ended
 * with an internal error. Here an event without a taker is nobody's.
 */
export class KeventTable {
  readonly #takers = new Map<string, Taker>();

  /** How many pairs are waited for or monitored. */
  get size(): number {
    return this.#takers.size;
  }

  /** @throws {BusyResourceError} when somebody has the pair already. */
  add(ident: number, filter: number, taker: Taker): void {
    const first = this.#takers.get(keyOf(ident, filter));
    if (first !== undefined) throw busy(ident, filter, first);
    this.#takers.set(keyOf(ident, filter), taker);
  }

  /** Frees the pair, if it is still this taker's. */
  remove(ident: number, filter: number, taker: Taker): void {
    const key = keyOf(ident, filter);
    if (this.#takers.get(key) === taker) this.#takers.delete(key);
  }

  /** @throws {BusyResourceError} when somebody has the pair. */
  checkFree(ident: number, filter: number): void {
    const first = this.#takers.get(keyOf(ident, filter));
    if (first !== undefined) throw busy(ident, filter, first);
  }

  has(ident: number, filter: number): boolean {
    return this.#takers.has(keyOf(ident, filter));
  }

  /** Gives an event to its taker. @returns false when it has none. */
  give(kevent: Kevent): boolean {
    const key = keyOf(kevent.ident, kevent.filter);
    const taker = this.#takers.get(key);
    if (taker === undefined) return false;
    if (taker instanceof EventBuffer) taker.put(kevent);
    else {
      this.#takers.delete(key);
      wake(taker, kevent);
    }
    return true;
  }

  /** The descriptor `ident` is about to be closed. @returns whether somebody had the pair. */
  close(ident: number, filter: number): boolean {
    const key = keyOf(ident, filter);
    const taker = this.#takers.get(key);
    if (taker === undefined) return false;
    this.#takers.delete(key);
    const makeError = (): ClosedResourceError =>
      new ClosedResourceError(`fd ${ident} was closed while its kevents (filter ${filter}) were waited for`);
    if (taker instanceof EventBuffer) taker.end(makeError);
    else wakeWithError(taker, makeError());
    return true;
  }
}

function keyOf(ident: number, filter: number): string {
  return `${filter} ${ident}`;
}

function busy(ident: number, filter: number, first: Taker): BusyResourceError {
  const who = first instanceof EventBuffer ? "a monitorKevent()" : `task ${first.name}`;
  return new BusyResourceError(
    `kevents of ident ${ident}, filter ${filter}, go to ${who} already; they have one taker at a time`,
  );
}
