import type { Operation, Trap } from "../hazmat.ts";
import { call } from "../kernel/frame-operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { ConflictDetector } from "./conflict-detector.ts";
import { judgeBytes, judgeMaxBytes } from "./judge.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream } from "./stream.ts";

/**
 * Two streams of one way each, taken together as one of both ways. What it is asked it asks of them; it is closed when
 * both are.
 *
 * Trio: `trio.StapledStream`.
 */
export class StapledStream<
  S extends SendStream = SendStream,
  R extends ReceiveStream = ReceiveStream,
> implements HalfCloseableStream {
  readonly sendStream: S;
  readonly receiveStream: R;
  /** For {@link StapledStream.sendEof}, of which `sendStream` need not know. */
  readonly #sending = new ConflictDetector("another task is sending on this stream");

  /** @throws TypeError for what is no stream of its way. */
  constructor(sendStream: S, receiveStream: R) {
    if (typeof sendStream?.sendAll !== "function") {
      throw new TypeError("new StapledStream(sendStream, receiveStream): sendStream must have sendAll()");
    }
    if (typeof receiveStream?.receiveSome !== "function") {
      throw new TypeError("new StapledStream(sendStream, receiveStream): receiveStream must have receiveSome()");
    }
    this.sendStream = sendStream;
    this.receiveStream = receiveStream;
  }

  sendAll(data: ArrayBufferView): Operation<void> {
    judgeBytes(data, "StapledStream.sendAll(data)");
    return this.#send("StapledStream.sendAll()", () => this.sendStream.sendAll(data));
  }

  waitSendAllMightNotBlock(): Operation<void> {
    const name = "StapledStream.waitSendAllMightNotBlock()";
    return this.#send(name, () => this.sendStream.waitSendAllMightNotBlock());
  }

  /** `sendStream.sendEof()`, if it has that; otherwise `sendStream.aclose()`. */
  sendEof(): Operation<void> {
    const { sendStream } = this;
    const end = (): Operation<void> => (isHalfCloseable(sendStream) ? sendStream.sendEof() : sendStream.aclose());
    return this.#send("StapledStream.sendEof()", end);
  }

  #send(name: string, make: () => Operation<void>): Operation<void> {
    const sending = this.#sending;
    return operation(name, function* (): Generator<Trap, void, any> {
      using _alone = sending.enter();
      yield* call(make);
    });
  }

  receiveSome(maxBytes?: number): Operation<Uint8Array> {
    judgeMaxBytes(maxBytes, "StapledStream.receiveSome(maxBytes)");
    return this.receiveStream.receiveSome(maxBytes);
  }

  close(): void {
    try {
      this.sendStream.close();
    } finally {
      this.receiveStream.close();
    }
  }

  /** Closes `sendStream`, and then, whatever came of that, `receiveStream`. */
  aclose(): Operation<void> {
    const { sendStream, receiveStream } = this;
    return operation("StapledStream.aclose()", function* (): Generator<Trap, void, any> {
      try {
        yield* call(() => sendStream.aclose());
      } finally {
        yield* call(() => receiveStream.aclose());
      }
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function isHalfCloseable(stream: SendStream): stream is HalfCloseableStream {
  return typeof (stream as Partial<HalfCloseableStream>).sendEof === "function";
}
