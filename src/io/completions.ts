import { UnsupportedError } from "../errors.ts";
import { describe } from "../kernel/describe.ts";
import { call, checkTaskFunction } from "../kernel/frame-operation.ts";
import { operation } from "../kernel/operation-of.ts";
import type { Coroutine, Operation } from "../kernel/operation.ts";
import { yieldBrieflyNoCancel, yieldIfCancelled } from "../kernel/checkpoint.ts";
import { currentRunner } from "../kernel/thread.ts";
import type { CompletionEvent } from "./completion-keys.ts";
import type { EventQueue } from "./event-queue.ts";
import { type Handle, handleOf } from "./handle.ts";
import { IocpIoManager } from "./iocp.ts";
import { ObjectWait } from "./object-waits.ts";
import { type OverlappedOperations, OverlappedWait } from "./overlapped-operations.ts";
import { OverlappedRead, OverlappedWrite } from "./overlapped-transfer.ts";

export type { CompletionEvent } from "./completion-keys.ts";
export type { Handle } from "./handle.ts";

/**
 * The run's completion port, good until the run's end: for calls of one's own, such as a PostQueuedCompletionStatus with
 * a key of {@link monitorCompletionKey}. Do not take packets from it. Trio: `trio.lowlevel.current_iocp`. Not a checkpoint.
 *
 * @throws UnsupportedError where the run's backend is not iocp. UsageError outside a run.
 */
export function currentIocp(): Handle {
  return iocpOf("currentIocp()").port;
}

/**
 * Ties a handle to the run's completion port, for good: once, after it was opened with FILE_FLAG_OVERLAPPED, and before
 * the first operation on it. Trio: `trio.lowlevel.register_with_iocp`. Not a checkpoint.
 *
 * @throws SystemError ERROR_INVALID_PARAMETER when it is tied to a port already or was opened without that flag;
 *   ERROR_INVALID_HANDLE when it is not open.
 * @throws TypeError, RangeError for what is no handle.
 * @throws UnsupportedError where the run's backend is not iocp. UsageError outside a run.
 */
export function registerWithIocp(handle: Handle): void {
  const number = handleOf(handle, "registerWithIocp(handle): handle");
  iocpOf("registerWithIocp(handle)").overlapped.register(number);
}

/**
 * S11: waits until an overlapped operation that the caller has begun on a registered handle is over. `lpOverlapped` is the
 * address of its OVERLAPPED, which, like its buffers, must stay where it is until this returns or throws. What the
 * operation has to say stands in it.
 *
 * Cancelling asks the system to cancel the operation, and the completion decides: when it was cancelled the task gets
 * Cancelled; when it was too late, what the operation came to. A checkpoint. Trio: `trio.lowlevel.wait_overlapped`.
 *
 * @throws SystemError when the operation failed, with Windows' name (ERROR_BROKEN_PIPE).
 * @throws BusyResourceError when another task waits for the same `lpOverlapped`.
 * @throws ClosedResourceError when the operation ended because the handle was closed, or after `notifyClosing(handle)`.
 * @throws UsageError when `handle` was not registered, so that nothing would ever tell: once the operation is over.
 * @throws TypeError, RangeError at once for what is no handle, or no address.
 * @throws UnsupportedError where the run's backend is not iocp. UsageError outside a run.
 */
export function waitOverlapped(handle: Handle, lpOverlapped: bigint | number): Operation<void> {
  const number = handleOf(handle, "waitOverlapped(handle, lpOverlapped): handle");
  const address = addressOf(lpOverlapped);
  return new AnyOverlapped(iocpOf("waitOverlapped(handle, lpOverlapped)").overlapped, number, address);
}

/**
 * Reads from a registered handle into `buffer`, from byte `offset` of the file; gives how many bytes came, at least one.
 * What has no places, as a pipe, knows no offset. `buffer` is written to when this returns, and not before. Cancelled, it
 * has read nothing. A checkpoint. Trio: `trio.lowlevel.readinto_overlapped`.
 *
 * @throws SystemError with Windows' name: ERROR_HANDLE_EOF at the end of a file, ERROR_BROKEN_PIPE at that of a pipe.
 * @throws ClosedResourceError when the handle is closed meanwhile, or after `notifyClosing(handle)`.
 * @throws TypeError, RangeError at once for arguments that are none. UsageError when `handle` was not registered.
 * @throws UnsupportedError where the run's backend is not iocp. UsageError outside a run.
 */
export function readIntoOverlapped(handle: Handle, buffer: Uint8Array, offset: number = 0): Operation<number> {
  const name = "readIntoOverlapped(handle, buffer, offset)";
  const number = handleOf(handle, `${name}: handle`);
  checkBytes(buffer, `${name}: buffer`);
  checkOffset(offset, name);
  const { overlapped } = iocpOf(name);
  return operation("readIntoOverlapped()", function* () {
    yield* yieldIfCancelled();
    overlapped.checkRegistered(number, name);
    const read: Operation<number> = new OverlappedRead(overlapped, number, buffer, offset);
    return yield* read;
  });
}

/**
 * Writes `data` to a registered handle, from byte `offset` of the file; gives how many bytes went. `data` is taken as it
 * is when this is driven. Cancelled, nothing of it was written, where the device can tell. In all else as
 * {@link readIntoOverlapped}. A checkpoint. Trio: `trio.lowlevel.write_overlapped`.
 */
export function writeOverlapped(handle: Handle, data: Uint8Array, offset: number = 0): Operation<number> {
  const name = "writeOverlapped(handle, data, offset)";
  const number = handleOf(handle, `${name}: handle`);
  checkBytes(data, `${name}: data`);
  checkOffset(offset, name);
  const { overlapped } = iocpOf(name);
  return operation("writeOverlapped()", function* () {
    yield* yieldIfCancelled();
    overlapped.checkRegistered(number, name);
    const write: Operation<number> = new OverlappedWrite(overlapped, number, data, offset);
    return yield* write;
  });
}

/**
 * S12: runs `body(key, queue)` and gives what it returns. `key` is this call's own: what is posted to the port with it goes
 * into `queue`, in order, with the numbers it was posted with. When `body` has ended the queue ends: `get()` gives what is
 * left, and then throws ClosedResourceError. Trio: `trio.lowlevel.monitor_completion_key`.
 *
 * @throws TypeError at once if `body` is no function. What `body` throws.
 * @throws UnsupportedError where the run's backend is not iocp. UsageError outside a run.
 */
export function monitorCompletionKey<T>(
  body: (key: number, queue: EventQueue<CompletionEvent>) => Coroutine<T>,
): Operation<T> {
  checkTaskFunction(body, "monitorCompletionKey(body)");
  const { keys } = iocpOf("monitorCompletionKey(body)");
  return operation("monitorCompletionKey()", function* () {
    const { key, queue } = keys.open();
    try {
      return yield* call(body, key, queue);
    } finally {
      keys.close(key);
    }
  });
}

/**
 * Waits until an object of Windows' is signalled: an event, a semaphore, a mutex, a timer, a process or thread that has
 * ended. As with Windows' own call the wait takes it, where it can be taken: an event that resets itself is reset, a
 * semaphore counted down, a mutex this thread's until ReleaseMutex (also if whoever had it has ended without releasing it).
 *
 * Cancelled, it has taken nothing; a cancel that comes after the object was taken is too late. Several tasks may wait for
 * one object. `handle` may be closed meanwhile: the wait is for the object. A checkpoint, also when it is signalled already.
 * Trio: `trio.lowlevel.WaitForSingleObject`.
 *
 * @throws SystemError ERROR_INVALID_HANDLE when it is not open, or is of nothing that can be waited for;
 *   ERROR_ACCESS_DENIED when it lacks the right to wait (SYNCHRONIZE).
 * @throws ClosedResourceError after `notifyClosing(handle)`.
 * @throws TypeError, RangeError at once for what is no handle.
 * @throws UnsupportedError where the run's backend is not iocp; when it has to wait and `bun:ffi` has no C compiler.
 *   UsageError outside a run.
 */
export function waitForSingleObject(handle: Handle): Operation<void> {
  const name = "waitForSingleObject(handle)";
  const number = handleOf(handle, `${name}: handle`);
  const { objects } = iocpOf(name);
  return operation("waitForSingleObject()", function* () {
    yield* yieldIfCancelled();
    if (objects.take(number)) {
      yield* yieldBrieflyNoCancel();
    } else {
      const wait: Operation<void> = new ObjectWait(objects, number);
      yield* wait;
    }
  });
}

/** An operation that the caller has begun. */
class AnyOverlapped extends OverlappedWait<void> {
  static {
    this.prototype.operationName = "waitOverlapped()";
  }
  readonly address: number;

  constructor(operations: OverlappedOperations, handle: number, address: number) {
    super(operations, handle);
    this.address = address;
  }

  protected begin(): void {
    this.operations.adopt(this);
  }

  protected result(): void {}
}

function addressOf(lpOverlapped: bigint | number): number {
  const name = "waitOverlapped(handle, lpOverlapped): lpOverlapped";
  if (typeof lpOverlapped !== "bigint" && typeof lpOverlapped !== "number") {
    throw new TypeError(`${name} must be an address, a bigint or a number, not ${describe(lpOverlapped)}`);
  }
  const address = Number(lpOverlapped);
  if (!Number.isSafeInteger(address) || address <= 0) {
    throw new RangeError(`${name} must be the address of an OVERLAPPED, not ${lpOverlapped}`);
  }
  return address;
}

function checkBytes(bytes: unknown, name: string): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array, not ${describe(bytes)}`);
}

function checkOffset(offset: unknown, name: string): void {
  if (typeof offset !== "number") throw new TypeError(`${name}: offset must be a number, not ${describe(offset)}`);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`${name}: offset must be a whole number of bytes, 0 or more, not ${offset}`);
  }
}

function iocpOf(what: string): IocpIoManager {
  const { io } = currentRunner(what);
  if (io instanceof IocpIoManager) return io;
  throw new UnsupportedError(
    `${what} needs a run on a Windows completion port (io: "iocp"), and this one is on ${io.backend}; there, ` +
      "waitReadable(fd) and waitWritable(fd) wait for descriptors",
  );
}
