import { UnsupportedError } from "../errors.ts";
import type { Coroutine, Operation } from "../kernel/operation.ts";
import type { AbortFunction } from "../kernel/abort.ts";
import { currentRunner } from "../kernel/thread.ts";

/** One event of a kqueue: `struct kevent`. */
export interface Kevent {
  readonly ident: number;
  readonly filter: number;
  readonly flags: number;
  readonly fflags: number;
  readonly data: bigint;
  readonly udata: bigint;
}

/** Events that were put in and not yet taken out: `get()` waits for some, and gives all there are. */
export interface EventQueue<T> {
  get(): Operation<T[]>;
}

/** A run's kqueue. */
export interface Kqueue {
  readonly fd: number;
}

/**
 * The run's kqueue. Trio: `trio.lowlevel.current_kqueue`. Not a checkpoint.
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run.
 */
export function currentKqueue(): Kqueue {
  throw unsupported("currentKqueue()");
}

/**
 * S9: waits for one event of `(ident, filter)`, which the caller has registered. One task at a time; `abortFn` takes the
 * registration back and decides the abort. A checkpoint. Trio: `trio.lowlevel.wait_kevent`.
 *
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run.
 */
export function waitKevent(_ident: number, _filter: number, _abortFn: AbortFunction): Operation<Kevent> {
  throw unsupported("waitKevent(ident, filter, abortFn)");
}

/**
 * S10: runs `body(queue)`, with every event of `(ident, filter)` going into `queue`. Trio:
 * `trio.lowlevel.monitor_kevent`.
 *
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run.
 */
export function monitorKevent<T>(
  _ident: number,
  _filter: number,
  _body: (queue: EventQueue<Kevent>) => Coroutine<T>,
): Operation<T> {
  throw unsupported("monitorKevent(ident, filter, body)");
}

function unsupported(what: string): UnsupportedError {
  const { backend } = currentRunner(what).io;
  return new UnsupportedError(
    `${what} needs a run on kqueue, and this one is on ${backend}; there, waitReadable(fd) waits for descriptors, ` +
      "which on Linux may be those of a pidfd, inotify, signalfd or timerfd",
  );
}
