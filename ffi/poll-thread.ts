/**
 * A thread that waits in poll(2) while the main thread runs Bun's event loop.
 *
 * It is a Worker that never returns to its own event loop: it sleeps in `poll` on a command eventfd (a pipe, where there
 * is no eventfd) and on the caller's descriptors. Its source is a string in a Blob, the one form that works under `bun run`, in a bundle and in a compiled
 * binary alike. What the two threads share:
 *
 * - `set`, the array that `poll` is given. The caller's array is copied there by `wait` itself, so the thread never
 *   reads the caller's memory. `set` never moves, and poll(2) writes nothing there but `revents`, which it never reads:
 *   so it may be overwritten while a poll is going on. What a torn read may make of it is a message that is too old.
 * - `control`, with a number that is odd while a wait is in force, and is another one for each wait. The thread sends the
 *   number of the wait that is over, once; the main thread drops every message that does not name the wait in force.
 */
import { existsSync } from "node:fs";
import type { Pointer } from "bun:ffi";
import { eventfd } from "./eventfd.ts";
import { bindLibc, errnoLocation, systemError } from "./libc.ts";
import { memoryCalls } from "./malloc.ts";
import { addressOf } from "./memory.ts";
import { pipe } from "./pipe.ts";
import { POLLFD, POLLIN } from "./poll.ts";
import { descriptorCalls } from "./unistd.ts";

/** Indices into `control`. */
const NUMBER = 0;
const COUNT = 1;
const TIMEOUT = 2;
const CLOSING = 3;
const THREAD = 4;

/** Room is reserved, not taken, for 2^20 descriptors, which is Linux's usual hard limit; `set` grows into it. */
const SET_MAXIMUM = POLLFD.size * (2 ** 20 + 1);
const SET_INITIAL = 4096;

/** poll(2) takes an int; 24.8 days. */
const TIMEOUT_MAXIMUM = 2 ** 31 - 1;

/** How long, in ms, the system may take to end a thread whose Worker is closed; under load it was seen to take 0.1 s. */
const THREAD_PATIENCE = 5000;

/** What the thread sends: the number of the wait that is over, and the errno of a poll that failed, or 0. */
interface Answer {
  readonly number: number;
  readonly errno: number;
}

/**
 * One wait at a time. The thread is started by the first one, sleeps in between at no cost, and does not keep the
 * process alive.
 */
export class PollThread {
  readonly #onReady: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #channel: CommandChannel;
  readonly #control = new Int32Array(new SharedArrayBuffer(20));
  readonly #set = new SharedArrayBuffer(SET_INITIAL, { maxByteLength: SET_MAXIMUM });
  readonly #one = new BigUint64Array([1n]).buffer;
  #number = 0;
  #commandFd = -1;
  #worker: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * @param onReady called from Bun's event loop, once for each wait that was not interrupted.
   * @param onError called from Bun's event loop in place of `onReady`: a SystemError when poll(2) refused the set
   *   (EINVAL: more descriptors than the process may open; ENOMEM), an Error when the thread itself failed, which ends it.
   * @param channel makes what it is commanded by: an eventfd, or a pipe on systems that have none.
   */
  constructor(
    onReady: () => void,
    onError: (error: unknown) => void,
    channel: CommandChannel = process.platform === "linux" ? eventfdChannel : pipe,
  ) {
    this.#onReady = onReady;
    this.#onError = onError;
    this.#channel = channel;
  }

  /**
   * Has the thread wait until one of the descriptors is ready or the time is over, in place of the wait in force if any.
   *
   * @param set an array of `struct pollfd`, copied before this returns.
   * @param timeout milliseconds, rounded up; may be Infinity.
   */
  wait(set: { readonly address: number; readonly count: number }, timeout: number): void {
    if (this.#closed) throw new Error("the thread that waits in poll(2) has ended");
    this.#worker ??= this.#start();
    const size = POLLFD.size * (set.count + 1);
    if (size > this.#set.byteLength) this.#set.grow(Math.min(Math.max(size, 2 * this.#set.byteLength), SET_MAXIMUM));
    memoryCalls().memcpy(addressOf(this.#set) + POLLFD.size, set.address, POLLFD.size * set.count);
    Atomics.store(this.#control, COUNT, set.count + 1);
    Atomics.store(this.#control, TIMEOUT, timeout === Infinity ? -1 : Math.min(Math.ceil(timeout), TIMEOUT_MAXIMUM));
    this.#proclaim(this.#number + (this.#isWaiting ? 2 : 1));
    this.#command();
  }

  /**
   * Ends the wait in force, if any: `onReady` is not called for it, even if it was over already. The thread lets go of
   * the descriptors soon after this returns; until then one that is closed is not released by the kernel.
   */
  interrupt(): void {
    if (!this.#isWaiting) return;
    this.#proclaim(this.#number + 1);
    this.#command();
  }

  /** Ends the thread. Resolves when it is gone, and its descriptors with it. May be called again. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      if (this.#worker !== undefined) {
        this.interrupt();
        Atomics.store(this.#control, CLOSING, 1);
        this.#command();
        this.#worker.ref();
      }
    }
    return this.#ended;
  }

  get #isWaiting(): boolean {
    return (this.#number & 1) === 1;
  }

  #proclaim(number: number): void {
    this.#number = number | 0; // as `control` holds it
    Atomics.store(this.#control, NUMBER, this.#number);
  }

  #command(): void {
    if (this.#commandFd !== -1) descriptorCalls().write(this.#commandFd, addressOf(this.#one), this.#one.byteLength);
  }

  #start(): Worker {
    const [readFd, writeFd] = this.#channel();
    this.#commandFd = writeFd;
    new Int32Array(this.#set, 0, 2).set([readFd, POLLIN]);
    const url = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
    const worker = new Worker(url, { ref: false });
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => this.#answered(data));
    worker.addEventListener("error", ({ message }) => {
      this.#onError(new Error(`the thread that waits in poll(2) failed: ${message}`));
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    worker.addEventListener("close", () => {
      URL.revokeObjectURL(url);
      descriptorCalls().close(writeFd);
      if (readFd !== writeFd) descriptorCalls().close(readFd);
      this.#commandFd = -1;
      this.#closed = true;
      resolve(threadGone(Atomics.load(this.#control, THREAD)));
    });
    worker.postMessage({
      control: this.#control,
      set: this.#set,
      address: addressOf(this.#set),
      commandFd: readFd,
      functions: addresses(),
    });
    return worker;
  }

  #answered({ number, errno }: Answer): void {
    if (number !== this.#number) return;
    this.#proclaim(number + 1);
    if (errno === 0) this.#onReady();
    else this.#onError(systemError(errno, "poll"));
  }
}

/**
 * By what the thread is told that there is a command: where it reads, and where 8 bytes are written. An eventfd is both.
 * A pipe blocks who writes when it is full, after thousands of commands that the thread has not seen; it always reads on.
 */
type CommandChannel = () => [readFd: number, writeFd: number];

function eventfdChannel(): [readFd: number, writeFd: number] {
  const fd = eventfd();
  return [fd, fd];
}

/** A Worker's "close" event may come just before its thread has ended. */
async function threadGone(tid: number): Promise<void> {
  const end = performance.now() + THREAD_PATIENCE;
  while (tid !== 0 && existsSync(`/proc/self/task/${tid}`) && performance.now() < end) await Bun.sleep(1);
}

/** The Worker has no modules of ours, so it gets the C library's functions by their addresses. */
function addresses(): Record<string, Pointer> {
  const location = errnoLocation();
  // By its number a thread is found in Linux's /proc, and nowhere else.
  const functions = { poll: {}, read: {}, [location]: {}, ...(process.platform === "linux" ? { gettid: {} } : {}) };
  return Object.fromEntries(
    Object.entries(bindLibc(functions)).map(([name, symbol]) => [
      name === location ? "errnoLocation" : name,
      (symbol as unknown as { ptr: Pointer }).ptr,
    ]),
  );
}

const SOURCE = `
import { linkSymbols, ptr, read as memory } from "bun:ffi";

const EINTR = 4;

self.onmessage = ({ data: { control, set, address, commandFd, functions } }) => {
  self.onmessage = null; // nothing keeps the thread once this function returns
  const { poll, read, errnoLocation } = linkSymbols({
    poll: { ptr: functions.poll, args: ["u64", "u64", "i32"], returns: "i32" },
    read: { ptr: functions.read, args: ["i32", "u64", "u64"], returns: "i64_fast" },
    errnoLocation: { ptr: functions.errnoLocation, args: [], returns: "ptr" },
  }).symbols;
  if (functions.gettid !== undefined) {
    const { gettid } = linkSymbols({ gettid: { ptr: functions.gettid, args: [], returns: "i32" } }).symbols;
    Atomics.store(control, ${THREAD}, gettid());
  }
  const errno = errnoLocation();
  const command = new Int16Array(set, 0, 4);
  const counter = new ArrayBuffer(8);
  let answered = 0;
  while (Atomics.load(control, ${CLOSING}) === 0) {
    const number = Atomics.load(control, ${NUMBER});
    const waits = (number & 1) === 1 && number !== answered;
    const count = waits ? Atomics.load(control, ${COUNT}) : 1;
    const timeout = waits ? Atomics.load(control, ${TIMEOUT}) : -1;
    const end = performance.now() + timeout;
    let result, error, left = timeout;
    do {
      result = poll(address, count, left);
      error = result === -1 ? memory.i32(errno, 0) : 0;
      if (timeout > 0) left = Math.max(0, Math.ceil(end - performance.now()));
    } while (error === EINTR);
    if (result > 0 && command[3] !== 0) {
      read(commandFd, ptr(counter), 8);
      continue;
    }
    answered = number;
    postMessage({ number, errno: error });
  }
};
`;
