import { Cancelled, UsageError, type CancelSource } from "../errors.ts";
import { describe } from "./describe.ts";
import { ExceptionGroup } from "./exception-group.ts";
import { checkTaskFunction } from "./frame-operation.ts";
import type { Coroutine, Operation } from "./operation.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import type { Runner } from "./runner.ts";
import { ScopeRun, type ScopeOutcome } from "./scope-run.ts";
import { ScopeSignals } from "./scope-signals.ts";
import { GRACEFUL_CANCEL, type GracefulCancel, isGraceful, tellStopRequested } from "./stop-request.ts";
import { deliverInterruption } from "./suspension.ts";
import type { Task } from "./task.ts";
import { taskOfContext, thread } from "./thread.ts";
import { checkDuration, checkTime } from "./time-arguments.ts";

/** Why a scope is cancelled. The error is made when the first task needs it, and shared by all. */
export class CancelCause {
  readonly source: CancelSource;
  readonly reason: unknown;
  readonly sourceTask: string | undefined;
  #error: Cancelled | null = null;
  /** Throws the Cancelled: what abort functions are given. */
  readonly raise: () => never = () => {
    throw this.error;
  };

  constructor(source: CancelSource, reason?: unknown, sourceTask?: string) {
    this.source = source;
    this.reason = reason;
    this.sourceTask = sourceTask;
  }

  get error(): Cancelled {
    return (this.#error ??= new Cancelled(this.source, this.reason, this.sourceTask));
  }
}

export interface CancelScopeOptions {
  /** When it cancels itself, in milliseconds of the run's clock. */
  readonly deadline?: number | undefined;
  /** When it cancels itself, in milliseconds counted from its entry. */
  readonly timeout?: number | undefined;
  /** Whether cancellation from outside is kept away. */
  readonly shield?: boolean | undefined;
  /** Cancels the scope when it aborts, with its reason. Listened to only while the scope runs. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<CancelScopeOptions> = { deadline: true, timeout: true, shield: true, signal: true };

const NEW = 0;
const ENTERED = 1;
const EXITED = 2;

/**
 * A stretch of one task's work, with all tasks started in it, that can be cancelled as one. Made, cancelled, shielded
 * and given a deadline at any time; entered once, by {@link CancelScope.run}.
 *
 * Cancelling is level-triggered: until the scope has ended, every checkpoint in it throws {@link Cancelled}, and the
 * scope catches that.
 *
 * Trio: `trio.CancelScope`.
 */
export class CancelScope {
  #phase = NEW;
  #timeout: number | undefined;
  #shield = false;
  #caught = false;
  /** Somebody has seen that its deadline had passed, so it stays so, though the scope may end before a pass sees it. */
  #wasSeenDue = false;
  /** @internal */
  signals: ScopeSignals | null = null;
  /** Its grace, if it was cancelled with one: when that is over, in the run's time, and why. */
  #grace: { readonly over: number; readonly cause: CancelCause } | null = null;
  /** @internal Its own cancellation, if it was cancelled. */
  own: CancelCause | null = null;

  // With these it is a Deadline. It does not say so: the package's declarations leave out what is internal.
  /** @internal Its deadline. */
  time: number = Infinity;
  /** @internal */
  order = 0;
  /** @internal */
  index = -1;
  /** @internal Why tasks in it are cancelled, by itself or from outside; null when they are not. */
  cause: CancelCause | null = null;
  /** @internal */
  parent: CancelScope | null = null;
  /** @internal */
  runner: Runner | null = null;
  /** @internal Scopes entered within it, in that order. */
  firstChild: CancelScope | null = null;
  #lastChild: CancelScope | null = null;
  #previous: CancelScope | null = null;
  /** @internal */
  next: CancelScope | null = null;
  /** @internal Tasks whose innermost scope it is, as they came to be in it. */
  firstTask: Task | null = null;
  #lastTask: Task | null = null;

  /**
   * @param options `deadline` or `timeout` (not both), in milliseconds; `shield`; `signal`.
   * @throws TypeError, RangeError for options of the wrong type, negative or NaN, and for one that there is not.
   */
  constructor(options?: CancelScopeOptions) {
    checkOptions(options, OPTIONS, "new CancelScope(options)");
    if (options === undefined) return;
    const { deadline, timeout, shield = false, signal } = options;
    if (deadline !== undefined && timeout !== undefined) {
      throw new TypeError("new CancelScope(options): give deadline or timeout, not both");
    }
    if (deadline !== undefined) this.time = checkTime(deadline, "new CancelScope({ deadline }): deadline");
    if (timeout !== undefined) this.#timeout = checkDuration(timeout, "new CancelScope({ timeout }): timeout");
    this.#shield = checkShield(shield, "new CancelScope({ shield }): shield");
    if (signal !== undefined) this.signals = new ScopeSignals(this, checkSignal(signal));
  }

  /** @internal What `moveOnAfter` and its like run in. They have judged `timeout`, or `deadline`; the other is undefined. */
  static limited(
    timeout: number | undefined,
    deadline: number | undefined,
    shield: boolean | undefined,
    call: string,
  ): CancelScope {
    const scope = new CancelScope();
    scope.#timeout = timeout;
    if (deadline !== undefined) scope.time = deadline;
    if (shield !== undefined) scope.#shield = checkShield(shield, call);
    return scope;
  }

  /**
   * Runs `body` in this scope, as a frame of the current task; gives what it returned, or `undefined` when the scope
   * caught its Cancelled. Entering and leaving are no checkpoints.
   *
   * @throws UsageError when driven on a scope that was entered before.
   */
  run<T>(body: (scope: CancelScope) => Coroutine<T>): Operation<T | undefined> {
    checkTaskFunction(body, "scope.run(body)");
    return new ScopeRun("scope.run()", this, body, null);
  }

  /**
   * Cancels: blocked tasks in the scope are aborted now, others find it at their next checkpoint. The first reason
   * wins; later calls do nothing. Not a checkpoint.
   *
   * With `{ grace: ms, reason? }`, in two steps: tasks in the scope are asked to stop, which they see by `stopRequested()` and
   * can wait for by `untilStopRequested()`; `ms` milliseconds of the run's clock later what is left is cancelled. Once given,
   * a grace can be shortened by a further call, and never be made longer, also not by moving the deadline. A plain object that
   * has a `grace` is always taken for that: one that is to be the reason is given as `{ grace: 0, reason: object }`.
   *
   * @throws TypeError, RangeError for a grace that is no number of milliseconds, NaN or negative, and for anything beside
   *   `grace` and `reason`. UsageError for one of a scope that no run has: when would it be over?
   */
  cancel(reason?: unknown): void {
    if (this.own !== null) return;
    if (isGraceful(reason)) this.#cancelGracefully(reason);
    else this.cancelFor("explicit", reason, nameOfCaller());
  }

  #cancelGracefully(options: GracefulCancel): void {
    checkOptions(options, GRACEFUL_CANCEL, "scope.cancel({ grace, reason })");
    const { grace, reason } = options;
    checkDuration(grace, "scope.cancel({ grace }): grace");
    const runner = this.runner ?? thread.runner;
    if (runner === null) {
      throw new UsageError("scope.cancel({ grace }): outside a run there is no clock to count the grace by");
    }
    if (this.#phase === EXITED) return;
    const over = runner.currentTime() + grace;
    if (this.#grace !== null && this.#grace.over <= over) return;
    this.#grace = { over, cause: this.#grace?.cause ?? new CancelCause("explicit", reason, nameOfCaller()) };
    if (this.#phase === NEW) {
      this.time = Math.min(this.time, over); // a timeout goes on counting from the entry
      return;
    }
    this.deadline = Math.min(this.time, over);
    tellStopRequested(runner);
  }

  /** Whether it was cancelled, with a grace or without one, or its deadline has passed: what `stopRequested()` sees in it. */
  get stopRequested(): boolean {
    return this.#grace !== null || this.cancelCalled;
  }

  /**
   * An AbortSignal that is aborted when work in the scope is cancelled, by the scope itself or from outside, with the
   * Cancelled that its tasks get as the reason: for `fetch` and whatever else takes one. It is aborted in the midst of the
   * cancellation: what a listener throws is an uncaught exception of the process, as with every AbortSignal. When a
   * deadline comes it is aborted with the tasks, in the pass that sees it. It is the same one each time. Not a checkpoint.
   */
  get signal(): AbortSignal {
    this.signals ??= new ScopeSignals(this, null);
    const { signal } = this.signals;
    this.signals.deliver();
    return signal;
  }

  /**
   * When it cancels itself, in milliseconds of the run's clock; `Infinity` for never, and until entry for a scope made
   * with `timeout`. Moving it to now or earlier cancels the scope: `cancelCalled` and `yieldIfCancelled` see it at
   * once, blocked tasks are aborted in the next pass. Moving it never takes a cancellation back.
   */
  get deadline(): number {
    return this.time;
  }
  set deadline(time: number) {
    checkTime(time, "scope.deadline");
    if (this.#phase === EXITED) {
      this.time = time;
      return;
    }
    const runner = this.runner ?? thread.runner;
    const wasDue = runner !== null && this.#isDue(runner);
    this.time = this.#grace === null ? time : Math.min(time, this.#grace.over);
    this.#timeout = undefined;
    if (runner !== null && this.own === null && (wasDue || this.#isDue(runner))) {
      this.own = this.#causeOfDeadline();
      this.#forgetDeadline();
      if (this.#phase === ENTERED) runner.deferDelivery(spread(this));
    } else if (this.#phase === ENTERED) this.#rememberDeadline();
  }

  /** Whether cancellation from outside is kept away. Lowering it in a cancelled context aborts blocked tasks at once. */
  get shield(): boolean {
    return this.#shield;
  }
  set shield(value: boolean) {
    this.#shield = checkShield(value, "scope.shield");
    if (this.#phase !== ENTERED) return;
    this.#recalculate();
    tellStopRequested(this.runner as Runner);
  }

  /**
   * Whether `cancel()` was called, or the deadline has passed. Not yet while a grace lasts. Reading it changes nothing.
   */
  get cancelCalled(): boolean {
    return this.own !== null || this.#deadlineHasPassed();
  }

  /** Whether it caught a Cancelled: whether work in it was really cut off. */
  get cancelledCaught(): boolean {
    return this.#caught;
  }

  /** Whether it counts as cancelled by its deadline, though no pass has seen that yet. */
  #deadlineHasPassed(): boolean {
    if (this.#wasSeenDue || this.#phase === EXITED || this.time === Infinity) return this.#wasSeenDue;
    const runner = this.runner ?? thread.runner;
    return (this.#wasSeenDue = runner !== null && this.#isDue(runner));
  }

  #isDue(runner: Runner): boolean {
    return this.time !== Infinity && this.time <= runner.currentTime();
  }

  /** @internal Cancels for a cause that is not to be judged; does nothing if the scope is cancelled already. */
  cancelFor(source: CancelSource, reason?: unknown, sourceTask?: string): void {
    if (this.own !== null) return;
    this.own = this.#deadlineHasPassed() ? this.#causeOfDeadline() : new CancelCause(source, reason, sourceTask);
    this.#forgetDeadline();
    if (this.#phase === ENTERED) this.#recalculate();
    else if (this.#phase === NEW) this.signals?.deliver();
  }

  /** @internal Its deadline is due: it counts as cancelled, and the tasks concerned are answered, not yet aborted. */
  expire(): Reached[] {
    this.own ??= this.#causeOfDeadline();
    return spread(this);
  }

  #causeOfDeadline(): CancelCause {
    return this.#grace !== null && this.#grace.over <= this.time ? this.#grace.cause : new CancelCause("deadline");
  }

  #recalculate(): void {
    deliver(spread(this));
  }

  /** @internal What its tasks' cause should be, from itself and its parent. */
  rightCause(): CancelCause | null {
    if (this.own !== null) return this.own;
    return this.#shield || this.parent === null ? null : this.parent.cause;
  }

  /** @internal Its own deadline as others see it: -Infinity once cancelled. */
  get ownDeadline(): number {
    return this.own !== null ? -Infinity : this.time;
  }

  #rememberDeadline(): void {
    const { deadlines } = this.runner as Runner;
    deadlines.remove(this);
    if (this.time === Infinity || this.own !== null) return;
    deadlines.add(this);
    (this.runner as Runner).deadlineMoved();
  }

  #forgetDeadline(): void {
    if (this.runner !== null) this.runner.deadlines.remove(this);
  }

  /** @internal The root of a run's tree, which holds the root task. */
  enterAsRoot(runner: Runner): void {
    this.#phase = ENTERED;
    this.runner = runner;
  }

  /** @internal */
  enter(task: Task): void {
    if (this.#phase !== NEW) {
      throw new UsageError("this CancelScope has been entered already: a scope is good for one run(), make a new one");
    }
    this.#phase = ENTERED;
    this.runner = task.runner;
    this.linkUnder(task.scope);
    this.cause = this.rightCause();
    task.scope.removeTask(task);
    this.addTask(task);
    if (this.#timeout !== undefined) {
      const time = task.runner.currentTime() + this.#timeout;
      this.time = this.#grace === null ? time : Math.min(time, this.#grace.over);
      this.#timeout = undefined;
    }
    if (this.time !== Infinity) this.#rememberDeadline();
    if (this.signals !== null) {
      this.signals.listen();
      this.signals.deliver();
    }
  }

  /**
   * @internal Leaves the scope with what its body ended in. Answers whether a Cancelled of this scope's was in `error`;
   * what remains of it is in `remainder`.
   */
  exit(task: Task, outcome: ScopeOutcome): void {
    const parent = this.parent as CancelScope;
    this.#forgetDeadline();
    this.signals?.unlisten();
    this.#phase = EXITED;
    // Caught only if the cancellation is this scope's own work, not one that comes from outside (gh trio #1175).
    const mine = this.cause !== null && (this.#shield || parent.cause === null);
    this.unlink();
    this.removeTask(task);
    parent.addTask(task);
    if (mine && outcome.failed) this.#catch(outcome);
  }

  #catch(outcome: ScopeOutcome): void {
    const { error } = outcome;
    if (error instanceof Cancelled) {
      this.#caught = true;
      outcome.failed = false;
      outcome.error = undefined;
    } else if (error instanceof ExceptionGroup) {
      const [cancelled, rest] = error.splitCancelled();
      if (cancelled === null) return;
      this.#caught = true;
      if (rest === null) {
        outcome.failed = false;
        outcome.error = undefined;
      } else outcome.error = rest.collapsed();
    }
  }

  /** @internal */
  linkUnder(parent: CancelScope): void {
    this.parent = parent;
    const last = parent.#lastChild;
    this.#previous = last;
    this.next = null;
    if (last === null) parent.firstChild = this;
    else last.next = this;
    parent.#lastChild = this;
  }

  /** @internal */
  unlink(): void {
    const parent = this.parent;
    if (parent === null) return;
    if (this.#previous === null) parent.firstChild = this.next;
    else this.#previous.next = this.next;
    if (this.next === null) parent.#lastChild = this.#previous;
    else this.next.#previous = this.#previous;
    this.#previous = null;
    this.next = null;
    this.parent = null;
  }

  /** @internal */
  addTask(task: Task): void {
    const last = this.#lastTask;
    task.scope = this;
    task.previousInScope = last;
    task.nextInScope = null;
    if (last === null) this.firstTask = task;
    else last.nextInScope = task;
    this.#lastTask = task;
  }

  /** @internal */
  removeTask(task: Task): void {
    const { previousInScope: previous, nextInScope: next } = task;
    if (previous === null) this.firstTask = next;
    else previous.nextInScope = next;
    if (next === null) this.#lastTask = previous;
    else next.previousInScope = previous;
    task.previousInScope = null;
    task.nextInScope = null;
  }
}

/** The task that is cancelling, if it is a task. */
export function nameOfCaller(): string | undefined {
  return (thread.task ?? taskOfContext())?.name;
}

/** What a cancellation reaches, by way of the tree. */
export type Reached = Task | ScopeSignals;

/** Tells what a cancellation has reached. */
export function deliver(reached: readonly Reached[]): void {
  for (const one of reached) {
    if (one instanceof ScopeSignals) one.deliver();
    else deliverInterruption(one);
  }
}

/**
 * Carries a changed cause down the tree from `top`, and answers the tasks that are cancelled by it, in tree order: a
 * scope's own tasks as they came to be in it, then the scopes within it as they were entered. A walk with links and no
 * recursion: nesting may be thousands deep.
 */
export function spread(top: CancelScope): Reached[] {
  const reached: Reached[] = [];
  let scope: CancelScope | null = top;
  while (scope !== null) {
    const right = scope.rightCause();
    let below: CancelScope | null = null;
    if ((right === null) !== (scope.cause === null)) {
      scope.cause = right;
      if (right !== null) {
        if (scope.signals !== null) reached.push(scope.signals);
        for (let task = scope.firstTask; task !== null; task = task.nextInScope) reached.push(task);
      }
      below = scope.firstChild;
    }
    if (below !== null) {
      scope = below;
      continue;
    }
    while (scope !== top && scope.next === null) scope = scope.parent as CancelScope;
    scope = scope === top ? null : scope.next;
  }
  return reached;
}

/** The earliest deadline a task in `from` can see: -Infinity once cancelled. A walk, however deep. */
export function effectiveDeadline(from: CancelScope): number {
  let earliest = Infinity;
  for (let scope: CancelScope | null = from; scope !== null; scope = scope.shield ? null : scope.parent) {
    const { ownDeadline } = scope;
    if (ownDeadline < earliest) earliest = ownDeadline;
  }
  return earliest;
}

function checkSignal(value: AbortSignal): AbortSignal {
  if (value instanceof AbortSignal) return value;
  throw new TypeError(`new CancelScope({ signal }): signal must be an AbortSignal, not ${describe(value)}`);
}

function checkShield(value: boolean, name: string): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false, not ${describe(value)}`);
  return value;
}
