import { BrokenResourceError, ClosedResourceError, EndOfChannel } from "../errors.ts";
import { Abort, Result, reschedule, yieldIndefinitely, type Operation, type Task } from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";
import { Fifo } from "./fifo.ts";

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

/** Several waits of one task, of which one comes true: then the others are given up. */
export class Selection {
  readonly waiters: Waiter<any>[] = [];
  chosen: Waiter<any> | null = null;

  giveUp(): void {
    for (const waiter of this.waiters) waiter.queue.delete(waiter);
  }
}

/** A task that waits at one of the ends, and the value it brings, if it is there to send. */
export class Waiter<T> {
  readonly task: Task;
  readonly end: object;
  readonly value: T | undefined;
  /** Where it waits. */
  readonly queue: Set<Waiter<T>>;
  readonly #selection: Selection | null;

  constructor(task: Task, end: object, value: T | undefined, queue: Set<Waiter<T>>, selection: Selection | null) {
    this.task = task;
    this.end = end;
    this.value = value;
    this.queue = queue;
    this.#selection = selection;
    queue.add(this);
    selection?.waiters.push(this);
  }

  wake(result?: Result<T>): void {
    const selection = this.#selection;
    if (selection === null) this.queue.delete(this);
    else {
      selection.chosen = this;
      selection.giveUp();
    }
    reschedule(this.task, result);
  }
}

/** What the two ends of a memory channel share. */
export class Channel<T> {
  readonly capacity: number;
  readonly buffer: Fifo<T> = new Fifo<T>();
  /** In order of arrival, as a Set keeps them, out of whose middle a cancelled one goes. */
  readonly senders: Set<Waiter<T>> = new Set<Waiter<T>>();
  readonly receivers: Set<Waiter<T>> = new Set<Waiter<T>>();
  peak = 0;
  openSenders = 0;
  openReceivers = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** @returns whether it went. @throws BrokenResourceError */
  offer(value: T): boolean {
    if (this.openReceivers === 0) throw new BrokenResourceError("every end that could receive this is closed");
    for (const receiver of this.receivers) {
      receiver.wake(Result.value(value));
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
    for (const sender of this.senders) {
      sender.wake();
      this.buffer.put(sender.value as T);
      break;
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

/** A send or a receive. It can also be one case of a `select`, which makes its parts happen itself. */
export abstract class ChannelOperation<T> extends Attempt<T> {
  /** Makes it happen, if it can at once. @throws what it fails with. */
  abstract override attempt(task: Task): boolean;
  /** Has `task` wait for it, alone or in a selection. */
  abstract enqueue(task: Task, selection: Selection | null): Waiter<any>;
  /** Its waiter was woken, with `value`: that made it happen. */
  abstract override waited(value: unknown): true;
  abstract override result(): T;

  protected wait(task: Task): Operation<unknown> {
    const waiter = this.enqueue(task, null);
    return yieldIndefinitely(() => {
      waiter.queue.delete(waiter);
      return Abort.SUCCEEDED;
    });
  }
}

/** Wakes those that wait in `queue`, all of them or those of one end, with errors of their own. */
export function failAll<T>(queue: Set<Waiter<T>>, makeError: () => Error, end?: object): void {
  for (const waiter of queue) {
    if (end === undefined || waiter.end === end) waiter.wake(Result.error(makeError()));
  }
}

export function endOfChannel(): EndOfChannel {
  return new EndOfChannel("every end that could send is closed, and all that was sent has been received");
}

export function closedMeanwhile(what: string): ClosedResourceError {
  return new ClosedResourceError(`${what}: this end of the channel was closed meanwhile`);
}
