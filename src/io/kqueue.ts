/**
 * The backend over kqueue(2): macOS, FreeBSD, and Linux with libkqueue.
 *
 * A wait is a registration for one event (EV_ONESHOT), made anew each time as Trio does; but here it costs no system
 * call. Changes are put down, and travel with the next kevent(), which would be made in any case: it makes them first,
 * tells of those that failed, and waits for events otherwise. So EBADF reaches the operation by way of that call. What a
 * kqueue would take and the contract refuses, a regular file, is asked about when a number is first seen: nothing is
 * remembered of one that nobody waits for when a call is made.
 *
 * One event for each registration is also what keeps stale numbers out. A kqueue drops a registration when its descriptor
 * is closed, without telling; but nothing here rests on an old one. A wait that is begun is always registered, with
 * whatever file has the number by then. What remains of a wait that was cancelled is taken back before the next call,
 * unless it is about to be waited for again, when it is replaced. Should its event be on its way already, then it is
 * known by its generation, which each registration carries in `udata`, and given to nobody.
 */
import { ERRNO } from "../../ffi/errno.ts";
import { WAKE_IDENT, triggerChange, wakeRegistration } from "../../ffi/kqueue-wake.ts";
import {
  EVFILT_READ,
  EVFILT_WRITE,
  EV_ADD,
  EV_DELETE,
  EV_EOF,
  EV_ERROR,
  EV_ONESHOT,
  type Kevent,
  type KeventStruct,
  type KqueueCalls,
  type KqueueSystem,
  TIMESPEC,
  decodeKevent,
  encodeKevent,
  kqueueCalls,
} from "../../ffi/kqueue.ts";
import { systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { POLLFD, POLLIN } from "../../ffi/poll.ts";
import type { WakeAddress } from "../../ffi/wake-address.ts";
import type { Task } from "../kernel/task.ts";
import {
  BOTH,
  DescriptorWaits,
  type Direction,
  READABLE,
  WRITABLE,
  Watch,
  directions,
  refusal,
} from "./descriptor-waits.ts";
import type { PollSet } from "./fd-io-manager.ts";
import { KeventTable } from "./kevent-table.ts";
import { refuseFile } from "./refuse-file.ts";
import type { WakeableIo } from "./wakeable.ts";

/** How many events one call takes at first; doubled whenever it was full, since the rest had to wait for the next. */
const FIRST_CAPACITY = 256;

/** The longest wait, in ms: 24 days, as for the other backends. Afterwards the caller looks again. */
const LONGEST = 0x7fffffff;

/** A descriptor, and its registrations: each known by its generation, 0 when there is none. */
class Registration extends Watch {
  readGeneration = 0;
  writeGeneration = 0;
  /** Directions of waits begun since the changes were last made. */
  begun = 0;
  /** It is in the list of changes. */
  changed = false;

  generationOf(direction: Direction): number {
    return direction === READABLE ? this.readGeneration : this.writeGeneration;
  }

  setGeneration(direction: Direction, generation: number): void {
    if (direction === READABLE) this.readGeneration = generation;
    else this.writeGeneration = generation;
  }
}

export class KqueueIoManager extends DescriptorWaits<Registration> implements WakeableIo {
  readonly backend = "kqueue";
  /** Tasks and queues that events of the program's own registrations go to. */
  readonly kevents: KeventTable = new KeventTable();
  readonly #calls: KqueueCalls;
  readonly #refuse: (fd: number, syscall: string) => void;
  readonly #kqueue: number;
  readonly #pollSet: PollSet;
  readonly #layout: KeventStruct;

  readonly #changed: Registration[] = [];
  #changes: KeventArray;
  #events: KeventArray;
  /** One change, for calls of their own. */
  readonly #single: KeventArray;
  readonly #timespec = new BigInt64Array(new ArrayBuffer(TIMESPEC.size));
  readonly #timespecAddress = addressOf(this.#timespec.buffer);
  readonly #trigger: ArrayBuffer;
  #generation = 0;
  /** The wake-up was triggered and nobody has seen it yet. */
  #triggered = false;
  /** The last events held the wake-up. */
  #sawTrigger = false;
  /** The last events were changes that failed and concerned nobody. */
  #sawNothing = false;
  #closed = false;
  #leaked = false;

  /**
   * @param refuse what is asked about a descriptor that is not known.
   * @throws {SystemError} EMFILE, ENFILE or ENOMEM. @throws {UnsupportedError} where there is no kqueue.
   */
  constructor(calls: KqueueCalls = kqueueCalls(), refuse: (fd: number, syscall: string) => void = refuseFile) {
    super();
    this.#calls = calls;
    this.#refuse = refuse;
    this.#layout = calls.system.kevent;
    this.#changes = new KeventArray(this.#layout, FIRST_CAPACITY);
    this.#events = new KeventArray(this.#layout, FIRST_CAPACITY);
    this.#single = new KeventArray(this.#layout, 1);
    this.#trigger = triggerChange(calls.system);
    this.#kqueue = calls.kqueue();
    if (this.#kqueue < 0) throw systemError(-this.#kqueue, "kqueue");
    try {
      const registration = wakeRegistration(calls.system);
      const result = calls.kevent(this.#kqueue, addressOf(registration), 1, 0, 0, 0);
      if (result < 0) throw systemError(-result, "kevent");
      this.#pollSet = onePollfd(calls.pollable(this.#kqueue));
    } catch (error) {
      calls.close(this.#kqueue);
      throw error;
    }
  }

  get system(): KqueueSystem {
    return this.#calls.system;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The kqueue's descriptor. */
  get fd(): number {
    return this.#kqueue;
  }

  get wakeAddress(): WakeAddress {
    return { kind: "kqueue", fd: this.#kqueue };
  }

  leakWakeAddress(): void {
    this.#leaked = true;
  }

  override get waiting(): number {
    return super.waiting + this.kevents.size;
  }

  wake(): void {
    if (this.#triggered || this.#closed) return;
    this.#triggered = true;
    this.#calls.kevent(this.#kqueue, addressOf(this.#trigger), 1, 0, 0, 0);
  }

  poll(timeout: number): number {
    let changes = this.#putDown();
    let left = timeout;
    for (;;) {
      const start = changes === 0 ? 0 : performance.now();
      const count = this.#ask(changes, left);
      if (count === 0) return 0;
      const handed = this.#handOut(count);
      if (changes === 0 || handed > 0 || !this.#sawNothing) return handed;
      // It told of changes that failed, which nobody need know, and therefore did not wait.
      changes = this.#putDown();
      left = Math.max(0, left - (performance.now() - start));
    }
  }

  pollSet(): PollSet {
    const changes = this.#putDown();
    if (changes > 0) {
      const handed = this.#handOut(this.#ask(changes, 0));
      // What this call has swallowed must be seen all the same.
      if (handed > 0 || this.#sawTrigger) this.wake();
    }
    return this.#pollSet;
  }

  close(): void {
    this.#closed = true;
    if (!this.#leaked) this.#calls.close(this.#kqueue);
  }

  override notifyClosing(fd: number): void {
    super.notifyClosing(fd);
    if (this.kevents.size === 0) return;
    for (const filter of this.system.descriptorFilters) {
      if (this.kevents.close(fd, filter)) this.#change({ ...NOTHING, ident: fd, filter, flags: EV_DELETE });
    }
  }

  /** @internal */
  override beginWait(fd: number, direction: Direction, task: Task): Watch {
    // A kqueue has one registration for a pair, so it cannot be the program's and this backend's at once.
    if (this.kevents.size > 0) this.kevents.checkFree(fd, filterOf(direction));
    return super.beginWait(fd, direction, task);
  }

  /** Who waits for (ident, filter) by `waitReadable` or `waitWritable`. */
  waiterFor(ident: number, filter: number): Task | null {
    const registration = this.watches[ident];
    if (registration === undefined) return null;
    if (filter === EVFILT_READ) return registration.reader;
    return filter === EVFILT_WRITE ? registration.writer : null;
  }

  /** Makes a change of the program's, now. Answers 0 or `-errno`. */
  control(kevent: Kevent): number {
    const registration = this.watches[kevent.ident];
    if (registration !== undefined) {
      // What remains of a cancelled wait must not be taken back after this.
      for (const direction of EACH) {
        if (filterOf(direction) === kevent.filter && (registration.interest & direction) === 0) {
          this.#takeBack(registration, direction);
        }
      }
    }
    return this.#change(kevent);
  }

  #change(kevent: Kevent): number {
    this.#single.set(0, kevent);
    return this.#calls.kevent(this.#kqueue, this.#single.address, 1, 0, 0, 0);
  }

  /** Whatever the answer: it may have been dropped already. */
  #takeBack(registration: Registration, direction: Direction): void {
    if (registration.generationOf(direction) !== 0) this.#change(deletion(registration, direction));
    registration.setGeneration(direction, 0);
  }

  protected open(fd: number, direction: Direction): Registration {
    this.#refuse(fd, "kevent");
    const registration = new Registration(fd);
    this.watches[fd] = registration;
    this.resume(registration, direction);
    return registration;
  }

  protected resume(registration: Registration, direction: Direction): void {
    registration.begun |= direction;
    this.#note(registration);
  }

  protected release(registration: Registration, direction: Direction): void {
    if (registration.generationOf(direction) !== 0) this.#note(registration);
  }

  protected forget(registration: Registration): void {
    this.watches[registration.fd] = undefined;
    for (const direction of EACH) this.#takeBack(registration, direction);
  }

  // ---- Changes ----

  #note(registration: Registration): void {
    if (registration.changed) return;
    registration.changed = true;
    this.#changed.push(registration);
  }

  /** Writes the changes as kevent() takes them; how many they are. */
  #putDown(): number {
    if (this.#changed.length === 0) return 0;
    this.#changes = this.#changes.atLeast(4 * this.#changed.length);
    let count = 0;
    for (const registration of this.#changed) {
      registration.changed = false;
      if (this.watches[registration.fd] !== registration) continue;
      const { interest, begun } = registration;
      for (const direction of EACH) {
        const registered = registration.generationOf(direction) !== 0;
        if (registered && (interest & ~begun & direction) === 0) {
          this.#changes.set(count++, deletion(registration, direction));
          registration.setGeneration(direction, 0);
        }
        if (interest & begun & direction) {
          const generation = this.#nextGeneration();
          this.#changes.set(count++, addition(registration, direction, generation));
          registration.setGeneration(direction, generation);
        }
      }
      registration.begun = 0;
      if (interest === 0) this.watches[registration.fd] = undefined;
    }
    this.#changed.length = 0;
    // Each change may fail, and be told of.
    this.#events = this.#events.atLeast(count);
    return count;
  }

  #nextGeneration(): number {
    this.#generation = (this.#generation + 1) >>> 0;
    if (this.#generation === 0) this.#generation = 1;
    return this.#generation;
  }

  // ---- Events ----

  /** kevent(2): how many events there are now; 0 also when it was interrupted, by which time the changes are made. */
  #ask(changes: number, timeout: number): number {
    const { address, capacity } = this.#events;
    const count = this.#calls.kevent(
      this.#kqueue,
      this.#changes.address,
      changes,
      address,
      capacity,
      this.#setTimeout(timeout),
    );
    if (count < 0 && count !== -ERRNO.EINTR) throw systemError(-count, "kevent");
    return Math.max(0, count);
  }

  /** The address of the timespec, 0 for ever. Rounded up to whole nanoseconds. */
  #setTimeout(timeout: number): number {
    if (timeout === Infinity) return 0;
    const ms = Math.min(Math.max(timeout, 0), LONGEST);
    const seconds = Math.floor(ms / 1_000);
    const nanoseconds = Math.ceil((ms - seconds * 1_000) * 1e6);
    const carry = nanoseconds >= 1e9 ? 1 : 0;
    this.#timespec[TIMESPEC.fields.tv_sec.offset / 8] = BigInt(seconds + carry);
    this.#timespec[TIMESPEC.fields.tv_nsec.offset / 8] = BigInt(carry === 1 ? 0 : nanoseconds);
    return this.#timespecAddress;
  }

  #handOut(count: number): number {
    const events = this.#events;
    const { EVFILT_USER } = this.system;
    this.#sawTrigger = false;
    this.#sawNothing = true;
    let handed = 0;
    for (let i = 0; i < count; i++) {
      const filter = events.filterAt(i);
      const ident = events.identAt(i);
      if (filter === EVFILT_USER && ident === WAKE_IDENT) {
        this.#triggered = false;
        this.#sawTrigger = true;
        this.#sawNothing = false;
        continue;
      }
      if ((events.flagsAt(i) & EV_ERROR) === 0) this.#sawNothing = false;
      if (this.kevents.size > 0 && this.kevents.has(ident, filter)) handed += this.#giveAway(i);
      else if (filter === EVFILT_READ) handed += this.#handTo(ident, READABLE, i);
      else if (filter === EVFILT_WRITE) handed += this.#handTo(ident, WRITABLE, i);
      // Anything else was the program's own, and its waiter is gone.
    }
    if (count === events.capacity) this.#events = events.atLeast(2 * count);
    return handed;
  }

  /** An event of the program's own registration; a change of ours that failed is none. */
  #giveAway(index: number): number {
    if (this.#events.flagsAt(index) & EV_ERROR) return 0;
    return this.kevents.give(this.#events.get(index)) ? 1 : 0;
  }

  #handTo(fd: number, direction: Direction, index: number): number {
    const registration = this.watches[fd];
    const generation = this.#events.generationAt(index);
    if (registration === undefined || registration.generationOf(direction) !== generation) return 0;
    registration.setGeneration(direction, 0); // it was for one event
    this.#note(registration); // to be forgotten, unless somebody waits by then
    const flags = this.#events.flagsAt(index);
    if (flags & EV_ERROR) {
      const errno = this.#events.dataAt(index);
      // A pipe that nobody reads any more, which the next write will say.
      if (errno !== ERRNO.EPIPE || direction !== WRITABLE) return this.#refused(registration, direction, errno);
    }
    // The end of what can be read leaves the writer alone; the end of what can be written is the end.
    const broken = direction === WRITABLE && (flags & EV_EOF) !== 0;
    return directions(this.wakeReady(registration, broken ? BOTH : direction));
  }

  #refused(registration: Registration, direction: Direction, errno: number): number {
    const { fd } = registration;
    const failed = this.fail(registration, () => refusal(errno, "kevent", fd), direction);
    if (registration.interest === 0) this.forget(registration);
    return failed;
  }
}

const EACH: readonly Direction[] = [READABLE, WRITABLE];

const NOTHING: Kevent = { ident: 0, filter: 0, flags: 0, fflags: 0, data: 0n, udata: 0n };

function filterOf(direction: Direction): number {
  return direction === READABLE ? EVFILT_READ : EVFILT_WRITE;
}

function addition({ fd }: Registration, direction: Direction, generation: number): Kevent {
  const flags = EV_ADD | EV_ONESHOT;
  return { ...NOTHING, ident: fd, filter: filterOf(direction), flags, udata: BigInt(generation) };
}

function deletion({ fd }: Registration, direction: Direction): Kevent {
  return { ...NOTHING, ident: fd, filter: filterOf(direction), flags: EV_DELETE };
}

/** An array of `struct kevent`, as the kernel reads and writes it. */
class KeventArray {
  readonly layout: KeventStruct;
  readonly capacity: number;
  readonly address: number;
  readonly #view: DataView;

  constructor(layout: KeventStruct, capacity: number) {
    this.layout = layout;
    this.capacity = capacity;
    const memory = new ArrayBuffer(capacity * layout.size);
    this.#view = new DataView(memory);
    this.address = addressOf(memory);
  }

  /** An array of at least that capacity: this one, or one with nothing in it. */
  atLeast(capacity: number): KeventArray {
    if (capacity <= this.capacity) return this;
    return new KeventArray(this.layout, Math.max(capacity, 2 * this.capacity));
  }

  set(index: number, kevent: Kevent): void {
    encodeKevent(this.#view, index * this.layout.size, this.layout, kevent);
  }

  get(index: number): Kevent {
    return decodeKevent(this.#view, index * this.layout.size, this.layout);
  }

  identAt(index: number): number {
    const { size, fields } = this.layout;
    const at = index * size + fields.ident.offset;
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  filterAt(index: number): number {
    return this.#view.getInt16(index * this.layout.size + this.layout.fields.filter.offset, true);
  }

  flagsAt(index: number): number {
    return this.#view.getUint16(index * this.layout.size + this.layout.fields.flags.offset, true);
  }

  /** The low word of `data`: all of an errno. */
  dataAt(index: number): number {
    return this.#view.getInt32(index * this.layout.size + this.layout.fields.data.offset, true);
  }

  /** The low word of `udata`. */
  generationAt(index: number): number {
    return this.#view.getUint32(index * this.layout.size + this.layout.fields.udata.offset, true);
  }
}

/** A `struct pollfd` that is readable when the kqueue has events. */
function onePollfd(fd: number): PollSet {
  const memory = new ArrayBuffer(POLLFD.size);
  new Int32Array(memory)[POLLFD.fields.fd.offset / 4] = fd;
  new Int16Array(memory)[POLLFD.fields.events.offset / 2] = POLLIN;
  return { address: addressOf(memory), count: 1, memory, instance: -1 };
}
