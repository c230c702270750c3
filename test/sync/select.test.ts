import { expect, test } from "bun:test";
import {
  CancelScope,
  EndOfChannel,
  UsageError,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  select,
  sleep,
} from "../../src/index.ts";
import { assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

test("the first in the list that can happen at once happens, and no other", () => {
  virtual(function* () {
    const [sendA, a] = openMemoryChannel<string>(1);
    const [sendB, b] = openMemoryChannel<string>(1);
    sendB.sendNoWait("b");
    expect(yield* select([a.receive(), b.receive()])).toEqual([1, "b"]);
    sendA.sendNoWait("a");
    expect(yield* select([sendB.send("more"), a.receive()])).toEqual([0, undefined]);
    expect(a.receiveNoWait()).toBe("a");
    expect(b.receiveNoWait()).toBe("more");
  });
});

test("waits for whichever comes, and the others did not happen", () => {
  virtual(function* () {
    const [sendA, a] = openMemoryChannel<string>(0);
    const [sendB, b] = openMemoryChannel<string>(0);
    const got: unknown[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        got.push(yield* select([a.receive(), sendB.send("to b")]));
        got.push(yield* select([a.receive(), sendB.send("to b")]));
      });
      yield* waitAllTasksBlocked();
      sendA.sendNoWait("to a");
      expect(b.statistics().tasksWaitingSend).toBe(0); // given up at once
      yield* waitAllTasksBlocked();
      expect(b.receiveNoWait()).toBe("to b");
    });
    expect(got).toEqual([
      [0, "to a"],
      [1, undefined],
    ]);
    expect(a.statistics().tasksWaitingReceive).toBe(0);
  });
});

test("two selects that could serve each other make one exchange", () => {
  for (const seed of [1, 2, 3, 4]) {
    virtual(
      function* () {
        const [sendA, a] = openMemoryChannel<number>(0);
        const [sendB, b] = openMemoryChannel<number>(0);
        const got: unknown[] = [];
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            got.push(yield* select([sendA.send(1), b.receive()]));
          });
          nursery.startSoon(function* () {
            got.push(yield* select([sendB.send(2), a.receive()]));
          });
        });
        expect(got.length).toBe(2);
        const values = got.map((one) => (one as [number, unknown])[1]).filter((value) => value !== undefined);
        expect(values.length).toBe(1);
        for (const channel of [a, b]) {
          expect(channel.statistics()).toMatchObject({
            currentBufferUsed: 0,
            tasksWaitingSend: 0,
            tasksWaitingReceive: 0,
          });
        }
      },
      { seed },
    );
  }
});

test("a task does not serve itself by sending and receiving on one channel", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<number>(0);
    expect(yield* moveOnAfter(10, () => select([send.send(1), receive.receive()]))).toBeUndefined();
    expect(send.statistics()).toMatchObject({ tasksWaitingSend: 0, tasksWaitingReceive: 0 });
  });
});

test("cancelled, nothing has happened; what came before the cancel is given", () => {
  virtual(function* () {
    for (const sentFirst of [true, false]) {
      const [send, receive] = openMemoryChannel<number>(1);
      const [, other] = openMemoryChannel<number>(1);
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const scope = waiter(nursery, log, "got", () => select([other.receive(), receive.receive()]));
        yield* waitAllTasksBlocked();
        if (sentFirst) send.sendNoWait(1);
        scope.cancel();
        if (!sentFirst) send.sendNoWait(1);
      });
      expect(log).toEqual([sentFirst ? "got" : "got cancelled"]);
      expect(receive.statistics().currentBufferUsed).toBe(sentFirst ? 0 : 1);
      expect(other.statistics().tasksWaitingReceive).toBe(0);
    }
    const [send, receive] = openMemoryChannel<number>(1);
    send.sendNoWait(1);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(() => select([receive.receive()]));
    expect(receive.receiveNoWait()).toBe(1);
  });
});

test("a case that cannot happen any more is an error, before the wait and in it, and the others did not happen", () => {
  virtual(function* () {
    const [sendA, a] = openMemoryChannel<number>(0);
    const [sendB, b] = openMemoryChannel<number>(0);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "got", () => select([a.receive(), b.receive()]));
      yield* waitAllTasksBlocked();
      sendB.close();
    });
    expect(log).toEqual(["got: EndOfChannel"]);
    expect(a.statistics().tasksWaitingReceive).toBe(0);
    expect(yield* errorOf(select([a.receive(), b.receive()]))).toBeInstanceOf(EndOfChannel);
    sendA.close();
  });
});

test("it is a checkpoint, also when something can happen at once", () => {
  virtual(function* () {
    const [send] = openMemoryChannel<number>(1);
    yield* assertCheckpoints(() => select([send.send(1)]));
  });
});

test("each case is good for one use, and counts as driven", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<number>(2);
    const one = send.send(1);
    yield* select([one, receive.receive()]);
    expect(yield* errorOf(one)).toBeInstanceOf(UsageError);
    const twice = receive.receive();
    expect(yield* errorOf(select([twice, twice]))).toBeInstanceOf(UsageError);
    expect(receive.statistics().currentBufferUsed).toBe(1);
  });
});

test("anything but sends and receives of memory channels is refused at once", () => {
  for (const cases of [undefined, {}, [sleep(1)], [null], [() => sleep(1)]] as any[]) {
    expect(thrownBy(() => select(cases))).toBeInstanceOf(TypeError);
  }
  expect(thrownBy(() => select([]))).toBeInstanceOf(RangeError);
});

test("types tell which value belongs to which case", () => {
  virtual(function* () {
    const [, numbers] = openMemoryChannel<number>(0);
    const [sendText, texts] = openMemoryChannel<string>(1);
    sendText.sendNoWait("text");
    const [which, value] = yield* select([numbers.receive(), texts.receive()]);
    const seen: string = which === 0 ? value.toFixed() : value.toUpperCase();
    expect(seen).toBe("TEXT");
  });
});
