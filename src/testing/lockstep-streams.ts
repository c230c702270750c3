import { BrokenResourceError, ClosedResourceError } from "../errors.ts";
import { ParkingLot, yieldBriefly, type Operation, type Trap } from "../hazmat.ts";
import { operation } from "../kernel/operation-of.ts";
import {
  ConflictDetector,
  StapledStream,
  closing,
  judgeBytes,
  judgeMaxBytes,
  type ReceiveStream,
  type SendStream,
} from "../streams/index.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/**
 * A pair of streams, the one connected to the other, with nothing that could lie between them: `sendAll` waits until all
 * it was given has been received, and `waitSendAllMightNotBlock` until somebody receives. For the extreme case of
 * back-pressure, and as what is clogged for {@link checkOneWayStream}.
 *
 * What a `sendAll` that is cancelled or fails had not sent by then is never received.
 *
 * Trio: `trio.testing.lockstep_stream_one_way_pair`.
 */
export function lockstepStreamOneWayPair(): [SendStream, ReceiveStream] {
  const channel = new LockstepChannel();
  return [new LockstepSendStream(channel), new LockstepReceiveStream(channel)];
}

/**
 * Two streams of both ways, connected to each other by two of {@link lockstepStreamOneWayPair}.
 *
 * Trio: `trio.testing.lockstep_stream_pair`.
 */
export function lockstepStreamPair(): [StapledStream, StapledStream] {
  const [leftSends, rightReceives] = lockstepStreamOneWayPair();
  const [rightSends, leftReceives] = lockstepStreamOneWayPair();
  return [new StapledStream(leftSends, leftReceives), new StapledStream(rightSends, rightReceives)];
}

/** What both ends share. */
class LockstepChannel {
  /** What the task in `sendAll` has yet to get rid of. */
  readonly #unsent = new ByteBuffer();
  readonly #changed = new ParkingLot();
  readonly #sending = new ConflictDetector("another task is sending on this stream");
  readonly #receiving = new ConflictDetector("another task is receiving from this stream");
  #senderClosed = false;
  #receiverClosed = false;
  #receiverWaits = false;

  closeSender(): void {
    this.#senderClosed = true;
    this.#unsent.clear();
    this.#changed.unparkAll();
  }

  closeReceiver(): void {
    this.#receiverClosed = true;
    this.#changed.unparkAll();
  }

  *send(data: Uint8Array): Generator<Trap, void, any> {
    using _alone = this.#sending.enter();
    yield* yieldBriefly();
    this.#checkSender();
    if (this.#receiverClosed) throw receiverClosed();
    this.#unsent.put(data);
    this.#changed.unparkAll();
    try {
      yield* this.#waitUntil(() => this.#unsent.size === 0);
      this.#checkSender();
      if (this.#unsent.size > 0) throw receiverClosed();
    } finally {
      this.#unsent.clear();
    }
  }

  *waitUntilReceiving(): Generator<Trap, void, any> {
    using _alone = this.#sending.enter();
    yield* yieldBriefly();
    this.#checkSender();
    yield* this.#waitUntil(() => this.#receiverWaits);
    this.#checkSender();
  }

  *receive(maxBytes?: number): Generator<Trap, Uint8Array, any> {
    using _alone = this.#receiving.enter();
    yield* yieldBriefly();
    this.#checkReceiver();
    this.#receiverWaits = true;
    this.#changed.unparkAll();
    try {
      yield* this.#waitUntil(() => this.#unsent.size > 0);
    } finally {
      this.#receiverWaits = false;
    }
    this.#checkReceiver();
    const data = this.#unsent.take(maxBytes);
    this.#changed.unparkAll();
    return data;
  }

  /** Waits until it is so, or one of the ends is closed. */
  *#waitUntil(isSo: () => boolean): Generator<Trap, void, any> {
    while (!isSo() && !this.#senderClosed && !this.#receiverClosed) yield* this.#changed.park();
  }

  #checkSender(): void {
    if (this.#senderClosed) throw new ClosedResourceError("this stream is closed");
  }

  #checkReceiver(): void {
    if (this.#receiverClosed) throw new ClosedResourceError("this stream is closed");
  }
}

class LockstepSendStream implements SendStream {
  readonly #channel: LockstepChannel;
  constructor(channel: LockstepChannel) {
    this.#channel = channel;
  }
  sendAll(data: ArrayBufferView): Operation<void> {
    const bytes = judgeBytes(data, "sendAll(data)");
    return operation("sendAll()", () => this.#channel.send(bytes));
  }
  waitSendAllMightNotBlock(): Operation<void> {
    return operation("waitSendAllMightNotBlock()", () => this.#channel.waitUntilReceiving());
  }
  close(): void {
    this.#channel.closeSender();
  }
  aclose(): Operation<void> {
    return closing(this, "aclose()");
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

class LockstepReceiveStream implements ReceiveStream {
  readonly #channel: LockstepChannel;
  constructor(channel: LockstepChannel) {
    this.#channel = channel;
  }
  receiveSome(maxBytes?: number): Operation<Uint8Array> {
    judgeMaxBytes(maxBytes, "receiveSome(maxBytes)");
    return operation("receiveSome()", () => this.#channel.receive(maxBytes));
  }
  close(): void {
    this.#channel.closeReceiver();
  }
  aclose(): Operation<void> {
    return closing(this, "aclose()");
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

function receiverClosed(): BrokenResourceError {
  return new BrokenResourceError("the other end of this stream is closed");
}
