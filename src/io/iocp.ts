/**
 * The backend over a Windows completion port.
 *
 * Everything that can happen to a run is a packet in its one port, told apart by its key. A port has no level: a packet
 * comes once, and belongs to an operation that was begun before, whose memory is the system's until then.
 *
 * A socket is waited for by a poll of the driver beneath it (`afd-polls.ts`), one for reader and writer together:
 *
 * - A wait begins a poll, unless one is under way that asks for its direction too. Where one is that does not, another
 *   one takes its place, which asks for both; the old one is cancelled, and what it still says is nobody's.
 * - A poll that has completed is over. If somebody waits for the other direction still, the next one is begun at once.
 * - When nobody waits any more the socket is forgotten, and its poll cancelled: nothing is remembered of a number
 *   that may become another socket's.
 * - A poll goes by the socket and not by its number, and the driver completes it when the socket is closed: a waiter
 *   whose socket is closed without a word wakes, and finds out by its own call.
 */
import {
  AFD_POLL_ABORT,
  AFD_POLL_ACCEPT,
  AFD_POLL_CONNECT_FAIL,
  AFD_POLL_DISCONNECT,
  AFD_POLL_LOCAL_CLOSE,
  AFD_POLL_RECEIVE,
  AFD_POLL_SEND,
  type AfdCalls,
  afdCalls,
} from "../../ffi/afd.ts";
import { baseSocket } from "../../ffi/base-socket.ts";
import {
  AFD_KEY,
  FIRST_USER_KEY,
  INFINITE,
  LATE_KEY,
  OBJECT_KEY,
  OVERLAPPED_ENTRY,
  OVERLAPPED_KEY,
  WAKE_KEY,
  completionPortCalls,
} from "../../ffi/completion-port.ts";
import { addressOf } from "../../ffi/memory.ts";
import type { IocpAddress } from "../../ffi/wake-address.ts";
import { windowsError } from "../../ffi/windows-errors.ts";
import { type AfdPoll, AfdPolls, noSocket } from "./afd-polls.ts";
import { CompletionKeys } from "./completion-keys.ts";
import type { CompletionWait } from "./completion-wait.ts";
import { BOTH, DescriptorWaits, type Direction, READABLE, WRITABLE, Watch, directions } from "./descriptor-waits.ts";
import { ObjectWaits } from "./object-waits.ts";
import { OverlappedOperations } from "./overlapped-operations.ts";
import type { WakeableIo } from "./wakeable.ts";

/** How many packets one call takes. */
const CAPACITY = 256;

/** `OVERLAPPED_ENTRY` in 32-bit words. */
const WORDS = OVERLAPPED_ENTRY.size / 4;
const KEY_WORD = OVERLAPPED_ENTRY.fields.lpCompletionKey.offset / 4;
const OVERLAPPED_WORD = OVERLAPPED_ENTRY.fields.lpOverlapped.offset / 4;
const BYTES_WORD = OVERLAPPED_ENTRY.fields.dwNumberOfBytesTransferred.offset / 4;

/** The system counts in whole milliseconds up to this, after 49 days the caller looks again. */
const LONGEST_WAIT = INFINITE - 1;

/** How long, in ms, a run's end waits for operations that were cancelled to come back. */
const PATIENCE = 2_000;

/** What is asked for, by direction; and what of the answer concerns it. */
const ASKED_READABLE = AFD_POLL_RECEIVE | AFD_POLL_ACCEPT | AFD_POLL_DISCONNECT;
const ASKED_WRITABLE = AFD_POLL_SEND;
/** Asked for always, and news for reader and writer. */
const BROKEN = AFD_POLL_ABORT | AFD_POLL_CONNECT_FAIL | AFD_POLL_LOCAL_CLOSE;

class SocketWatch extends Watch {
  /** What the driver knows it by. */
  readonly base: number;
  /** The directions that the poll under way asks for; 0 when there is none. */
  asked = 0;
  poll: AfdPoll<SocketWatch> | null = null;

  constructor(socket: number, base: number) {
    super(socket);
    this.base = base;
  }
}

export class IocpIoManager extends DescriptorWaits<SocketWatch> implements WakeableIo {
  readonly backend = "iocp";
  /** The completion port's HANDLE. */
  readonly port: number;
  /** A wait on the port that another thread has begun for this run; null where this thread waits itself. */
  waitElsewhere: CompletionWait | null = null;

  /** The operations on handles that are no sockets. */
  readonly overlapped: OverlappedOperations;
  /** The tasks that wait for objects. */
  readonly objects: ObjectWaits;
  /** The keys under which anybody may post. */
  readonly keys: CompletionKeys = new CompletionKeys();

  readonly #calls = completionPortCalls();
  readonly #polls: AfdPolls<SocketWatch>;
  readonly #entries = new Uint32Array(new ArrayBuffer(CAPACITY * OVERLAPPED_ENTRY.size));
  readonly #entriesAddress = addressOf(this.#entries.buffer);
  /** A packet that wakes is in the port already: another one would say nothing new. */
  #woken = false;
  #closed = false;
  #leaked = false;

  /** @throws {SystemError} when there is no memory. @throws {UnsupportedError} off Windows. */
  constructor(afd: AfdCalls = afdCalls()) {
    super();
    const port = this.#calls.createPort();
    if (port < 0) throw windowsError(-port, "CreateIoCompletionPort");
    this.port = port;
    this.#polls = new AfdPolls(port, afd);
    this.overlapped = new OverlappedOperations(port);
    this.objects = new ObjectWaits(port);
  }

  override get waiting(): number {
    return super.waiting + this.overlapped.underWay + this.objects.size + this.keys.size;
  }

  get wakeAddress(): IocpAddress {
    return { kind: "iocp", port: this.port };
  }

  leakWakeAddress(): void {
    this.#leaked = true;
  }

  wake(): void {
    if (this.#woken || this.#closed) return;
    this.#woken = true;
    this.#calls.post(this.port, WAKE_KEY, 0, 0);
  }

  poll(timeout: number): number {
    let handed = this.#handOutTaken();
    let most = handed > 0 ? 0 : timeout;
    for (;;) {
      const count = this.#calls.getMany(this.port, this.#entriesAddress, CAPACITY, wholeMilliseconds(most));
      if (count < 0) throw windowsError(-count, "GetQueuedCompletionStatusEx");
      handed += this.#handOut(this.#entries, count);
      if (count < CAPACITY) return handed;
      most = 0;
    }
  }

  /** Takes everything back that the system has: it comes as packets, once it is cancelled. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.objects.close();
    this.#polls.abandonAll();
    this.overlapped.abandonAll();
    this.#handOutTaken();
    const end = performance.now() + PATIENCE;
    while (this.#polls.underWay + this.overlapped.underWay > 0) {
      const left = wholeMilliseconds(end - performance.now());
      const count = this.#calls.getMany(this.port, this.#entriesAddress, CAPACITY, left);
      if (count <= 0) break;
      this.#handOut(this.#entries, count);
    }
    this.#polls.close();
    // Another thread may yet post: the handle stays open for good, lest that goes into another port.
    if (!this.#leaked) this.#calls.close(this.port);
  }

  override notifyClosing(handle: number): void {
    super.notifyClosing(handle);
    this.overlapped.notifyClosing(handle);
    this.objects.notifyClosing(handle);
  }

  protected open(socket: number, direction: Direction): SocketWatch {
    const base = baseSocket(socket);
    if (base < 0) throw noSocket(socket);
    const watch = new SocketWatch(socket, base);
    this.#ask(watch, direction);
    this.watches[socket] = watch;
    return watch;
  }

  protected resume(watch: SocketWatch, direction: Direction): void {
    if ((watch.asked & direction) === 0) this.#ask(watch, watch.interest | direction);
  }

  protected release(watch: SocketWatch): void {
    if (watch.interest === 0) this.forget(watch);
  }

  protected forget(watch: SocketWatch): void {
    this.watches[watch.fd] = undefined;
    const { poll } = watch;
    watch.poll = null;
    watch.asked = 0;
    if (poll !== null) this.#polls.abandon(poll);
  }

  /** Begins a poll for `wanted`, in place of the one under way. @throws {SystemError} and that one goes on. */
  #ask(watch: SocketWatch, wanted: number): void {
    const events = BROKEN | (wanted & READABLE ? ASKED_READABLE : 0) | (wanted & WRITABLE ? ASKED_WRITABLE : 0);
    const before = watch.poll;
    watch.poll = this.#polls.begin(watch, watch.base, events, watch.fd);
    watch.asked = wanted;
    if (before !== null) this.#polls.abandon(before);
  }

  #handOutTaken(): number {
    if (this.waitElsewhere === null) return 0;
    const { entries, count } = this.waitElsewhere.take();
    return this.#handOut(entries, count);
  }

  #handOut(entries: Uint32Array<ArrayBufferLike>, count: number): number {
    let handed = 0;
    for (let word = 0; word < count * WORDS; word += WORDS) {
      const key = entries[word + KEY_WORD];
      if (key >= FIRST_USER_KEY) handed += this.#posted(key, entries, word);
      else if (key === AFD_KEY) handed += this.#polled(addressAt(entries, word + OVERLAPPED_WORD));
      else if (key === OVERLAPPED_KEY) {
        handed += this.overlapped.complete(addressAt(entries, word + OVERLAPPED_WORD));
      } else if (key === OBJECT_KEY) {
        handed += this.objects.complete(addressAt(entries, word + OVERLAPPED_WORD), entries[word + BYTES_WORD]);
      } else if (key === LATE_KEY) handed += this.overlapped.late(addressAt(entries, word + OVERLAPPED_WORD));
      else if (key === WAKE_KEY) this.#woken = false;
    }
    return handed;
  }

  #posted(key: number, entries: Uint32Array<ArrayBufferLike>, word: number): number {
    if (entries[word + KEY_WORD + 1] !== 0) return 0; // no key of ours
    const at = word + OVERLAPPED_WORD;
    const lpOverlapped = (BigInt(entries[at + 1]) << 32n) | BigInt(entries[at]);
    return this.keys.put(key, { lpOverlapped, bytesTransferred: entries[word + BYTES_WORD] });
  }

  #polled(address: number): number {
    const answer = this.#polls.complete(address);
    if (answer === null) return 0;
    const { owner: watch, events } = answer;
    watch.poll = null;
    watch.asked = 0;
    let ready = events === 0 || events & BROKEN ? BOTH : 0;
    if (events & ASKED_READABLE) ready |= READABLE;
    if (events & ASKED_WRITABLE) ready |= WRITABLE;
    const handed = directions(this.wakeReady(watch, ready));
    if (watch.interest === 0) return handed;
    try {
      this.#ask(watch, watch.interest);
      return handed;
    } catch {
      // Closed meanwhile, or there is no memory: the waiter's own call, or its next wait, will tell.
      return handed + directions(this.wakeReady(watch, BOTH));
    }
  }
}

/** An address that this library made itself: such a one is exact as a number. */
function addressAt(words: Uint32Array<ArrayBufferLike>, word: number): number {
  return words[word + 1] * 2 ** 32 + words[word];
}

/** Rounded up, so that a fraction is not a busy wait. */
function wholeMilliseconds(timeout: number): number {
  if (timeout === Infinity) return INFINITE;
  return timeout <= 0 ? 0 : Math.min(Math.ceil(timeout), LONGEST_WAIT);
}
