/** Overlapped operations: reads and writes that are begun, and end when the system says so. */
import { type Pointer, read } from "bun:ffi";
import { addressOf } from "./memory.ts";
import { IO_STATUS_BLOCK, bindNtdll } from "./ntdll.ts";
import type { Struct } from "./struct.ts";

/**
 * An operation, from its beginning to its completion: the system's until then. `Internal` is its NTSTATUS (STATUS_PENDING
 * while it is under way) and `InternalHigh` the bytes moved: it begins with an {@link IO_STATUS_BLOCK}.
 */
export const OVERLAPPED: Struct<"Internal" | "InternalHigh" | "Offset" | "OffsetHigh" | "hEvent"> = {
  tag: "OVERLAPPED",
  size: 32,
  fields: {
    Internal: { offset: 0, size: 8 },
    InternalHigh: { offset: 8, size: 8 },
    Offset: { offset: 16, size: 4 },
    OffsetHigh: { offset: 20, size: 4 },
    hEvent: { offset: 24, size: 8 },
  },
};

/** Each answers with an unsigned NTSTATUS. `overlapped` is the address of an {@link OVERLAPPED} whose offset is set. */
export interface OverlappedCalls {
  /** NtReadFile, as ReadFile calls it: begins to read `length` bytes to the address `buffer`. */
  read(handle: number | bigint, overlapped: number, buffer: number, length: number): number;
  /** NtWriteFile, as WriteFile calls it: begins to write the `length` bytes at the address `data`. */
  write(handle: number | bigint, overlapped: number, data: number, length: number): number;
  /** NtCancelIoFileEx, which is CancelIoEx: STATUS_NOT_FOUND when the operation has ended already. */
  cancel(handle: number | bigint, overlapped: number | bigint): number;
}

/** The NTSTATUS of the operation whose {@link OVERLAPPED} is at `address`; STATUS_PENDING while it is under way. */
export function statusAt(address: number): number {
  return read.u32(address as Pointer, OVERLAPPED.fields.Internal.offset);
}

/** How many bytes the operation whose {@link OVERLAPPED} is at `address` has moved, once it is over. */
export function bytesAt(address: number): number {
  return read.u32(address as Pointer, OVERLAPPED.fields.InternalHigh.offset);
}

let calls: OverlappedCalls | undefined;

/** @throws {UnsupportedError} off Windows. */
export function overlappedCalls(): OverlappedCalls {
  return (calls ??= bind());
}

function bind(): OverlappedCalls {
  const { NtReadFile, NtWriteFile, NtCancelIoFileEx } = bindNtdll({
    NtReadFile: { args: ["u64", "u64", "u64", "u64", "u64", "u64", "u32", "u64", "u64"], returns: "u32" },
    NtWriteFile: { args: ["u64", "u64", "u64", "u64", "u64", "u64", "u32", "u64", "u64"], returns: "u32" },
    NtCancelIoFileEx: { args: ["u64", "u64", "u64"], returns: "u32" },
  });
  const ofCancel = new ArrayBuffer(IO_STATUS_BLOCK.size);
  const { Offset } = OVERLAPPED.fields;
  return {
    // The completion's packet names what is given as the procedure's context: the OVERLAPPED.
    read: (handle, overlapped, buffer, length) =>
      NtReadFile(handle, 0, 0, overlapped, overlapped, buffer, length, overlapped + Offset.offset, 0),
    write: (handle, overlapped, data, length) =>
      NtWriteFile(handle, 0, 0, overlapped, overlapped, data, length, overlapped + Offset.offset, 0),
    cancel: (handle, overlapped) => NtCancelIoFileEx(handle, overlapped, addressOf(ofCancel)),
  };
}
