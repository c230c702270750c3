import { BrokenResourceError, ClosedResourceError, EndOfChannel } from "../errors.ts";
import type { Task } from "../hazmat.ts";
import { Fifo } from "./fifo.ts";
import { WaitList, Waiting } from "./wait-list.ts";

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

/** What the two ends of a memory channel share. */
export class Channel<T> {
  readonly capacity: number;
  readonly buffer: Fifo<T> = new Fifo<T>();
  /** What waits at either side. */
  readonly senders: Queue<T> = new WaitList();
  readonly receivers: Queue<T> = new WaitList();
  /** Why what was sent has broken off before its end; undefined while it has not. */
  brokenOff: { readonly cause: unknown } | undefined = undefined;
  peak = 0;
  openSenders = 0;
  openReceivers = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** @returns whether it went. @throws BrokenResourceError */
  offer(value: T): boolean {
    if (this.openReceivers === 0) throw new BrokenResourceError("every end that could receive this is closed");
    const receiver = this.receivers.first;
    if (receiver !== null) {
      receiver.value = value;
      receiver.comeTrue();
      return true;
    }
    if (this.buffer.size >= this.capacity) return false;
    this.buffer.put(value);
    this.peak = Math.max(this.peak, this.buffer.size);
    return true;
  }

  /** What receivers get when nothing is left and nobody can send. */
  end(): Error {
    if (this.brokenOff === undefined) {
      return new EndOfChannel("every end that could send is closed, and all that was sent has been received");
    }
    return new BrokenResourceError("what was sent into this channel has broken off before its end", this.brokenOff);
  }

  /** Whether there is a value to take; then {@link Channel.take} takes it. @throws EndOfChannel, BrokenResourceError */
  get hasValue(): boolean {
    if (this.buffer.size > 0 || this.senders.size > 0) return true;
    if (this.openSenders === 0) throw this.end();
    return false;
  }

  take(): T {
    const sender = this.senders.first;
    if (sender === null) return this.buffer.take() as T;
    sender.comeTrue();
    if (this.buffer.size === 0) return sender.value as T; // the capacity is 0
    this.buffer.put(sender.value as T);
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

/** Sends, or receives, that wait. */
export type Queue<T> = WaitList<ChannelOperation<T>>;

/** A `select` that waits for several sends and receives, one of which comes true. */
export interface Selection {
  comeTrue(one: ChannelOperation<any>): void;
  fail(error: Error): void;
}

/** A send or a receive of a `T`. It can also be one case of a `select`, which waits for it in its own task. */
export abstract class ChannelOperation<T, R = unknown> extends Waiting<R, ChannelOperation<T>> {
  /** The end that it goes through. */
  declare readonly end: object;
  /** What is sent; what was received. */
  declare value: T | undefined;
  declare private selection: Selection | null;

  /** @param queue where it waits */
  constructor(end: object, value: T | undefined, queue: Queue<T>) {
    super(queue);
    this.end = end;
    this.value = value;
    this.selection = null;
  }

  /** Makes it happen, if it can at once. @throws what it fails with. */
  abstract override attempt(task: Task): boolean;
  abstract override result(): R;
  /** For the tree of tasks. */
  abstract describe(): string;

  /** Waits as one case of a `select`. */
  waitIn(selection: Selection): void {
    this.selection = selection;
    this.wait();
  }

  /** It waited, and now it has happened. */
  comeTrue(): void {
    this.giveUp();
    if (this.selection === null) this.endWait();
    else this.selection.comeTrue(this as ChannelOperation<T>);
  }

  /** It waited, and cannot happen any more. */
  fail(error: Error): void {
    this.giveUp();
    if (this.selection === null) this.failWait(error);
    else this.selection.fail(error);
  }
}

/** Fails those that wait, all of them or those of one end, with errors of their own. */
export function failAll<T>(queue: Queue<T>, makeError: () => Error, end?: object): void {
  for (const one of queue) if (end === undefined || one.end === end) one.fail(makeError());
}

export function closedMeanwhile(what: string): ClosedResourceError {
  return new ClosedResourceError(`${what}: this end of the channel was closed meanwhile`);
}

/** "1 sending end", "2 sending ends" */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
