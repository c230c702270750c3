/**
 * A thread that waits on a completion port while the main thread runs Bun's event loop.
 *
 * It is a Worker that never returns to its own event loop, from a string in a Blob like that of `ffi/poll-thread.ts`.
 * A packet is taken from a port for good, so unlike descriptors that are ready, what the thread has taken must reach
 * the main thread whatever happens: the system writes packets and their count straight into memory that both share.
 * Whose turn it is says one word of it, `STATE`:
 *
 * - IDLE: no wait is in force. The main thread may make it ASKED.
 * - ASKED: the thread makes it WAITING before it asks the port; or the main thread makes it IDLE again, for a Worker
 *   that has not started yet can only do so when the main thread goes back to its loop.
 * - WAITING: the thread may be inside the system's wait, and the rest of the memory is its own. The main thread can post
 *   a packet that ends the wait.
 * - OVER: the thread has let go, and the memory is the main thread's.
 */
import { FFIType } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { HANDOVER_KEY, INFINITE, OVERLAPPED_ENTRY, completionPortCalls } from "./completion-port.ts";
import { bindKernel32, handleCalls } from "./kernel32.ts";
import { addressOf } from "./memory.ts";
import { WINDOWS_ERROR, windowsError } from "./windows-errors.ts";

/** Indices into `control`. */
const STATE = 0;
const NUMBER = 1;
const COUNT = 2;
const ERROR = 3;
const CLOSING = 4;
const THREAD = 5;
/** Counts what the main thread wants of the thread, which sleeps on this word when it has nothing to do. */
const BELL = 6;
const CONTROL_WORDS = 7;

const IDLE = 0;
const ASKED = 1;
const WAITING = 2;
const OVER = 3;

/** How many packets the thread takes at once; those beyond it stay in the port. */
const CAPACITY = 128;

/** `OVERLAPPED_ENTRY` in 32-bit words. */
const WORDS = OVERLAPPED_ENTRY.size / 4;
const KEY_WORD = OVERLAPPED_ENTRY.fields.lpCompletionKey.offset / 4;

/** How long, in ms, the thread may take to let go of the port, or to end. Under load it was seen to take 0.1 s. */
const PATIENCE = 10_000;

/** What the thread took. */
export interface TakenPackets {
  /** {@link OVERLAPPED_ENTRY}s one after the other, as 32-bit words. Good until the next wait begins. */
  readonly entries: Uint32Array<ArrayBufferLike>;
  readonly count: number;
}

/**
 * One wait at a time. The thread is started by the first one, sleeps in between at no cost, and does not keep the
 * process alive.
 */
export class CompletionThread {
  readonly #port: number;
  readonly #onReady: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  readonly #entries = new Uint32Array(new SharedArrayBuffer(CAPACITY * OVERLAPPED_ENTRY.size));
  #number = 0;
  #worker: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * @param onReady called from Bun's event loop, once for each wait that ended by itself and was not taken before.
   * @param onError called from Bun's event loop in place of `onReady`: a SystemError when the port refused, an Error
   *   when the thread itself failed, which ends it. What it had taken by then can still be taken.
   */
  constructor(port: number, onReady: () => void, onError: (error: unknown) => void) {
    this.#port = port;
    this.#onReady = onReady;
    this.#onError = onError;
  }

  /** Has the thread wait until there is a packet. Does nothing while a wait is in force, or was not taken. */
  wait(): void {
    if (this.#closed) throw new Error("the thread that waits on the completion port has ended");
    if (this.#state !== IDLE) return;
    this.#number = (this.#number + 1) | 0;
    Atomics.store(this.#control, NUMBER, this.#number);
    this.#state = ASKED;
    this.#ring();
    this.#worker ??= this.#start();
  }

  /**
   * Ends the wait in force, if any, and gives what the thread took and nobody was given before. When this returns the
   * thread asks the port no more. May be called after {@link CompletionThread.close}.
   *
   * @throws {Error} when the thread does not let go.
   */
  take(): TakenPackets {
    const taken = this.#letGo() ? this.#withoutHandovers() : 0;
    return { entries: this.#entries, count: taken };
  }

  /**
   * Ends the thread. Resolves when it is gone; what it took can still be taken. May be called again.
   */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      if (this.#worker !== undefined) {
        Atomics.store(this.#control, CLOSING, 1);
        if (Atomics.compareExchange(this.#control, STATE, ASKED, IDLE) === WAITING) this.#endWait();
        this.#ring();
        this.#worker.ref();
      }
    }
    return this.#ended;
  }

  get #state(): number {
    return Atomics.load(this.#control, STATE);
  }

  set #state(state: number) {
    Atomics.store(this.#control, STATE, state);
  }

  #ring(): void {
    Atomics.add(this.#control, BELL, 1);
    Atomics.notify(this.#control, BELL);
  }

  #endWait(): void {
    completionPortCalls().post(this.#port, HANDOVER_KEY, 0, 0);
  }

  /** @returns whether the thread had begun a wait, which is over now and was not before. */
  #letGo(): boolean {
    const found = Atomics.compareExchange(this.#control, STATE, ASKED, IDLE);
    if (found === IDLE || found === ASKED) return false;
    if (found === WAITING) {
      this.#endWait();
      const end = performance.now() + PATIENCE;
      while (this.#state === WAITING) {
        const left = end - performance.now();
        if (left <= 0) throw new Error("the thread that waits on the completion port does not let go of it");
        Atomics.wait(this.#control, STATE, WAITING, left);
      }
    }
    this.#state = IDLE;
    return true;
  }

  /** A handover that came too late for its own wait is found by a later one. @returns how many other packets there are. */
  #withoutHandovers(): number {
    const entries = this.#entries;
    const end = this.#control[COUNT]! * WORDS;
    let to = 0;
    for (let from = 0; from < end; from += WORDS) {
      if (entries[from + KEY_WORD] === HANDOVER_KEY && entries[from + KEY_WORD + 1] === 0) continue;
      if (to !== from) entries.copyWithin(to, from, from + WORDS);
      to += WORDS;
    }
    return to / WORDS;
  }

  #start(): Worker {
    const url = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
    const worker = new Worker(url, { ref: false });
    worker.addEventListener("message", ({ data }: MessageEvent<number>) => this.#answered(data));
    worker.addEventListener("error", ({ message }) => this.#failed(message));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    worker.addEventListener("close", () => {
      URL.revokeObjectURL(url);
      // Somebody else may have ended it, in the midst of a wait: the count is what the system wrote.
      Atomics.compareExchange(this.#control, STATE, WAITING, OVER);
      if (!this.#closed) {
        this.#closed = true;
        this.#failed("it was ended");
      }
      resolve(threadGone(Atomics.load(this.#control, THREAD)));
    });
    worker.postMessage({
      control: this.#control,
      // Kept alive by the thread too, which the system may write into until its wait is over.
      entries: this.#entries,
      controlAddress: addressOf(this.#control.buffer),
      entriesAddress: addressOf(this.#entries.buffer),
      port: this.#port,
      functions: addresses(),
    });
    return worker;
  }

  #answered(number: number): void {
    if (number !== this.#number || this.#state !== OVER) return;
    const error = Atomics.load(this.#control, ERROR);
    if (error === 0) this.#onReady();
    else this.#onError(windowsError(error, "GetQueuedCompletionStatusEx"));
  }

  #failed(message: string): void {
    this.#onError(new Error(`the thread that waits on the completion port failed: ${message}`));
  }
}

const SYNCHRONIZE = 0x100000;

/** A Worker's "close" event may come just before its thread has ended. */
async function threadGone(id: number): Promise<void> {
  const { OpenThread, WaitForSingleObject } = bindKernel32({
    OpenThread: { args: ["u32", "i32", "u32"], returns: FFIType.i64_fast },
    WaitForSingleObject: { args: ["u64", "u32"], returns: "u32" },
  });
  const handle = id === 0 ? 0 : (OpenThread(SYNCHRONIZE, 0, id) as number);
  if (handle === 0) return; // gone
  const end = performance.now() + PATIENCE;
  while (WaitForSingleObject(handle, 0) === WINDOWS_ERROR.WAIT_TIMEOUT && performance.now() < end) await Bun.sleep(1);
  handleCalls().close(handle);
}

/** The Worker has no modules of ours, so it gets the system's functions by their addresses. */
function addresses(): Record<string, Pointer> {
  const symbols = bindKernel32({ GetQueuedCompletionStatusEx: {}, GetLastError: {}, GetCurrentThreadId: {} });
  return Object.fromEntries(
    Object.entries(symbols).map(([name, symbol]) => [name, (symbol as unknown as { ptr: Pointer }).ptr]),
  );
}

const SOURCE = `
import { linkSymbols } from "bun:ffi";

self.onmessage = ({ data: { control, entries, controlAddress, entriesAddress, port, functions } }) => {
  self.onmessage = null; // nothing keeps the thread once this function returns
  const { GetQueuedCompletionStatusEx, GetLastError, GetCurrentThreadId } = linkSymbols({
    GetQueuedCompletionStatusEx: {
      ptr: functions.GetQueuedCompletionStatusEx,
      args: ["u64", "u64", "u32", "u64", "u32", "i32"],
      returns: "i32",
    },
    GetLastError: { ptr: functions.GetLastError, args: [], returns: "u32" },
    GetCurrentThreadId: { ptr: functions.GetCurrentThreadId, args: [], returns: "u32" },
  }).symbols;
  Atomics.store(control, ${THREAD}, GetCurrentThreadId());
  const countAddress = controlAddress + 4 * ${COUNT};
  for (;;) {
    const bell = Atomics.load(control, ${BELL}); // first, so that what is wanted from here on rings
    if (Atomics.load(control, ${CLOSING}) !== 0) return;
    if (Atomics.compareExchange(control, ${STATE}, ${ASKED}, ${WAITING}) !== ${ASKED}) {
      Atomics.wait(control, ${BELL}, bell);
      continue;
    }
    const number = Atomics.load(control, ${NUMBER});
    Atomics.store(control, ${COUNT}, 0);
    const came = GetQueuedCompletionStatusEx(port, entriesAddress, ${CAPACITY}, countAddress, ${INFINITE}, 0);
    Atomics.store(control, ${ERROR}, came === 0 ? GetLastError() : 0);
    if (came === 0) Atomics.store(control, ${COUNT}, 0);
    Atomics.store(control, ${STATE}, ${OVER});
    Atomics.notify(control, ${STATE});
    postMessage(number);
  }
};
`;
