/** The stream checkers on a stream over real sockets, as a program might write it on public names. */
import { describe, test } from "bun:test";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  SystemError,
  WouldBlock,
  call,
  run,
  runSync,
  type HalfCloseableStream,
  type Operation,
  type Trap,
} from "../../src/index.ts";
import { waitWritable, yieldBriefly } from "../../src/hazmat.ts";
import { SHUT_WR, socket, socketpair, type Socket } from "../../src/socket.ts";
import { checkHalfCloseableStream } from "../../src/testing.ts";
import { whyNot } from "../platform.ts";

class SocketStream implements HalfCloseableStream {
  readonly socket: Socket;
  #sending = false;
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  sendAll(data: ArrayBufferView): Operation<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return call(() => this.#alone(() => this.#send(bytes)));
  }

  *#send(bytes: Uint8Array): Generator<Trap, void, any> {
    this.#checkOpen();
    if (bytes.length === 0) yield* yieldBriefly();
    for (let start = 0; start < bytes.length;) start += yield* this.socket.send(bytes.subarray(start));
  }

  waitSendAllMightNotBlock(): Operation<void> {
    return call(() =>
      this.#alone(() => {
        this.#checkOpen();
        return waitWritable(this.socket);
      }),
    );
  }

  sendEof(): Operation<void> {
    return call(() =>
      this.#alone(() => {
        if (!this.#ended) this.socket.shutdown(SHUT_WR);
        this.#ended = true;
        return yieldBriefly();
      }),
    );
  }

  #checkOpen(): void {
    this.socket.getsockname(); // it says so when it is closed
    if (this.#ended) throw new ClosedResourceError("this stream's end was sent");
  }

  *#alone(use: () => Operation<void>): Generator<Trap, void, any> {
    if (this.#sending) throw new BusyResourceError("another task is sending on this stream");
    this.#sending = true;
    try {
      yield* call(() => breaking(use));
    } finally {
      this.#sending = false;
    }
  }

  receiveSome(maxBytes: number = 65_536): Operation<Uint8Array> {
    const receiving = this.socket.recv(maxBytes);
    return call(() => breaking(() => receiving));
  }

  close(): void {
    this.socket.close();
  }

  aclose(): Operation<void> {
    return call(() => {
      this.close();
      return yieldBriefly();
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What the system refuses means that the stream is broken. */
function* breaking<T>(use: () => Operation<T>): Generator<Trap, T, any> {
  try {
    return yield* use();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new BrokenResourceError(error.message, { cause: error });
  }
}

type Pair = readonly [SocketStream, SocketStream];

function* unixPair(): Generator<any, Pair, any> {
  const [one, other] = socketpair();
  return [new SocketStream(one), new SocketStream(other)];
}

function* tcpPair(): Generator<any, Pair, any> {
  using listener = socket();
  listener.bind({ host: "127.0.0.1", port: 0 });
  listener.listen();
  const one = socket();
  yield* one.connect(listener.getsockname());
  const [other] = yield* listener.accept();
  return [new SocketStream(one), new SocketStream(other)];
}

/** Unix sockets with both ways full: nothing can be sent until something was received. */
function* cloggedPair(): Generator<any, Pair, any> {
  const streams = yield* call(unixPair);
  for (const { socket } of streams) {
    try {
      for (;;) socket.trySend(new Uint8Array(65_536));
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
    }
  }
  return streams;
}

// A TCP connection that is full makes room for itself again and again for some 50 ms: one cannot be clogged in short.
describe.each([
  ["Unix sockets, and clogged ones", unixPair, cloggedPair, whyNot("files")],
  ["TCP over loopback", tcpPair, undefined, ""],
])("a stream over %s passes them", (_, pair, cloggedPair, why) => {
  test.skipIf(why !== "")(`in runSync${why}`, () => {
    runSync(() => checkHalfCloseableStream(pair, cloggedPair));
  });

  test.skipIf(why !== "")(`on Bun's loop${why}`, async () => {
    await run(() => checkHalfCloseableStream(pair, cloggedPair));
  });
});
