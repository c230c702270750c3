/**
 * The backend over poll(2): for systems and sandboxes without epoll, for descriptors that epoll refuses, and to check
 * epoll against. A poll costs time for each descriptor in the set, so it is for tens of them rather than thousands.
 *
 * The array of `struct pollfd` is kept as the kernel takes it: the waker first, then one for each descriptor somebody
 * waits for. Nothing is remembered of a descriptor that nobody waits for, so a number that becomes another file needs no
 * thought: poll(2) goes by number.
 */
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { POLLERR, POLLFD, POLLHUP, POLLIN, POLLNVAL, type PollCalls, pollCalls } from "../../ffi/poll.ts";
import type { EventfdAddress } from "../../ffi/wake-address.ts";
import {
  BOTH,
  DescriptorWaits,
  type Direction,
  Watch,
  directions,
  refusal,
  wholeMilliseconds,
} from "./descriptor-waits.ts";
import type { PollSet, PollSetIo } from "./fd-io-manager.ts";
import { refuseFile } from "./refuse-file.ts";
import type { WakeableIo } from "./wakeable.ts";
import { Waker } from "./waker.ts";

const FIRST_CAPACITY = 64;

/** Hang-up and error are reported whatever was asked for, and are news for reader and writer. */
const BROKEN = POLLHUP | POLLERR;

/** `struct pollfd` in 32-bit words, and its members in words and halves. */
const WORDS = POLLFD.size / 4;
const HALVES = POLLFD.size / 2;
const FD_WORD = POLLFD.fields.fd.offset / 4;
const EVENTS_HALF = POLLFD.fields.events.offset / 2;
const REVENTS_HALF = POLLFD.fields.revents.offset / 2;

/** The waker's place in the array. */
const WAKER = 0;

class Entry extends Watch {
  /** Its place in the array. */
  index: number;
  constructor(fd: number, index: number) {
    super(fd);
    this.index = index;
  }
}

export class PollIoManager extends DescriptorWaits<Entry> implements PollSetIo, WakeableIo {
  readonly backend = "poll";
  readonly #calls: PollCalls;
  readonly #waker = new Waker();

  /** Who is where in the array; nobody at the waker's place. */
  readonly #entries: (Entry | null)[] = [null];
  #memory = new ArrayBuffer(FIRST_CAPACITY * POLLFD.size);
  #address = addressOf(this.#memory);
  #words = new Int32Array(this.#memory);
  #halves = new Int16Array(this.#memory);

  /** @throws {SystemError} EMFILE, ENFILE or ENOMEM. @throws {UnsupportedError} where there is no poll. */
  constructor(calls: PollCalls = pollCalls()) {
    super();
    this.#calls = calls;
    this.#place(WAKER, this.#waker.fd, POLLIN);
  }

  get wakeAddress(): EventfdAddress {
    return { kind: "eventfd", fd: this.#waker.fd };
  }

  leakWakeAddress(): void {
    this.#waker.leak();
  }

  wake(): void {
    this.#waker.wake();
  }

  poll(timeout: number): number {
    const count = this.#calls.poll(this.#address, this.#entries.length, wholeMilliseconds(timeout));
    if (count > 0) return this.#handOut(count);
    if (count < 0 && count !== -ERRNO.EINTR) throw systemError(-count, "poll");
    return 0;
  }

  pollSet(): PollSet {
    return { address: this.#address, count: this.#entries.length, memory: this.#memory, instance: -1 };
  }

  close(): void {
    this.#waker.close();
  }

  protected open(fd: number, direction: Direction): Entry {
    refuseFile(fd, "poll");
    const index = this.#entries.length;
    if ((index + 1) * POLLFD.size > this.#memory.byteLength) this.#grow();
    const entry = new Entry(fd, index);
    this.#entries.push(entry);
    this.#place(index, fd, direction);
    this.watches[fd] = entry;
    return entry;
  }

  protected resume(entry: Entry, direction: Direction): void {
    this.#halves[entry.index * HALVES + EVENTS_HALF] |= direction;
  }

  protected release(entry: Entry, direction: Direction): void {
    this.#halves[entry.index * HALVES + EVENTS_HALF] &= ~direction;
    if (entry.interest === 0) this.forget(entry);
  }

  /** The last one in the array takes its place. */
  protected forget(entry: Entry): void {
    this.watches[entry.fd] = undefined;
    const { index } = entry;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    this.#entries[index] = last;
    last.index = index;
    const from = this.#entries.length * WORDS;
    this.#words.copyWithin(index * WORDS, from, from + WORDS);
  }

  #place(index: number, fd: number, events: number): void {
    this.#words[index * WORDS + FD_WORD] = fd;
    this.#halves[index * HALVES + EVENTS_HALF] = events;
    this.#halves[index * HALVES + REVENTS_HALF] = 0;
  }

  #grow(): void {
    const before = this.#words;
    this.#memory = new ArrayBuffer(2 * this.#memory.byteLength);
    this.#address = addressOf(this.#memory);
    this.#words = new Int32Array(this.#memory);
    this.#halves = new Int16Array(this.#memory);
    this.#words.set(before);
  }

  #handOut(count: number): number {
    let handed = 0;
    let left = count;
    if (this.#halves[WAKER * HALVES + REVENTS_HALF] !== 0) {
      this.#waker.drain();
      left--;
    }
    for (let index = WAKER + 1; left > 0 && index < this.#entries.length;) {
      const entry = this.#entries[index]!;
      const reported = this.#halves[index * HALVES + REVENTS_HALF];
      if (reported !== 0) {
        left--;
        handed += this.#handTo(entry, reported);
      }
      // An entry that went has left its place to one that is not looked at yet.
      if (this.#entries[index] === entry) index++;
    }
    return handed;
  }

  #handTo(entry: Entry, reported: number): number {
    if (reported & POLLNVAL) {
      this.forget(entry);
      return this.fail(entry, () => refusal(ERRNO.EBADF, "poll", entry.fd));
    }
    return directions(this.wakeReady(entry, reported & BROKEN ? BOTH : reported & BOTH));
  }
}
