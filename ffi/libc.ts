/**
 * The C library: where its functions come from, and how its failures become errors.
 *
 * Everything here is bound at first use, so that importing a binding never fails, on any platform.
 */
import { dlopen, read } from "bun:ffi";
import type { FFIFunction, Library, Pointer } from "bun:ffi";
import { SystemError, UnsupportedError } from "../src/errors.ts";
import { errnoName } from "./errno.ts";

/** The function that says where errno lies: one of glibc and musl alike, one of macOS and FreeBSD, one of Windows'
 * runtime. */
const ERRNO_LOCATIONS: { readonly [platform: string]: string | undefined } = {
  linux: "__errno_location",
  darwin: "__error",
  freebsd: "__error",
  win32: "_errno",
};

/**
 * The names of the C library, most likely first. glibc's serves under musl too, whose loader answers to every
 * `libc.` with itself; musl's own name stands in case that ever ends.
 */
const LIBRARIES: { readonly [platform: string]: readonly string[] | undefined } = {
  linux: ["libc.so.6", process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1"],
  darwin: ["libSystem.B.dylib"],
  freebsd: ["libc.so.7"],
  // The runtime that every Windows has in itself. Its memory is not to be mixed with that of the one in `bun.exe`.
  win32: ["msvcrt.dll"],
};

/**
 * Binds functions of the C library.
 *
 * @throws {UnsupportedError} when there is no C library for this platform here, or it lacks one of the functions.
 */
export function bindLibc<Fns extends Record<string, FFIFunction>>(functions: Fns): Library<Fns>["symbols"] {
  const libraries = LIBRARIES[process.platform];
  if (libraries === undefined) {
    throw new UnsupportedError(
      `no binding to the C library of ${process.platform}; Linux, macOS, FreeBSD and Windows have one`,
    );
  }
  let failure: unknown;
  for (const library of libraries) {
    try {
      const { symbols } = dlopen(library, functions);
      // Not when it is first asked for: to find it then would overwrite it.
      errnoAddress ??= locateErrno(library);
      return symbols;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new UnsupportedError(`cannot bind ${Object.keys(functions).join(", ")} from ${libraries.join(" or ")}`, {
    cause: failure,
  });
}

/**
 * Binds functions of another library, which set errno as the C library's do.
 *
 * @throws {Error} when it does not load, or lacks one of the functions.
 */
export function bindLibrary<Fns extends Record<string, FFIFunction>>(
  library: string,
  functions: Fns,
): Library<Fns>["symbols"] {
  bindLibc({ close: { args: ["i32"], returns: "i32" } }); // whatever it is: where errno lies is known from then on
  return dlopen(library, functions).symbols;
}

/** The name of the function that says where the calling thread's errno lies. */
export function errnoLocation(): string {
  return ERRNO_LOCATIONS[process.platform]!;
}

function locateErrno(library: string): Pointer {
  const name = errnoLocation();
  return dlopen(library, { [name]: { args: [], returns: "ptr" } }).symbols[name]!() as Pointer;
}

/** `errno` is a thread's own and stays where it is for the thread's life; a Worker has its own copy of this module. */
let errnoAddress: Pointer | null = null;

/** `errno`, as the system call just made left it. Look before anything else is called. */
export function errno(): number {
  return errnoAddress === null ? 0 : read.i32(errnoAddress, 0);
}

/** -1 becomes `-errno`, as the kernel itself answers: for callers that decide by the number. */
export function negateErrno(result: number): number {
  return result === -1 ? -errno() : result;
}

/** The SystemError for a call that failed with `number`; `detail` says on what (`"fd 7"`). */
export function systemError(number: number, syscall: string, detail?: string): SystemError {
  return new SystemError(errnoName(number), number, syscall, detail);
}

/**
 * Passes a result on, and turns -1 into a thrown SystemError with errno's name.
 *
 * @throws {SystemError}
 */
export function check(result: number, syscall: string, detail?: string): number {
  if (result === -1) throw systemError(errno(), syscall, detail);
  return result;
}
