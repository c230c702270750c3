import { expect, test } from "bun:test";
import {
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  StapledStream,
  call,
  openNursery,
  type Operation,
  type Stream,
} from "../../src/index.ts";
import {
  MemoryReceiveStream,
  MemorySendStream,
  checkHalfCloseableStream,
  lockstepStreamOneWayPair,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
  waitAllTasksBlocked,
} from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("sends through the one and receives from the other, which it shows", () => {
  virtual(function* () {
    const [sender, receiver] = memoryStreamOneWayPair();
    const echo = new StapledStream(sender, receiver);
    expect(echo.sendStream).toBe(sender);
    expect(echo.receiveStream).toBe(receiver);
    yield* echo.sendAll(bytes("x"));
    expect(text(yield* echo.receiveSome())).toBe("x");
    yield* echo.waitSendAllMightNotBlock();
  });
});

test("is all that a half-closeable stream has to be, buffered and clogged", () => {
  virtual(() => checkHalfCloseableStream(memoryStreamPairs, lockstepStreamPairs));
});

function* memoryStreamPairs(): Generator<any, ReturnType<typeof memoryStreamPair>> {
  return memoryStreamPair();
}

function* lockstepStreamPairs(): Generator<any, ReturnType<typeof lockstepStreamPair>> {
  return lockstepStreamPair();
}

test("sendEof is the sending stream's own, where that has one", () => {
  virtual(function* () {
    const [left, right] = memoryStreamPair();
    const outer = new StapledStream(left, new MemoryReceiveStream());
    yield* outer.sendEof();
    expect(yield* right.receiveSome()).toHaveLength(0);
    yield* right.sendAll(bytes("still there"));
    expect(text(yield* left.receiveSome())).toBe("still there");
  });
});

test("sendEof is the sending stream's aclose, where it has none", () => {
  virtual(function* () {
    const [sender, receiver] = memoryStreamOneWayPair();
    const stream = new StapledStream(sender, new MemoryReceiveStream());
    yield* stream.sendEof();
    expect(yield* receiver.receiveSome()).toHaveLength(0);
    expect(yield* errorOf(sender.sendAll(bytes("x")))).toBeInstanceOf(ClosedResourceError);
  });
});

test("sendEof while another task sends is BusyResourceError, and disturbs it not", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    const stream = new StapledStream(sender, receiver);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => stream.sendAll(bytes("x")));
      yield* waitAllTasksBlocked();
      expect(yield* errorOf(stream.sendEof())).toBeInstanceOf(BusyResourceError);
      expect(text(yield* stream.receiveSome())).toBe("x");
    });
  });
});

test("aclose, close and `using` close both halves, though the first fails", () => {
  const closings: ((stream: Stream) => Operation<void>)[] = [
    (stream) => stream.aclose(),
    function* (stream) {
      stream.close();
    },
    function* (stream) {
      stream[Symbol.dispose]();
    },
  ];
  for (const closing of closings) {
    virtual(function* () {
      const mine = new Error("mine");
      const sender = new MemorySendStream({
        closeHook() {
          throw mine;
        },
      });
      const receiver = new MemoryReceiveStream();
      const error = yield* errorOf(call(closing, new StapledStream(sender, receiver)));
      expect(error).toBe(mine);
      expect(yield* errorOf(sender.sendAll(bytes("x")))).toBeInstanceOf(ClosedResourceError);
      expect(yield* errorOf(receiver.receiveSome())).toBeInstanceOf(ClosedResourceError);
    });
  }
});

test("a cancelled aclose has closed both halves", () => {
  virtual(function* () {
    const [sender, receiver] = [new MemorySendStream(), new MemoryReceiveStream()];
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(() => new StapledStream(sender, receiver).aclose());
    expect(scope.cancelledCaught).toBe(true);
    expect(yield* errorOf(sender.sendAll(bytes("x")))).toBeInstanceOf(ClosedResourceError);
    expect(yield* errorOf(receiver.receiveSome())).toBeInstanceOf(ClosedResourceError);
  });
});

test("arguments are judged at once", () => {
  const stream = new StapledStream(new MemorySendStream(), new MemoryReceiveStream());
  expect(thrownBy(() => stream.sendAll("text" as never)).message).toContain("new TextEncoder().encode(text)");
  expect(thrownBy(() => stream.sendAll(new ArrayBuffer(1) as never)).message).toContain("new Uint8Array(buffer)");
  for (const wrong of [null, 5, [1]]) {
    expect(thrownBy(() => stream.sendAll(wrong as never))).toBeInstanceOf(TypeError);
  }
  for (const wrong of [0, -1, 1.5, Number.NaN, Infinity]) {
    expect(thrownBy(() => stream.receiveSome(wrong))).toBeInstanceOf(RangeError);
  }
  for (const wrong of [null, "1"]) {
    expect(thrownBy(() => stream.receiveSome(wrong as never))).toBeInstanceOf(TypeError);
  }
  expect(thrownBy(() => new StapledStream({} as never, stream))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new StapledStream(stream, null as never))).toBeInstanceOf(TypeError);
});
