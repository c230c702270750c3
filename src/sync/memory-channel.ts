import { BrokenResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from "../errors.ts";
import { Abort, Result, reschedule, yieldIndefinitely, type Operation, type Task } from "../hazmat.ts";
import { Fifo } from "./fifo.ts";
import { judgeCount } from "./judge.ts";
import { MaybeWait } from "./maybe-wait.ts";

export interface MemoryChannelStatistics {
  /** How many values lie in the buffer. */
  readonly currentBufferUsed: number;
  /** The most that have lain there at once. */
  readonly peakBufferUsed: number;
  /** The capacity. */
  readonly maxBufferSize: number;
  readonly openSendChannels: number;
  readonly openReceiveChannels: number;
  readonly tasksWaitingSend: number;
  readonly tasksWaitingReceive: number;
}

/**
 * A queue between tasks, as its two ends: what is sent through the first is received from the second, in order, each
 * value by one task. `capacity` values may lie in between; sending one more waits until one is taken. With 0 nothing lies
 * in between: a send waits for its receive.
 *
 * Each end may be cloned, so that every task closes its own: when all of one side are closed, the other side knows that
 * no more will come, or that nobody will take it.
 *
 * Trio: `trio.open_memory_channel`. Not a checkpoint.
 *
 * @param capacity a whole number, 0 or more, or `Infinity`.
 * @throws TypeError, RangeError
 */
export function openMemoryChannel<T>(capacity: number): [SendChannel<T>, ReceiveChannel<T>] {
  judgeCount(capacity, "capacity", 0, Infinity, "openMemoryChannel(capacity)");
  const channel = new Channel<T>(capacity);
  return [new SendChannel(channel), new ReceiveChannel(channel)];
}

/** A task that waits at one of the ends, and the value it brings, or that is to be given to it. */
interface Waiter<T> {
  readonly task: Task;
  readonly end: object;
  readonly value: T | undefined;
}

/** What both ends share. */
class Channel<T> {
  readonly capacity: number;
  readonly buffer = new Fifo<T>();
  /** In order of arrival, as a Set keeps them, out of whose middle a cancelled one goes. */
  readonly senders = new Set<Waiter<T>>();
  readonly receivers = new Set<Waiter<T>>();
  peak = 0;
  openSenders = 0;
  openReceivers = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** @returns whether it went. @throws BrokenResourceError */
  offer(value: T): boolean {
    if (this.openReceivers === 0) throw new BrokenResourceError("every end that could receive this is closed");
    const receiver = takeFirst(this.receivers);
    if (receiver !== undefined) {
      reschedule(receiver.task, Result.value(value));
      return true;
    }
    if (this.buffer.size >= this.capacity) return false;
    this.buffer.put(value);
    this.peak = Math.max(this.peak, this.buffer.size);
    return true;
  }

  /** Whether there is a value to take; then {@link Channel.take} takes it. @throws EndOfChannel */
  get hasValue(): boolean {
    if (this.buffer.size > 0 || this.senders.size > 0) return true;
    if (this.openSenders === 0) throw endOfChannel();
    return false;
  }

  take(): T {
    const sender = takeFirst(this.senders);
    if (sender !== undefined) {
      reschedule(sender.task);
      this.buffer.put(sender.value as T);
    }
    return this.buffer.take() as T;
  }

  statistics(): MemoryChannelStatistics {
    return {
      currentBufferUsed: this.buffer.size,
      peakBufferUsed: this.peak,
      maxBufferSize: this.capacity,
      openSendChannels: this.openSenders,
      openReceiveChannels: this.openReceivers,
      tasksWaitingSend: this.senders.size,
      tasksWaitingReceive: this.receivers.size,
    };
  }
}

function takeFirst<W>(queue: Set<W>): W | undefined {
  for (const first of queue) {
    queue.delete(first);
    return first;
  }
  return undefined;
}

/** Waits in `queue`, as `waiter` of the current task. */
function waitIn<T>(queue: Set<Waiter<T>>, waiter: Waiter<T>): Operation<T> {
  queue.add(waiter);
  return yieldIndefinitely<T>(() => {
    queue.delete(waiter);
    return Abort.SUCCEEDED;
  });
}

/** Wakes those that wait in `queue`, all of them or those of one end, with errors of their own. */
function failAll<T>(queue: Set<Waiter<T>>, makeError: () => Error, end?: object): void {
  for (const waiter of queue) {
    if (end !== undefined && waiter.end !== end) continue;
    queue.delete(waiter);
    reschedule(waiter.task, Result.error(makeError()));
  }
}

function endOfChannel(): EndOfChannel {
  return new EndOfChannel("every end that could send is closed, and all that was sent has been received");
}

/**
 * The end of a memory channel that values go in at: see {@link openMemoryChannel}. Disposable, for `using`.
 *
 * Trio: `trio.MemorySendChannel`.
 */
export class SendChannel<T> implements Disposable {
  readonly #channel: Channel<T>;
  #closed = false;

  /** @internal */
  constructor(channel: object) {
    if (!(channel instanceof Channel))
      throw new TypeError("new SendChannel(): openMemoryChannel(capacity) makes channels");
    this.#channel = channel as Channel<T>;
    this.#channel.openSenders++;
  }

  /**
   * Sends a value, waiting until there is room for it or somebody takes it. Cancelled, it was not sent. A checkpoint.
   * Trio: `send`.
   *
   * @throws ClosedResourceError when this end is or becomes closed. BrokenResourceError when nobody is left to receive.
   */
  send(value: T): Operation<void> {
    return new Send(this, this.#channel, value);
  }

  /** Sends a value if it can go at once. Not a checkpoint. Trio: `send_nowait`. @throws WouldBlock when it cannot; as `send`. */
  sendNoWait(value: T): void {
    this.checkOpen("sendNoWait");
    if (this.#channel.offer(value)) return;
    throw new WouldBlock("SendChannel.sendNoWait(): the channel is full, and nobody waits to receive");
  }

  /** Another end of the same channel, which is closed on its own. Not a checkpoint. @throws ClosedResourceError */
  clone(): SendChannel<T> {
    this.checkOpen("clone");
    return new SendChannel<T>(this.#channel);
  }

  /**
   * Closes this end: who is sending through it gets ClosedResourceError. After the last one, receivers get what is left
   * and then EndOfChannel. Closing twice is fine. Not a checkpoint. Trio: `close`.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const channel = this.#channel;
    failAll(channel.senders, () => closedMeanwhile("SendChannel.send()"), this);
    if (--channel.openSenders === 0) failAll(channel.receivers, endOfChannel);
  }

  /** {@link SendChannel.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): MemoryChannelStatistics {
    return this.#channel.statistics();
  }

  /** @internal */
  checkOpen(method: string): void {
    if (this.#closed) throw new ClosedResourceError(`SendChannel.${method}(): this end of the channel is closed`);
  }
}

class Send<T> extends MaybeWait<void> {
  static {
    this.prototype.operationName = "SendChannel.send()";
  }
  readonly #end: SendChannel<T>;
  readonly #channel: Channel<T>;
  readonly #value: T;

  constructor(end: SendChannel<T>, channel: Channel<T>, value: T) {
    super();
    this.#end = end;
    this.#channel = channel;
    this.#value = value;
  }

  protected attempt(): boolean {
    this.#end.checkOpen("send");
    return this.#channel.offer(this.#value);
  }

  protected wait(task: Task): Operation<unknown> {
    return waitIn(this.#channel.senders, { task, end: this.#end, value: this.#value });
  }

  protected result(): void {}
}

/**
 * The end of a memory channel that values come out of: see {@link openMemoryChannel}. Disposable, for `using`.
 *
 * Trio: `trio.MemoryReceiveChannel`.
 */
export class ReceiveChannel<T> implements Disposable {
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
   * @throws EndOfChannel when no more will come. ClosedResourceError when this end is or becomes closed.
   */
  receive(): Operation<T> {
    return new Receive(this, this.#channel);
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

class Receive<T> extends MaybeWait<T> {
  static {
    this.prototype.operationName = "ReceiveChannel.receive()";
  }
  readonly #end: ReceiveChannel<T>;
  readonly #channel: Channel<T>;
  #atOnce = false;
  #value: T | undefined = undefined;

  constructor(end: ReceiveChannel<T>, channel: Channel<T>) {
    super();
    this.#end = end;
    this.#channel = channel;
  }

  protected attempt(): boolean {
    this.#end.checkOpen("receive");
    if (!this.#channel.hasValue) return false;
    this.#value = this.#channel.take();
    return (this.#atOnce = true);
  }

  protected wait(task: Task): Operation<unknown> {
    return waitIn(this.#channel.receivers, { task, end: this.#end, value: undefined });
  }

  protected result(woken: unknown): T {
    return this.#atOnce ? (this.#value as T) : (woken as T);
  }
}

function closedMeanwhile(what: string): ClosedResourceError {
  return new ClosedResourceError(`${what}: this end of the channel was closed meanwhile`);
}
