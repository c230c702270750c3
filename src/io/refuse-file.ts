import { type Stats, fstatSync } from "node:fs";
import { ERRNO } from "../../ffi/errno.ts";
import { refusal } from "./descriptor-waits.ts";

/**
 * What epoll says of them, poll(2) and kqueue(2) do not: that they are always ready, so that waiting says nothing.
 *
 * @throws {SystemError} EPERM for a regular file, a directory or a block device; EBADF for no open descriptor.
 */
export function refuseFile(fd: number, syscall: string): void {
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    // Node's errors carry the negated errno.
    throw refusal(-((error as NodeJS.ErrnoException).errno ?? -ERRNO.EBADF), "fstat", fd);
  }
  if (stats.isFile() || stats.isDirectory() || stats.isBlockDevice()) throw refusal(ERRNO.EPERM, syscall, fd);
}
