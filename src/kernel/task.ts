import { notResumed } from "./by-hand.ts";
import type { CancelScope } from "./cancel-scope.ts";
import type { Context, Frame } from "./frame.ts";
import type { Nursery } from "./nursery.ts";
import { DONE, type Coroutine, type Trap } from "./operation.ts";
import type { ParkingLot } from "./parking-lot.ts";
import type { Runner } from "./runner.ts";
import type { Blocker } from "./suspension.ts";

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
  /** For whoever blocks the task: anything that helps to find it again. Cleared when it is rescheduled. */
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
  /** @internal What it is blocked in. */
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

  /** @internal A phrase for messages: the operation it is blocked in. */
  waitsFor(): string {
    if (this.suspension !== null) return this.suspension.operationName;
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
