import { describe, expect, test } from "bun:test";
import {
  BrokenResourceError,
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  Event,
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
  type ReceiveChannel,
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

  test.each([0, 3])(
    "capacity %p: what was sent is all had, though the run is over before it is asked for",
    async (capacity) => {
      type Values = AsyncIterableIterator<number, undefined>;
      const { promise, resolve } = Promise.withResolvers<{ readonly values: Values }>();
      const running = run(function* () {
        const [send, receive] = openMemoryChannel<number>(capacity);
        resolve({ values: toAsyncIterable(receive) });
        for (let i = 0; i < 3; i++) yield* send.send(i);
        send.close();
      });
      const { values } = await promise;
      const got: number[] = [];
      for await (const value of values) {
        got.push(value);
        if (capacity > 0 || value === 2) await running;
      }
      expect(got).toEqual([0, 1, 2]);
      expect(await values.next()).toEqual({ done: true, value: undefined });
    },
  );

  test("after the run it gives what lies in a channel that nobody has closed, and then throws RunFinishedError", async () => {
    const values = await run(function* () {
      const [send, receive] = openMemoryChannel<number>(3);
      send.sendNoWait(1);
      return toAsyncIterable(receive);
    });
    expect(await values.next()).toEqual({ done: false, value: 1 });
    const error = await rejection(values.next());
    expect(error).toBeInstanceOf(RunFinishedError);
    expect(error.message).toBe("the run that this channel belongs to is over");
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

  test("several next() at once are answered in the order in which they were asked, whatever the run's order", async () => {
    for (const seed of [1, 2, 3, 4]) {
      await run(
        function* () {
          const [send, receive] = openMemoryChannel<number>(3);
          for (let i = 0; i < 3; i++) send.sendNoWait(i);
          send.close();
          const values = toAsyncIterable(receive);
          const results = yield* fromPromise(Promise.all(Array.from({ length: 4 }, () => values.next())));
          expect(results.map(({ value }) => value)).toEqual([0, 1, 2, undefined]);
        },
        { seed },
      );
    }
  });

  test("return() ends it: for a next() that is waiting, and for those to come, though the run is over then", async () => {
    let values: AsyncIterator<number> | undefined;
    const done: IteratorResult<number, undefined> = { done: true, value: undefined };
    await run(function* () {
      const [, receive] = openMemoryChannel<number>(0);
      values = toAsyncIterable(receive);
      const waiting = values.next();
      yield* waitAllTasksBlocked();
      expect(yield* fromPromise(values.return!())).toEqual(done);
      expect(yield* fromPromise(waiting)).toEqual(done);
      expect(yield* fromPromise(values.next())).toEqual(done);
    });
    expect(await values!.next()).toEqual(done);
  });

  test("after its end it has ended, though the run is over then", async () => {
    let values: AsyncIterator<number> | undefined;
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      values = toAsyncIterable(receive);
      send.close();
      expect(yield* fromPromise(values.next())).toEqual({ done: true, value: undefined });
    });
    expect(await values!.next()).toEqual({ done: true, value: undefined });
  });

  test("an end that a task closes is an error for who waits at it", async () => {
    await run(function* () {
      const [, receive] = openMemoryChannel<number>(0);
      const waiting = rejection(toAsyncIterable(receive).next());
      yield* waitAllTasksBlocked();
      receive.close();
      expect(yield* fromPromise(waiting)).toBeInstanceOf(ClosedResourceError);
    });
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

  test("cancelling it while a read waits ends the read, and closes the end", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const reader = toReadableStream(receive).getReader();
      const reading = reader.read();
      yield* waitAllTasksBlocked();
      yield* fromPromise(reader.cancel("enough"));
      expect(yield* fromPromise(reading)).toEqual({ done: true, value: undefined });
      yield* waitAllTasksBlocked();
      expect(send.statistics()).toMatchObject({ openReceiveChannels: 0, tasksWaitingReceive: 0 });
    });
  });

  test("is in error with RunFinishedError when the run is over first, for who waits and for who reads then", async () => {
    let waiting: Promise<unknown> | undefined;
    let late: ReadableStream<number> | undefined;
    await run(function* () {
      const [, receive] = openMemoryChannel<number>(1);
      late = toReadableStream(receive.clone());
      waiting = rejection(new Response(toReadableStream(receive) as any).text());
      yield* waitAllTasksBlocked();
    });
    expect(await waiting).toBeInstanceOf(RunFinishedError);
    expect(await rejection(late!.getReader().read())).toBeInstanceOf(RunFinishedError);
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

  test("aborting it closes the end, and ends a write that waits", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const writer = toWritableStream(send).getWriter();
      writer.closed.catch(() => {});
      const writing = rejection(writer.write(1));
      yield* waitAllTasksBlocked();
      yield* fromPromise(writer.abort("enough"));
      expect(yield* fromPromise(writing)).toBeInstanceOf(ClosedResourceError);
      expect(receive.statistics()).toMatchObject({ openSendChannels: 0, tasksWaitingSend: 0 });
    });
  });

  test("who writes faster than is received is told to wait", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const writer = toWritableStream(send).getWriter();
      const writing = [writer.write(1), writer.write(2)];
      yield* waitAllTasksBlocked();
      expect(writer.desiredSize).toBe(-1);
      expect(receive.statistics().tasksWaitingSend).toBe(1); // one by one
      expect([yield* receive.receive(), yield* receive.receive()]).toEqual([1, 2]);
      yield* fromPromise(Promise.all(writing));
      expect(writer.desiredSize).toBe(1);
    });
  });

  test("a stream can be piped into it, and waits where nobody receives", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      let pulled = 0;
      const source = new ReadableStream<number>(
        {
          pull(controller) {
            if (pulled === 4) controller.close();
            else controller.enqueue(pulled++);
          },
        },
        { highWaterMark: 0 },
      );
      const piping = source.pipeTo(toWritableStream(send));
      const got: number[] = [];
      yield* receive.forEach((value) => {
        got.push(value);
        expect(pulled - got.length).toBeLessThanOrEqual(1);
      });
      yield* fromPromise(piping);
      expect(got).toEqual([0, 1, 2, 3]);
    });
  });
});

describe("what ends early does not look like all of it", () => {
  const reason = new Error("the cable was cut");

  /** What comes after the values, from a loop and from one that was waiting when it came. */
  function* endsOf(receive: ReceiveChannel<number>, breakIt: () => void): Generator<any, unknown[], any> {
    const ends: unknown[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        ends.push(yield* errorOf(receive.clone().forEach(() => {})));
      });
      yield* waitAllTasksBlocked();
      breakIt();
    });
    ends.push(yield* errorOf(receive.receive()));
    return ends;
  }
  const broken = expect.objectContaining({
    name: "BrokenResourceError",
    message: expect.stringContaining("broken off before its end"),
    cause: reason,
  });

  test("a WritableStream that is aborted", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const writer = toWritableStream(send).getWriter();
      const ends = yield* endsOf(receive, () => void writer.abort(reason));
      expect(ends).toEqual([broken, broken]);
    });
  });

  test("a ReadableStream that fails", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      let controller: ReadableStreamDefaultController<number> | undefined;
      const stream = new ReadableStream<number>({
        start(given) {
          controller = given;
        },
      });
      let thrown: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          thrown = yield* errorOf(pumpFromStream(stream, send));
        });
        const ends = yield* endsOf(receive, () => controller!.error(reason));
        expect(ends).toEqual([broken, broken]);
      });
      expect(thrown).toBe(reason);
    });
  });

  test("the first of several senders that breaks off counts, once all are closed and all is received", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(3);
      const writer = toWritableStream(send.clone()).getWriter();
      yield* fromPromise(writer.abort(reason));
      yield* waitAllTasksBlocked();
      send.sendNoWait(1);
      send.close();
      expect(yield* receive.receive()).toBe(1);
      expect(yield* errorOf(receive.receive())).toEqual(broken);
    });
  });

  test("and it goes through a channel from one stream to the other", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<number>(0);
      const reading = toReadableStream(receive).getReader();
      const writer = toWritableStream(send).getWriter();
      const next = rejection(reading.read());
      void writer.abort(reason);
      expect(yield* fromPromise(next)).toEqual(broken);
    });
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
      expect(send.statistics().openSendChannels).toBe(0);
    });
  });

  test("when nobody is left to receive, the stream is cancelled with that as the reason", async () => {
    await run(function* () {
      let reason: unknown;
      const stream = new ReadableStream<number>({
        pull: (controller) => controller.enqueue(1),
        cancel(why) {
          reason = why;
        },
      });
      const [send, receive] = openMemoryChannel<number>(0);
      receive.close();
      const error = yield* errorOf(pumpFromStream(stream, send));
      expect(error).toBeInstanceOf(BrokenResourceError);
      expect(reason).toBe(error);
      expect(stream.locked).toBe(false);
    });
  });

  test("takes a stream of bytes", async () => {
    await run(function* () {
      const [send, receive] = openMemoryChannel<Uint8Array>(0);
      const stream = new ReadableStream({
        type: "bytes",
        pull(controller) {
          controller.enqueue(new Uint8Array([1, 2]));
          controller.close();
        },
      });
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => pumpFromStream(stream, send));
        expect([...(yield* receive.receive())]).toEqual([1, 2]);
        expect(yield* errorOf(receive.receive())).toBeInstanceOf(EndOfChannel);
      });
    });
  });

  test("closes the end also where the stream was locked meanwhile", async () => {
    await run(function* () {
      const stream = new ReadableStream<number>();
      const [send] = openMemoryChannel<number>(0);
      const pump = pumpFromStream(stream, send);
      stream.getReader();
      expect(yield* errorOf(pump)).toBeInstanceOf(TypeError);
      expect(send.statistics().openSendChannels).toBe(0);
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

  test("what the stream fails with comes out also while there is nothing to write, and senders hear of it", async () => {
    await run(function* () {
      let fail: ((error: Error) => void) | undefined;
      const stream = new WritableStream<number>({
        start(controller) {
          fail = (error) => controller.error(error);
        },
      });
      const [send, receive] = openMemoryChannel<number>(0);
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          error = yield* errorOf(pumpToStream(receive, stream));
        });
        yield* waitAllTasksBlocked();
        fail!(new Error("sink gone"));
      });
      expect(error).toHaveProperty("message", "sink gone");
      expect(yield* errorOf(send.send(1))).toBeInstanceOf(BrokenResourceError);
    });
  });

  test("an end that is closed meanwhile is that error, and the stream is aborted with it", async () => {
    await run(function* () {
      let reason: unknown;
      const stream = new WritableStream<number>({
        abort(why) {
          reason = why;
        },
      });
      const [, receive] = openMemoryChannel<number>(0);
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          error = yield* errorOf(pumpToStream(receive, stream));
        });
        yield* waitAllTasksBlocked();
        receive.close();
      });
      expect(error).toBeInstanceOf(ClosedResourceError);
      expect(reason).toBe(error);
    });
  });

  test("takes no value before the stream has room for it", async () => {
    await run(function* () {
      const writes = Array.from({ length: 4 }, () => ({ begun: new Event(), done: Promise.withResolvers<void>() }));
      let count = 0;
      const stream = new WritableStream<number>({
        write() {
          const { begun, done } = writes[count++]!;
          begun.set();
          return done.promise;
        },
      });
      const [send, receive] = openMemoryChannel<number>(3);
      for (let i = 0; i < 3; i++) send.sendNoWait(i);
      send.close();
      const earlier = stream.getWriter();
      void earlier.write(-1);
      earlier.releaseLock();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => pumpToStream(receive, stream));
        for (const [index, { begun, done }] of writes.entries()) {
          yield* begun.wait();
          yield* waitAllTasksBlocked();
          expect([receive.statistics().currentBufferUsed, count]).toEqual([3 - index, index + 1]);
          done.resolve();
        }
      });
    });
  });

  test("closes the end also where the stream was locked meanwhile", async () => {
    await run(function* () {
      const stream = new WritableStream<number>();
      const [, receive] = openMemoryChannel<number>(0);
      const pump = pumpToStream(receive, stream);
      stream.getWriter();
      expect(yield* errorOf(pump)).toBeInstanceOf(TypeError);
      expect(receive.statistics().openReceiveChannels).toBe(0);
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
