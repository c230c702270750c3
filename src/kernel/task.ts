import { notResumed } from "./by-hand.ts";
import type { CancelScope } from "./cancel-scope.ts";
import type { Context, Frame } from "./frame.ts";
import type { Nursery } from "./nursery.ts";
import { DONE, type Coroutine, type Trap } from "./operation.ts";
import type { ParkingLot } from "./parking-lot.ts";
import type { Runner } from "./runner.ts";
import { deepStack } from "./stack.ts";
import type { Blocker } from "./suspension.ts";
import { taskOfContext, thread } from "./thread.ts";
import { placeOf } from "./undriven.ts";

/** Where a task stands. A plain number: it is compared at every step. */
export const TaskState = {
  /** In the run queue. */
  Runnable: 0,
  /** Its code is running. */
  Running: 1,
  /** In an operation that somebody will end. */
  Blocked: 2,
  /** Its code is in a native `await`, outside the scheduler's reach. */
  Awaiting: 3,
  Exited: 4,
} as const;

/** What a task passed, as bits: what the checkers of `tribun/testing` go by. */
export const SCHEDULE_POINT = 1;
export const CANCEL_POINT = 2;
export const CHECKPOINT: number = SCHEDULE_POINT | CANCEL_POINT;

/** The columns differ: of the call that made an operation, and of the `yield*` that drives it. */
function endsIn(lines: readonly string[], last: readonly string[]): boolean {
  const lineOf = (place: string | undefined): string | undefined => place?.replace(/:\d+\)?$/, "");
  return last.every((place, index) => lineOf(place) === lineOf(lines[lines.length - last.length + index]));
}

/**
 * A task: a coroutine of its own in the tree of nurseries. Made by `nursery.startSoon`, `nursery.start` and
 * `spawnSystemTask`; got by `currentTask()`.
 *
 * Trio: `trio.lowlevel.Task`.
 */
export class Task {
  /** What it is called in messages and trees. Not unique. */
  name: string;
  /** What its function gave when it was called; the wrapper around main, for the main task, until main was called. */
  coroutine: Coroutine<unknown> | null;
  /** The nursery it is a child of; null for the root task. Kept after the task has ended. */
  parentNursery: Nursery | null;
  /** Between `nursery.start()` and `started()`: the nursery it is going to move to. */
  eventualParentNursery: Nursery | null = null;
  /**
   * For whoever blocks the task: anything that helps to find it again. A text shows in `task.status()`. Cleared when it is
   * rescheduled.
   */
  customSleepData: unknown = undefined;

  /** @internal */
  readonly runner: Runner;
  /** @internal Counts up within a run: an order that does not rest on identity. */
  readonly id: number;
  /** @internal The asynchronous context it was spawned in. */
  readonly context: Context;
  /** @internal */
  readonly isSystem: boolean;
  /** @internal One of TaskState. */
  state: number = TaskState.Runnable;
  /** @internal The innermost frame; null before the first and after the last. */
  frame: Frame | null = null;
  /** @internal What it is blocked in; until it is blocked again, the last it was suspended in. */
  suspension: Blocker | null = null;
  /** @internal An abort may still be asked of it: at most one for each block (S64). */
  abortable = false;
  /** @internal Which kinds of point it has passed, since somebody last cleared it. */
  points = 0;
  /** @internal KeyboardInterrupt waits for its next checkpoint. Main only. */
  kiPending = false;
  /** @internal The innermost cancel scope around it. */
  scope: CancelScope;
  /** @internal How it is to be resumed: with `value`, or with `error` if `failed`. */
  failed = false;
  /** @internal */
  value: unknown = undefined;
  /** @internal */
  error: unknown = undefined;
  /** @internal Nurseries it has open, outermost first. */
  openNurseries: Nursery[] | null = null;
  /** @internal Lots that break when it ends, each as often as it was registered. */
  breaks: ParkingLot[] | null = null;
  /** @internal Links of its scope's list of tasks. */
  previousInScope: Task | null = null;
  /** @internal */
  nextInScope: Task | null = null;
  /** @internal Links of its nursery's list of children. */
  previousSibling: Task | null = null;
  /** @internal */
  nextSibling: Task | null = null;

  /** @internal */
  constructor(
    runner: Runner,
    name: string,
    parent: Nursery | null,
    scope: CancelScope,
    context: Context,
    isSystem: boolean,
  ) {
    this.runner = runner;
    this.id = runner.nextTaskId++;
    this.name = name;
    this.parentNursery = parent;
    this.scope = scope;
    this.context = context;
    this.isSystem = isSystem;
    this.coroutine = null;
  }

  /** The nurseries it has open, outermost first. */
  get childNurseries(): readonly Nursery[] {
    return this.openNurseries === null ? [] : [...this.openNurseries];
  }

  /** @internal The result its operation ends with. */
  takeResult(): IteratorResult<Trap, any> {
    if (this.state !== TaskState.Running) throw notResumed(this);
    if (this.failed) {
      const error = this.error;
      this.failed = false;
      this.error = undefined;
      throw error;
    }
    const value = this.value;
    if (value === undefined) return DONE;
    this.value = undefined;
    return { done: true, value };
  }

  /**
   * What it is doing, in words: `"waitReadable(fd 7)"`, `"Lock.acquire(), in ParkingLot.park()"`, `"runnable"`,
   * `"running"`, `"in a native await"`, `"ended"`. For people to read: the wording may change. Not a checkpoint.
   */
  status(): string {
    switch (this.state) {
      case TaskState.Runnable:
        return this.hasBegun ? "runnable" : "runnable, has not begun";
      case TaskState.Running:
        return "running";
      case TaskState.Awaiting:
        return "in a native await";
      case TaskState.Exited:
        return "ended";
    }
    const suspension = this.suspension as Blocker;
    const what = suspension.describe?.() ?? suspension.operationName;
    const within = this.customSleepData;
    return typeof within === "string" && within !== what ? `${within}, in ${what}` : what;
  }

  /**
   * Where it is suspended: the program's own lines, innermost first, each as `"at worker (/app/worker.ts:12:5)"`; of a
   * task that runs, where it last was. Through all scopes, nurseries and calls around it, but not through what an
   * asynchronous generator delegates to by `yield*`: the engine keeps no stack of those.
   *
   * A line is known where the library took the stack of the operation: of the first thousand of a run and of 2,000 a
   * second from then on. Where it is not, and in a bundle, it is missing. Not a checkpoint.
   *
   * Trio: `trio.lowlevel.Task.iter_await_frames`.
   */
  stack(): string[] {
    if (this.state === TaskState.Exited) return [];
    const lines = this.isCaller ? placeOf({ origin: deepStack() }) : [];
    if (lines.length === 0 && this.suspension !== null) lines.push(...placeOf(this.suspension));
    for (let frame = this.frame; frame !== null; frame = frame.parent) {
      // What `() => lock.acquire()` gives is an operation, whose own line that is; and of `() => scope.run(body)`, the line
      // around the body's frame as well.
      const iterator: object = frame.iterator;
      const isOperation = "origin" in iterator;
      const own = isOperation && iterator !== this.suspension ? placeOf(iterator as Blocker) : [];
      if (!endsIn(lines, own)) lines.push(...own);
      const around = frame.opener === null ? [] : placeOf(frame.opener);
      // A body that gives an operation is called where what it is the body of is driven: its stack has those lines.
      if (!isOperation || !endsIn(lines, around)) lines.push(...around);
    }
    return lines;
  }

  private get isCaller(): boolean {
    return (thread.task ?? taskOfContext()) === this && this.state !== TaskState.Blocked;
  }

  /** @internal Whether it has taken its first step. */
  get hasBegun(): boolean {
    const { frame, suspension } = this;
    return suspension !== null || frame === null || frame.parent !== null || frame.reply?.begun === true;
  }

  /** @internal A phrase for messages: the operation it is blocked in. */
  waitsFor(): string {
    if (this.state === TaskState.Blocked) return (this.suspension as Blocker).operationName;
    switch (this.state) {
      case TaskState.Runnable:
        return "a schedule point";
      case TaskState.Awaiting:
        return "a native await";
      default:
        return "nothing";
    }
  }

  toString(): string {
    return `<Task ${this.name}>`;
  }
}
