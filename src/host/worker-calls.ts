/**
 * Calls from Workers (S21 to S30): a queue of byte messages that any thread puts into and the run's thread empties. It
 * is unbounded, first in first out over all threads together, and closed by one atomic step.
 *
 * No message port will do, because a run must see a call while its thread is inside `runSync`, and because whether a call
 * came before the run's end has to be decided at one point. So it is a Treiber stack: its head is a 64-bit word in a
 * SharedArrayBuffer, its nodes are malloc'ed. The run takes the whole stack by one exchange, and reverses it; the end of
 * the run exchanges CLOSED for it. Nodes are only ever taken all at once, so a head that comes back to an old address
 * (ABA) links the right node all the same.
 */
import { deserialize, serialize } from "bun:jsc";
import { memoryCalls } from "../../ffi/malloc.ts";
import type { MemoryCalls } from "../../ffi/malloc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { type WakeAddress, wakerFor } from "../../ffi/wake-address.ts";
import { RunFinishedError, UnsupportedError } from "../errors.ts";

const HANDLE_KIND = "tribun call-soon";

/** What is posted to a Worker: plain data, good for any number of Workers. {@link connectCallSoon} makes a function of it. */
export interface WorkerHandle {
  readonly kind: typeof HANDLE_KIND;
  /** Which of the run's functions it calls. */
  readonly callId: number;
  readonly queue: SharedArrayBuffer;
  readonly waker: WakeAddress;
}

/** A call that a Worker made. */
export class WorkerCall {
  readonly callId: number;
  readonly #serialized: ArrayBuffer;

  constructor(callId: number, serialized: ArrayBuffer) {
    this.callId = callId;
    this.#serialized = serialized;
  }

  /** The arguments, deserialised anew each time. */
  get args(): unknown[] {
    return deserialize(this.#serialized) as unknown[];
  }
}

/** The queue as the SharedArrayBuffer holds it: the stack's head, and as the third 32-bit word how the run is woken. */
const QUEUE_SIZE = 16;
const HEAD = 0;
const WAKING = 2;

/** Heads that are no node's address. */
const EMPTY = 0n;
const CLOSED = -1n;

/** The waking word's bits: set from a push until the next drain, and set once nobody may wake the run any more. */
const PENDING = 1;
const OVER = 2;
/** Its other bits count the threads that are writing to the wake descriptor. */
const WRITER = 4;

/** A node: the address of the one below it (u64), the call's id and its payload's length (u32 each), the payload. */
const NODE_HEADER = 16;

/** How long, in ms, `close` waits for a thread that is waking the run: it may have been terminated there. */
const WRITERS_PATIENCE = 100;

/** The run's side. */
export class WorkerCalls {
  readonly #queue = new SharedArrayBuffer(QUEUE_SIZE);
  readonly #head = new BigInt64Array(this.#queue, 0, 1);
  readonly #words = new Int32Array(this.#queue);
  readonly #waker: WakeAddress;
  #closed = false;
  #handlesOut = 0;

  /** @param waker what ends the run's wait in the kernel. */
  constructor(waker: WakeAddress) {
    this.#waker = waker;
  }

  /** A handle by which Workers call the function that the run knows as `callId`, a whole number below 2 ** 32. */
  handleFor(callId: number): WorkerHandle {
    this.#handlesOut++;
    return { kind: HANDLE_KIND, callId, queue: this.#queue, waker: this.#waker };
  }

  /** How many handles were made: as long as it is 0 no Worker can wake the run. */
  get handlesOut(): number {
    return this.#handlesOut;
  }

  /** Whether there may be something to drain. Look after a wake-up, and last thing before sleeping. */
  get pending(): boolean {
    return (Atomics.load(this.#words, WAKING) & PENDING) !== 0;
  }

  /** Takes what is queued, oldest first. */
  drain(): WorkerCall[] {
    if (this.#closed) return [];
    // In this order: a push that comes in between is taken now and looked for once more in vain.
    Atomics.and(this.#words, WAKING, ~PENDING);
    return take(Atomics.exchange(this.#head, HEAD, EMPTY));
  }

  /**
   * The run's end: gives the last calls, oldest first; every later one throws RunFinishedError at the Worker.
   *
   * @returns with them how many threads are still waking the run after a tenth of a second, normally 0. Such a thread
   *   was terminated there, or may yet write: leave the wake descriptor open, lest it writes into another file.
   */
  close(): { readonly calls: WorkerCall[]; readonly writersLeft: number } {
    if (this.#closed) return { calls: [], writersLeft: 0 };
    this.#closed = true;
    const head = Atomics.exchange(this.#head, HEAD, CLOSED);
    Atomics.or(this.#words, WAKING, OVER);
    Atomics.and(this.#words, WAKING, ~PENDING);
    return { calls: take(head), writersLeft: this.#awaitWriters() };
  }

  #awaitWriters(): number {
    const end = performance.now() + WRITERS_PATIENCE;
    for (;;) {
      const waking = Atomics.load(this.#words, WAKING);
      const left = end - performance.now();
      if (waking < WRITER || left <= 0) return Math.floor(waking / WRITER);
      Atomics.wait(this.#words, WAKING, waking, left);
    }
  }
}

/** Reads and frees a stack that no other thread can reach any more. */
function take(head: bigint): WorkerCall[] {
  if (head === EMPTY) return [];
  const calls: WorkerCall[] = [];
  const { free, memcpy } = memoryCalls();
  const header = new ArrayBuffer(NODE_HEADER);
  const next = new BigInt64Array(header, 0, 1);
  const words = new Uint32Array(header);
  for (let node = Number(head); node !== 0; node = Number(next[0])) {
    memcpy(addressOf(header), node, NODE_HEADER);
    const payload = new ArrayBuffer(words[3]!);
    memcpy(addressOf(payload), node + NODE_HEADER, payload.byteLength);
    free(node);
    calls.push(new WorkerCall(words[2]!, payload));
  }
  return calls.reverse();
}

/**
 * Makes a function of a handle that `callSoon.forThread(fn)` made: calling it has the run call `fn` with structured
 * clones of the arguments, soon, in its own thread. Needs no run where it is called. The function returns at once; it
 * throws RunFinishedError when the run is over, and DataCloneError when an argument cannot be cloned: then nothing was
 * queued. A SharedArrayBuffer among the arguments arrives as a copy; share it by `postMessage` beforehand.
 *
 * Trio: `trio.lowlevel.TrioToken.run_sync_soon`, called from another thread.
 *
 * @throws {TypeError} when `handle` is no such handle.
 * @throws {UnsupportedError} when the handle's way to wake the run is not one of this platform.
 */
export function connectCallSoon<A extends unknown[] = unknown[]>(handle: object): (...args: A) => void {
  const { callId, queue, waker } = checkHandle(handle);
  const wake = wakerFor(waker);
  if (wake === undefined) {
    throw new UnsupportedError(`connectCallSoon: this platform cannot wake a run by ${String(waker.kind)}`);
  }
  const pusher = new Pusher(queue, wake);
  return (...args) => pusher.push(callId, serialize(args));
}

function checkHandle(handle: object): WorkerHandle {
  const { kind, queue, waker }: Partial<WorkerHandle> = handle ?? {};
  if (kind !== HANDLE_KIND || !(queue instanceof SharedArrayBuffer) || waker === undefined || waker === null) {
    throw new TypeError(
      `connectCallSoon: expected a handle made by callSoon.forThread(fn), got ${Bun.inspect(handle, { depth: 0 })}`,
    );
  }
  return handle as WorkerHandle;
}

/** A Worker's side. */
class Pusher {
  readonly #head: BigInt64Array;
  readonly #words: Int32Array;
  readonly #wake: () => void;
  readonly #memory: MemoryCalls = memoryCalls();
  readonly #header = new ArrayBuffer(NODE_HEADER);
  readonly #next = new BigInt64Array(this.#header, 0, 1);
  readonly #headerWords = new Uint32Array(this.#header);

  constructor(queue: SharedArrayBuffer, wake: () => void) {
    this.#head = new BigInt64Array(queue, 0, 1);
    this.#words = new Int32Array(queue);
    this.#wake = wake;
  }

  push(callId: number, payload: ArrayBufferLike): void {
    this.#queue(callId, payload);
    if (!this.#becomeWriter()) return;
    this.#wake();
    Atomics.sub(this.#words, WAKING, WRITER);
    Atomics.notify(this.#words, WAKING);
  }

  /**
   * One wake-up for each drain will do, and a run that is over needs none: it waits for the writers that there are, and
   * may then close the descriptor, whose number becomes another file's. But another writer may have been terminated
   * before it wrote, so while there is one, everybody writes. From true to the subtraction above nothing may be done but
   * the one call, since that is where a Worker's termination leaves a writer behind.
   */
  #becomeWriter(): boolean {
    for (;;) {
      const waking = Atomics.load(this.#words, WAKING);
      if ((waking & OVER) !== 0 || waking === PENDING) return false;
      if (Atomics.compareExchange(this.#words, WAKING, waking, (waking | PENDING) + WRITER) === waking) return true;
    }
  }

  #queue(callId: number, payload: ArrayBufferLike): void {
    let head = Atomics.load(this.#head, HEAD);
    if (head === CLOSED) throw new RunFinishedError();
    const { malloc, free, memcpy } = this.#memory;
    const node = malloc(NODE_HEADER + payload.byteLength);
    if (node === 0) throw new RangeError(`no memory left to queue a call of ${payload.byteLength} bytes`);
    memcpy(node + NODE_HEADER, addressOf(payload), payload.byteLength);
    this.#headerWords[2] = callId;
    this.#headerWords[3] = payload.byteLength;
    for (;;) {
      this.#next[0] = head;
      memcpy(node, addressOf(this.#header), NODE_HEADER);
      const found = Atomics.compareExchange(this.#head, HEAD, head, BigInt(node));
      if (found === head) return;
      if (found === CLOSED) {
        free(node);
        throw new RunFinishedError();
      }
      head = found;
    }
  }
}
