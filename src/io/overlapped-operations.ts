/**
 * Overlapped operations of a run: reads and writes that were begun on handles tied to its port, and the tasks that wait
 * for them.
 *
 * An operation's memory is the system's until its completion has come, whatever becomes of the task. So a task whose
 * scope is cancelled asks the system to cancel the operation, and goes on waiting: the completion decides what it gets.
 *
 * No completion ever comes of a handle that nobody tied to the port. That is found out, rather than waited for:
 *
 * - A handle that this run has not tied is tied when it is first waited for. If that works it had been forgotten: an
 *   operation that is still under way now reports, one that is over has been missed.
 * - Where that cannot tell (the handle is tied to another port; its number was another handle's when it was tied), a
 *   cancelled operation is looked at again by a packet of our own, which comes after the completion if there is one.
 */
import { LATE_KEY, OVERLAPPED_KEY, type CompletionPortCalls, completionPortCalls } from "../../ffi/completion-port.ts";
import { handleCalls } from "../../ffi/kernel32.ts";
import { STATUS_CANCELLED, STATUS_PENDING, statusError } from "../../ffi/ntdll.ts";
import { type OverlappedCalls, bytesAt, overlappedCalls, statusAt } from "../../ffi/overlapped.ts";
import { WINDOWS_ERROR, windowsError } from "../../ffi/windows-errors.ts";
import { BusyResourceError, ClosedResourceError, UsageError } from "../errors.ts";
import { Abort, type AbortResult } from "../kernel/abort.ts";
import { Suspension, wake, wakeWithError } from "../kernel/suspension.ts";
import type { Task } from "../kernel/task.ts";

/** Of operations that nobody waits for so many are remembered, lest a program that never waits fill the memory. */
const MOST_UNCLAIMED = 10_000;

/** How long, in ms, the completion of an operation that has ended may be on its way to the port. */
const LATE_PATIENCE = 50;

export class OverlappedOperations {
  readonly #port: number;
  readonly #ports: CompletionPortCalls = completionPortCalls();
  readonly #calls: OverlappedCalls = overlappedCalls();
  /** The handles that were tied to the port on request. */
  readonly #registered = new Set<number>();
  /** Those that were tied because that had been forgotten. */
  readonly #mended = new Set<number>();
  readonly #waits = new Map<number, OverlappedWait<unknown>>();

  /** Operations whose completion came before anybody waited for them, by their OVERLAPPED, the oldest first. */
  readonly #unclaimed = new Set<number>();
  #abandoned = false;

  constructor(port: number) {
    this.#port = port;
  }

  /** How many have not completed. */
  get underWay(): number {
    return this.#waits.size;
  }

  get calls(): OverlappedCalls {
    return this.#calls;
  }

  /** @throws {SystemError} what the system refuses. */
  register(handle: number): void {
    const result = this.#ports.associate(handle, this.#port, OVERLAPPED_KEY);
    const done = result === 0 || (result === -WINDOWS_ERROR.ERROR_INVALID_PARAMETER && this.#mended.has(handle));
    if (!done) throw tyingFailed(-result, handle);
    this.#mended.delete(handle);
    this.#registered.add(handle);
  }

  /** Before an operation is begun. @throws {UsageError} when its completion would come nowhere. */
  checkRegistered(handle: number, operation: string): void {
    if (!this.#registered.has(handle)) throw notRegistered(handle, operation);
  }

  /** The operation is under way, or over, but for its completion. */
  add(wait: OverlappedWait<unknown>): void {
    this.#waits.set(wait.address, wait);
  }

  /**
   * Somebody else began the operation of `wait`.
   *
   * @throws {BusyResourceError} when it is waited for already. @throws {UsageError}, {SystemError}
   */
  adopt(wait: OverlappedWait<unknown>): void {
    const { handle, address } = wait;
    const first = this.#waits.get(address);
    if (first !== undefined) {
      throw new BusyResourceError(
        `task ${first.task!.name} is waiting already for the operation whose OVERLAPPED is at 0x${address.toString(16)}; ` +
          "one task at a time can wait for one operation",
      );
    }
    if (!this.#registered.has(handle) && this.#mend(wait) && statusAt(address) !== STATUS_PENDING) {
      throw notRegistered(handle, wait.operationName);
    }
    this.#waits.set(address, wait);
    // Its completion came before. One of an earlier operation in the same OVERLAPPED does not count: this one is under way.
    const isOver = this.#unclaimed.delete(address) && statusAt(address) !== STATUS_PENDING;
    if (isOver) this.#ports.post(this.#port, OVERLAPPED_KEY, address, 0);
  }

  /** The task that waits was cancelled: the operation completes all the same, mostly at once. */
  cancel(wait: OverlappedWait<unknown>): void {
    const { handle, address } = wait;
    this.#mend(wait);
    this.#calls.cancel(handle, address);
    wait.cancelledAt = performance.now();
    this.#ports.post(this.#port, LATE_KEY, address, 0);
  }

  /** Ties the handle to the port if it was not. @returns whether it was not. */
  #mend(wait: OverlappedWait<unknown>): boolean {
    const { handle } = wait;
    const result = this.#ports.associate(handle, this.#port, OVERLAPPED_KEY);
    if (result < 0) return false;
    this.#registered.delete(handle);
    this.#mended.add(handle);
    wait.forgotten = true;
    return true;
  }

  /** The run is over, and nobody is there to be told. */
  abandonAll(): void {
    this.#abandoned = true;
    for (const { handle, address } of this.#waits.values()) this.#calls.cancel(handle, address);
  }

  /** To be called right before a handle is closed: its operations end, and their tasks get ClosedResourceError. */
  notifyClosing(handle: number): void {
    this.#registered.delete(handle);
    this.#mended.delete(handle);
    for (const { handle: of, address } of this.#waits.values()) if (of === handle) this.#calls.cancel(handle, address);
  }

  /** A completion came. @returns how many tasks it woke. */
  complete(address: number): number {
    const wait = this.#waits.get(address);
    if (wait === undefined) {
      // Of an operation that somebody began and nobody waits for yet, or any more.
      this.#unclaimed.add(address);
      if (this.#unclaimed.size > MOST_UNCLAIMED)
        for (const oldest of this.#unclaimed) {
          this.#unclaimed.delete(oldest);
          break;
        }
      return 0;
    }
    // Of an earlier operation in the same OVERLAPPED: this one is under way, and has a completion of its own.
    if (statusAt(address) === STATUS_PENDING) return 0;
    this.#waits.delete(address);
    if (!this.#abandoned) wait.complete(statusAt(address), bytesAt(address));
    wait.release();
    return this.#abandoned ? 0 : 1;
  }

  /** A packet that was posted when an operation was cancelled: behind the completion, if there is one. */
  late(address: number): number {
    const wait = this.#waits.get(address);
    if (wait === undefined || this.#abandoned || wait.cancelledAt === null || statusAt(address) === STATUS_PENDING)
      return 0;
    if (performance.now() - wait.cancelledAt < LATE_PATIENCE) {
      // It has ended, and has its completion perhaps on another processor still.
      this.#ports.post(this.#port, LATE_KEY, address, 0);
      return 0;
    }
    this.#waits.delete(address);
    wait.forgotten = true;
    wait.complete(statusAt(address), 0);
    wait.release();
    return 1;
  }
}

/** A task that waits for an overlapped operation. */
export abstract class OverlappedWait<T> extends Suspension<T> {
  protected readonly operations: OverlappedOperations;
  readonly handle: number;
  /** Of the OVERLAPPED. */
  abstract readonly address: number;
  /** When it was cancelled, by performance.now(). */
  cancelledAt: number | null = null;
  /** The handle turned out not to be tied to the port when it was first waited for. */
  forgotten = false;
  #raiseCancel: (() => never) | null = null;

  /** Its completion has come: nothing of it is the system's any more. */
  release(): void {}

  constructor(operations: OverlappedOperations, handle: number) {
    super();
    this.operations = operations;
    this.handle = handle;
  }

  /** What the task gets. @throws {Error} what it gets thrown. */
  protected abstract result(bytes: number): T;

  /** Whether the operation did what was asked of it. */
  protected succeeded(status: number): boolean {
    return status >>> 31 === 0;
  }

  abort(_task: Task, raiseCancel: () => never): AbortResult {
    this.#raiseCancel = raiseCancel;
    this.operations.cancel(this);
    return Abort.FAILED;
  }

  complete(status: number, bytes: number): void {
    const task = this.task!;
    let value: T;
    try {
      if (this.forgotten) throw notRegistered(this.handle, this.operationName);
      if (!this.succeeded(status)) this.#fail(status);
      value = this.result(bytes);
    } catch (error) {
      wakeWithError(task, error);
      return;
    }
    wake(task, value);
  }

  #fail(status: number): never {
    if (status === STATUS_CANCELLED && this.#raiseCancel !== null) this.#raiseCancel();
    // What is cut off by its own end being closed has no one error: that of a pipe looks as if the peer had gone.
    if (status === STATUS_CANCELLED || !handleCalls().isOpen(this.handle)) {
      throw new ClosedResourceError(`handle ${this.handle} was closed while task ${this.task!.name} waited for it`);
    }
    throw statusError(status, this.operationName, `handle ${this.handle}`);
  }
}

function tyingFailed(error: number, handle: number): Error {
  const why =
    error === WINDOWS_ERROR.ERROR_INVALID_PARAMETER
      ? " is tied to a completion port already, or was opened without FILE_FLAG_OVERLAPPED"
      : error === WINDOWS_ERROR.ERROR_INVALID_HANDLE
        ? " is not open"
        : "";
  return windowsError(error, "CreateIoCompletionPort", `handle ${handle}${why}`);
}

function notRegistered(handle: number, operation: string): UsageError {
  return new UsageError(
    `${operation}: handle ${handle} is not tied to this run's completion port, so nothing tells when an operation on it ` +
      "has ended: call registerWithIocp(handle) after opening it, before the first operation",
  );
}
