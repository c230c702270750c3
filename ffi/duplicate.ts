/** fcntl(2) with F_DUPFD_CLOEXEC: another number for an open file, which no child process inherits. */
import { bindLibc, negateErrno } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;

let bound: ((fd: number, command: number, lowest: number) => number) | undefined;

/** Answers as the kernel does: a descriptor, or `-errno` (EBADF, EMFILE). */
export function duplicate(fd: number): number {
  // A variadic function in C; on Linux its arguments go where those of any other go.
  bound ??= bindLibc({ fcntl: { args: ["i32", "i32", "i32"], returns: "i32" } }).fcntl;
  return negateErrno(bound(fd, F_DUPFD_CLOEXEC, 0));
}
