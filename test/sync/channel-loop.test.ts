/** `for await` over a receiving end, which only an asynchronous generator can write. `forEach` is in web-streams.test.ts. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  ClosedResourceError,
  UsageError,
  call,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  runSync,
  sleep,
  type ReceiveChannel,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, virtual } from "../kernel/programs.ts";

describe.each([0, 1, 100, Infinity])("capacity %p", (capacity) => {
  test("a loop receives what is sent, in order, until every sending end is closed and all is received", () => {
    for (const seed of [undefined, 1, 2, 3]) {
      virtual(
        async function* () {
          const [send, receive] = openMemoryChannel<number | undefined>(capacity);
          const received: unknown[] = [];
          yield* openNursery(async function* (nursery) {
            nursery.startSoon(function* () {
              using _end = send;
              for (let i = 0; i < 20; i++) yield* send.send(i === 7 ? undefined : i);
            });
            for await (const value of receive) {
              received.push(value);
              if (received.length % 5 === 0) yield* sleep(1);
              if (received.length % 7 === 0) await Promise.resolve();
            }
          });
          expect(received).toEqual(Array.from({ length: 20 }, (_, i) => (i === 7 ? undefined : i)));
        },
        seed === undefined ? {} : { seed },
      );
    }
  });
});

test("every value of a loop is a checkpoint", () => {
  virtual(async function* () {
    const [send, receive] = openMemoryChannel<number>(2);
    send.sendNoWait(1);
    send.sendNoWait(2);
    yield* assertCheckpoints(async function* () {
      for await (const _ of receive) break;
    });
    let others = 0;
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(function* () {
        others++;
      });
      for await (const _ of receive) break;
      expect(others).toBe(1);
    });
  });
});

test("a loop that is left leaves the channel as it is: open, and with the next value in it", () => {
  virtual(async function* () {
    const [send, receive] = openMemoryChannel<number>(3);
    for (let i = 0; i < 3; i++) send.sendNoWait(i);
    for await (const value of receive) {
      expect(value).toBe(0);
      break;
    }
    const error = yield* errorOf(
      (function* () {
        yield* new CancelScope().run(async function* () {
          for await (const value of receive) throw new Error(`at ${value}`);
        });
      })(),
    );
    expect(error.message).toBe("at 1");
    expect(receive.statistics()).toMatchObject({
      currentBufferUsed: 1,
      openReceiveChannels: 1,
      tasksWaitingReceive: 0,
    });
    expect(yield* receive.receive()).toBe(2);
  });
});

test("a deadline cuts a loop off where it waits, and what is sent after that is another's", () => {
  virtual(async function* () {
    const [send, receive] = openMemoryChannel<number>(0);
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(function* () {
        yield* send.send(1);
        yield* sleep(10);
        yield* send.send(2);
      });
      const seen: number[] = [];
      let thrown: unknown;
      yield* moveOnAfter(5, async function* () {
        try {
          for await (const value of receive) seen.push(value);
        } catch (error) {
          thrown = error;
          throw error;
        }
      });
      expect(seen).toEqual([1]);
      expect(isCancelled(thrown)).toBe(true);
      expect(receive.statistics().tasksWaitingReceive).toBe(0);
      expect(yield* receive.receive()).toBe(2);
    });
  });
});

test("in a scope that is cancelled already a loop takes nothing", () => {
  virtual(async function* () {
    const [send, receive] = openMemoryChannel<number>(1);
    send.sendNoWait(1);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(async function* () {
      for await (const _ of receive) throw new Error("it was cancelled");
    });
    expect(scope.cancelledCaught).toBe(true);
    expect(receive.receiveNoWait()).toBe(1);
  });
});

test("closing the end that a loop waits at is a ClosedResourceError there, and so is a loop over a closed one", () => {
  virtual(async function* () {
    const [, receive] = openMemoryChannel<number>(0);
    const ended: unknown[] = [];
    const loop = async function* () {
      try {
        for await (const _ of receive);
      } catch (error) {
        ended.push(error);
      }
    };
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(loop);
      yield* waitAllTasksBlocked();
      receive.close();
    });
    yield* loop();
    expect(ended).toEqual([expect.any(ClosedResourceError), expect.any(ClosedResourceError)]);
  });
});

test("loops nest, several tasks share one end, and each value is one task's", () => {
  virtual(async function* () {
    const [outer, receive] = openMemoryChannel<ReceiveChannel<number>>(0);
    const sums: number[] = [];
    yield* openNursery(async function* (nursery) {
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(async function* () {
          for await (const inner of receive) {
            let sum = 0;
            for await (const value of inner) sum += value;
            sums.push(sum);
          }
        });
      }
      for (let i = 0; i < 10; i++) {
        const [send, inner] = openMemoryChannel<number>(2);
        yield* outer.send(inner);
        yield* send.send(i);
        yield* send.send(100);
        send.close();
      }
      outer.close();
    });
    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 100 + i));
  });
});

test.each([
  ["run", run],
  ["runSync", async (main: any) => runSync(main)],
])("%s: a loop in an async function that a task awaits is the task's, and is cancelled with it", async (_, go) => {
  await go(async function* () {
    const [send, receive] = openMemoryChannel<number>(0);
    const sum = async (): Promise<number> => {
      let all = 0;
      for await (const value of receive) all += value;
      return all;
    };
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(function* () {
        using _end = send.clone();
        for (let i = 0; i < 5; i++) {
          yield* yieldBriefly();
          yield* send.send(i);
        }
        send.close();
      });
      expect(await sum()).toBe(10);
    });
    const [, never] = openMemoryChannel<number>(0);
    const scope = new CancelScope();
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitAllTasksBlocked();
        scope.cancel();
      });
      yield* scope.run(async function* () {
        await (async () => {
          for await (const _ of never);
        })();
      });
    });
    expect(scope.cancelledCaught).toBe(true);
    expect(never.statistics().tasksWaitingReceive).toBe(0);
  });
});

test("a channel in the place of an operation says what to write instead", () => {
  virtual(async function* () {
    const [send, receive] = openMemoryChannel<any>(2);
    const misuses: (() => any)[] = [
      async function* () {
        yield* receive;
      },
      () => receive,
    ];
    for (const misuse of misuses) {
      send.sendNoWait(1);
      const error = yield* errorOf(call(misuse));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("write yield* channel.receive()");
    }
  });
});

test("a loop in a function that its task does not wait for ends with an error when the task does", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await run(async function* () {
    const [, receive] = openMemoryChannel<number>(0);
    const loop = async (): Promise<void> => {
      for await (const _ of receive);
    };
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* careless() {
        void loop().catch(resolve);
      });
    });
    expect(receive.statistics().tasksWaitingReceive).toBe(0);
  });
  const error = (await promise) as Error;
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).toBe(
    "ReceiveChannel.receive() was left: code that task careless did not wait for was in it, and the task went on or ended; " +
      "await what you call",
  );
});

describe("where nothing can wait, a loop says what to write instead", () => {
  const [, receive] = openMemoryChannel<number>(0);
  const loop = async (): Promise<unknown> => {
    try {
      for await (const _ of receive);
      return "ended";
    } catch (error) {
      return error;
    }
  };

  test("outside a task", async () => {
    const error = (await loop()) as Error;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("code outside a task cannot wait so");
    expect(error.message).toContain("toAsyncIterable(channel)");
  });

  test("in a function that a plain task calls, which goes on as if nothing had been", async () => {
    let ended: Promise<unknown> = Promise.resolve();
    runSync(function* () {
      ended = loop();
      expect(receive.statistics().tasksWaitingReceive).toBe(0);
      yield* yieldBriefly();
      yield* sleep(1);
    });
    const error = (await ended) as Error;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("yield* channel.forEach");
  });
});
