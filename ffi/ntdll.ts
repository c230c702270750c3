/** ntdll.dll: Windows' own system calls. Each answers with an NTSTATUS, so nothing has to be asked of it afterwards. */
import type { FFIFunction, Library } from "bun:ffi";
import type { SystemError } from "../src/errors.ts";
import { bindDll } from "./dll.ts";
import type { Struct } from "./struct.ts";
import { windowsError } from "./windows-errors.ts";

/** Binds functions of ntdll.dll. @throws {UnsupportedError} off Windows, or when it lacks one of them. */
export function bindNtdll<Fns extends Record<string, FFIFunction>>(functions: Fns): Library<Fns>["symbols"] {
  return bindDll("ntdll.dll", functions);
}

/** NTSTATUS numbers (ntstatus.h), unsigned. */
export const STATUS_SUCCESS: number = 0;
export const STATUS_PENDING: number = 0x103;
/** A message that is longer than the buffer: a warning. */
export const STATUS_BUFFER_OVERFLOW: number = 0x80000005;
export const STATUS_INVALID_HANDLE: number = 0xc0000008;
export const STATUS_END_OF_FILE: number = 0xc0000011;
export const STATUS_OBJECT_TYPE_MISMATCH: number = 0xc0000024;
export const STATUS_CANCELLED: number = 0xc0000120;
export const STATUS_NOT_FOUND: number = 0xc0000225;

/**
 * Whether a system call that began an operation failed outright. Only then no completion comes: one that is pending, or
 * succeeded at once, or ended with a mere warning, is reported to the port.
 */
export function isRefused(status: number): boolean {
  return status >>> 30 === 3;
}

/** What a finished operation says of itself. `Status` stands at first in the eight bytes of a union with a pointer. */
export const IO_STATUS_BLOCK: Struct<"Status" | "Information"> = {
  tag: "IO_STATUS_BLOCK",
  size: 16,
  fields: { Status: { offset: 0, size: 4 }, Information: { offset: 8, size: 8 } },
};

/** Lengths are in bytes. */
export const UNICODE_STRING: Struct<"Length" | "MaximumLength" | "Buffer"> = {
  tag: "UNICODE_STRING",
  size: 16,
  fields: {
    Length: { offset: 0, size: 2 },
    MaximumLength: { offset: 2, size: 2 },
    Buffer: { offset: 8, size: 8 },
  },
};

export const OBJECT_ATTRIBUTES: Struct<
  "Length" | "RootDirectory" | "ObjectName" | "Attributes" | "SecurityDescriptor" | "SecurityQualityOfService"
> = {
  tag: "OBJECT_ATTRIBUTES",
  size: 48,
  fields: {
    Length: { offset: 0, size: 4 },
    RootDirectory: { offset: 8, size: 8 },
    ObjectName: { offset: 16, size: 8 },
    Attributes: { offset: 24, size: 4 },
    SecurityDescriptor: { offset: 32, size: 8 },
    SecurityQualityOfService: { offset: 40, size: 8 },
  },
};

let toDosError: ((status: number) => number) | undefined;

/** The Windows error number that an NTSTATUS stands for. */
export function dosErrorOf(status: number): number {
  toDosError ??= bindNtdll({ RtlNtStatusToDosError: { args: ["u32"], returns: "u32" } }).RtlNtStatusToDosError;
  return toDosError(status);
}

/** The SystemError for a call, or an operation, that ended with `status`. */
export function statusError(status: number, syscall: string, detail?: string): SystemError {
  return windowsError(dosErrorOf(status), syscall, detail);
}
