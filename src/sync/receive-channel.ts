import { BrokenResourceError, ClosedResourceError, EndOfChannel, UsageError, WouldBlock } from "../errors.ts";
import { currentTask, type Coroutine, type Operation } from "../hazmat.ts";
import { call } from "../kernel/frame-operation.ts";
import { SUSPENDED, type Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { coroutineIn } from "./judge.ts";
import { Channel, ChannelOperation, type MemoryChannelStatistics, closedMeanwhile, count, failAll } from "./channel.ts";

/**
 * The end of a memory channel that values come out of: see {@link openMemoryChannel}. Disposable, for `using`.
 *
 * Trio: `trio.MemoryReceiveChannel`.
 */
export class ReceiveChannel<T> implements Disposable, AsyncIterable<T, undefined> {
  readonly #channel: Channel<T>;
  #closed = false;

  /** @internal */
  constructor(channel: object) {
    if (!(channel instanceof Channel)) {
      throw new TypeError("new ReceiveChannel(): openMemoryChannel(capacity) makes channels");
    }
    this.#channel = channel as Channel<T>;
    this.#channel.openReceivers++;
  }

  /**
   * Receives the next value, waiting for one if need be. Cancelled, none was taken. A checkpoint. Trio: `receive`.
   *
   * @throws EndOfChannel when no more will come; BrokenResourceError when what was sent has broken off. ClosedResourceError when
   *   this end is or becomes closed.
   */
  receive(): Operation<T> {
    return new Receive(this, this.#channel);
  }

  /**
   * Receives until no more will come, in an async task of the channel's run. A loop that is left leaves the channel as it is. A
   * checkpoint for each value.
   *
   *     for await (const order of receive) yield* handle(order);
   *
   * A plain task has {@link ReceiveChannel.forEach}, code outside the run `toAsyncIterable`. Trio: `async for`.
   *
   * @throws ClosedResourceError. UsageError outside a task, and in a plain one.
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return new Loop(this, this.#channel);
  }

  /**
   * Receives until no more will come, and calls `body(value)` for each: a task function, which runs as a frame of the current
   * task, or a plain function, whose value is dropped. A checkpoint for each value.
   *
   *     yield* receive.forEach(function* (order) {
   *       yield* handle(order);
   *     });
   *
   * To stop early, an async task writes `for await (const order of receive)`, a plain one a loop over `receive()` that has
   * EndOfChannel at its end; or somebody cancels a scope around this. What was not received stays in the channel.
   *
   * Trio: `async for`.
   *
   * @throws TypeError at once if `body` is no function. ClosedResourceError. What `body` throws.
   */
  forEach(body: (value: T) => Coroutine<unknown> | void): Operation<void> {
    if (typeof body !== "function") {
      throw new TypeError("ReceiveChannel.forEach(body): body must be a function of the value received");
    }
    return operation("ReceiveChannel.forEach()", () => this.#forEach(body));
  }

  *#forEach(body: (value: T) => Coroutine<unknown> | void): Generator<Trap, void, any> {
    for (;;) {
      let value: T;
      try {
        value = yield* this.receive();
      } catch (error) {
        if (error instanceof EndOfChannel) return;
        throw error;
      }
      const made = coroutineIn(body(value), "ReceiveChannel.forEach(body): body");
      if (made !== null) yield* call(() => made);
    }
  }

  /** Receives a value if there is one. Not a checkpoint. Trio: `receive_nowait`. @throws WouldBlock when there is none; as `receive`. */
  receiveNoWait(): T {
    this.checkOpen("receiveNoWait");
    if (this.#channel.hasValue) return this.#channel.take();
    throw new WouldBlock("ReceiveChannel.receiveNoWait(): the channel is empty, and nobody waits to send");
  }

  /** Another end of the same channel, which is closed on its own. Not a checkpoint. @throws ClosedResourceError */
  clone(): ReceiveChannel<T> {
    this.checkOpen("clone");
    return new ReceiveChannel<T>(this.#channel);
  }

  /**
   * Closes this end: who is receiving from it gets ClosedResourceError. After the last one, what lies in the channel is
   * dropped, and senders get BrokenResourceError. Closing twice is fine. Not a checkpoint. Trio: `close`.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const channel = this.#channel;
    failAll(channel.receivers, () => closedMeanwhile("ReceiveChannel.receive()"), this);
    if (--channel.openReceivers > 0) return;
    failAll(channel.senders, () => new BrokenResourceError("every end that could receive this was closed"));
    channel.buffer.clear();
  }

  /** {@link ReceiveChannel.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): MemoryChannelStatistics {
    return this.#channel.statistics();
  }

  /** @internal */
  checkOpen(method: string): void {
    if (this.#closed) throw new ClosedResourceError(`ReceiveChannel.${method}(): this end of the channel is closed`);
  }
}

class Receive<T> extends ChannelOperation<T, T> {
  static {
    this.prototype.operationName = "ReceiveChannel.receive()";
  }
  declare private readonly channel: Channel<T>;

  constructor(end: ReceiveChannel<T>, channel: Channel<T>) {
    super(end, undefined, channel.receivers);
    this.channel = channel;
  }

  attempt(): boolean {
    (this.end as ReceiveChannel<T>).checkOpen("receive");
    if (!this.channel.hasValue) return false;
    this.value = this.channel.take();
    return true;
  }

  result(): T {
    return this.value as T;
  }

  /** A sending end that somebody forgot to close is what most often keeps a receiver waiting for ever. */
  describe(): string {
    return `${this.operationName}, ${count(this.channel.openSenders, "sending end")} open`;
  }
}

/** What a `for await` steps through: each step is an operation of the task whose code the loop stands in. */
class Loop<T> implements AsyncIterator<T, undefined> {
  readonly #end: ReceiveChannel<T>;
  readonly #channel: Channel<T>;

  constructor(end: ReceiveChannel<T>, channel: Channel<T>) {
    this.#end = end;
    this.#channel = channel;
  }

  // What is there at once is a plain answer, which `for await` takes as well.
  next(): any {
    if (!inTask()) throw notHere("code outside a task");
    const step = new LoopStep(this.#end, this.#channel);
    const answer: unknown = (step[Symbol.asyncIterator]() as Iterator<unknown>).next();
    if (answer !== SUSPENDED) return answer;
    step.takeBack();
    throw notHere("a plain function*, or a function that it calls,");
  }

  /** Called where the channel itself was driven, as if it were an operation: a value has come, and is no trap. */
  throw(): never {
    throw new UsageError(
      "a ReceiveChannel is no operation: write yield* channel.receive() for the next value, for await for all of them",
    );
  }
}

class LoopStep<T> extends Receive<T> {
  override next(): IteratorResult<any, any> {
    let step: IteratorResult<unknown, T>;
    try {
      step = super.next();
    } catch (error) {
      if (error instanceof EndOfChannel) return { done: true, value: undefined };
      throw error;
    }
    return step.done === true ? { done: false, value: step.value } : step;
  }

  /** It was driven where nothing can wait. */
  takeBack(): void {
    try {
      this.return();
    } catch {
      // says that it was driven by hand
    }
  }
}

function inTask(): boolean {
  try {
    currentTask();
    return true;
  } catch {
    return false;
  }
}

function notHere(where: string): UsageError {
  return new UsageError(
    `for await over a ReceiveChannel: ${where} cannot wait so. It is for an async function* that is a task; a plain one ` +
      "writes yield* channel.forEach(function* (value) { … }), code outside the run loops over toAsyncIterable(channel)",
  );
}
