/**
 * Every error the library throws, each with who throws it and what to do about it.
 *
 * `Cancelled` and `KeyboardInterrupt` are ordinary errors that `catch` can catch: cancellation is level-triggered, so
 * whoever swallows a Cancelled gets it again at the next checkpoint.
 */

/** Where a {@link Cancelled} came from. */
export type CancelSource = "explicit" | "deadline" | "nursery" | "KeyboardInterrupt" | "shutdown" | "unknown";

/**
 * Thrown out of a checkpoint in a cancelled scope, and caught by that scope. Let it pass: clean up in `finally`.
 * Only the runtime makes these; one object may be seen by every task that one scope cancels.
 *
 * Trio: `trio.Cancelled`.
 */
export class Cancelled extends Error {
  static {
    this.prototype.name = "Cancelled";
  }
  /** What cancelled the scope: an explicit `cancel()`, its deadline, a failing nursery, Ctrl-C, or the run's own end. */
  readonly source: CancelSource;
  /** The name of the task that cancelled it, if it was a task. */
  readonly sourceTask: string | undefined;
  /** What was given to `cancel(reason)`, if anything. */
  readonly reason: unknown;

  /** @internal */
  constructor(source: CancelSource, reason?: unknown, sourceTask?: string) {
    const by = sourceTask === undefined ? "" : `, by task ${sourceTask}`;
    const why = reason === undefined ? "" : `: ${describeReason(reason)}`;
    super(`Cancelled (${source}${by})${why}`);
    this.source = source;
    this.sourceTask = sourceTask;
    this.reason = reason;
  }
}

/** So many characters of an object say which it is. */
const LONGEST_REASON = 80;

function describeReason(reason: unknown): string {
  try {
    if (reason instanceof Error) return `${reason.name}: ${reason.message}`;
    const text = String(reason);
    return text === "[object Object]" ? JSON.stringify(reason).slice(0, LONGEST_REASON) : text;
  } catch {
    return typeof reason;
  }
}

/**
 * Ctrl-C. Thrown out of a checkpoint of the main task (or, in the unrestricted mode, wherever unprotected code stands),
 * and out of `run` when nobody caught it.
 *
 * Trio: Python's `KeyboardInterrupt`.
 */
export class KeyboardInterrupt extends Error {
  static {
    this.prototype.name = "KeyboardInterrupt";
  }
  constructor(message = "interrupted by Ctrl-C (SIGINT)", options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * The run's own machinery failed: a system task or a call-soon callback threw, or an abort function misbehaved. Every
 * task was cancelled and has unwound; `cause` says what happened. Mend the system task, callback or abort function.
 *
 * Trio: `trio.TrioInternalError`.
 */
export class TrioInternalError extends Error {
  static {
    this.prototype.name = "TrioInternalError";
  }
}

/** Thrown by a call-soon function whose run is over: the call was not queued. Trio: `trio.RunFinishedError`. */
export class RunFinishedError extends Error {
  static {
    this.prototype.name = "RunFinishedError";
  }
  constructor(message = "the run this call-soon function belongs to is over: the call was not queued") {
    super(message);
  }
}

/**
 * Another task is using the resource in the same way: one descriptor has at most one reader and one writer waiting.
 * The first task goes on undisturbed. Trio: `trio.BusyResourceError`.
 */
export class BusyResourceError extends Error {
  static {
    this.prototype.name = "BusyResourceError";
  }
}

/** You closed the resource, before or while it was used. Trio: `trio.ClosedResourceError`. */
export class ClosedResourceError extends Error {
  static {
    this.prototype.name = "ClosedResourceError";
  }
}

/** The resource broke by itself: its peer is gone, its owner ended. Trio: `trio.BrokenResourceError`. */
export class BrokenResourceError extends Error {
  static {
    this.prototype.name = "BrokenResourceError";
  }
}

/** A `...NoWait` or `try...` call would have had to wait: nothing happened. Trio: `trio.WouldBlock`. */
export class WouldBlock extends Error {
  static {
    this.prototype.name = "WouldBlock";
  }
}

/** Nothing more will come through the channel: its senders are closed. Trio: `trio.EndOfChannel`. */
export class EndOfChannel extends Error {
  static {
    this.prototype.name = "EndOfChannel";
  }
}

/**
 * The block of a `failAfter` or `failAt` did not end in time, and was cancelled; or a test of `inRun` did not.
 *
 * Trio: `trio.TooSlowError`.
 */
export class TooSlowError extends Error {
  static {
    this.prototype.name = "TooSlowError";
  }
}

/**
 * Nothing was runnable, no deadline was set, and nobody could have woken anything. Main was cancelled, so clean-up has
 * run. The message holds the task tree as it was. Trio has none (#1085).
 */
export class DeadlockError extends Error {
  static {
    this.prototype.name = "DeadlockError";
  }
}

/**
 * A call that the state forbids, where Trio raises RuntimeError: a closed nursery, a scope used twice, an operation
 * driven twice or outside a task, a nested run. The message says what to do instead.
 */
export class UsageError extends Error {
  static {
    this.prototype.name = "UsageError";
  }
}

/** This platform or this run's I/O backend cannot do what was asked; the message names the one that can. */
export class UnsupportedError extends Error {
  static {
    this.prototype.name = "UnsupportedError";
  }
}

/**
 * A system call failed. `code` is the errno's name (`"EBADF"`), `errno` its number on this platform, `syscall` the call.
 * Trio: Python's `OSError`.
 */
export class SystemError extends Error {
  static {
    this.prototype.name = "SystemError";
  }
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  constructor(code: string, errno: number, syscall: string, detail?: string, options?: ErrorOptions) {
    super(`${syscall}: ${code}${detail === undefined ? "" : ` (${detail})`}`, options);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}
