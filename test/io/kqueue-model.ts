/**
 * A model of a kqueue, in this process: of kqueue(2) and kevent(2) as macOS and FreeBSD document them, for tests of what
 * is built on them where neither system is at hand. It shows that the library does what the manual pages ask for; it
 * cannot show that a real kqueue does what they say.
 *
 * Modelled: the table of registrations, one for each pair of `ident` and `filter`, dropped when a descriptor is closed;
 * EV_ADD (which modifies one that exists), EV_DELETE, EV_ENABLE, EV_DISABLE, EV_ONESHOT, EV_CLEAR, EV_DISPATCH, EV_RECEIPT;
 * changes that fail, told as EV_ERROR ahead of all events and instead of waiting, or by the call where there is no room;
 * `udata`; the timeout, in a time of the model's own; interruption (EINTR) after the changes are made; and the filters
 * for reading, writing, files, processes, signals and user events, over sources that a test moves by hand.
 *
 * Not modelled: several threads, kqueues within kqueues, timers, and what else EVFILT_READ says of files and sockets.
 */
import { toArrayBuffer, type Pointer } from "bun:ffi";
import { ERRNO } from "../../ffi/errno.ts";
import {
  EVFILT_PROC,
  EVFILT_READ,
  EVFILT_SIGNAL,
  EVFILT_VNODE,
  EVFILT_WRITE,
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_DISABLE,
  EV_DISPATCH,
  EV_ENABLE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  EV_RECEIPT,
  type Kevent,
  type KqueueCalls,
  type KqueueSystem,
  KQUEUE_SYSTEMS,
  NOTE_EXIT,
  NOTE_TRIGGER,
  TIMESPEC,
  decodeKevent,
  encodeKevent,
} from "../../ffi/kqueue.ts";
import { refusal } from "../../src/io/descriptor-waits.ts";
import { KqueueIoManager } from "../../src/io/kqueue.ts";

/** What a descriptor of the model is like; a test changes it at will. */
export interface ModelDescriptor {
  /** Bytes that can be read. */
  readable: number;
  /** Bytes that can be written. */
  writable: number;
  /** The other end writes no more. */
  ended: boolean;
  /** The other end reads no more. */
  broken: boolean;
  /** The errno of the connection, 0 for none. */
  error: number;
  /** A pipe: to register for writing, when nobody reads any more, fails with EPIPE. */
  isPipe: boolean;
  isFile: boolean;
}

/**
 * An I/O manager on a model, for a run. No other thread and no signal handler can wake it: the number of a model's kqueue
 * is no descriptor.
 */
export class ModelIoManager extends KqueueIoManager {
  constructor(model: KqueueModel) {
    super(model, model.refuse);
  }

  override get wakeAddress(): never {
    return null as never;
  }
}

interface Knote {
  readonly ident: number;
  readonly filter: number;
  /** As it was first added: modifying it leaves them alone. */
  readonly flags: number;
  fflags: number;
  udata: bigint;
  disabled: boolean;
  /** What has happened since it was told, where the filter counts happenings. */
  happened: number;
  data: bigint;
}

const FIRST_KQUEUE = 1_000_000;

export class KqueueModel implements KqueueCalls {
  readonly system: KqueueSystem;
  /** The calls of kevent(2), with the changes they made. */
  readonly log: { changes: Kevent[]; events: Kevent[]; timeout: number }[] = [];
  /** The model's time, in ms. */
  now = 0;
  readonly #knotes = new Map<number, Map<string, Knote>>();
  readonly #descriptors = new Map<number, ModelDescriptor>();
  readonly #processes = new Set<number>();
  readonly #schedule: { time: number; happen: () => void }[] = [];
  #interrupted = false;
  #fetchFirst = false;
  readonly #refusals = new Map<number, number>();

  constructor(system: KqueueSystem = KQUEUE_SYSTEMS.darwin) {
    this.system = system;
  }

  // ---- What a test does ----

  /** Opens a descriptor with a number of the test's choice. */
  open(fd: number, properties: Partial<ModelDescriptor> = {}): ModelDescriptor {
    const descriptor: ModelDescriptor = {
      readable: 0,
      writable: 0,
      ended: false,
      broken: false,
      error: 0,
      isPipe: false,
      isFile: false,
      ...properties,
    };
    this.#descriptors.set(fd, descriptor);
    return descriptor;
  }

  /** Closes a descriptor: what is registered for it is dropped, and nobody is told. */
  closeDescriptor(fd: number): void {
    this.#descriptors.delete(fd);
    for (const knotes of this.#knotes.values()) {
      for (const [key, { ident, filter }] of knotes) {
        if (ident === fd && this.system.descriptorFilters.includes(filter)) knotes.delete(key);
      }
    }
  }

  startProcess(pid: number): void {
    this.#processes.add(pid);
  }

  exit(pid: number, status: number): void {
    this.#processes.delete(pid);
    this.#happen(EVFILT_PROC, pid, (knote) => {
      knote.happened |= knote.fflags & NOTE_EXIT;
      knote.data = BigInt(status);
    });
  }

  /** A file changed: `fflags` says how (`NOTE_...`). */
  touch(fd: number, fflags: number): void {
    this.#happen(EVFILT_VNODE, fd, (knote) => {
      knote.happened |= knote.fflags & fflags;
    });
  }

  signal(number: number): void {
    this.#happen(EVFILT_SIGNAL, number, (knote) => {
      knote.happened = 1;
      knote.data++;
    });
  }

  /** Has something happen while a call waits, once so many ms of the model's time have passed. */
  after(ms: number, happen: () => void): void {
    this.#schedule.push({ time: this.now + ms, happen });
    this.#schedule.sort((a, b) => a.time - b.time);
  }

  /** The next call is interrupted by a signal. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** The next call fetches its events before it makes its changes: an event that was on its way meets them. */
  fetchFirst(): void {
    this.#fetchFirst = true;
  }

  /** The next registration with `filter` is refused. */
  refuseNext(filter: number, errno: number): void {
    this.#refusals.set(filter, errno);
  }

  /** What is registered, as `"filter ident"`, but for the event by which the I/O manager is woken. */
  get registered(): string[] {
    const all = [...this.#knotes.values()].map((knotes) => Array.from(knotes.keys()));
    return all
      .flat()
      .filter((key) => !key.startsWith(`${this.system.EVFILT_USER} `))
      .toSorted();
  }

  get kqueuesOpen(): number {
    return this.#knotes.size;
  }

  /** In the place of `refuseFile`, for the model's descriptors. */
  readonly refuse = (fd: number, syscall: string): void => {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor === undefined) throw refusal(ERRNO.EBADF, "fstat", fd);
    if (descriptor.isFile) throw refusal(ERRNO.EPERM, syscall, fd);
  };

  // ---- The calls ----

  kqueue(): number {
    let fd = FIRST_KQUEUE;
    while (this.#knotes.has(fd)) fd++;
    this.#knotes.set(fd, new Map());
    return fd;
  }

  kevent(
    kqueue: number,
    changes: number,
    changeCount: number,
    events: number,
    capacity: number,
    timeout: number,
  ): number {
    const knotes = this.#knotes.get(kqueue);
    if (knotes === undefined) return -ERRNO.EBADF;
    const made = this.#read(changes, changeCount);
    const told: Kevent[] = [];
    this.log.push({ changes: made, events: told, timeout: timeoutAt(timeout) });
    if (this.#fetchFirst) told.push(...this.#collect(knotes, capacity));
    this.#fetchFirst = false;
    for (const change of made) {
      const errno = this.#change(knotes, change);
      if (errno === 0 && (change.flags & EV_RECEIPT) === 0) continue;
      if (told.length === capacity) return -errno;
      told.push({ ...change, flags: EV_ERROR, data: BigInt(errno) });
    }
    if (this.#interrupted) {
      this.#interrupted = false;
      return -ERRNO.EINTR;
    }
    if (told.length === 0 && capacity > 0) told.push(...this.#wait(knotes, capacity, timeoutAt(timeout)));
    this.#write(events, told);
    return told.length;
  }

  pollable(kqueue: number): number {
    return kqueue;
  }

  close(kqueue: number): void {
    this.#knotes.delete(kqueue);
  }

  // ---- How ----

  #change(knotes: Map<string, Knote>, change: Kevent): number {
    const { ident, filter, flags, fflags, udata } = change;
    const key = `${filter} ${ident}`;
    let knote = knotes.get(key);
    if (knote === undefined) {
      if ((flags & EV_ADD) === 0) return ERRNO.ENOENT;
      const errno = this.#refusal(ident, filter);
      if (errno !== 0) return errno;
      knote = {
        ident,
        filter,
        flags: flags | this.#implied(filter),
        fflags,
        udata,
        disabled: false,
        happened: 0,
        data: 0n,
      };
      knotes.set(key, knote);
    } else if (flags & EV_DELETE) {
      knotes.delete(key);
      return 0;
    }
    knote.udata = udata;
    if (filter === this.system.EVFILT_USER) {
      if (fflags & NOTE_TRIGGER) knote.happened = 1;
    } else knote.fflags = fflags;
    if (flags & EV_DISABLE) knote.disabled = true;
    else if (flags & (EV_ENABLE | EV_ADD)) knote.disabled = false;
    return 0;
  }

  #refusal(ident: number, filter: number): number {
    const refused = this.#refusals.get(filter);
    this.#refusals.delete(filter);
    if (refused !== undefined) return refused;
    switch (filter) {
      case EVFILT_READ:
      case EVFILT_WRITE:
      case EVFILT_VNODE: {
        const descriptor = this.#descriptors.get(ident);
        if (descriptor === undefined) return ERRNO.EBADF;
        return filter === EVFILT_WRITE && descriptor.isPipe && descriptor.broken ? ERRNO.EPIPE : 0;
      }
      case EVFILT_PROC:
        return this.#processes.has(ident) ? 0 : ERRNO.ESRCH;
      case EVFILT_SIGNAL:
        return ident > 0 && ident < 32 ? 0 : ERRNO.EINVAL;
      default:
        return filter === this.system.EVFILT_USER ? 0 : ERRNO.EINVAL;
    }
  }

  /** Flags that the system sets by itself: a process ends once, signals are counted anew. */
  #implied(filter: number): number {
    if (filter === EVFILT_PROC) return EV_ONESHOT | EV_CLEAR;
    return filter === EVFILT_SIGNAL ? EV_CLEAR : 0;
  }

  #happen(filter: number, ident: number, happen: (knote: Knote) => void): void {
    for (const knotes of this.#knotes.values()) {
      const knote = knotes.get(`${filter} ${ident}`);
      if (knote !== undefined) happen(knote);
    }
  }

  #wait(knotes: Map<string, Knote>, capacity: number, timeout: number): Kevent[] {
    const end = this.now + timeout;
    for (;;) {
      const events = this.#collect(knotes, capacity);
      if (events.length > 0) return events;
      const next = this.#schedule[0];
      if (next === undefined || next.time > end) {
        if (end === Infinity) throw new Error("this kevent() would wait for ever");
        this.now = end;
        return [];
      }
      this.#schedule.shift();
      this.now = next.time;
      next.happen();
    }
  }

  #collect(knotes: Map<string, Knote>, capacity: number): Kevent[] {
    const events: Kevent[] = [];
    for (const [key, knote] of [...knotes]) {
      if (events.length === capacity) break;
      const event = knote.disabled ? null : this.#eventOf(knote);
      if (event === null) continue;
      events.push(event);
      knotes.delete(key);
      if (knote.flags & EV_ONESHOT) continue;
      knotes.set(key, knote); // behind those that were not told yet
      if (knote.flags & EV_CLEAR) {
        knote.happened = 0;
        knote.data = 0n;
      }
      if (knote.flags & EV_DISPATCH) knote.disabled = true;
    }
    return events;
  }

  #eventOf(knote: Knote): Kevent | null {
    const { ident, filter, flags, udata, happened, data } = knote;
    const event = { ident, filter, flags, fflags: 0, data, udata };
    if (filter === EVFILT_READ || filter === EVFILT_WRITE) {
      const { readable, writable, ended, broken, error } = this.#descriptors.get(ident)!;
      const room = filter === EVFILT_READ ? readable : writable;
      const over = filter === EVFILT_READ ? ended || error !== 0 : broken || error !== 0;
      if (room === 0 && !over) return null;
      return { ...event, flags: flags | (over ? EV_EOF : 0), fflags: error, data: BigInt(room) };
    }
    if (happened === 0) return null;
    const isCounter = filter === EVFILT_SIGNAL || filter === this.system.EVFILT_USER;
    return { ...event, flags: flags | (filter === EVFILT_PROC ? EV_EOF : 0), fflags: isCounter ? 0 : happened };
  }

  #read(address: number, count: number): Kevent[] {
    const { kevent } = this.system;
    if (count === 0) return [];
    const view = new DataView(toArrayBuffer(address as Pointer, 0, count * kevent.size));
    return Array.from({ length: count }, (_, i) => decodeKevent(view, i * kevent.size, kevent));
  }

  #write(address: number, told: Kevent[]): void {
    const { kevent } = this.system;
    if (told.length === 0) return;
    const view = new DataView(toArrayBuffer(address as Pointer, 0, told.length * kevent.size));
    for (const [i, event] of told.entries()) encodeKevent(view, i * kevent.size, kevent, event);
  }
}

/** The timespec at an address, in ms; Infinity at address 0. */
function timeoutAt(address: number): number {
  if (address === 0) return Infinity;
  const times = new DataView(toArrayBuffer(address as Pointer, 0, TIMESPEC.size));
  const at = (field: keyof typeof TIMESPEC.fields): number =>
    Number(times.getBigInt64(TIMESPEC.fields[field].offset, true));
  return at("tv_sec") * 1_000 + at("tv_nsec") / 1e6;
}
