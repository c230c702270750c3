import { describe, expect, test } from "bun:test";
import {
  BrokenResourceError,
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  WouldBlock,
  call,
  openMemoryChannel,
  openNursery,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

describe.each([0, 1, 3, Infinity])("capacity %p", (capacity) => {
  test("values are received in the order in which they were sent, each once, undefined among them", () => {
    for (const seed of [undefined, 1, 2, 3]) {
      virtual(
        function* () {
          const [send, receive] = openMemoryChannel<number | undefined>(capacity);
          const received: unknown[] = [];
          yield* openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              using _end = send;
              for (let i = 0; i < 20; i++) yield* send.send(i === 7 ? undefined : i);
            });
            try {
              for (;;) received.push(yield* receive.receive());
            } catch (error) {
              expect(error).toBeInstanceOf(EndOfChannel);
            }
          });
          expect(received).toEqual(Array.from({ length: 20 }, (_, i) => (i === 7 ? undefined : i)));
        },
        seed === undefined ? {} : { seed },
      );
    }
  });

  test("send waits when as many lie in it as may, and statistics say so", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      const room = Math.min(capacity, 50);
      for (let i = 0; i < room; i++) send.sendNoWait(i);
      const expected = {
        currentBufferUsed: room,
        peakBufferUsed: room,
        maxBufferSize: capacity,
        openSendChannels: 1,
        openReceiveChannels: 1,
        tasksWaitingSend: 0,
        tasksWaitingReceive: 0,
      };
      expect(send.statistics()).toEqual(expected);
      if (capacity === Infinity) return;
      expect(() => send.sendNoWait(-1)).toThrow(WouldBlock);
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        waiter(nursery, log, "sent", () => send.send(room));
        yield* waitAllTasksBlocked();
        expect(receive.statistics()).toEqual({ ...expected, tasksWaitingSend: 1 });
        expect(receive.receiveNoWait()).toBe(0);
        for (let i = 1; i <= room; i++) expect(receive.receiveNoWait()).toBe(i);
        expect(() => receive.receiveNoWait()).toThrow(WouldBlock);
      });
      expect(log).toEqual(["sent"]);
      expect(receive.statistics()).toEqual({ ...expected, currentBufferUsed: 0, peakBufferUsed: Math.max(room, 0) });
    });
  });

  test("receivers are served in order of arrival, and a newcomer does not overtake", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<string>(capacity);
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        for (const name of ["a", "b"]) {
          nursery.startSoon(function* () {
            log.push(name + (yield* receive.receive()));
          });
          yield* waitAllTasksBlocked();
        }
        expect(send.statistics().tasksWaitingReceive).toBe(2);
        send.sendNoWait("1");
        send.sendNoWait("2"); // both are a's and b's now
        expect(() => receive.receiveNoWait()).toThrow(WouldBlock);
      });
      expect(log).toEqual(["a1", "b2"]);
    });
  });

  test("a receive that is cancelled takes nothing, whichever of the two comes first", () => {
    virtual(function* () {
      for (const sentFirst of [true, false]) {
        const [send, receive] = openMemoryChannel<number>(capacity);
        const log: string[] = [];
        yield* openNursery(function* (nursery) {
          const scope = waiter(nursery, log, "received", () => receive.receive());
          yield* waitAllTasksBlocked();
          if (sentFirst) send.sendNoWait(1);
          scope.cancel();
          if (sentFirst) return;
          if (capacity === 0) expect(() => send.sendNoWait(1)).toThrow(WouldBlock);
          else {
            send.sendNoWait(1);
            expect(receive.receiveNoWait()).toBe(1);
          }
        });
        expect(log).toEqual([sentFirst ? "received" : "received cancelled"]);
      }
    });
  });

  test("in a cancelled scope send() sends nothing and receive() takes nothing", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      const cancelled = new CancelScope();
      cancelled.cancel();
      yield* cancelled.run(() => send.send(1));
      expect(cancelled.cancelledCaught).toBe(true);
      expect(send.statistics().currentBufferUsed).toBe(0);
      if (capacity === 0) return;
      send.sendNoWait(2);
      const again = new CancelScope();
      again.cancel();
      yield* again.run(() => receive.receive());
      expect(again.cancelledCaught).toBe(true);
      expect(receive.receiveNoWait()).toBe(2);
    });
  });

  test("closing the last sending end lets receivers have what is left, then EndOfChannel", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      const other = send.clone();
      if (capacity > 0) other.sendNoWait(1);
      send.close();
      send.close();
      expect(receive.statistics().openSendChannels).toBe(1);
      expect(() => send.sendNoWait(2)).toThrow(ClosedResourceError);
      expect(yield* errorOf(send.send(2))).toBeInstanceOf(ClosedResourceError);
      expect(() => send.clone()).toThrow(ClosedResourceError);
      if (capacity > 0) expect(yield* receive.receive()).toBe(1);
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        waiter(nursery, log, "a", () => receive.receive());
        waiter(nursery, log, "b", () => receive.receive());
        yield* waitAllTasksBlocked();
        other.close();
      });
      expect(log).toEqual(["a: EndOfChannel", "b: EndOfChannel"]);
      expect(() => receive.receiveNoWait()).toThrow(EndOfChannel);
    });
  });

  test("closing the last receiving end drops what is left and tells senders BrokenResourceError", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      const other = receive.clone();
      receive.close();
      expect(yield* errorOf(receive.receive())).toBeInstanceOf(ClosedResourceError);
      expect(() => receive.receiveNoWait()).toThrow(ClosedResourceError);
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < Math.min(capacity, 5); i++) send.sendNoWait(i);
        if (capacity !== Infinity) waiter(nursery, log, "a", () => send.send(1));
        yield* waitAllTasksBlocked();
        other.close();
      });
      expect(log).toEqual(capacity === Infinity ? [] : ["a: BrokenResourceError"]);
      expect(send.statistics().currentBufferUsed).toBe(0);
      expect(() => send.sendNoWait(1)).toThrow(BrokenResourceError);
      expect(yield* errorOf(send.send(1))).toBeInstanceOf(BrokenResourceError);
    });
  });

  test("closing an end tells those who wait at it, and nobody at its clones", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      const other = receive.clone();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        waiter(nursery, log, "a", () => receive.receive());
        waiter(nursery, log, "b", () => other.receive());
        yield* waitAllTasksBlocked();
        receive.close();
        yield* waitAllTasksBlocked();
        expect(log).toEqual(["a: ClosedResourceError"]);
        send.sendNoWait(1);
      });
      expect(log).toEqual(["a: ClosedResourceError", "b"]);
    });
  });

  test("send() and receive() are checkpoints, also when they need not wait; the synchronous calls are none", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(capacity);
      if (capacity > 0) {
        yield* assertCheckpoints(() => send.send(1));
        yield* assertCheckpoints(() => receive.receive());
        // oxlint-disable-next-line require-yield
        yield* assertNoCheckpoints(function* () {
          send.sendNoWait(1);
          receive.receiveNoWait();
          send.clone().close();
        });
      }
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => assertCheckpoints(() => receive.receive()));
        yield* waitAllTasksBlocked();
        yield* assertCheckpoints(() => send.send(1));
      });
    });
  });
});

test("a sender that waits and is cancelled takes its value back", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<string>(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      const scope = waiter(nursery, log, "a", () => send.send("a"));
      waiter(nursery, log, "b", () => send.send("b"));
      yield* waitAllTasksBlocked();
      scope.cancel();
      expect(receive.receiveNoWait()).toBe("b");
    });
    expect(log.toSorted()).toEqual(["a cancelled", "b"]);
  });
});

test("ends are disposable", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<number>(1);
    {
      using _send = send;
      using _receive = receive;
      yield* yieldBriefly();
    }
    expect(send.statistics()).toMatchObject({ openSendChannels: 0, openReceiveChannels: 0 });
  });
});

test("capacities that make no sense are refused", () => {
  for (const value of ["1", null, undefined] as any[]) {
    expect(thrownBy(() => openMemoryChannel(value))).toBeInstanceOf(TypeError);
  }
  for (const value of [-1, 1.5, NaN]) expect(thrownBy(() => openMemoryChannel(value))).toBeInstanceOf(RangeError);
});

test("forEach() drops what a plain function gives, and refuses a promise", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<number>(3);
    for (let i = 0; i < 3; i++) send.sendNoWait(i);
    const list: number[] = [];
    const refused = yield* errorOf(receive.forEach((async () => {}) as any));
    expect(refused.message).toContain("ReceiveChannel.forEach(body): body returned a promise");
    send.close();
    yield* receive.forEach(((value: number) => list.push(value)) as any);
    yield* receive.forEach((() => list) as any);
    const [, never] = openMemoryChannel<number>(0);
    for (const source of [never, new Blob(["a"]).stream()]) {
      const [one, other] = openMemoryChannel<number>(1);
      one.sendNoWait(1);
      one.close();
      yield* other.forEach((() => source) as any); // they can be looped over, and are no coroutines
    }
    expect(list).toEqual([1, 2]);
  });
});

describe("a loop over what is received", () => {
  /** The ends of a channel with 1, 2, 3 in it, of which no more will come. */
  const three = () => {
    const ends = openMemoryChannel<number>(3);
    for (const value of [1, 2, 3]) ends[0].sendNoWait(value);
    ends[0].close();
    return ends[1];
  };

  test("of receive() is left by break, by return and by throw like any other, and what was not received is there", () => {
    virtual(function* () {
      for (const how of ["break", "return", "throw"]) {
        const receive = three();
        const error = new Error("mine");
        const loop = function* () {
          for (;;) {
            const value: number = yield* receive.receive();
            if (value < 2) continue;
            if (how === "break") break;
            if (how === "return") return how;
            throw error;
          }
          return "break";
        };
        if (how === "throw") expect(yield* errorOf(call(loop))).toBe(error);
        else expect(yield* loop()).toBe(how);
        expect(receive.receiveNoWait()).toBe(3);
      }
    });
  });

  test("of receive() ends with EndOfChannel", () => {
    virtual(function* () {
      const receive = three();
      const got: number[] = [];
      try {
        for (;;) got.push(yield* receive.receive());
      } catch (error) {
        expect(error).toBeInstanceOf(EndOfChannel);
      }
      expect(got).toEqual([1, 2, 3]);
    });
  });

  test("forEach() goes on with the next value when the body returns, and is left when the scope around it is cancelled", () => {
    virtual(function* () {
      const receive = three();
      const got: number[] = [];
      const scope = new CancelScope();
      yield* scope.run(() =>
        receive.forEach(function* (value) {
          got.push(value);
          if (value < 2) return;
          scope.cancel();
          yield* yieldBriefly();
          got.push(NaN);
        }),
      );
      expect(got).toEqual([1, 2]);
      expect(receive.receiveNoWait()).toBe(3);
    });
  });

  test("forEach() is left by what the body throws, EndOfChannel among it, and the channel goes on", () => {
    virtual(function* () {
      const receive = three();
      const end = new EndOfChannel("another's");
      const body = function* () {
        yield* yieldBriefly();
        throw end;
      };
      expect(yield* errorOf(receive.forEach(body))).toBe(end);
      expect(receive.receiveNoWait()).toBe(2);
    });
  });

  test("forEach() in which the end is closed ends with ClosedResourceError", () => {
    virtual(function* () {
      const receive = three();
      const got: number[] = [];
      const error = yield* errorOf(
        receive.forEach((value) => {
          got.push(value);
          if (value === 2) receive.close();
        }),
      );
      expect(error).toBeInstanceOf(ClosedResourceError);
      expect(got).toEqual([1, 2]);
    });
  });
});

describe("breakOff(cause)", () => {
  const cause = new Error("the database went away");
  const brokenOff = expect.objectContaining({ name: "BrokenResourceError", cause });

  test("closes an end before all was sent: receivers get what is left, and then BrokenResourceError with the cause", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(2);
      const clone = send.clone();
      send.sendNoWait(1);
      send.breakOff(cause);
      expect(yield* errorOf(send.send(2))).toBeInstanceOf(ClosedResourceError);
      clone.sendNoWait(3);
      clone.close();
      expect([yield* receive.receive(), yield* receive.receive()]).toEqual([1, 3]);
      expect(yield* errorOf(receive.receive())).toEqual(brokenOff);
      expect(yield* errorOf(receive.forEach(() => {}))).toEqual(brokenOff);
    });
  });

  test("wakes who waits to receive, and who sends through that end", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const [send, receive] = openMemoryChannel<number>(0);
        waiter(nursery, log, "receiver", () => receive.receive());
        yield* waitAllTasksBlocked();
        send.breakOff(cause);
        const [another] = openMemoryChannel<number>(0);
        waiter(nursery, log, "sender", () => another.send(1));
        yield* waitAllTasksBlocked();
        another.breakOff(cause);
      });
      expect(log).toEqual(["receiver: BrokenResourceError", "sender: ClosedResourceError"]);
    });
  });

  test("the first counts, and on an end that is closed it does nothing", () => {
    virtual(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      send.close();
      send.breakOff(cause);
      expect(yield* errorOf(receive.receive())).toBeInstanceOf(EndOfChannel);
      const [one, ends] = openMemoryChannel<number>(0);
      const other = one.clone();
      one.breakOff(cause);
      other.breakOff(new Error("another"));
      expect(yield* errorOf(ends.receive())).toEqual(brokenOff);
    });
  });
});
