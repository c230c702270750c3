/**
 * The C library: where its functions come from, and how its failures become errors.
 *
 * Everything here is bound at first use, so that importing a binding never fails, on any platform.
 */
import { dlopen, read } from "bun:ffi";
import type { FFIFunction, Library, Pointer } from "bun:ffi";
import { SystemError, UnsupportedError } from "../src/errors.ts";
import { errnoName } from "./errno.ts";

/** Where errno's address is asked: a function of glibc and musl alike. */
const ERRNO_LOCATION = "__errno_location";
const LOCATE_ERRNO = { [ERRNO_LOCATION]: { args: [], returns: "ptr" } } as const;

/**
 * The names of the C library, most likely first. glibc's serves under musl too, whose loader answers to every
 * `libc.` with itself; musl's own name stands in case that ever ends.
 */
const LIBRARIES: { readonly [platform: string]: readonly string[] | undefined } = {
  linux: ["libc.so.6", process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1"],
};

/**
 * Binds functions of the C library.
 *
 * @throws {UnsupportedError} when there is no C library for this platform here, or it lacks one of the functions.
 */
export function bindLibc<Fns extends Record<string, FFIFunction>>(functions: Fns): Library<Fns>["symbols"] {
  const libraries = LIBRARIES[process.platform];
  if (libraries === undefined) {
    throw new UnsupportedError(`no binding to the C library of ${process.platform}; Linux has one`);
  }
  let failure: unknown;
  for (const library of libraries) {
    try {
      const { symbols } = dlopen(library, functions);
      // Not when it is first asked for: to find it then would overwrite it.
      errnoAddress ??= dlopen(library, LOCATE_ERRNO).symbols[ERRNO_LOCATION]() as Pointer;
      return symbols;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new UnsupportedError(`cannot bind ${Object.keys(functions).join(", ")} from ${libraries.join(" or ")}`, {
    cause: failure,
  });
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
