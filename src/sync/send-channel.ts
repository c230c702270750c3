import { ClosedResourceError, WouldBlock } from "../errors.ts";
import type { Operation } from "../hazmat.ts";
import { Channel, ChannelOperation, type MemoryChannelStatistics, closedMeanwhile, count, failAll } from "./channel.ts";

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
    if (--channel.openSenders === 0) failAll(channel.receivers, () => channel.end());
  }

  /**
   * Closes this end before all was sent that was to be: after the last end is closed, receivers get what is left and then
   * BrokenResourceError, with `cause` as its cause, in the place of EndOfChannel. For a producer that fails, where its
   * consumers are not cancelled with it: `using` and {@link SendChannel.close} say that all is there. Of several that break
   * off the first counts; on an end that is closed it does nothing. Not a checkpoint. Trio has none (#719).
   *
   *     try {
   *       yield* produce(send);
   *       send.close();
   *     } catch (error) {
   *       send.breakOff(error);
   *       throw error;
   *     }
   */
  breakOff(cause: unknown): void {
    if (this.#closed) return;
    this.#channel.brokenOff ??= { cause };
    this.close();
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

class Send<T> extends ChannelOperation<T, void> {
  static {
    this.prototype.operationName = "SendChannel.send()";
  }
  declare private readonly channel: Channel<T>;

  constructor(end: SendChannel<T>, channel: Channel<T>, value: T) {
    super(end, value, channel.senders);
    this.channel = channel;
  }

  attempt(): boolean {
    (this.end as SendChannel<T>).checkOpen("send");
    return this.channel.offer(this.value as T);
  }

  result(): void {}

  describe(): string {
    return `${this.operationName}, ${count(this.channel.openReceivers, "receiving end")} open`;
  }
}
