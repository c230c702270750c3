/** C for the few things JavaScript cannot do, compiled in the process by the TinyCC of bun:ffi. */
import { closeSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cc, ptr } from "bun:ffi";
import type { FFIFunction, Library } from "bun:ffi";
import { bindLibc, check } from "./libc.ts";

const MFD_CLOEXEC = 1;

/**
 * Compiles `source` and gives its functions. Takes 1 to 10 ms. The code is never freed.
 *
 * Keep `source` free of system headers: the machine may have none. Functions of the C library, and on Windows those of
 * kernel32.dll, are found by their names.
 *
 * @throws {Error} when this Bun has no TinyCC, or with the compiler's complaint; when there is nowhere to put `source`.
 */
export function compileC<Fns extends Record<string, FFIFunction>>(
  source: string,
  functions: Fns,
): Library<Fns>["symbols"] {
  // `cc` reads a file and nothing else, and a bundle or a compiled binary has none beside it. TinyCC takes a name without
  // an extension for C.
  const place = process.platform === "linux" ? inMemory : inTemporaryFile;
  return place(source, (path) => cc({ source: path, symbols: functions }).symbols);
}

/** The text goes through memory that has a name in /proc: it needs no place that can be written to. */
function inMemory<T>(text: string, use: (path: string) => T): T {
  const fd = memfd("tribun");
  try {
    writeSync(fd, text);
    return use(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

function memfd(name: string): number {
  const { memfd_create } = bindLibc({ memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
  return check(memfd_create(ptr(new TextEncoder().encode(`${name}\0`).buffer), MFD_CLOEXEC), "memfd_create");
}

/** A new file that nobody else may write to, gone when this returns. */
function inTemporaryFile<T>(text: string, use: (path: string) => T): T {
  const path = join(tmpdir(), `tribun-${crypto.randomUUID()}.c`);
  writeFileSync(path, text, { flag: "wx", mode: 0o600 });
  try {
    return use(path);
  } finally {
    unlinkSync(path);
  }
}
