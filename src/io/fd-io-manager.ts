import type { IoManager } from "../kernel/io-manager.ts";
import type { Operation } from "../kernel/operation.ts";

/**
 * The contract every backend for descriptors keeps, on top of the kernel's.
 *
 * - One waiter for each (descriptor, direction): a second one gets BusyResourceError when its operation is driven, and
 *   the first waits on. Reader and writer of one descriptor are independent.
 * - A wait is a full checkpoint even when the descriptor is ready already. It may wake spuriously: the caller retries
 *   its non-blocking call. Hang-up and error wake both directions.
 * - What the system refuses at registration is a SystemError thrown from the operation (EBADF, EPERM for a regular
 *   file or a directory), and nothing is left registered.
 * - Aborting a wait is synchronous and always succeeds.
 * - Events are matched by registration, never by descriptor number: what an old registration reports disturbs nobody.
 */
export interface FdIoManager extends IoManager {
  waitReadable(fd: number): Operation<void>;
  waitWritable(fd: number): Operation<void>;
  /** Wakes the waiters of `fd` with ClosedResourceError and forgets the descriptor. A no-op when nobody knows it. */
  notifyClosing(fd: number): void;
}

/** A backend whose wait may be left to somebody who polls: another thread, or Bun's loop. */
export interface PollSetIo extends FdIoManager {
  /**
   * Makes ready for somebody else to do the waiting: pending registrations are handed to
   * the kernel, and the answer names an array of `struct pollfd` which becomes ready when {@link IoManager.poll} would
   * find something to do. It stays valid, and complete, until the next call of any other method.
   */
  pollSet(): PollSet;
}

export interface PollSet {
  /** Address of the first `struct pollfd`, its memory kept alive by `memory`. */
  readonly address: number;
  readonly count: number;
  readonly memory: ArrayBufferLike;
  /** The epoll instance that is all of the set, and stands for whatever is added to it; -1 when there is none. */
  readonly instance: number;
}
