/** Windows' objects that can be waited for: events, processes, threads, semaphores, mutexes, timers. */
import { handleCalls } from "./kernel32.ts";
import { addressOf } from "./memory.ts";
import { bindNtdll } from "./ntdll.ts";

export const STATUS_WAIT_0: number = 0;
/** A mutex is taken, and whoever had it has ended without releasing it. */
export const STATUS_ABANDONED_WAIT_0: number = 0x80;
export const STATUS_TIMEOUT: number = 0x102;

export interface WaitableObjectCalls {
  /**
   * NtWaitForSingleObject without waiting: takes the object, if it is signalled. STATUS_WAIT_0, STATUS_ABANDONED_WAIT_0,
   * STATUS_TIMEOUT when it is not, or the NTSTATUS of an error.
   */
  take(handle: number): number;
  /** NtDuplicateObject: another handle of the object, with the same rights. Or minus the NTSTATUS. */
  duplicate(handle: number): number;
  /** CloseHandle. */
  close(handle: number): void;
}

let calls: WaitableObjectCalls | undefined;

/** @throws {UnsupportedError} off Windows. */
export function waitableObjectCalls(): WaitableObjectCalls {
  return (calls ??= bind());
}

const THIS_PROCESS = 0xffff_ffff_ffff_ffffn;
const DUPLICATE_SAME_ACCESS = 2;

function bind(): WaitableObjectCalls {
  const { NtWaitForSingleObject, NtDuplicateObject } = bindNtdll({
    NtWaitForSingleObject: { args: ["u64", "i32", "u64"], returns: "u32" },
    NtDuplicateObject: { args: ["u64", "u64", "u64", "u64", "u32", "u32", "u32"], returns: "u32" },
  });
  const { close } = handleCalls();
  const zero = new ArrayBuffer(8);
  const opened = new BigUint64Array(new ArrayBuffer(8));
  return {
    take: (handle) => NtWaitForSingleObject(handle, 0, addressOf(zero)),
    duplicate(handle) {
      const target = addressOf(opened.buffer);
      const status = NtDuplicateObject(THIS_PROCESS, handle, THIS_PROCESS, target, 0, 0, DUPLICATE_SAME_ACCESS);
      return status === 0 ? Number(opened[0]) : -status;
    },
    close: (handle) => void close(handle),
  };
}
