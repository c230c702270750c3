/** kernel32.dll: what nearly every binding to Windows needs of it. */
import type { FFIFunction, Library } from "bun:ffi";
import { bindDll } from "./dll.ts";
import { addressOf } from "./memory.ts";

/** Binds functions of kernel32.dll. @throws {UnsupportedError} off Windows, or when it lacks one of them. */
export function bindKernel32<Fns extends Record<string, FFIFunction>>(functions: Fns): Library<Fns>["symbols"] {
  return bindDll("kernel32.dll", functions);
}

export interface HandleCalls {
  /** What the call just made left as this thread's error. To be asked right after it: the engine calls Windows too. */
  lastError(): number;
  /** GetHandleInformation: whether there is such a handle. */
  isOpen(handle: number): boolean;
  /** CloseHandle. @returns whether it was open. */
  close(handle: number): boolean;
}

let calls: HandleCalls | undefined;

export function handleCalls(): HandleCalls {
  return (calls ??= bind());
}

function bind(): HandleCalls {
  const {
    GetLastError: lastError,
    CloseHandle,
    GetHandleInformation,
  } = bindKernel32({
    GetLastError: { args: [], returns: "u32" },
    CloseHandle: { args: ["u64"], returns: "i32" },
    GetHandleInformation: { args: ["u64", "u64"], returns: "i32" },
  });
  const flags = new ArrayBuffer(4);
  return {
    lastError: () => lastError(),
    isOpen: (handle) => GetHandleInformation(handle, addressOf(flags)) !== 0,
    close: (handle) => CloseHandle(handle) !== 0,
  };
}
