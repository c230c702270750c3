import { WAKE_IDENT } from "../../ffi/kqueue-wake.ts";
import type { Kevent } from "../../ffi/kqueue.ts";
import { systemError } from "../../ffi/libc.ts";
import { BusyResourceError, ClosedResourceError, UnsupportedError, UsageError } from "../errors.ts";
import { Abort, type AbortFunction, type AbortResult } from "../kernel/abort.ts";
import { describe } from "../kernel/describe.ts";
import { FrameOperation, checkTaskFunction } from "../kernel/frame-operation.ts";
import type { Coroutine, Operation, Trap } from "../kernel/operation.ts";
import { Suspension, callAbort } from "../kernel/suspension.ts";
import type { Task } from "../kernel/task.ts";
import { currentRunner } from "../kernel/thread.ts";
import { EventBuffer, type EventQueue } from "./event-queue.ts";
import { KqueueIoManager } from "./kqueue.ts";

export type { Kevent } from "../../ffi/kqueue.ts";

/** A change to a kqueue, as kevent(2) takes it. What is left out is 0. */
export interface KeventChange {
  /** What the event is about: for most filters a descriptor, else a process, a signal, a number of the program's. */
  readonly ident: number;
  /** `EVFILT_...`, a negative number. */
  readonly filter: number;
  /** `EV_...`: what to do. */
  readonly flags: number;
  /** `NOTE_...`: flags of the filter. */
  readonly fflags?: number;
  readonly data?: bigint;
  /** Comes back with the events. */
  readonly udata?: bigint;
}

/** A run's kqueue, until the run's end. */
export interface Kqueue {
  readonly fd: number;
  /**
   * Makes changes at once, in their order. Not a checkpoint.
   *
   * @throws SystemError when the system refuses one (ENOENT: no such registration; ESRCH: no such process): those before
   *   it are made, those behind it are not.
   * @throws TypeError, RangeError for what is no change. UsageError after the run, and for the registration by which the
   *   run itself is woken. BusyResourceError for a pair that a task in `waitReadable` or `waitWritable` waits for.
   */
  control(changes: Iterable<KeventChange>): void;
}

/**
 * The run's kqueue. Trio: `trio.lowlevel.current_kqueue`. Not a checkpoint.
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run.
 */
export function currentKqueue(): Kqueue {
  return new RunKqueue(kqueueOf("currentKqueue()"));
}

/**
 * S9: waits for one event of `(ident, filter)`, which the caller has registered, and gives it. One task at a time.
 * `abortFn` takes the registration back and decides the abort: after `Abort.SUCCEEDED` the pair is free again, after
 * `Abort.FAILED` the task goes on waiting for the event. A checkpoint. Trio: `trio.lowlevel.wait_kevent`.
 *
 * @throws TypeError, RangeError at once for what is no ident, filter or function.
 * @throws BusyResourceError when driven, if another task waits for the same, also by `waitReadable` or `waitWritable`.
 * @throws ClosedResourceError when `notifyClosing` is told of the descriptor that `ident` is; `abortFn` is not called then.
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run.
 */
export function waitKevent(ident: number, filter: number, abortFn: AbortFunction): Operation<Kevent> {
  checkPair("waitKevent", ident, filter);
  if (typeof abortFn !== "function") {
    throw new TypeError(
      "waitKevent(ident, filter, abortFn): abortFn must be a function that returns Abort.SUCCEEDED or Abort.FAILED, " +
        `not ${describe(abortFn)}`,
    );
  }
  return new WaitKevent(kqueueOf("waitKevent(ident, filter, abortFn)"), ident, filter, abortFn);
}

/**
 * S10: runs `body(queue)`, with every event of `(ident, filter)` going into `queue`, and gives what it returns. The
 * registration is the caller's to make, before or in `body`, and to take back. When `body` has ended, or `notifyClosing`
 * is told of the descriptor that `ident` is, the queue ends: `get()` gives what is left, and then throws
 * ClosedResourceError. Trio: `trio.lowlevel.monitor_kevent`.
 *
 * @throws TypeError, RangeError at once for what is no ident, filter or function.
 * @throws BusyResourceError when driven, if the pair is waited for or monitored already.
 * @throws UnsupportedError where the run's backend is not kqueue. UsageError outside a run. What `body` throws.
 */
export function monitorKevent<T>(
  ident: number,
  filter: number,
  body: (queue: EventQueue<Kevent>) => Coroutine<T>,
): Operation<T> {
  checkPair("monitorKevent", ident, filter);
  checkTaskFunction(body, "monitorKevent(ident, filter, body)");
  return new MonitorKevent(kqueueOf("monitorKevent(ident, filter, body)"), ident, filter, body);
}

class RunKqueue implements Kqueue {
  readonly #io: KqueueIoManager;

  constructor(io: KqueueIoManager) {
    this.#io = io;
  }

  get fd(): number {
    return this.#io.fd;
  }

  control(changes: Iterable<KeventChange>): void {
    const kevents = Array.from(changes, judged);
    if (this.#io.closed) throw new UsageError("Kqueue.control(changes): the run is over, and its kqueue closed");
    for (const kevent of kevents) {
      if (kevent.ident === WAKE_IDENT && kevent.filter === this.#io.system.EVFILT_USER) {
        throw new UsageError(
          `Kqueue.control(changes): by user event ${WAKE_IDENT} the run itself is woken; take another`,
        );
      }
      checkNotAwaited(this.#io, kevent.ident, kevent.filter);
      const result = this.#io.control(kevent);
      if (result < 0) throw systemError(-result, "kevent", `ident ${kevent.ident}, filter ${kevent.filter}`);
    }
  }
}

class WaitKevent extends Suspension<Kevent> {
  static {
    this.prototype.operationName = "waitKevent()";
  }
  readonly #io: KqueueIoManager;
  readonly #ident: number;
  readonly #filter: number;
  readonly #abortFn: AbortFunction;

  constructor(io: KqueueIoManager, ident: number, filter: number, abortFn: AbortFunction) {
    super();
    this.#io = io;
    this.#ident = ident;
    this.#filter = filter;
    this.#abortFn = abortFn;
  }

  protected begin(task: Task): void {
    checkNotAwaited(this.#io, this.#ident, this.#filter);
    this.#io.kevents.add(this.#ident, this.#filter, task);
  }

  abort(task: Task, raiseCancel: () => never): AbortResult {
    let answer: AbortResult | undefined;
    try {
      answer = callAbort(task, this.#abortFn, raiseCancel);
      return answer;
    } finally {
      // Also after one that threw or gave nonsense, which ends the run and lets the task go.
      if (answer !== Abort.FAILED) this.#io.kevents.remove(this.#ident, this.#filter, task);
    }
  }
}

class MonitorKevent<T> extends FrameOperation<T> {
  static {
    this.prototype.operationName = "monitorKevent()";
  }
  readonly #io: KqueueIoManager;
  readonly #ident: number;
  readonly #filter: number;
  readonly #body: (queue: EventQueue<Kevent>) => Coroutine<T>;
  readonly #queue = new EventBuffer<Kevent>();

  constructor(io: KqueueIoManager, ident: number, filter: number, body: (queue: EventQueue<Kevent>) => Coroutine<T>) {
    super();
    this.#io = io;
    this.#ident = ident;
    this.#filter = filter;
    this.#body = body;
  }

  protected open(task: Task): void {
    checkNotAwaited(this.#io, this.#ident, this.#filter);
    this.#io.kevents.add(this.#ident, this.#filter, this.#queue);
    try {
      this.pushFrame(task, this.#body, this.#queue);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  protected resumed(task: Task): IteratorResult<Trap, T> {
    this.#end();
    if (task.failed) task.error = this.passOn(task.error);
    return task.takeResult();
  }

  #end(): void {
    this.#io.kevents.remove(this.#ident, this.#filter, this.#queue);
    this.#queue.end(() => new ClosedResourceError("EventQueue.get(): the body of monitorKevent() has ended"));
  }
}

function kqueueOf(what: string): KqueueIoManager {
  const { io } = currentRunner(what);
  if (io instanceof KqueueIoManager) return io;
  throw new UnsupportedError(
    `${what} needs a run on kqueue, and this one is on ${io.backend}; there, waitReadable(fd) waits for descriptors, ` +
      "which on Linux may be those of a pidfd, inotify, signalfd or timerfd",
  );
}

/** A kqueue has one registration for a pair, so it cannot be the program's and the backend's at once. */
function checkNotAwaited(io: KqueueIoManager, ident: number, filter: number): void {
  const first = io.waiterFor(ident, filter);
  if (first === null) return;
  throw new BusyResourceError(
    `task ${first.name} is in ${first.waitsFor()} for fd ${ident}, which takes its kevents of filter ${filter}`,
  );
}

function checkPair(what: string, ident: unknown, filter: unknown): void {
  checkWhole(`${what}(ident)`, "ident", ident, 0, Number.MAX_SAFE_INTEGER);
  checkWhole(`${what}(ident, filter)`, "filter", filter, -0x8000, 0x7fff);
}

function judged(change: KeventChange): Kevent {
  const what = "Kqueue.control(changes)";
  if (typeof change !== "object" || change === null) {
    throw new TypeError(`${what}: a change must be an object { ident, filter, flags }, not ${describe(change)}`);
  }
  const { ident, filter, flags, fflags = 0, data = 0n, udata = 0n } = change;
  checkWhole(what, "ident", ident, 0, Number.MAX_SAFE_INTEGER);
  checkWhole(what, "filter", filter, -0x8000, 0x7fff);
  checkWhole(what, "flags", flags, 0, 0xffff);
  checkWhole(what, "fflags", fflags, 0, 0xffffffff);
  for (const [name, value] of Object.entries({ data, udata })) {
    if (typeof value !== "bigint") throw new TypeError(`${what}: ${name} must be a bigint, not ${describe(value)}`);
  }
  return { ident, filter, flags, fflags, data, udata };
}

function checkWhole(what: string, name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") throw new TypeError(`${what}: ${name} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${what}: ${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
}
