/**
 * The backend over epoll(7).
 *
 * Trio registers a descriptor anew for every wait (`EPOLLONESHOT`), which costs a system call each. Here a registration
 * is level-triggered and stays:
 *
 * - A wait whose direction is armed costs nothing. When an event comes for a direction that nobody waits for, the
 *   direction is put down to be disarmed, and what is put down is applied just before the next poll, if then still
 *   nobody waits: a reader that reads, works and waits again never pays, an abandoned descriptor pays once.
 * - Only the first registration is made when the wait begins, so that EBADF and EPERM come out of the operation.
 *
 * What that has to live with is that a registration belongs to an open file description *and* a number, and that the
 * kernel tells nobody when it ends. A program may close a descriptor without `notifyClosing`, and then
 *
 * - the number may name another file, which is not registered: a wait on it would hear nothing. So a wait that was
 *   begun on an old registration and has heard nothing for {@link VERIFY_AFTER} is verified: EPOLL_CTL_MOD answers
 *   ENOENT (registered anew) or EBADF (the waiter is told). While waits are unverified a poll sleeps no longer than that;
 *   afterwards it sleeps for as long as it was asked to.
 * - the old file may live on, duplicated or inherited by a child, and go on reporting under a registration that no
 *   call can reach any more, since its number is gone. So every registration has a generation, which the kernel gives
 *   back with each event; a change gives it a new one. An event of an unknown generation can only come from such a
 *   zombie, and the one way to be rid of it is to make a new epoll instance.
 * - both at once: the zombie wakes the number's new waiter, again and again and each time for nothing. So a
 *   registration is also verified after every {@link VERIFY_EVERY} waits, after which the zombie is found out.
 */
import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_EVENT,
  type EpollCalls,
  epollCalls,
} from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { POLLFD, POLLIN } from "../../ffi/poll.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
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
import type { WakeableIo } from "./wakeable.ts";
import { Waker } from "./waker.ts";

/** Real milliseconds: a wait on an old registration is verified when it has been pending for one to two times this. */
const VERIFY_AFTER = 10;

/**
 * So many waits are verified at once, and the others later, as many again each time. Where thousands of descriptors are
 * in use, each of them now and then, a wait mostly ends before its turn comes, and a wake-up stays one system call.
 */
const VERIFIED_AT_ONCE = 128;

/** So many waits on a registration pass without verifying it: 80 ms of spinning, should a zombie be behind it. */
const VERIFY_EVERY = 4_096;

/** How many events one call takes at first; doubled whenever it was full, since the rest had to wait for the next. */
const FIRST_CAPACITY = 256;

/** Hang-up and error are reported whatever was asked for, and are news for reader and writer. */
const BROKEN = EPOLLHUP | EPOLLERR;

/** `struct epoll_event` in 32-bit words. `data` holds the descriptor in its low word, the generation in its high one. */
const WORDS = EPOLL_EVENT.size / 4;
const FD_WORD = EPOLL_EVENT.fields.data.offset / 4;
const GENERATION_WORD = FD_WORD + 1;

/** The waker's place in the low word: no descriptor's. */
const WAKER = 0xffffffff;

class Registration extends Watch {
  /** What the kernel will give back with an event; new at each change. */
  generation = 0;
  /** The directions the kernel reports. */
  armed = 0;
  /** It is in the list of changes. */
  changed = false;
  /** Directions that were reported to nobody. */
  unwanted = 0;
  /** A hang-up or error was reported to nobody. It cannot be disarmed, only deregistered. */
  hung = false;
  /** Waits begun since it was last verified. */
  uses = 0;
  /** A pending wait rests on the word of an old registration. */
  suspect = false;
  /** The round in which the oldest such wait began. */
  suspectSince = 0;
  /** It is in the list of suspects; a former one stays there until the round ends. */
  listed = false;
}

export class EpollIoManager extends DescriptorWaits<Registration> implements PollSetIo, WakeableIo {
  readonly backend = "epoll";
  readonly #calls: EpollCalls;
  readonly #waker: Waker;
  #epoll = -1;

  /** The one event that epoll_ctl takes. */
  readonly #control = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
  readonly #controlAddress = addressOf(this.#control.buffer);
  #capacity = FIRST_CAPACITY;
  #events = new Uint32Array(new ArrayBuffer(FIRST_CAPACITY * EPOLL_EVENT.size));
  #eventsAddress = addressOf(this.#events.buffer);

  #generation = 0;
  /** Registrations to look at before the next poll. */
  readonly #changes: Registration[] = [];
  /** Registrations with unverified waits, and some that had one. */
  #suspects: Registration[] = [];
  /** Rounds of verification, counted. */
  #round = 0;
  /** When the round ends, in performance.now()'s milliseconds; Infinity while there are no suspects. */
  #roundEnds = Infinity;
  /** The same object for as long as the instance lives: by it a host can tell that a wait in force still holds. */
  #pollSet: PollSet | null = null;

  /** @throws {SystemError} EMFILE, ENFILE or ENOMEM. @throws {UnsupportedError} where there is no epoll. */
  constructor(calls: EpollCalls = epollCalls()) {
    super();
    this.#calls = calls;
    this.#waker = new Waker();
    try {
      this.#create();
    } catch (error) {
      this.close();
      throw error;
    }
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
    let handed = this.#applyChanges();
    let remaining = handed > 0 ? 0 : timeout;
    for (;;) {
      const slice = this.#suspects.length === 0 ? remaining : Math.min(remaining, this.#untilRoundEnds());
      const count = this.#calls.wait(this.#epoll, this.#eventsAddress, this.#capacity, wholeMilliseconds(slice));
      if (count > 0) handed += this.#handOut(count);
      else if (count < 0 && count !== -ERRNO.EINTR) throw systemError(-count, "epoll_wait");
      if (this.#suspects.length > 0) {
        const slept = count === 0 && slice < remaining; // to the round's end, whatever the clock says
        if (slept || performance.now() >= this.#roundEnds)
          handed += this.#verifySuspects(this.#round, VERIFIED_AT_ONCE);
      }
      if (count !== 0 || handed > 0 || slice === remaining) return handed;
      remaining -= slice;
    }
  }

  pollSet(): PollSet {
    // The wait may be long, so nothing may rest on an old registration's word.
    if (this.#applyChanges() + this.#verifySuspects(Infinity, Infinity) > 0) this.wake();
    return (this.#pollSet ??= onePollfd(this.#epoll));
  }

  close(): void {
    descriptorCalls().close(this.#epoll);
    this.#waker.close();
  }

  protected open(fd: number, direction: Direction): Registration {
    const registration = new Registration(fd);
    const result = this.#add(registration, direction);
    if (result < 0) throw refusal(-result, "epoll_ctl", fd);
    this.watches[fd] = registration;
    return registration;
  }

  protected resume(registration: Registration, direction: Direction): void {
    if ((registration.armed & direction) === 0 || ++registration.uses >= VERIFY_EVERY) {
      this.#change(registration);
      return;
    }
    // An unverified wait in the other direction keeps its age.
    if (registration.suspect && registration.interest !== 0) return;
    registration.suspect = true;
    registration.suspectSince = this.#round;
    if (registration.listed) return;
    registration.listed = true;
    this.#suspects.push(registration);
  }

  /** Stays armed: the next wait is likely to be the same again. */
  protected release(): void {}

  protected forget(registration: Registration): void {
    this.watches[registration.fd] = undefined;
    // Whatever the answer: a number that is closed or another file by now needs no deregistering, and what a zombie
    // would still report comes under an unknown generation.
    this.#calls.control(this.#epoll, EPOLL_CTL_DEL, registration.fd, this.#controlAddress);
  }

  #handOut(count: number): number {
    const events = this.#events;
    let handed = 0;
    let zombies = false;
    for (let word = 0; word < count * WORDS; word += WORDS) {
      const fd = events[word + FD_WORD];
      if (fd === WAKER) {
        this.#waker.acknowledge();
        continue;
      }
      const registration = this.watches[fd];
      if (registration === undefined || registration.generation !== events[word + GENERATION_WORD]) {
        zombies = true;
        continue;
      }
      const reported = events[word];
      const woken = this.wakeReady(registration, reported & BROKEN ? BOTH : reported & BOTH);
      handed += directions(woken);
      const unwanted = reported & BOTH & ~woken;
      if (unwanted !== 0 || woken === 0) {
        registration.unwanted |= unwanted;
        if (woken === 0 && reported & BROKEN) registration.hung = true;
        this.#change(registration);
      }
    }
    if (count === this.#capacity) this.#grow();
    if (zombies) handed += this.#rebuild();
    return handed;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#events = new Uint32Array(new ArrayBuffer(this.#capacity * EPOLL_EVENT.size));
    this.#eventsAddress = addressOf(this.#events.buffer);
  }

  // ---- Changes, put down until the next poll. Each answers how many waiters it woke with an error. ----

  #change(registration: Registration): void {
    if (registration.changed) return;
    registration.changed = true;
    this.#changes.push(registration);
  }

  #applyChanges(): number {
    if (this.#changes.length === 0) return 0;
    let failed = 0;
    for (const registration of this.#changes) {
      registration.changed = false;
      if (this.watches[registration.fd] !== registration) continue;
      const { interest, hung } = registration;
      const target = (registration.armed & ~registration.unwanted) | interest;
      registration.unwanted = 0;
      registration.hung = false;
      if (hung && interest === 0) this.forget(registration);
      else if (target !== registration.armed || registration.uses >= VERIFY_EVERY) {
        failed += this.#modify(registration, target);
      }
    }
    this.#changes.length = 0;
    return failed;
  }

  #modify(registration: Registration, directions: number): number {
    let result = this.#tell(EPOLL_CTL_MOD, registration, directions);
    if (result === -ERRNO.ENOENT && registration.interest !== 0) {
      // The number is another file by now: that is what the waiters mean.
      result = this.#add(registration, registration.interest);
    }
    if (result === 0) return 0;
    this.watches[registration.fd] = undefined;
    return this.fail(registration, () => refusal(-result, "epoll_ctl", registration.fd));
  }

  #add(registration: Registration, directions: number): number {
    const result = this.#tell(EPOLL_CTL_ADD, registration, directions);
    if (result !== -ERRNO.EEXIST || registration.fd === this.#waker.fd) return result;
    // Its number was closed, so the registration was given up, and now it names the same file once more.
    return this.#tell(EPOLL_CTL_MOD, registration, directions);
  }

  /** ADD or MOD, under a new generation. One that succeeds has also proved that the number is the registered file. */
  #tell(operation: number, registration: Registration, directions: number): number {
    this.#generation = (this.#generation + 1) >>> 0;
    this.#control[0] = directions;
    this.#control[FD_WORD] = registration.fd;
    this.#control[GENERATION_WORD] = this.#generation;
    const result = this.#calls.control(this.#epoll, operation, registration.fd, this.#controlAddress);
    if (result === 0) {
      registration.generation = this.#generation;
      registration.armed = directions;
      registration.uses = 0;
      registration.suspect = false;
    }
    return result;
  }

  // ---- Verification ----

  #untilRoundEnds(): number {
    const now = performance.now();
    if (this.#roundEnds === Infinity) {
      this.#roundEnds = now + VERIFY_AFTER;
      this.#round++;
    }
    return Math.max(0, this.#roundEnds - now);
  }

  /** Verifies waits that began before `round`, at most so many, and begins the next round. */
  #verifySuspects(round: number, most: number): number {
    let failed = 0;
    let left = most;
    let kept = 0;
    const suspects = this.#suspects;
    for (const registration of suspects) {
      const current = this.watches[registration.fd] === registration;
      if (current && registration.suspect && registration.interest !== 0) {
        if (registration.suspectSince >= round || left === 0) {
          suspects[kept++] = registration;
          continue;
        }
        left--;
        failed += this.#modify(registration, registration.armed);
      }
      registration.suspect = false;
      registration.listed = false;
    }
    suspects.length = kept;
    this.#round++;
    this.#roundEnds = kept === 0 ? Infinity : performance.now() + VERIFY_AFTER;
    return failed;
  }

  // ---- The instance ----

  /** A new instance, with the waker in it: edge-triggered, so that every write is reported once and none is read. */
  #create(): void {
    const epoll = this.#calls.create();
    if (epoll < 0) throw systemError(-epoll, "epoll_create1");
    this.#epoll = epoll;
    this.#control[0] = EPOLLIN | EPOLLET;
    this.#control[FD_WORD] = WAKER;
    this.#control[GENERATION_WORD] = 0;
    const result = this.#calls.control(epoll, EPOLL_CTL_ADD, this.#waker.fd, this.#controlAddress);
    if (result < 0) throw systemError(-result, "epoll_ctl");
  }

  /** Leaves the zombies behind, with the old instance. What nobody waits for is left there too. */
  #rebuild(): number {
    descriptorCalls().close(this.#epoll);
    this.#epoll = -1;
    this.#pollSet = null;
    this.#create();
    let failed = 0;
    this.watches.forEach((registration) => {
      if (registration === undefined) return;
      const { fd, interest } = registration;
      const result = interest === 0 ? 0 : this.#add(registration, interest);
      if (interest !== 0 && result === 0) return;
      this.watches[fd] = undefined;
      failed += this.fail(registration, () => refusal(-result, "epoll_ctl", fd));
    });
    return failed;
  }
}

/** A `struct pollfd` that is readable when the epoll instance has events. */
function onePollfd(fd: number): PollSet {
  const memory = new ArrayBuffer(POLLFD.size);
  new Int32Array(memory)[POLLFD.fields.fd.offset / 4] = fd;
  new Int16Array(memory)[POLLFD.fields.events.offset / 2] = POLLIN;
  return { address: addressOf(memory), count: 1, memory, instance: fd };
}
