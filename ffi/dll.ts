/** Windows' system libraries: where their functions come from. Everything is bound at first use. */
import { dlopen } from "bun:ffi";
import type { FFIFunction, Library } from "bun:ffi";
import { UnsupportedError } from "../src/errors.ts";

/**
 * Binds functions of a system library, such as `kernel32.dll`.
 *
 * @throws {UnsupportedError} off Windows, or when the library lacks one of the functions.
 */
export function bindDll<Fns extends Record<string, FFIFunction>>(
  library: string,
  functions: Fns,
): Library<Fns>["symbols"] {
  if (process.platform !== "win32") {
    throw new UnsupportedError(`${library} is Windows', and this is ${process.platform}`);
  }
  try {
    return dlopen(library, functions).symbols;
  } catch (error) {
    throw new UnsupportedError(`cannot bind ${Object.keys(functions).join(", ")} from ${library}`, { cause: error });
  }
}
