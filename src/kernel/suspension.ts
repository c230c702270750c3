import { TrioInternalError, UsageError } from "../errors.ts";
import { Abort, type AbortFunction, type AbortResult } from "./abort.ts";
import { AsyncDrive } from "./async-drive.ts";
import type { CancelScope } from "./cancel-scope.ts";
import { describe } from "./describe.ts";
import { SUSPENDED, type Operation, type Trap } from "./operation.ts";
import { Result } from "./result.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import { CHECKPOINT, Task, TaskState } from "./task.ts";
import { thread } from "./thread.ts";
import type { Drivable } from "./undriven.ts";

/** An operation that may have opened a scope, its own or a nursery's. */
export interface ScopeOpener {
  readonly opened?: CancelScope | null;
}

/** What a blocked task is blocked in. */
export interface Blocker extends ScopeOpener {
  readonly operationName: string;
  readonly origin: Drivable["origin"];
  /** What the task waits for, as far as that is known, in the place of the bare name. */
  describe?(): string;
  abort(task: Task, raiseCancel: () => never): AbortResult;
}

/**
 * The base of every operation that blocks its task until somebody wakes it. The task counts as blocked from the first
 * `next()` on, so a wake-up that comes before the scheduler has seen the trap is not lost.
 */
export abstract class Suspension<T> extends SingleUse<T> implements Blocker {
  /** Registers the wait. Throwing refuses it: the operation did not happen, and the task goes on. */
  protected abstract begin(task: Task): void;

  /**
   * The task's context was cancelled: undo {@link Suspension.begin}, so that nobody wakes the task, and answer
   * `Abort.SUCCEEDED`; or answer `Abort.FAILED`, and somebody still will.
   */
  abstract abort(task: Task, raiseCancel: () => never): AbortResult;

  override next(): IteratorResult<Trap, T> {
    if (this.task !== null) return this.task.takeResult();
    const task = drivingTask(this);
    this.begin(task);
    this.task = task;
    task.points = CHECKPOINT;
    block(task, this);
    return SUSPENDED;
  }

  override [Symbol.asyncIterator](): unknown {
    return new AsyncDrive(this[Symbol.iterator]());
  }

  override toString(): string {
    return this.operationName;
  }
}

/** The task stops here until somebody wakes it; if it is cancelled already, its abort is asked for at once (S58). */
export function block(task: Task, suspension: Blocker): void {
  task.state = TaskState.Blocked;
  task.suspension = suspension;
  task.abortable = true;
  if (task.scope.cause !== null || task.kiPending) deliverInterruption(task);
}

/** Ends the task's suspension with `value`. It runs on a later pass, never inline. */
export function wake(task: Task, value?: unknown): void {
  if (task.state !== TaskState.Blocked) throw notBlocked(task);
  task.value = value;
  task.runner.enqueue(task);
}

/** Ends the task's suspension by throwing `error` in it, on a later pass. */
export function wakeWithError(task: Task, error: unknown): void {
  if (task.state !== TaskState.Blocked) throw notBlocked(task);
  task.failed = true;
  task.error = error;
  task.runner.enqueue(task);
}

function notBlocked(task: Task): UsageError {
  const why =
    task.state === TaskState.Exited
      ? "has ended"
      : task.state === TaskState.Runnable
        ? "has been rescheduled already"
        : "is not blocked";
  return new UsageError(
    `reschedule(): task ${task.name} ${why}; exactly one reschedule() belongs to each yieldIndefinitely(), and an ` +
      "abort function that returned Abort.SUCCEEDED counts as one",
  );
}

/**
 * Asks the blocked task's operation to give way to whatever interrupts it: a pending KeyboardInterrupt first, else the
 * cancellation of its scope. Does nothing if the task is not blocked, was asked already, or is not interrupted.
 */
export function deliverInterruption(task: Task): void {
  const suspension = task.suspension;
  if (suspension === null || !task.abortable) return; // one that was woken keeps the suspension it comes from
  if (task.scope.cause === null && !task.kiPending) return;
  task.abortable = false;
  const raiseCancel = interruptionOf(task);
  let answer: AbortResult;
  try {
    answer = suspension.abort(task, raiseCancel);
  } catch (error) {
    task.runner.crash(
      new TrioInternalError(`the abort function of task ${task.name}, blocked in ${suspension.operationName}, threw`, {
        cause: error,
      }),
    );
    answer = Abort.SUCCEEDED; // so that the task unwinds too, and is not stranded
  }
  if (answer === Abort.FAILED) return;
  if (answer !== Abort.SUCCEEDED) {
    task.runner.crash(
      new TrioInternalError(
        `the abort function of task ${task.name} returned ${answer === undefined ? "nothing" : describe(answer)}: it must return Abort.SUCCEEDED or Abort.FAILED`,
      ),
    );
  }
  // It may have rescheduled the task itself and answered SUCCEEDED all the same: that is one too many.
  if (task.state !== TaskState.Blocked) {
    task.runner.crash(
      new TrioInternalError(
        `the abort function of task ${task.name} rescheduled the task and returned Abort.SUCCEEDED, which counts as a second reschedule: return Abort.FAILED`,
      ),
    );
    return;
  }
  try {
    raiseCancel();
  } catch (error) {
    wakeWithError(task, error);
  }
}

/** A function that throws what interrupts `task` now: KeyboardInterrupt (delivered by that, S63) or Cancelled. */
function interruptionOf(task: Task): () => never {
  if (task.kiPending) {
    return () => {
      throw task.runner.takeKeyboardInterrupt();
    };
  }
  return task.scope.cause!.raise;
}

/** The operation behind {@link yieldIndefinitely}. */
class YieldIndefinitely<T> extends Suspension<T> {
  static {
    this.prototype.operationName = "yieldIndefinitely()";
  }
  readonly #abortFn: AbortFunction;
  constructor(abortFn: AbortFunction) {
    super();
    this.#abortFn = abortFn;
  }
  protected begin(): void {}
  abort(task: Task, raiseCancel: () => never): AbortResult {
    return callAbort(task, this.#abortFn, raiseCancel);
  }
}

/** @internal Calls an abort function of the program's. Whoever cancels, it belongs to the task that is being aborted. */
export function callAbort(task: Task, abortFn: AbortFunction, raiseCancel: () => never): AbortResult {
  const { task: outer, kiProtected } = thread;
  thread.task = task;
  thread.kiProtected = true;
  try {
    return abortFn(raiseCancel);
  } finally {
    thread.task = outer;
    thread.kiProtected = kiProtected;
  }
}

/**
 * S57: puts the current task to sleep until somebody calls {@link reschedule} on it; gives the value, or throws the
 * error, that was given there. The lowest level of blocking: prefer a ParkingLot or the I/O waits.
 *
 * If the task's context is or becomes cancelled, `abortFn` is called, at most once (S64), with `currentTask()` being
 * the task it is for. It undoes whatever would reschedule the task and returns `Abort.SUCCEEDED`, upon which
 * the task gets Cancelled (S59); or it returns `Abort.FAILED`, and somebody must still reschedule the task (S60), if
 * they like with `Result.capture(raiseCancel)` (S61), or after which the task may call `raiseCancel` itself (S62).
 * One that throws, or returns anything else, ends the run with TrioInternalError (S65).
 *
 * A checkpoint. Trio: `trio.lowlevel.wait_task_rescheduled`.
 *
 * @throws TypeError at once if `abortFn` is no function.
 */
export function yieldIndefinitely<T = unknown>(abortFn: AbortFunction): Operation<T> {
  if (typeof abortFn !== "function") {
    throw new TypeError(
      `yieldIndefinitely(abortFn): abortFn must be a function that returns Abort.SUCCEEDED or Abort.FAILED, not ${describe(abortFn)}`,
    );
  }
  return new YieldIndefinitely<T>(abortFn);
}

/**
 * S55: wakes a task that is blocked in {@link yieldIndefinitely}, which gives or throws `result` there. The task runs
 * on a later pass, never inline. Exactly one call belongs to each block (S56). Not a checkpoint.
 *
 * Trio: `trio.lowlevel.reschedule`.
 *
 * @throws UsageError naming the task if it is not blocked, or blocked in something that only its own waker may end.
 * @throws TypeError if `task` is no Task or `result` no Result.
 */
export function reschedule<T>(task: Task, result?: Result<T>): void {
  if (!(task instanceof Task)) {
    throw new TypeError(`reschedule(task): task must be a Task, as currentTask() gives it, not ${describe(task)}`);
  }
  if (result !== undefined && !(result instanceof Result)) {
    throw new TypeError(
      `reschedule(task, result): result must be a Result, not ${describe(result)}; use Result.value(...) or Result.error(...)`,
    );
  }
  if (task.state !== TaskState.Blocked) throw notBlocked(task);
  if (!(task.suspension instanceof YieldIndefinitely)) {
    throw new UsageError(
      `reschedule(): task ${task.name} is blocked in ${task.waitsFor()}, which only its own waker may end; ` +
        "reschedule() is for tasks in yieldIndefinitely()",
    );
  }
  if (result === undefined) {
    wake(task);
    return;
  }
  let value: T;
  try {
    value = result.unwrap();
  } catch (error) {
    wakeWithError(task, error);
    return;
  }
  wake(task, value);
}
