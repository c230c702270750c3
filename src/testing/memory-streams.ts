import { BrokenResourceError, ClosedResourceError, WouldBlock } from "../errors.ts";
import { yieldBriefly, type Coroutine, type Operation, type Trap } from "../hazmat.ts";
import { describe } from "../kernel/describe.ts";
import { call, checkCoroutine, checkTaskFunction } from "../kernel/frame-operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { checkOptions, type OptionNames } from "../kernel/options.ts";
import {
  ConflictDetector,
  StapledStream,
  closing,
  judgeBytes,
  judgeMaxBytes,
  type ReceiveStream,
  type SendStream,
} from "../streams/index.ts";
import { ByteQueue } from "./byte-queue.ts";

/** What a stream calls at the end of one of its operations, or nothing. A task function, which may do whatever it likes. */
export type StreamHook = (() => Coroutine<unknown>) | null;
/** What a stream calls when it is closed, or nothing. */
export type CloseHook = (() => void) | null;

export interface MemorySendStreamHooks {
  readonly sendAllHook?: StreamHook | undefined;
  readonly waitSendAllMightNotBlockHook?: StreamHook | undefined;
  readonly closeHook?: CloseHook | undefined;
}

export interface MemoryReceiveStreamHooks {
  readonly receiveSomeHook?: StreamHook | undefined;
  readonly closeHook?: CloseHook | undefined;
}

const SEND_HOOKS: OptionNames<MemorySendStreamHooks> = {
  sendAllHook: true,
  waitSendAllMightNotBlockHook: true,
  closeHook: true,
};
const RECEIVE_HOOKS: OptionNames<MemoryReceiveStreamHooks> = { receiveSomeHook: true, closeHook: true };
const PUMP_OPTIONS: OptionNames<{ readonly maxBytes?: number | undefined }> = { maxBytes: true };

/**
 * A stream that keeps what is sent, for a test to look at: {@link MemorySendStream.getData} takes it out. It never waits,
 * but for what its hooks do. Each hook may be set anew at any time.
 *
 * Trio: `trio.testing.MemorySendStream`.
 */
export class MemorySendStream implements SendStream {
  /** Called by `sendAll`, when the data is there to be taken out. */
  sendAllHook: StreamHook;
  /** Called by `waitSendAllMightNotBlock`. */
  waitSendAllMightNotBlockHook: StreamHook;
  /** Called by `close` and `aclose`, each time, when the stream is closed. */
  closeHook: CloseHook;
  readonly #outgoing = new ByteQueue();
  readonly #using = new ConflictDetector("another task is using this stream");

  /** @throws TypeError for a hook that is no function. */
  constructor(hooks: MemorySendStreamHooks = {}) {
    checkOptions(hooks, SEND_HOOKS, "new MemorySendStream(hooks)");
    const { sendAllHook = null, waitSendAllMightNotBlockHook = null, closeHook = null } = hooks;
    checkHooks({ sendAllHook, waitSendAllMightNotBlockHook, closeHook }, "new MemorySendStream");
    this.sendAllHook = sendAllHook;
    this.waitSendAllMightNotBlockHook = waitSendAllMightNotBlockHook;
    this.closeHook = closeHook;
  }

  /** Keeps the data, and then calls `sendAllHook`. */
  sendAll(data: ArrayBufferView): Operation<void> {
    const bytes = judgeBytes(data, "MemorySendStream.sendAll(data)");
    return operation("MemorySendStream.sendAll()", () => this.#send(bytes, "sendAllHook"));
  }

  /** Calls `waitSendAllMightNotBlockHook`, and returns. */
  waitSendAllMightNotBlock(): Operation<void> {
    const name = "MemorySendStream.waitSendAllMightNotBlock()";
    return operation(name, () => this.#send(null, "waitSendAllMightNotBlockHook"));
  }

  *#send(bytes: Uint8Array | null, hook: "sendAllHook" | "waitSendAllMightNotBlockHook"): Generator<Trap, void, any> {
    using _alone = this.#using.enter();
    // Twice, so that code which lets two tasks send at once is found out sooner.
    yield* yieldBriefly();
    yield* yieldBriefly();
    this.#outgoing.checkOpen();
    if (bytes !== null) this.#outgoing.put(bytes);
    yield* calling(this[hook], `MemorySendStream.${hook}`);
  }

  close(): void {
    this.#outgoing.close();
    this.closeHook?.();
  }

  aclose(): Operation<void> {
    return closing(this, "MemorySendStream.aclose()");
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes out what was sent, at most `maxBytes`, waiting until there is something. Empty when the stream is closed and
   * everything was taken. A checkpoint. Trio: `get_data`.
   *
   * @throws BusyResourceError while another task is taking out. TypeError, RangeError at once.
   */
  getData(maxBytes?: number): Operation<Uint8Array> {
    judgeMaxBytes(maxBytes, "MemorySendStream.getData(maxBytes)");
    return this.#outgoing.get("MemorySendStream.getData()", maxBytes);
  }

  /** {@link MemorySendStream.getData}, without waiting. Not a checkpoint. Trio: `get_data_nowait`. @throws WouldBlock */
  getDataNoWait(maxBytes?: number): Uint8Array {
    judgeMaxBytes(maxBytes, "MemorySendStream.getDataNoWait(maxBytes)");
    return this.#outgoing.getNoWait(maxBytes);
  }
}

/**
 * A stream that gives what a test has put into it, with {@link MemoryReceiveStream.putData}. Its hooks may be set anew at
 * any time.
 *
 * Trio: `trio.testing.MemoryReceiveStream`.
 */
export class MemoryReceiveStream implements ReceiveStream {
  /** Called by `receiveSome`, before it looks for data. */
  receiveSomeHook: StreamHook;
  /** Called by `close` and `aclose`, each time, when the stream is closed. */
  closeHook: CloseHook;
  readonly #incoming = new ByteQueue();
  readonly #using = new ConflictDetector("another task is using this stream");
  #closed = false;

  /** @throws TypeError for a hook that is no function. */
  constructor(hooks: MemoryReceiveStreamHooks = {}) {
    checkOptions(hooks, RECEIVE_HOOKS, "new MemoryReceiveStream(hooks)");
    const { receiveSomeHook = null, closeHook = null } = hooks;
    checkHooks({ receiveSomeHook, closeHook }, "new MemoryReceiveStream");
    this.receiveSomeHook = receiveSomeHook;
    this.closeHook = closeHook;
  }

  /** Calls `receiveSomeHook`, and then takes what is there, at most `maxBytes`, waiting until there is something. */
  receiveSome(maxBytes?: number): Operation<Uint8Array> {
    judgeMaxBytes(maxBytes, "MemoryReceiveStream.receiveSome(maxBytes)");
    return operation("MemoryReceiveStream.receiveSome()", () => this.#receive(maxBytes));
  }

  *#receive(maxBytes?: number): Generator<Trap, Uint8Array, any> {
    using _alone = this.#using.enter();
    // Twice, so that code which lets two tasks receive at once is found out sooner.
    yield* yieldBriefly();
    yield* yieldBriefly();
    this.#checkOpen();
    yield* calling(this.receiveSomeHook, "MemoryReceiveStream.receiveSomeHook");
    const data = yield* this.#incoming.get("MemoryReceiveStream.receiveSome()", maxBytes);
    this.#checkOpen(); // a close wakes who waits as the end of the data does
    return data;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedResourceError("this stream is closed");
  }

  /** Closes the stream, and drops what nobody has received. */
  close(): void {
    this.#closed = true;
    this.#incoming.closeAndWipe();
    this.closeHook?.();
  }

  aclose(): Operation<void> {
    return closing(this, "MemoryReceiveStream.aclose()");
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Adds data. Not a checkpoint. Trio: `put_data`. @throws TypeError. ClosedResourceError, also after `putEof`. */
  putData(data: ArrayBufferView): void {
    this.#incoming.put(judgeBytes(data, "MemoryReceiveStream.putData(data)"));
  }

  /** Adds the end of the stream; adding it again does nothing. Not a checkpoint. Trio: `put_eof`. */
  putEof(): void {
    this.#incoming.close();
  }

  /** @internal Whether there is nothing more to be added. */
  get hasEnd(): boolean {
    return this.#incoming.isClosed;
  }
}

/**
 * Moves what lies in `from` over to `to`: data, or the end once `from` is closed and empty. Not a checkpoint.
 *
 * Trio: `trio.testing.memory_stream_pump`, which gives true for ever at the end.
 *
 * @param maxBytes how much to move at most: a whole number, 1 or more. Default: all there is.
 * @returns whether there was anything to move.
 * @throws TypeError, RangeError. BrokenResourceError when there was data and `to` is closed: that data is lost.
 */
export function memoryStreamPump(
  from: MemorySendStream,
  to: MemoryReceiveStream,
  options: { readonly maxBytes?: number | undefined } = {},
): boolean {
  if (!(from instanceof MemorySendStream)) {
    throw new TypeError(`memoryStreamPump(from, to): from must be a MemorySendStream, not ${describe(from)}`);
  }
  if (!(to instanceof MemoryReceiveStream)) {
    throw new TypeError(`memoryStreamPump(from, to): to must be a MemoryReceiveStream, not ${describe(to)}`);
  }
  checkOptions(options, PUMP_OPTIONS, "memoryStreamPump(from, to, options)");
  const { maxBytes } = options;
  judgeMaxBytes(maxBytes, "memoryStreamPump(from, to, { maxBytes })");
  let data: Uint8Array;
  try {
    data = from.getDataNoWait(maxBytes);
  } catch (error) {
    if (error instanceof WouldBlock) return false;
    throw error;
  }
  if (data.length === 0) {
    if (to.hasEnd) return false;
    to.putEof();
    return true;
  }
  try {
    to.putData(data);
  } catch (error) {
    if (!(error instanceof ClosedResourceError)) throw error;
    throw new BrokenResourceError("the other end of this stream is closed", { cause: error });
  }
  return true;
}

/**
 * A pair of streams, the one connected to the other, with no end to what may lie between them. The hooks `sendAllHook` and
 * `closeHook` of the first call {@link memoryStreamPump}, and may be replaced by what a test has in mind: with
 * `sendAllHook = null` the data stalls.
 *
 * Trio: `trio.testing.memory_stream_one_way_pair`.
 */
export function memoryStreamOneWayPair(): [MemorySendStream, MemoryReceiveStream] {
  const receiver = new MemoryReceiveStream();
  const sender: MemorySendStream = new MemorySendStream({
    *sendAllHook() {
      memoryStreamPump(sender, receiver);
    },
    closeHook() {
      try {
        // What a test has held back goes first, and then the end.
        while (memoryStreamPump(sender, receiver));
      } catch (error) {
        if (!(error instanceof BrokenResourceError)) throw error; // closed is closed
      }
    },
  });
  return [sender, receiver];
}

/**
 * Two streams of both ways, connected to each other by two of {@link memoryStreamOneWayPair}. Here what left sends arrives
 * byte by byte, one in a second:
 *
 *     const [left, right] = memoryStreamPair();
 *     left.sendStream.sendAllHook = function* () {
 *       while (memoryStreamPump(left.sendStream, right.receiveStream, { maxBytes: 1 })) yield* sleep(1000);
 *     };
 *
 * Trio: `trio.testing.memory_stream_pair`.
 */
export function memoryStreamPair(): [
  StapledStream<MemorySendStream, MemoryReceiveStream>,
  StapledStream<MemorySendStream, MemoryReceiveStream>,
] {
  const [leftSends, rightReceives] = memoryStreamOneWayPair();
  const [rightSends, leftReceives] = memoryStreamOneWayPair();
  return [new StapledStream(leftSends, leftReceives), new StapledStream(rightSends, rightReceives)];
}

function* calling(hook: StreamHook, name: string): Generator<Trap, void, any> {
  if (hook === null) return;
  checkTaskFunction(hook, name);
  const coroutine = checkCoroutine(hook(), hook, name);
  yield* call(() => coroutine);
}

function checkHooks(hooks: Record<string, unknown>, what: string): void {
  for (const [name, hook] of Object.entries(hooks)) {
    if (hook === null || typeof hook === "function") continue;
    throw new TypeError(`${what}({ ${name} }): ${name} must be a function or null, not ${describe(hook)}`);
  }
}
