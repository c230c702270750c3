import { describe, expect, test } from "bun:test";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  WouldBlock,
  currentTime,
  openNursery,
  sleep,
} from "../../src/index.ts";
import {
  MemoryReceiveStream,
  MemorySendStream,
  assertCheckpoints,
  checkHalfCloseableStream,
  checkOneWayStream,
  memoryStreamOneWayPair,
  memoryStreamPair,
  memoryStreamPump,
  waitAllTasksBlocked,
} from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("MemorySendStream", () => {
  test("keeps what is sent, to be taken out in pieces or whole", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      yield* assertCheckpoints(() => stream.sendAll(bytes("123")));
      expect(text(stream.getDataNoWait(1))).toBe("1");
      expect(text(stream.getDataNoWait())).toBe("23");
      yield* assertCheckpoints(() => stream.waitSendAllMightNotBlock());
      expect(thrownBy(() => stream.getDataNoWait())).toBeInstanceOf(WouldBlock);
      expect(thrownBy(() => stream.getDataNoWait(10))).toBeInstanceOf(WouldBlock);
      yield* stream.sendAll(bytes("45"));
      yield* stream.sendAll(bytes("6"));
      expect(text(yield* assertCheckpoints(() => stream.getData(2)))).toBe("45");
      expect(text(yield* stream.getData(100))).toBe("6");
    });
  });

  test("getData waits until something is sent; an empty send, or a wait to send, is nothing", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      let got: string | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          got = text(yield* stream.getData());
        });
        yield* waitAllTasksBlocked();
        yield* stream.sendAll(new Uint8Array());
        yield* stream.waitSendAllMightNotBlock();
        yield* waitAllTasksBlocked();
        expect(got).toBeUndefined();
        expect(thrownBy(() => stream.getDataNoWait())).toBeInstanceOf(BusyResourceError);
        expect(yield* errorOf(stream.getData())).toBeInstanceOf(BusyResourceError);
        yield* stream.sendAll(bytes("x"));
      });
      expect(got).toBe("x");
    });
  });

  test("a getData that is cancelled takes nothing, and lets the next one in", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      const scope = new CancelScope({ timeout: 5 });
      yield* scope.run(() => stream.getData());
      expect(scope.cancelledCaught).toBe(true);
      yield* stream.sendAll(bytes("x"));
      expect(text(yield* stream.getData())).toBe("x");
    });
  });

  test("a second task at it is BusyResourceError, and the first sends", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      const errors: unknown[] = [];
      yield* openNursery(function* (nursery) {
        for (const use of [
          () => stream.sendAll(bytes("x")),
          () => stream.sendAll(bytes("y")),
          () => stream.waitSendAllMightNotBlock(),
        ]) {
          nursery.startSoon(function* () {
            const error = yield* errorOf(use());
            if (error !== undefined) errors.push(error);
          });
        }
      });
      expect(errors).toEqual([expect.any(BusyResourceError), expect.any(BusyResourceError)]);
      expect(text(stream.getDataNoWait())).toBe("x");
    });
  });

  test("closed, it gives what was sent and then nothing, and takes no more", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      yield* stream.sendAll(bytes("xxx"));
      yield* assertCheckpoints(() => stream.aclose());
      expect(text(yield* stream.getData())).toBe("xxx");
      expect(yield* stream.getData()).toHaveLength(0);
      expect(stream.getDataNoWait(5)).toHaveLength(0);
      expect(yield* errorOf(stream.sendAll(bytes("---")))).toBeInstanceOf(ClosedResourceError);
      expect(yield* errorOf(stream.sendAll(new Uint8Array()))).toBeInstanceOf(ClosedResourceError);
      expect(yield* errorOf(stream.waitSendAllMightNotBlock())).toBeInstanceOf(ClosedResourceError);
    });
  });

  test("its close wakes a getData that waits", () => {
    virtual(function* () {
      const stream = new MemorySendStream();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          expect(yield* stream.getData()).toHaveLength(0);
        });
        yield* waitAllTasksBlocked();
        stream.close();
      });
    });
  });

  test("its hooks are called when their operation is done, close's each time, and can be set anew", () => {
    virtual(function* () {
      const log: string[] = [];
      const stream: MemorySendStream = new MemorySendStream({
        *sendAllHook() {
          log.push(`sendAll ${text(stream.getDataNoWait())}`);
        },
        *waitSendAllMightNotBlockHook() {
          yield* sleep(5);
          log.push(`wait ${currentTime()}`);
        },
        closeHook() {
          log.push("close");
        },
      });
      yield* stream.sendAll(bytes("abc"));
      yield* stream.waitSendAllMightNotBlock();
      stream.sendAllHook = async function* () {
        await Promise.resolve();
        log.push("another");
      };
      yield* stream.sendAll(bytes("d"));
      stream.sendAllHook = null;
      yield* stream.sendAll(bytes("e"));
      yield* stream.aclose();
      stream.close();
      stream[Symbol.dispose]();
      expect(log).toEqual(["sendAll abc", "wait 5", "another", "close", "close", "close"]);
      expect(text(stream.getDataNoWait())).toBe("de");
    });
  });

  test("what a hook throws comes out of the operation, and the stream goes on", () => {
    virtual(function* () {
      const mine = new Error("mine");
      const stream = new MemorySendStream({
        *sendAllHook() {
          throw mine;
        },
      });
      expect(yield* errorOf(stream.sendAll(bytes("x")))).toBe(mine);
      expect(text(stream.getDataNoWait())).toBe("x");
      stream.sendAllHook = null;
      yield* stream.sendAll(bytes("y"));
    });
  });
});

describe("MemoryReceiveStream", () => {
  test("gives what was put in, as much as is asked for, and then waits", () => {
    virtual(function* () {
      const stream = new MemoryReceiveStream();
      stream.putData(bytes("abc"));
      expect(text(yield* assertCheckpoints(() => stream.receiveSome(1)))).toBe("a");
      expect(text(yield* stream.receiveSome(10))).toBe("bc");
      stream.putData(bytes("de"));
      stream.putData(bytes("f"));
      expect(text(yield* assertCheckpoints(() => stream.receiveSome()))).toBe("def");
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          expect(text(yield* stream.receiveSome())).toBe("late");
          expect(currentTime()).toBe(7);
        });
        yield* sleep(7);
        stream.putData(new Uint8Array());
        stream.putData(bytes("late"));
      });
    });
  });

  test("two at once: the second is BusyResourceError", () => {
    virtual(function* () {
      const stream = new MemoryReceiveStream();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          expect(text(yield* stream.receiveSome())).toBe("x");
        });
        nursery.startSoon(function* () {
          expect(yield* errorOf(stream.receiveSome())).toBeInstanceOf(BusyResourceError);
          stream.putData(bytes("x"));
        });
      });
    });
  });

  test("after putEof it gives what is left, and then the end for ever; nothing more can be put in", () => {
    virtual(function* () {
      const stream = new MemoryReceiveStream();
      stream.putData(bytes("def"));
      stream.putEof();
      stream.putEof();
      expect(text(yield* stream.receiveSome(10))).toBe("def");
      expect(yield* stream.receiveSome(10)).toHaveLength(0);
      expect(yield* assertCheckpoints(() => stream.receiveSome())).toHaveLength(0);
      expect(thrownBy(() => stream.putData(bytes("---")))).toBeInstanceOf(ClosedResourceError);
    });
  });

  test("its hook is called before it looks for data, and can be set anew", () => {
    virtual(function* () {
      const log: string[] = [];
      const stream: MemoryReceiveStream = new MemoryReceiveStream({
        *receiveSomeHook() {
          stream.putData(bytes("xxx"));
        },
        closeHook: () => log.push("closed"),
      });
      stream.putData(bytes("yyy"));
      expect(text(yield* stream.receiveSome(10))).toBe("yyyxxx");
      expect(text(yield* stream.receiveSome(10))).toBe("xxx");
      stream.putData(bytes("zzz"));
      stream.receiveSomeHook = null;
      expect(text(yield* stream.receiveSome(10))).toBe("zzz");
      stream.putData(bytes("lost on close"));
      yield* assertCheckpoints(() => stream.aclose());
      expect(log).toEqual(["closed"]);
      expect(yield* errorOf(stream.receiveSome(10))).toBeInstanceOf(ClosedResourceError);
    });
  });

  test("closed, with data or without, it is ClosedResourceError, also for who waits and who puts in", () => {
    virtual(function* () {
      const stream = new MemoryReceiveStream();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          expect(yield* errorOf(stream.receiveSome())).toBeInstanceOf(ClosedResourceError);
        });
        yield* waitAllTasksBlocked();
        stream.close();
      });
      stream.close();
      expect(thrownBy(() => stream.putData(bytes("x")))).toBeInstanceOf(ClosedResourceError);
      const full = new MemoryReceiveStream();
      full.putData(bytes("x"));
      full[Symbol.dispose]();
      expect(yield* errorOf(full.receiveSome())).toBeInstanceOf(ClosedResourceError);
    });
  });
});

describe("memoryStreamPump", () => {
  test("moves all there is, or so much of it, and says whether there was something", () => {
    virtual(function* () {
      const [from, to] = [new MemorySendStream(), new MemoryReceiveStream()];
      expect(memoryStreamPump(from, to)).toBe(false);
      yield* from.sendAll(bytes("123"));
      expect(memoryStreamPump(from, to)).toBe(true);
      expect(text(yield* to.receiveSome(10))).toBe("123");
      yield* from.sendAll(bytes("456"));
      expect(memoryStreamPump(from, to, { maxBytes: 1 })).toBe(true);
      expect(text(yield* to.receiveSome(10))).toBe("4");
      expect(memoryStreamPump(from, to, { maxBytes: 1 })).toBe(true);
      expect(memoryStreamPump(from, to, { maxBytes: 1 })).toBe(true);
      expect(memoryStreamPump(from, to, { maxBytes: 1 })).toBe(false);
      expect(text(yield* to.receiveSome(10))).toBe("56");
    });
  });

  test("moves the end, too, once", () => {
    virtual(function* () {
      const [from, to] = [new MemorySendStream(), new MemoryReceiveStream()];
      from.close();
      expect(memoryStreamPump(from, to)).toBe(true);
      expect(memoryStreamPump(from, to)).toBe(false);
      expect(yield* to.receiveSome()).toHaveLength(0);
    });
  });

  test("into a closed stream it is BrokenResourceError; the end of nothing is lost on nobody", () => {
    virtual(function* () {
      const [from, to] = [new MemorySendStream(), new MemoryReceiveStream()];
      to.close();
      yield* from.sendAll(bytes("x"));
      expect(thrownBy(() => memoryStreamPump(from, to))).toBeInstanceOf(BrokenResourceError);
      from.close();
      expect(memoryStreamPump(from, to)).toBe(false);
    });
  });
});

describe("memoryStreamOneWayPair", () => {
  test("pumps when something was sent, and when the sender is closed", () => {
    virtual(function* () {
      const [sender, receiver] = memoryStreamOneWayPair();
      expect(sender.waitSendAllMightNotBlockHook).toBeNull();
      expect(receiver.receiveSomeHook).toBeNull();
      expect(receiver.closeHook).toBeNull();
      const got: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          for (let data; (data = yield* receiver.receiveSome()).length > 0;) got.push(text(data));
          got.push("end");
        });
        yield* waitAllTasksBlocked();
        yield* sender.sendAll(bytes("abc"));
        yield* waitAllTasksBlocked();
        expect(got).toEqual(["abc"]);
        sender.close();
      });
      expect(got).toEqual(["abc", "end"]);
    });
  });

  test("without its sendAllHook the data stalls, until it is back", () => {
    virtual(function* () {
      const [sender, receiver] = memoryStreamOneWayPair();
      const { sendAllHook } = sender;
      sender.sendAllHook = null;
      yield* sender.sendAll(bytes("456"));
      const scope = new CancelScope({ timeout: 100 });
      yield* scope.run(() => receiver.receiveSome());
      expect(scope.cancelledCaught).toBe(true);
      sender.sendAllHook = sendAllHook;
      yield* sender.sendAll(bytes("789"));
      expect(text(yield* receiver.receiveSome())).toBe("456789");
    });
  });

  test("a close passes on what was held back, and then the end; where nobody is left it is no error", () => {
    virtual(function* () {
      const [sender, receiver] = memoryStreamOneWayPair();
      sender.sendAllHook = null;
      yield* sender.sendAll(bytes("late"));
      sender.close();
      expect(text(yield* receiver.receiveSome())).toBe("late");
      expect(yield* receiver.receiveSome()).toHaveLength(0);
      const [another, gone] = memoryStreamOneWayPair();
      another.sendAllHook = null;
      yield* another.sendAll(bytes("lost"));
      gone.close();
      another.close();
    });
  });

  test("passes the checks of a one-way stream", () => {
    virtual(() =>
      checkOneWayStream(function* () {
        return memoryStreamOneWayPair();
      }),
    );
  });
});

describe("memoryStreamPair", () => {
  test("goes both ways, each of which can be ended by itself", () => {
    virtual(function* () {
      const [left, right] = memoryStreamPair();
      yield* left.sendAll(bytes("123"));
      yield* right.sendAll(bytes("abc"));
      expect(text(yield* right.receiveSome(10))).toBe("123");
      expect(text(yield* left.receiveSome(10))).toBe("abc");
      yield* left.sendEof();
      expect(yield* right.receiveSome(10)).toHaveLength(0);
      yield* right.sendAll(bytes("xyz"));
      expect(text(yield* left.receiveSome(10))).toBe("xyz");
    });
  });

  test("can be made to trickle, a byte a second", () => {
    virtual(function* () {
      const [left, right] = memoryStreamPair();
      left.sendStream.sendAllHook = function* () {
        while (memoryStreamPump(left.sendStream, right.receiveStream, { maxBytes: 1 })) yield* sleep(1000);
      };
      const log: [number, string][] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* left.sendAll(bytes("123"));
          yield* left.sendEof();
        });
        for (let data; (data = yield* right.receiveSome()).length > 0;) log.push([currentTime(), text(data)]);
      });
      expect(log).toEqual([
        [0, "1"],
        [1000, "2"],
        [2000, "3"],
      ]);
      expect(currentTime()).toBe(3000);
    });
  });

  test("passes the checks of a half-closeable stream, whatever the seed", () => {
    for (const seed of [undefined, 1, 2]) {
      virtual(
        () =>
          checkHalfCloseableStream(function* () {
            return memoryStreamPair();
          }),
        seed === undefined ? {} : { seed },
      );
    }
  });
});

test("a megabyte in small pieces lies in a stream in the order it was sent", () => {
  virtual(function* () {
    const [sender, receiver] = memoryStreamOneWayPair();
    const piece = Uint8Array.from({ length: 1000 }, (_, index) => index);
    for (let i = 0; i < 1000; i++) yield* sender.sendAll(piece);
    for (let i = 0; i < 1000; i++) expect(yield* receiver.receiveSome(1000)).toEqual(piece);
  });
});

test("arguments and hooks are judged at once", () => {
  const [sender, receiver] = memoryStreamOneWayPair();
  for (const wrong of ["text", null, 5, new ArrayBuffer(1)]) {
    expect(thrownBy(() => sender.sendAll(wrong as never))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => receiver.putData(wrong as never))).toBeInstanceOf(TypeError);
  }
  for (const wrong of [0, -1, 1.5, Number.NaN]) {
    expect(thrownBy(() => receiver.receiveSome(wrong))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => sender.getData(wrong))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => sender.getDataNoWait(wrong))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => memoryStreamPump(sender, receiver, { maxBytes: wrong }))).toBeInstanceOf(RangeError);
  }
  expect(thrownBy(() => receiver.receiveSome("1" as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new MemorySendStream({ sendAllHook: 5 as never })).message).toContain("sendAllHook");
  expect(thrownBy(() => new MemoryReceiveStream({ closeHook: "x" as never })).message).toContain("closeHook");
  expect(thrownBy(() => new MemoryReceiveStream(null as never))).toBeInstanceOf(TypeError);
});

test("what is pumped from and to is judged, whether there is data or not", () => {
  const [sender, receiver] = memoryStreamOneWayPair();
  for (const wrong of [null, {}, 5]) {
    expect(thrownBy(() => memoryStreamPump(wrong as never, receiver)).message).toContain(
      "from must be a MemorySendStream",
    );
    expect(thrownBy(() => memoryStreamPump(sender, wrong as never)).message).toContain(
      "to must be a MemoryReceiveStream",
    );
  }
  expect(thrownBy(() => memoryStreamPump(sender, receiver, 5 as never))).toBeInstanceOf(TypeError);
});

test("a hook that is no task function is named by the operation that calls it", () => {
  virtual(function* () {
    const [sender, receiver] = memoryStreamOneWayPair();
    for (const wrong of [5, () => {}, async () => {}]) {
      sender.sendAllHook = wrong as never;
      sender.waitSendAllMightNotBlockHook = wrong as never;
      receiver.receiveSomeHook = wrong as never;
      for (const [use, name] of [
        [sender.sendAll(new Uint8Array(1)), "MemorySendStream.sendAllHook"],
        [sender.waitSendAllMightNotBlock(), "MemorySendStream.waitSendAllMightNotBlockHook"],
        [receiver.receiveSome(), "MemoryReceiveStream.receiveSomeHook"],
      ] as const) {
        const error = yield* errorOf(use);
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toContain(name);
      }
    }
  });
});
