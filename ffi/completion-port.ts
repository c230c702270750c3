/** Windows' completion ports: a queue of packets, which the system and anybody else fill, and a run empties. */
import { FFIType } from "bun:ffi";
import { bindKernel32, handleCalls } from "./kernel32.ts";
import { addressOf } from "./memory.ts";
import type { Struct } from "./struct.ts";
import { WINDOWS_ERROR } from "./windows-errors.ts";

/** The keys under which packets come to a run's port. */

/** Of the helper handles that socket readiness is asked of. */
export const AFD_KEY: number = 1;
/** Of the handles that `registerWithIocp` tied to the port. */
export const OVERLAPPED_KEY: number = 2;
/** Ends the wait, and says no more. */
export const WAKE_KEY: number = 3;
/** Ends the wait of the thread that waits for the run, and is for nobody else. */
export const HANDOVER_KEY: number = 4;
/** Of a `waitForSingleObject`: its object is signalled. */
export const OBJECT_KEY: number = 5;
/** Behind the completion of an overlapped operation that was cancelled, if there is one. */
export const LATE_KEY: number = 6;
/** From here on they are those of `monitorCompletionKey`. */
export const FIRST_USER_KEY: number = 0x100;

/** A packet as it is taken out. `Internal` is the operation's NTSTATUS; a posted packet has what was posted, and 0 there. */
export const OVERLAPPED_ENTRY: Struct<"lpCompletionKey" | "lpOverlapped" | "Internal" | "dwNumberOfBytesTransferred"> =
  {
    tag: "OVERLAPPED_ENTRY",
    size: 32,
    fields: {
      lpCompletionKey: { offset: 0, size: 8 },
      lpOverlapped: { offset: 8, size: 8 },
      Internal: { offset: 16, size: 8 },
      dwNumberOfBytesTransferred: { offset: 24, size: 4 },
    },
  };

/** Waits for ever. */
export const INFINITE: number = 0xffffffff;

/** Each answers with a result of 0 or more, or with `-error`, a Windows error number. */
export interface CompletionPortCalls {
  /** CreateIoCompletionPort without a handle: a new port, which any number of threads may wait on. */
  createPort(): number;
  /** CreateIoCompletionPort: what overlapped operations of `handle` have to say comes to `port`, under `key`. 0. */
  associate(handle: number | bigint, port: number, key: number): number;
  /** PostQueuedCompletionStatus: puts a packet in. Any thread may. 0. */
  post(port: number, key: number, lpOverlapped: number | bigint, bytesTransferred: number): number;
  /**
   * GetQueuedCompletionStatusEx: waits for packets and takes at most `capacity` of them, to the {@link OVERLAPPED_ENTRY}s at
   * `entries`. How many came; 0 when the time was over. `timeout` in whole milliseconds, or {@link INFINITE}.
   */
  getMany(port: number, entries: number, capacity: number, timeout: number): number;
  /** CloseHandle. */
  close(port: number): void;
}

let calls: CompletionPortCalls | undefined;

/** @throws {UnsupportedError} off Windows. */
export function completionPortCalls(): CompletionPortCalls {
  return (calls ??= bind());
}

const INVALID_HANDLE_VALUE = 0xffff_ffff_ffff_ffffn;

function bind(): CompletionPortCalls {
  const { CreateIoCompletionPort, PostQueuedCompletionStatus, GetQueuedCompletionStatusEx } = bindKernel32({
    CreateIoCompletionPort: { args: ["u64", "u64", "u64", "u32"], returns: FFIType.i64_fast },
    PostQueuedCompletionStatus: { args: ["u64", "u32", "u64", "u64"], returns: "i32" },
    GetQueuedCompletionStatusEx: { args: ["u64", "u64", "u32", "u64", "u32", "i32"], returns: "i32" },
  });
  const { lastError, close } = handleCalls();
  const removed = new Uint32Array(new ArrayBuffer(4));
  const removedAddress = addressOf(removed.buffer);
  return {
    createPort: () => (CreateIoCompletionPort(INVALID_HANDLE_VALUE, 0, 0, 0) as number) || -lastError(),
    associate: (handle, port, key) => (CreateIoCompletionPort(handle, port, key, 0) ? 0 : -lastError()),
    post: (port, key, lpOverlapped, bytesTransferred) =>
      PostQueuedCompletionStatus(port, bytesTransferred, key, lpOverlapped) ? 0 : -lastError(),
    getMany(port, entries, capacity, timeout) {
      // Not alertable: no procedure is to be called on this thread meanwhile.
      if (GetQueuedCompletionStatusEx(port, entries, capacity, removedAddress, timeout, 0)) return removed[0];
      const error = lastError();
      return error === WINDOWS_ERROR.WAIT_TIMEOUT ? 0 : -error;
    },
    close: (port) => void close(port),
  };
}
