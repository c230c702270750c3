import { describe, expect, test } from "bun:test";
import {
  BrokenResourceError,
  CancelScope,
  RunFinishedError,
  named,
  openMemoryChannel,
  openNursery,
  fromPromise,
  pumpFromStream,
  pumpToStream,
  run,
  sleepForever,
  toAsyncIterable,
  toReadableStream,
  toWritableStream,
} from "../../src/index.ts";
import { spawnSystemTask } from "../../src/hazmat.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, thrownBy } from "../kernel/programs.ts";

/** What a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("toAsyncIterable(channel)", () => {
  test("gives code outside the run what comes out of the channel, and ends with it", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          using _end = send;
          for (let i = 0; i < 5; i++) yield* send.send(i);
        });
        const values = toAsyncIterable(receive);
        const got = yield* fromPromise(Array.fromAsync(values));
        expect(got).toEqual([0, 1, 2, 3, 4]);
      });
    });
  });

  test("takes a value only when it is asked for one, and leaving the loop closes the end", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(10);
      for (let i = 0; i < 3; i++) send.sendNoWait(i);
      const values = toAsyncIterable(receive);
      expect(yield* fromPromise(values.next())).toEqual({ done: false, value: 0 });
      expect(send.statistics().currentBufferUsed).toBe(2);
      yield* fromPromise(values.return!());
      yield* waitAllTasksBlocked();
      expect(yield* errorOf(send.send(4))).toBeInstanceOf(BrokenResourceError);
    });
  });

  test("throws RunFinishedError when the run is over, whether it was waiting or is asked then", async () => {
    let values: AsyncIterator<number> | undefined;
    let waiting: Promise<unknown> | undefined;
    await run(function* () {
      const [, receive] = openMemoryChannel<number>(0);
      values = toAsyncIterable(receive.clone());
      waiting = rejection(values.next());
      yield* waitAllTasksBlocked();
    });
    expect(await waiting).toBeInstanceOf(RunFinishedError);
    expect(await rejection(values!.next())).toBeInstanceOf(RunFinishedError);
    await values!.return!();
  });
});

test("what is asked for when the system tasks have ended already fails with RunFinishedError, and the run does not", async () => {
  const asked: Promise<unknown>[] = [];
  let ask = (): void => {};
  const value = await run(
    function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const values = toAsyncIterable(receive);
      const writer = toWritableStream(send).getWriter();
      ask = () => void asked.push(rejection(values.next()), rejection(writer.write(1)));
      spawnSystemTask(named("the last one", sleepForever));
      yield* waitAllTasksBlocked();
      return "the run's value";
    },
    { instruments: [{ taskExited: (task) => task.name === "the last one" && ask() }] },
  );
  expect(value).toBe("the run's value");
  expect(await Promise.all(asked)).toEqual([expect.any(RunFinishedError), expect.any(RunFinishedError)]);
});

describe("toReadableStream(channel)", () => {
  test("a stream of what comes out of the channel, with nothing taken ahead", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<Uint8Array>(10);
      const response = new Response(toReadableStream(receive));
      yield* waitAllTasksBlocked();
      for (const word of ["one ", "two"]) send.sendNoWait(new TextEncoder().encode(word));
      yield* waitAllTasksBlocked();
      expect(send.statistics().currentBufferUsed).toBe(2);
      send.close();
      const text = yield* fromPromise(response.text());
      expect(text).toBe("one two");
    });
  });

  test("cancelling the stream closes the end", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const stream = toReadableStream(receive);
      yield* fromPromise(stream.cancel());
      yield* waitAllTasksBlocked();
      expect(send.statistics().openReceiveChannels).toBe(0);
    });
  });
});

describe("toWritableStream(channel)", () => {
  test("a write is done when its value was sent, and closing the stream closes the end", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const writer = toWritableStream(send).getWriter();
      let written = false;
      const writing = writer.write(1).then(() => (written = true));
      yield* waitAllTasksBlocked();
      expect(written).toBe(false);
      expect(yield* receive.receive()).toBe(1);
      yield* fromPromise(writing);
      yield* fromPromise(writer.close());
      yield* waitAllTasksBlocked();
      expect(receive.statistics().openSendChannels).toBe(0);
    });
  });

  test("a write fails when nobody is left to receive, and when the run is over", async () => {
    let late: WritableStreamDefaultWriter<number> | undefined;
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      receive.close();
      const writer = toWritableStream(send).getWriter();
      writer.closed.catch(() => {});
      expect(yield* fromPromise(rejection(writer.write(1)))).toBeInstanceOf(BrokenResourceError);
      late = toWritableStream(openMemoryChannel<number>(1)[0]).getWriter();
      late.closed.catch(() => {});
    });
    expect(await rejection(late!.write(1))).toBeInstanceOf(RunFinishedError);
  });
});

describe("pumpFromStream(stream, channel)", () => {
  test("sends what the stream gives, reads no more than one ahead of what is received, and closes the end", async () => {
    await run(function* () {
      let pulled = 0;
      const stream = new ReadableStream<number>(
        {
          pull(controller) {
            if (pulled === 5) controller.close();
            else controller.enqueue(pulled++);
          },
        },
        { highWaterMark: 0 },
      );
      const [send, receive] = openMemoryChannel<number>(0);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => pumpFromStream(stream, send));
        yield* waitAllTasksBlocked(5);
        expect(pulled).toBe(1);
        const got: number[] = [];
        yield* receive.forEach((value) => {
          got.push(value);
          expect(pulled - got.length).toBeLessThanOrEqual(1);
        });
        expect(got).toEqual([0, 1, 2, 3, 4]);
      });
      expect(stream.locked).toBe(false);
    });
  });

  test("cancelled, it cancels the stream and closes the end", async () => {
    await run(function* () {
      let cancelled = false;
      const stream = new ReadableStream<number>({
        pull: () => new Promise(() => {}),
        cancel() {
          cancelled = true;
        },
      });
      const [send] = openMemoryChannel<number>(0);
      const scope = new CancelScope({ timeout: 1 });
      yield* scope.run(() => pumpFromStream(stream, send));
      expect([scope.cancelledCaught, cancelled]).toEqual([true, true]);
      expect(send.statistics().openSendChannels).toBe(0);
    });
  });

  test("what the stream fails with comes out", async () => {
    await run(function* () {
      const stream = new ReadableStream<number>({
        start(controller) {
          controller.error(new Error("broken stream"));
        },
      });
      const [send] = openMemoryChannel<number>(0);
      expect(yield* errorOf(pumpFromStream(stream, send))).toHaveProperty("message", "broken stream");
    });
  });
});

describe("pumpToStream(channel, stream)", () => {
  test("writes what is received, waits for room, and closes the stream at the end", async () => {
    await run(function* () {
      const written: number[] = [];
      let closed = false;
      const stream = new WritableStream<number>({
        async write(value) {
          await Promise.resolve();
          written.push(value);
        },
        close() {
          closed = true;
        },
      });
      const [send, receive] = openMemoryChannel<number>(5);
      for (let i = 0; i < 5; i++) send.sendNoWait(i);
      send.close();
      yield* pumpToStream(receive, stream);
      expect(written).toEqual([0, 1, 2, 3, 4]);
      expect(closed).toBe(true);
    });
  });

  test("cancelled, it aborts the stream and closes the end", async () => {
    await run(function* () {
      let aborted = false;
      const stream = new WritableStream<number>({
        abort() {
          aborted = true;
        },
      });
      const [send, receive] = openMemoryChannel<number>(0);
      const scope = new CancelScope({ timeout: 1 });
      yield* scope.run(() => pumpToStream(receive, stream));
      expect([scope.cancelledCaught, aborted]).toEqual([true, true]);
      expect(send.statistics().openReceiveChannels).toBe(0);
    });
  });

  test("what the stream fails with comes out", async () => {
    await run(function* () {
      const stream = new WritableStream<number>({
        write() {
          throw new Error("full disk");
        },
      });
      const [send, receive] = openMemoryChannel<number>(1);
      send.sendNoWait(1);
      expect(yield* errorOf(pumpToStream(receive, stream))).toHaveProperty("message", "full disk");
      expect(yield* errorOf(send.send(2))).toBeInstanceOf(BrokenResourceError);
    });
  });
});

describe("forEach(body)", () => {
  test("calls a task function or a plain function for each value, until no more come", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(3);
      for (let i = 0; i < 3; i++) send.sendNoWait(i);
      send.close();
      const other = receive.clone();
      const got: unknown[] = [];
      yield* receive.forEach(function* (value) {
        yield* waitAllTasksBlocked();
        got.push(value);
      });
      yield* other.forEach(() => {});
      expect(got).toEqual([0, 1, 2]);
    });
  });

  test("what the body throws comes out, and the channel goes on", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(3);
      for (let i = 0; i < 3; i++) send.sendNoWait(i);
      const error = new Error("mine");
      expect(
        yield* errorOf(
          receive.forEach(() => {
            throw error;
          }),
        ),
      ).toBe(error);
      expect(receive.receiveNoWait()).toBe(1);
    });
  });

  test("is refused at once without a function", () => {
    const [, receive] = openMemoryChannel<number>(0);
    expect(thrownBy(() => receive.forEach(1 as any))).toBeInstanceOf(TypeError);
  });
});

test("arguments that make no sense are refused at once", async () => {
  await run(function* () {
    const [send, receive] = openMemoryChannel<any>(0);
    const locked = new ReadableStream();
    locked.getReader();
    for (const call of [
      () => toAsyncIterable(send as any),
      () => toReadableStream({} as any),
      () => toWritableStream(receive as any),
      () => pumpFromStream({} as any, send),
      () => pumpFromStream(locked, send),
      () => pumpToStream(send as any, new WritableStream()),
      () => pumpToStream(receive, null as any),
    ]) {
      expect(thrownBy(call)).toBeInstanceOf(TypeError);
    }
  });
});
