import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { BusyResourceError, ClosedResourceError, type SystemError } from "../errors.ts";
import type { IoStatistics } from "../kernel/io-manager.ts";
import type { Operation } from "../kernel/operation.ts";
import { Abort, type AbortResult } from "../kernel/abort.ts";
import { Suspension, wake, wakeWithError } from "../kernel/suspension.ts";
import type { Task } from "../kernel/task.ts";
import type { FdIoManager } from "./fd-io-manager.ts";

/** The directions, as bits: the values of POLLIN and POLLOUT, and of EPOLLIN and EPOLLOUT. */
export const READABLE = 1;
export const WRITABLE = 4;
export type Direction = typeof READABLE | typeof WRITABLE;
export const BOTH: number = READABLE | WRITABLE;

/** A descriptor that a backend knows, and who waits for it: at most one task for each direction. */
export class Watch {
  readonly fd: number;
  reader: Task | null = null;
  writer: Task | null = null;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** The directions somebody waits for. */
  get interest(): number {
    return (this.reader === null ? 0 : READABLE) | (this.writer === null ? 0 : WRITABLE);
  }
}

/**
 * What the backends for descriptors have in common: the table of descriptors, their waiters, and how these are woken.
 * A backend says how a descriptor is taken in, how an interest is added to it and taken from it, and how it is let go.
 */
export abstract class DescriptorWaits<W extends Watch> implements FdIoManager {
  abstract readonly backend: string;
  /** Every known descriptor, by its number. */
  protected readonly watches: (W | undefined)[] = [];
  #reading = 0;
  #writing = 0;

  /** A first wait for a descriptor: takes it in. @throws {SystemError} what the system refuses. */
  protected abstract open(fd: number, direction: Direction): W;
  /** A wait for a descriptor that is known. Its waiter is set right after. */
  protected abstract resume(watch: W, direction: Direction): void;
  /** A waiter of `watch` went away. */
  protected abstract release(watch: W, direction: Direction): void;
  /** Lets a descriptor go, closed or not. Its waiters are woken right after. */
  protected abstract forget(watch: W): void;

  abstract poll(timeout: number): number;
  abstract wake(): void;
  abstract close(): void;

  get waiting(): number {
    return this.#reading + this.#writing;
  }

  statistics(): IoStatistics {
    return { backend: this.backend, tasksWaitingRead: this.#reading, tasksWaitingWrite: this.#writing };
  }

  waitReadable(fd: number): Operation<void> {
    return new ReadableWait(this, fd);
  }

  waitWritable(fd: number): Operation<void> {
    return new WritableWait(this, fd);
  }

  notifyClosing(fd: number): void {
    const watch = this.watches[fd];
    if (watch === undefined) return;
    this.forget(watch);
    this.fail(watch, () => new ClosedResourceError(`fd ${fd} was closed while this task waited for it`));
  }

  /** @internal The driving task waits for `fd` from now on. */
  beginWait(fd: number, direction: Direction, task: Task): Watch {
    let watch = this.watches[fd];
    if (watch === undefined) watch = this.open(fd, direction);
    else {
      const first = direction === READABLE ? watch.reader : watch.writer;
      if (first !== null) throw busy(fd, direction, first);
      this.resume(watch, direction);
    }
    if (direction === READABLE) {
      watch.reader = task;
      this.#reading++;
    } else {
      watch.writer = task;
      this.#writing++;
    }
    return watch;
  }

  /** @internal The waiter for `direction` was cancelled. */
  abortWait(watch: Watch, direction: Direction): void {
    this.#takeWaiter(watch as W, direction);
    this.release(watch as W, direction);
  }

  /** Wakes who waits for any of the directions in `ready`; answers which of them somebody waited for. */
  protected wakeReady(watch: W, ready: number): number {
    const woken = ready & watch.interest;
    if (woken & READABLE) this.#wakeWaiter(watch, READABLE);
    if (woken & WRITABLE) this.#wakeWaiter(watch, WRITABLE);
    return woken;
  }

  #wakeWaiter(watch: W, direction: Direction): void {
    const task = this.#takeWaiter(watch, direction);
    this.release(watch, direction);
    wake(task);
  }

  /**
   * Wakes all who wait for a descriptor that was forgotten, each with an error of its own, or those in one direction.
   * How many there were.
   */
  protected fail(watch: W, makeError: () => Error, direction: number = BOTH): number {
    const interest = watch.interest & direction;
    if (interest & READABLE) wakeWithError(this.#takeWaiter(watch, READABLE), makeError());
    if (interest & WRITABLE) wakeWithError(this.#takeWaiter(watch, WRITABLE), makeError());
    return directions(interest);
  }

  #takeWaiter(watch: W, direction: Direction): Task {
    let task: Task | null;
    if (direction === READABLE) {
      task = watch.reader;
      watch.reader = null;
      this.#reading--;
    } else {
      task = watch.writer;
      watch.writer = null;
      this.#writing--;
    }
    return task!;
  }
}

/** How many directions a mask holds. */
export function directions(mask: number): number {
  return (mask & READABLE ? 1 : 0) + (mask & WRITABLE ? 1 : 0);
}

/** The error for a descriptor that the system will not wait for. */
export function refusal(number: number, syscall: string, fd: number): SystemError {
  let why = "";
  if (number === ERRNO.EBADF) why = " is not open";
  else if (number === ERRNO.EPERM)
    why = " is a file, a directory or such a device: always ready, so there is nothing to wait for";
  return systemError(number, syscall, `fd ${fd}${why}`);
}

/**
 * A timeout as the kernel takes it, in whole milliseconds: rounded up, so that a fraction is not a busy wait; -1 for
 * ever; at most what an `int` holds, after 24 days the caller looks again.
 */
export function wholeMilliseconds(timeout: number): number {
  if (timeout === Infinity) return -1;
  return timeout <= 0 ? 0 : Math.min(Math.ceil(timeout), 0x7fffffff);
}

function busy(fd: number, direction: Direction, first: Task): BusyResourceError {
  const what = direction === READABLE ? "readable" : "writable";
  return new BusyResourceError(
    `task ${first.name} is waiting already until fd ${fd} is ${what}; one task at a time can wait for that`,
  );
}

abstract class DescriptorWait extends Suspension<void> {
  protected readonly waits: DescriptorWaits<Watch>;
  protected readonly fd: number;
  protected watch: Watch | null = null;

  constructor(waits: DescriptorWaits<Watch>, fd: number) {
    super();
    this.waits = waits;
    this.fd = fd;
  }

  describe(): string {
    return this.operationName.replace("()", `(fd ${this.fd})`);
  }
}

class ReadableWait extends DescriptorWait {
  static {
    this.prototype.operationName = "waitReadable()";
  }
  protected begin(task: Task): void {
    this.watch = this.waits.beginWait(this.fd, READABLE, task);
  }
  abort(): AbortResult {
    this.waits.abortWait(this.watch!, READABLE);
    return Abort.SUCCEEDED;
  }
}

class WritableWait extends DescriptorWait {
  static {
    this.prototype.operationName = "waitWritable()";
  }
  protected begin(task: Task): void {
    this.watch = this.waits.beginWait(this.fd, WRITABLE, task);
  }
  abort(): AbortResult {
    this.waits.abortWait(this.watch!, WRITABLE);
    return Abort.SUCCEEDED;
  }
}
