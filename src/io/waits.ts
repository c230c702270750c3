import { UnsupportedError } from "../errors.ts";
import type { Operation } from "../kernel/operation.ts";
import { currentRunner, thread } from "../kernel/thread.ts";
import { descriptorOf } from "./descriptor.ts";
import type { FdIoManager } from "./fd-io-manager.ts";

/** What names a descriptor: its number, or an object that has it as `fd`. */
export type Descriptor = number | { readonly fd: number };

/**
 * S2, S4: waits until a descriptor is readable, in the operating system's sense: a read would not block, or the other
 * end is gone, or it is in error. Nothing is read. It may wake without cause: try, and wait again. One task at a time
 * can wait for one descriptor to be readable. A checkpoint, also when it is readable already.
 *
 * Trio: `trio.lowlevel.wait_readable`.
 *
 * @throws TypeError, RangeError at once for what is no descriptor.
 * @throws SystemError when driven: EBADF if it is not open, EPERM for a regular file.
 * @throws BusyResourceError if another task is waiting for the same. ClosedResourceError after {@link notifyClosing}.
 */
export function waitReadable(fd: Descriptor): Operation<void> {
  const number = descriptorOf(fd, "waitReadable(fd): fd");
  return descriptors("waitReadable(fd)").waitReadable(number);
}

/** S3, S5: waits until a descriptor is writable; in all else as {@link waitReadable}. Trio: `trio.lowlevel.wait_writable`. */
export function waitWritable(fd: Descriptor): Operation<void> {
  const number = descriptorOf(fd, "waitWritable(fd): fd");
  return descriptors("waitWritable(fd)").waitWritable(number);
}

/** S2: the seed's name of {@link waitReadable} for a socket. A checkpoint. */
export function waitSocketReadable(sock: Descriptor): Operation<void> {
  const number = descriptorOf(sock, "waitSocketReadable(sock): sock");
  return descriptors("waitSocketReadable(sock)").waitReadable(number);
}

/** S3: the seed's name of {@link waitWritable} for a socket. A checkpoint. */
export function waitSocketWritable(sock: Descriptor): Operation<void> {
  const number = descriptorOf(sock, "waitSocketWritable(sock): sock");
  return descriptors("waitSocketWritable(sock)").waitWritable(number);
}

/**
 * To be called right before a descriptor is closed: tasks that wait for it get ClosedResourceError. For one that nobody
 * waits for, or that is none, it does nothing; outside a run likewise. Not a checkpoint.
 *
 * Trio: `trio.lowlevel.notify_closing`.
 *
 * @throws TypeError, RangeError for what is no descriptor.
 */
export function notifyClosing(fd: Descriptor): void {
  const number = descriptorOf(fd, "notifyClosing(fd): fd");
  const io = thread.runner?.io as Partial<FdIoManager> | undefined;
  io?.notifyClosing?.(number);
}

function descriptors(what: string): FdIoManager {
  const { io } = currentRunner(what);
  if ("waitReadable" in io) return io as FdIoManager;
  throw new UnsupportedError(
    `${what}: this run's I/O backend, ${io.backend}, knows no descriptors; use io: "epoll" or "poll"`,
  );
}
