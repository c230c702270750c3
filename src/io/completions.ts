import { UnsupportedError } from "../errors.ts";
import type { Coroutine, Operation } from "../kernel/operation.ts";
import { currentRunner } from "../kernel/thread.ts";
import type { EventQueue } from "./kevents.ts";

/** A Windows HANDLE. */
export type Handle = bigint | number;

/** What a completion port reports for a key of {@link monitorCompletionKey}. */
export interface CompletionEvent {
  readonly lpOverlapped: bigint;
  readonly bytesTransferred: number;
}

/** The run's completion port. Trio: `trio.lowlevel.current_iocp`. Not a checkpoint. @throws UnsupportedError off Windows. */
export function currentIocp(): Handle {
  throw unsupported("currentIocp()");
}

/** Ties a handle to the run's completion port. Trio: `trio.lowlevel.register_with_iocp`. Not a checkpoint. @throws UnsupportedError off Windows. */
export function registerWithIocp(_handle: Handle): void {
  throw unsupported("registerWithIocp(handle)");
}

/**
 * S11: waits until an overlapped operation on a registered handle has completed. Cancelling asks the system to cancel
 * it, and the completion decides. A checkpoint. Trio: `trio.lowlevel.wait_overlapped`. @throws UnsupportedError off Windows.
 */
export function waitOverlapped(_handle: Handle, _lpOverlapped: bigint): Operation<void> {
  throw unsupported("waitOverlapped(handle, lpOverlapped)");
}

/**
 * S12: runs `body(key, queue)`: what is posted to the port with `key` goes into `queue`. Trio:
 * `trio.lowlevel.monitor_completion_key`. @throws UnsupportedError off Windows.
 */
export function monitorCompletionKey<T>(
  _body: (key: number, queue: EventQueue<CompletionEvent>) => Coroutine<T>,
): Operation<T> {
  throw unsupported("monitorCompletionKey(body)");
}

/**
 * Reads from a registered handle into `buffer`, at byte `offset` of the file; gives how many bytes came. A checkpoint.
 * Trio: `trio.lowlevel.readinto_overlapped`. @throws UnsupportedError off Windows.
 */
export function readIntoOverlapped(_handle: Handle, _buffer: Uint8Array, _offset: number = 0): Operation<number> {
  throw unsupported("readIntoOverlapped(handle, buffer, offset)");
}

/**
 * Writes `data` to a registered handle, at byte `offset` of the file; gives how many bytes went. A checkpoint.
 * Trio: `trio.lowlevel.write_overlapped`. @throws UnsupportedError off Windows.
 */
export function writeOverlapped(_handle: Handle, _data: Uint8Array, _offset: number = 0): Operation<number> {
  throw unsupported("writeOverlapped(handle, data, offset)");
}

function unsupported(what: string): UnsupportedError {
  const { backend } = currentRunner(what).io;
  return new UnsupportedError(
    `${what} needs a run on a Windows completion port (io: "iocp"), and this one is on ${backend}; there, waitReadable(fd) ` +
      "and waitWritable(fd) wait for descriptors",
  );
}
