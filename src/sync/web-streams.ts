/**
 * Between memory channels and the Web's streams, with backpressure: nothing is taken from one side before the other can
 * have it. And what ends early on one side never looks like all of it on the other: who receives what a stream gave gets
 * BrokenResourceError, with the stream's error as its cause. `to…Stream` give the channel's end to code outside the run; the
 * pumps are for a task that moves what a stream has, or wants.
 */
import { Cancelled, EndOfChannel, RunFinishedError, UsageError, WouldBlock } from "../errors.ts";
import { currentCallSoonThreadAndSignalSafe, spawnSystemTask, type CallSoon, type Operation } from "../hazmat.ts";
import { fromPromise } from "../kernel/promise.ts";
import type { Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { ReceiveChannel } from "./receive-channel.ts";
import { SendChannel } from "./send-channel.ts";

/**
 * What comes out of a channel, for code outside the run: `for await (const value of toAsyncIterable(channel))`. A value is
 * taken when it is asked for. The end is the iteration's from now on: leaving the loop closes it, and the iteration ends
 * when no more will come. Called in the run; used anywhere in its thread, but not in tasks of the run, which loop
 * over the channel itself. Not a checkpoint.
 *
 * When the run is over, it gives what still lies in the channel, and then ends if every sending end was closed, else it throws
 * RunFinishedError.
 *
 * @throws TypeError if `channel` is no receiving end. UsageError outside a run.
 */
export function toAsyncIterable<T>(channel: ReceiveChannel<T>): AsyncIterableIterator<T, undefined> {
  checkEnd(channel, ReceiveChannel, "toAsyncIterable(channel)");
  const inRun = new InRun();
  const end: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let ended = false;
  const receiveNext = (): Promise<IteratorResult<T, undefined>> => {
    if (ended) return Promise.resolve(end);
    return inRun
      .result(function* (): Generator<Trap, IteratorResult<T, undefined>, any> {
        try {
          return { done: false, value: yield* channel.receive() };
        } catch (error) {
          ended ||= error instanceof EndOfChannel;
          if (ended) return end;
          throw error;
        }
      })
      .catch((error: unknown) => {
        if (error instanceof RunFinishedError) return leftIn(channel, error);
        throw error;
      });
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      // One after the other: of tasks that come to wait at once, a run with a seed may put any first.
      const next = last.then(receiveNext);
      last = next.catch(() => {});
      return next;
    },
    return() {
      ended = true;
      inRun.do(() => channel.close());
      return Promise.resolve(end);
    },
  };
}

/** After the run. @throws `isOver` where more might have come. */
function leftIn<T>(channel: ReceiveChannel<T>, isOver: RunFinishedError): IteratorResult<T, undefined> {
  try {
    return { done: false, value: channel.receiveNoWait() };
  } catch (error) {
    if (error instanceof EndOfChannel) return { done: true, value: undefined };
    throw error instanceof WouldBlock ? isOver : error;
  }
}

/**
 * What comes out of a channel as a ReadableStream, for code outside the run: `new Response(toReadableStream(channel))`.
 * Nothing is taken ahead. The end is the stream's from now on: cancelling the stream closes it. Not a checkpoint.
 *
 * When the run is over before every sending end was closed, the stream is in error with RunFinishedError.
 *
 * @throws TypeError if `channel` is no receiving end. UsageError outside a run.
 */
export function toReadableStream<T>(channel: ReceiveChannel<T>): ReadableStream<T> {
  checkEnd(channel, ReceiveChannel, "toReadableStream(channel)");
  const values = toAsyncIterable(channel);
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await values.next();
        if (done === true) controller.close();
        else controller.enqueue(value as T);
      },
      async cancel() {
        await values.return!();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * A WritableStream that sends into a channel, for code outside the run: `stream.pipeTo(toWritableStream(channel))`. A write
 * is done when its value was sent, and until then the stream tells its writer to wait. The end is the stream's from now on:
 * closing the stream closes it, aborting it breaks it off: who receives gets BrokenResourceError, with the reason as its cause,
 * in the place of EndOfChannel. Not a checkpoint.
 *
 * A write fails with BrokenResourceError when nobody is left to receive, with RunFinishedError when the run is over.
 *
 * @throws TypeError if `channel` is no sending end. UsageError outside a run.
 */
export function toWritableStream<T>(channel: SendChannel<T>): WritableStream<T> {
  checkEnd(channel, SendChannel, "toWritableStream(channel)");
  const inRun = new InRun();
  return new WritableStream<T>({
    start(controller) {
      // The stream's own abort() is called only after a write that waits.
      const { signal } = controller as WritableStreamDefaultController & { readonly signal: AbortSignal };
      signal.addEventListener("abort", () => inRun.do(() => channel.breakOff(signal.reason)));
    },
    write: (value) => inRun.result(() => channel.send(value)),
    close: () => inRun.do(() => channel.close()),
  });
}

/**
 * Reads a ReadableStream to its end, sends what it gives into a channel, one by one, and closes the channel's end. If it ends in
 * any other way, the stream is cancelled, with what ended this as the reason, and who receives gets BrokenResourceError, with that
 * as its cause, in the place of EndOfChannel. A checkpoint for each value.
 *
 *     nursery.startSoon(() => pumpFromStream(response.body!, send));
 *
 * @throws TypeError at once for an argument, also for a stream that is locked. What the stream fails with; BrokenResourceError
 *   when nobody is left to receive.
 */
export function pumpFromStream<T>(stream: ReadableStream<T>, channel: SendChannel<T>): Operation<void> {
  const call = "pumpFromStream(stream, channel)";
  if (!(stream instanceof ReadableStream)) throw new TypeError(`${call}: stream must be a ReadableStream`);
  if (stream.locked) throw new TypeError(`${call}: stream is locked: somebody else reads it`);
  checkEnd(channel, SendChannel, call);
  return operation("pumpFromStream()", function* (): Generator<Trap, void, any> {
    try {
      const reader = stream.getReader();
      try {
        for (;;) {
          const { done, value } = yield* fromPromise(reader.read());
          if (done) break;
          yield* channel.send(value as T);
        }
      } catch (error) {
        // What that comes to is the stream's own affair: nobody reads it any more.
        reader.cancel(error).catch(() => {});
        throw error;
      } finally {
        reader.releaseLock();
      }
      channel.close();
    } catch (error) {
      channel.breakOff(error);
      throw error;
    }
  });
}

/**
 * Receives from a channel to its end, and writes what comes to a WritableStream, waiting for room; then closes the stream, and
 * waits for that. If it ends in any other way the stream is aborted, with what ended it as the reason; a stream that fails
 * ends it at once. The channel's end is closed in any case. A checkpoint for each value.
 *
 * @throws TypeError at once for an argument, also for a stream that is locked. What the stream fails with.
 */
export function pumpToStream<T>(channel: ReceiveChannel<T>, stream: WritableStream<T>): Operation<void> {
  const call = "pumpToStream(channel, stream)";
  checkEnd(channel, ReceiveChannel, call);
  if (!(stream instanceof WritableStream)) throw new TypeError(`${call}: stream must be a WritableStream`);
  if (stream.locked) throw new TypeError(`${call}: stream is locked: somebody else writes to it`);
  return operation("pumpToStream()", function* (): Generator<Trap, void, any> {
    try {
      const writer = stream.getWriter();
      const failed: { error?: unknown } = {};
      // The same error comes out of ready, write and close; this tells of it while there is nothing to write.
      writer.closed.catch((error: unknown) => {
        failed.error = error;
        channel.close();
      });
      try {
        for (;;) {
          yield* fromPromise(writer.ready);
          let value: T;
          try {
            value = yield* channel.receive();
          } catch (error) {
            if (error instanceof EndOfChannel) break;
            throw "error" in failed ? failed.error : error;
          }
          yield* fromPromise(writer.write(value));
        }
        yield* fromPromise(writer.close());
      } catch (error) {
        writer.abort(error).catch(() => {});
        throw error;
      } finally {
        writer.releaseLock();
      }
    } finally {
      channel.close();
    }
  });
}

/** Does things in the run that it was made in, for code outside. */
class InRun {
  readonly #callSoon: CallSoon = currentCallSoonThreadAndSignalSafe();

  /** What the operation gives that `make` makes, done by a system task. Rejects with RunFinishedError when the run ends first. */
  result<T>(make: () => Operation<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const isOver = (): void => reject(new RunFinishedError("the run that this channel belongs to is over"));
    this.#queue(() => {
      try {
        spawnSystemTask(function* forOutside() {
          try {
            resolve(yield* make());
          } catch (error) {
            if (!(error instanceof Cancelled)) reject(error);
            else {
              isOver();
              throw error;
            }
          }
        });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        isOver(); // calls are still served when the system tasks have ended
      }
    }, isOver);
    return promise;
  }

  /** Has `fn` called in the run; when that is over, there is nothing left to do it to. */
  do(fn: () => void): void {
    this.#queue(fn, () => {});
  }

  #queue(fn: () => void, onFinished: () => void): void {
    try {
      this.#callSoon(fn);
    } catch (error) {
      if (!(error instanceof RunFinishedError)) throw error;
      onFinished();
    }
  }
}

function checkEnd(channel: unknown, End: typeof SendChannel | typeof ReceiveChannel, call: string): void {
  if (channel instanceof End) return;
  throw new TypeError(`${call}: channel must be a ${End.name}, as openMemoryChannel(capacity) gives them`);
}
