/** C for the few things JavaScript cannot do, compiled in the process by the TinyCC of bun:ffi. Linux only. */
import { closeSync, writeSync } from "node:fs";
import { cc, ptr } from "bun:ffi";
import type { FFIFunction, Library } from "bun:ffi";
import { bindLibc, check } from "./libc.ts";

const MFD_CLOEXEC = 1;

/**
 * Compiles `source` and gives its functions. Takes 1 to 5 ms. The code is never freed.
 *
 * Keep `source` free of system headers: the machine may have none. Functions of the C library are found by their names.
 *
 * @throws {Error} when this Bun has no TinyCC, or with the compiler's complaint.
 */
export function compileC<Fns extends Record<string, FFIFunction>>(
  source: string,
  functions: Fns,
): Library<Fns>["symbols"] {
  // `cc` reads a file and nothing else, and a bundle or a compiled binary has none beside it: so the text goes through
  // memory that has a name in /proc. TinyCC takes a name without an extension for C.
  const fd = memfd("tribun");
  try {
    writeSync(fd, source);
    return cc({ source: `/proc/self/fd/${fd}`, symbols: functions }).symbols;
  } finally {
    closeSync(fd);
  }
}

function memfd(name: string): number {
  const { memfd_create } = bindLibc({ memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
  return check(memfd_create(ptr(new TextEncoder().encode(`${name}\0`).buffer), MFD_CLOEXEC), "memfd_create");
}
