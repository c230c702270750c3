import { EVENTFD_VALUE_SIZE, eventfd } from "../../ffi/eventfd.ts";
import { addressOf } from "../../ffi/memory.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";

/** What ends a poll from outside: an eventfd in the backend's set. */
export class Waker {
  /** Any thread may write 8 bytes holding a 64-bit 1 here; it is open until {@link Waker.close}. */
  readonly fd: number = eventfd();
  readonly #calls = descriptorCalls();
  readonly #one = BigUint64Array.of(1n).buffer;
  readonly #read = new ArrayBuffer(EVENTFD_VALUE_SIZE);
  /** The eventfd was written to and nobody has seen it yet: another write would say nothing new. */
  #written = false;
  #closed = false;

  wake(): void {
    if (this.#written || this.#closed) return;
    this.#written = true;
    // It can only fail with EAGAIN, when the counter is full: readable, which is all that is wanted.
    this.#calls.write(this.fd, addressOf(this.#one), EVENTFD_VALUE_SIZE);
  }

  /** The poll saw it. Enough for an edge-triggered registration, which every new write triggers anew. */
  acknowledge(): void {
    this.#written = false;
  }

  /** The poll saw it, and would see it again: empties it. */
  drain(): void {
    this.#written = false;
    this.#calls.read(this.fd, addressOf(this.#read), EVENTFD_VALUE_SIZE);
  }

  /** Another thread may yet write: the descriptor stays open for good, lest that goes into another file. */
  leak(): void {
    this.#closed = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.close(this.fd);
  }
}
