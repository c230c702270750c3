/** Calls a process's handlers of console events, as Windows itself does it: by a thread that begins in CtrlRoutine. */
import { FFIType } from "bun:ffi";
import { bindDll } from "../ffi/dll.ts";
import { addressOf } from "../ffi/memory.ts";

const PROCESS_ALL_ACCESS = 0x1fffff;
/** Longer than any handler takes. */
const PATIENCE = 10_000;

function zeroTerminated(text: string): ArrayBuffer {
  return new TextEncoder().encode(`${text}\0`).buffer;
}

/**
 * Returns when the last handler of process `pid`, which may be this one, has returned.
 *
 * @param event CTRL_C_EVENT (0) or CTRL_BREAK_EVENT (1)
 * @returns `"pressed"`, or why it could not be done.
 */
export function callHandlers(pid: number, event: number): string {
  const kernel32 = bindDll("kernel32.dll", {
    OpenProcess: { args: ["u32", "i32", "u32"], returns: FFIType.i64_fast },
    CreateRemoteThread: { args: ["u64", "u64", "u64", "u64", "u64", "u32", "u64"], returns: FFIType.i64_fast },
    WaitForSingleObject: { args: ["u64", "u32"], returns: "u32" },
    CloseHandle: { args: ["u64"], returns: "i32" },
    GetModuleHandleA: { args: ["u64"], returns: FFIType.i64_fast },
    GetProcAddress: { args: ["u64", "u64"], returns: FFIType.i64_fast },
  });
  // System libraries are at one address in all processes.
  const library = zeroTerminated("kernelbase.dll");
  const name = zeroTerminated("CtrlRoutine");
  const routine = kernel32.GetProcAddress(kernel32.GetModuleHandleA(addressOf(library)), addressOf(name));

  const target = kernel32.OpenProcess(PROCESS_ALL_ACCESS, 0, pid);
  if (Number(target) === 0) return "no such process";
  const thread = kernel32.CreateRemoteThread(target, 0, 0, Number(routine), event, 0, 0);
  if (Number(thread) !== 0) {
    kernel32.WaitForSingleObject(thread, PATIENCE);
    kernel32.CloseHandle(thread);
  }
  kernel32.CloseHandle(target);
  return Number(thread) === 0 ? "no thread to be had there" : "pressed";
}
