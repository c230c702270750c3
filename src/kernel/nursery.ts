import { Cancelled, KeyboardInterrupt, UsageError } from "../errors.ts";
import { notResumed } from "./by-hand.ts";
import { CancelScope } from "./cancel-scope.ts";
import { describe } from "./describe.ts";
import { ExceptionGroup } from "./exception-group.ts";
import { FrameOperation, checkCoroutine, checkTaskFunction } from "./frame-operation.ts";
import { named } from "./named.ts";
import { DONE, SUSPENDED, type Coroutine, type Operation, type Trap } from "./operation.ts";
import { operation } from "./operation-of.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import { ScopeRun, type ScopeOutcome } from "./scope-run.ts";
import { SingleUse, drivingTask } from "./single-use.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { tellStopRequested } from "./stop-request.ts";
import { block, wake, type Blocker } from "./suspension.ts";
import { CHECKPOINT, SCHEDULE_POINT, TaskState, type Task } from "./task.ts";

export interface NurseryOptions {
  /** Whether a single error is wrapped in a group, too; as given to `run` (default true) unless said here. */
  readonly strictExceptionGroups?: boolean | undefined;
}

const OPTIONS: OptionNames<NurseryOptions> = { strictExceptionGroups: true };

/** What a function started by `nursery.start()` is given last, to say that it is ready. */
export interface TaskStatus<V = unknown> {
  /**
   * The service is up: `start()` gives `value`, and the task moves to its nursery. A no-op once that `start()` was
   * cancelled. Not a checkpoint. @throws UsageError when called twice.
   */
  started(value?: V): void;
}

/**
 * For the default of a parameter: a function that is passed to `nursery.start()` and to `nursery.startSoon()` alike
 * writes `taskStatus = TASK_STATUS_IGNORED`. Trio: `trio.TASK_STATUS_IGNORED`.
 */
export const TASK_STATUS_IGNORED: TaskStatus<any> = Object.freeze({ started(): void {} });

/**
 * A block that waits for the tasks started in it: the only place where tasks are born. Given to the body of
 * `openNursery`. The first error, of the body or of a child, cancels the rest; when all have ended, the errors come out
 * together as an {@link ExceptionGroup}.
 *
 * Trio: `trio.Nursery`.
 */
export class Nursery {
  /** The task that opened it. */
  readonly parentTask: Task;
  /** Cancels the body and every child. */
  readonly cancelScope: CancelScope;

  readonly #errors: unknown[] = [];
  readonly #strict: boolean;
  #firstChild: Task | null = null;
  #lastChild: Task | null = null;
  #children = 0;
  #pendingStarts = 0;
  /** The scopes of its living services. */
  #services: Set<CancelScope> | null = null;
  /** Only services were left, and have been cancelled. */
  #endsServices = false;
  #bodyRunning = true;
  #closed = false;
  /** The operation whose task waits for the last child, while it does. */
  #joining: Blocker | null = null;

  /** @internal */
  constructor(parent: Task, strict: boolean) {
    if (parent === undefined) throw new TypeError("new Nursery(): nurseries are opened by openNursery(body)");
    this.parentTask = parent;
    this.cancelScope = new CancelScope();
    this.#strict = strict;
  }

  /** Its living children, as they are now, in the order in which they came to be in it. */
  get childTasks(): ReadonlySet<Task> {
    const tasks = new Set<Task>();
    for (let task = this.#firstChild; task !== null; task = task.nextSibling) tasks.add(task);
    return tasks;
  }

  /**
   * Starts a task that runs `fn(...args)`. `fn` is called at once; the coroutine it gives takes its first step on a
   * later pass. The child has the nursery's scopes, not the caller's, and the caller's AsyncLocalStorage values. Allowed
   * until the last child has ended. Not a checkpoint.
   *
   * @throws UsageError when the nursery is closed. TypeError when no coroutine comes back. What `fn` throws.
   */
  startSoon<A extends unknown[]>(fn: (...args: A) => Coroutine<unknown>, ...args: A): void {
    checkTaskFunction(fn, "nursery.startSoon(fn)");
    this.#checkOpen();
    this.parentTask.runner.spawn(fn, args, this, "nursery.startSoon(fn)", false);
  }

  /**
   * Starts a task that runs `fn(...args, taskStatus)`, waits until it calls `taskStatus.started(value)`, and gives
   * `value`; from then on the task is a child of this nursery. Until then it runs under the caller, whose cancellation
   * reaches it; what it throws comes out of here, bare. A checkpoint.
   *
   * @throws UsageError when the nursery is closed, or when the task ends without calling `started()`.
   */
  start<A extends unknown[], V = any>(
    fn: (...args: [...A, TaskStatus<V>]) => Coroutine<unknown>,
    ...args: A
  ): Operation<V> {
    checkTaskFunction(fn, "nursery.start(fn)");
    return new Start<A, V>(this, fn, args);
  }

  /**
   * Starts a service: a task that runs `fn(...args)` for the others, as {@link Nursery.startSoon} does, but is not waited for.
   * When the body and every other child have ended, the services are cancelled, and then waited for. One that ends before is
   * like any other child, and one that throws fails the nursery. Not a checkpoint.
   *
   *     nursery.startService(sendHeartbeats, connection);
   *
   * Trio has none (#1521).
   *
   * @throws UsageError, TypeError as startSoon.
   */
  startService<A extends unknown[]>(fn: (...args: A) => Coroutine<unknown>, ...args: A): void {
    checkTaskFunction(fn, "nursery.startService(fn)");
    const scope = new CancelScope();
    const service = (...given: A): Operation<void> => {
      const made = checkCoroutine(fn(...given), fn, "nursery.startService(fn)");
      return operation("nursery.startService()", () => this.#serve(scope, made));
    };
    this.startSoon(named(fn, service), ...args);
    (this.#services ??= new Set()).add(scope);
    if (this.#endsServices) scope.cancelFor("nursery", DONE_SERVING);
  }

  *#serve(scope: CancelScope, made: Coroutine<unknown>): Generator<Trap, void, any> {
    const served: Operation<unknown> = new ScopeRun("nursery.startService()", scope, () => made, null);
    try {
      yield* served;
    } finally {
      (this.#services as Set<CancelScope>).delete(scope);
    }
  }

  #endServices(): void {
    this.#endsServices = true;
    for (const scope of this.#services as Set<CancelScope>) scope.cancelFor("nursery", DONE_SERVING);
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new UsageError(
      "this nursery is closed to new arrivals: its body and all its tasks have ended; start tasks while it is open, " +
        "or in a nursery that outlives the caller",
    );
  }

  /** @internal */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** @internal What leaving it waits for. */
  get waitsFor(): string {
    const children = this.#children;
    if (children === 0) return "until calls of its start() have ended";
    return children === 1 ? "until its child has ended" : `until its ${children} children have ended`;
  }

  /** @internal */
  get firstChild(): Task | null {
    return this.#firstChild;
  }

  /** @internal */
  open(task: Task): void {
    this.cancelScope.enter(task);
    (task.openNurseries ??= []).push(this);
  }

  /** @internal */
  addChild(task: Task): void {
    task.parentNursery = this;
    task.previousSibling = this.#lastChild;
    task.nextSibling = null;
    if (this.#lastChild === null) this.#firstChild = task;
    else this.#lastChild.nextSibling = task;
    this.#lastChild = task;
    this.#children++;
  }

  /** @internal */
  removeChild(task: Task): void {
    const { previousSibling: previous, nextSibling: next } = task;
    if (previous === null) this.#firstChild = next;
    else previous.nextSibling = next;
    if (next === null) this.#lastChild = previous;
    else next.previousSibling = previous;
    task.previousSibling = null;
    task.nextSibling = null;
    this.#children--;
  }

  /** @internal A child ended, and has left the lists. */
  childEnded(child: Task, failed: boolean, error: unknown): void {
    if (failed) this.#addError(error, child);
    this.checkClosed();
  }

  /** An error of the body or of a child: what else is here is cancelled for it, or for what a Cancelled was thrown for. */
  #addError(error: unknown, thrower: Task): void {
    this.#errors.push(error);
    const { cancelScope } = this;
    if (error instanceof Cancelled) cancelScope.cancelFor(error.source, error.reason, error.sourceTask);
    else if (error instanceof KeyboardInterrupt) cancelScope.cancelFor("KeyboardInterrupt", error);
    else cancelScope.cancelFor("nursery", error, thrower.name);
  }

  /** @internal Ctrl-C came while the body was left. */
  addKeyboardInterrupt(error: KeyboardInterrupt): void {
    this.#addError(error, this.parentTask);
  }

  /** @internal */
  bodyEnded(failed: boolean, error: unknown): void {
    if (failed) this.#addError(error, this.parentTask);
    this.#bodyRunning = false;
    this.checkClosed();
  }

  /** @internal */
  startBegins(): void {
    this.#checkOpen();
    this.#pendingStarts++;
  }

  /** @internal */
  startEnded(): void {
    this.#pendingStarts--;
    this.checkClosed();
  }

  /** @internal */
  checkClosed(): void {
    if (this.#bodyRunning || this.#pendingStarts > 0) return;
    if (this.#children > 0) {
      if (this.#children === this.#services?.size && !this.#endsServices) this.#endServices();
      return;
    }
    this.#closed = true;
    const join = this.#joining;
    if (join === null) return;
    this.#joining = null;
    wake(this.parentTask);
  }

  /**
   * @internal The body has ended: waits for the children, or, where there are none, for the schedule point that leaving
   * a nursery is. Neither can be cancelled.
   */
  join(task: Task, join: Blocker): void {
    task.points |= SCHEDULE_POINT;
    if (this.#closed) {
      task.suspension = join;
      task.runner.enqueue(task);
      return;
    }
    this.#joining = join;
    block(task, join);
  }

  /** @internal All is over: leaves the nursery with what came together. */
  leave(task: Task, outcome: ScopeOutcome): void {
    (task.openNurseries as Nursery[]).pop();
    const errors = this.#errors;
    if (errors.length === 0) {
      outcome.failed = false;
    } else if (!this.#strict && errors.length === 1) {
      outcome.failed = true;
      outcome.error = errors[0];
    } else {
      const group = new ExceptionGroup(errors, "errors in a nursery");
      if (!this.#strict) group.loosen();
      outcome.failed = true;
      outcome.error = group;
    }
    this.cancelScope.exit(task, outcome);
  }

  /** @internal Moves the child of a `start()` here, with all that was entered or started within it. */
  adopt(hidden: Nursery): void {
    const { parentTask: starter } = hidden;
    const from = hidden.cancelScope;
    const to = this.cancelScope;
    for (let task = hidden.#firstChild; task !== null; task = hidden.#firstChild) {
      hidden.removeChild(task);
      task.eventualParentNursery = null;
      this.addChild(task);
    }
    const tasks: Task[] = [];
    for (let task = from.firstTask; task !== null; task = task.nextInScope) if (task !== starter) tasks.push(task);
    const scopes: CancelScope[] = [];
    for (let scope = from.firstChild; scope !== null; scope = scope.next) scopes.push(scope);
    for (const task of tasks) {
      from.removeTask(task);
      to.addTask(task);
    }
    for (const scope of scopes) {
      scope.unlink();
      scope.linkUnder(to);
    }
    starter.runner.moved(tasks, scopes);
    tellStopRequested(starter.runner); // the scopes here may have been asked to stop
    hidden.checkClosed();
  }
}

const DONE_SERVING = "the nursery's body and its other tasks have ended";

/** A Cancelled does not end the wait for children, nor is it noted (gh trio #1457); Ctrl-C is one of the errors. */
function keepKeyboardInterrupt(nursery: Nursery, raiseCancel: () => never): AbortResult {
  try {
    raiseCancel();
  } catch (error) {
    if (error instanceof KeyboardInterrupt) nursery.addKeyboardInterrupt(error);
  }
  return Abort.FAILED;
}

class OpenNursery<T> extends FrameOperation<T | undefined> {
  static {
    this.prototype.operationName = "openNursery()";
  }
  readonly #body: (nursery: Nursery) => Coroutine<T>;
  readonly #strict: boolean | undefined;
  #nursery: Nursery | null = null;
  #bodyEnded = false;
  #value: T | undefined = undefined;

  constructor(body: (nursery: Nursery) => Coroutine<T>, strict: boolean | undefined) {
    super();
    this.#body = body;
    this.#strict = strict;
  }

  protected open(task: Task): void {
    const nursery = new Nursery(task, this.#strict ?? task.runner.strictExceptionGroups);
    nursery.open(task);
    this.#nursery = nursery;
    try {
      this.pushFrame(task, this.#body, nursery);
    } catch (error) {
      // The body never began; what it may have started before it threw is waited for like any other child.
      this.task = task;
      task.failed = true;
      task.error = error;
      this.#endBody(task, nursery);
    }
  }

  protected resumed(task: Task): IteratorResult<Trap, T | undefined> {
    const nursery = this.#nursery as Nursery;
    if (!this.#bodyEnded) {
      this.#endBody(task, nursery);
      return SUSPENDED;
    }
    task.value = undefined;
    const outcome: ScopeOutcome = { failed: false, error: undefined };
    nursery.leave(task, outcome);
    if (outcome.failed) throw this.passOn(outcome.error);
    return this.#value === undefined ? DONE : { done: true, value: this.#value };
  }

  #endBody(task: Task, nursery: Nursery): void {
    this.#bodyEnded = true;
    const { failed, error } = task;
    if (!failed) this.#value = task.value as T;
    task.failed = false;
    task.error = undefined;
    task.value = undefined;
    nursery.bodyEnded(failed, failed ? this.passOn(error) : undefined);
    nursery.join(task, this);
  }

  abort(_task: Task, raiseCancel: () => never): AbortResult {
    return keepKeyboardInterrupt(this.#nursery as Nursery, raiseCancel);
  }

  get opened(): CancelScope | null {
    return this.#nursery === null ? null : this.#nursery.cancelScope;
  }

  describe(): string {
    return `${this.operationName}, ${(this.#nursery as Nursery).waitsFor}`;
  }
}

/**
 * Opens a nursery, runs `body(nursery)` in it as a frame of the current task, waits for every task started in it, and
 * gives what the body returned: `undefined` when the nursery's own `cancelScope` caught its Cancelled before the body
 * returned. Entering is no checkpoint; leaving is a schedule point that cannot be cancelled.
 *
 * Trio: `async with trio.open_nursery() as nursery`.
 *
 * @throws ExceptionGroup of all that body and children threw, less what the nursery's scope caught.
 */
export function openNursery<T>(
  body: (nursery: Nursery) => Coroutine<T>,
  options?: NurseryOptions,
): Operation<T | undefined> {
  checkTaskFunction(body, "openNursery(body)");
  checkOptions(options, OPTIONS, "openNursery(body, options)");
  const strict = options?.strictExceptionGroups;
  if (strict !== undefined && typeof strict !== "boolean") {
    throw new TypeError(`openNursery(body, { strictExceptionGroups }) must be true or false, not ${describe(strict)}`);
  }
  return new OpenNursery(body, strict);
}

class StartStatus<V> implements TaskStatus<V> {
  called = false;
  value: V | undefined = undefined;
  readonly #hidden: Nursery;
  readonly #target: Nursery;

  constructor(hidden: Nursery, target: Nursery) {
    this.#hidden = hidden;
    this.#target = target;
  }

  started(value?: V): void {
    if (this.called)
      throw new UsageError("taskStatus.started() was called twice by one task: call it once, when ready");
    this.called = true;
    this.value = value;
    // That start() was cancelled: the task stays with it, and unwinds there.
    if (this.#hidden.cancelScope.cause !== null) return;
    this.#target.adopt(this.#hidden);
  }
}

/** `nursery.start()`: a hidden nursery around the one task, until the task says that it has started. */
class Start<A extends unknown[], V> extends SingleUse<V> {
  static {
    this.prototype.operationName = "nursery.start()";
  }
  readonly #nursery: Nursery;
  readonly #fn: (...args: [...A, TaskStatus<V>]) => Coroutine<unknown>;
  readonly #args: A;
  #hidden: Nursery | null = null;
  #status: StartStatus<V> | null = null;

  constructor(nursery: Nursery, fn: (...args: [...A, TaskStatus<V>]) => Coroutine<unknown>, args: A) {
    super();
    this.#nursery = nursery;
    this.#fn = fn;
    this.#args = args;
  }

  override next(): IteratorResult<Trap, V> {
    if (this.task !== null) {
      if (this.task.state !== TaskState.Running) throw notResumed(this.task);
      return this.#ended(this.task);
    }
    const task = drivingTask(this);
    this.#nursery.startBegins();
    this.task = task;
    task.points = CHECKPOINT;
    const hidden = new Nursery(task, true);
    hidden.open(task);
    this.#hidden = hidden;
    this.#status = new StartStatus(hidden, this.#nursery);
    let failed = false;
    let error: unknown;
    try {
      const child = task.runner.spawn(this.#fn, [...this.#args, this.#status], hidden, "nursery.start(fn)", false);
      child.eventualParentNursery = this.#nursery;
    } catch (thrown) {
      failed = true;
      error = thrown;
    }
    hidden.bodyEnded(failed, error);
    hidden.join(task, this);
    return SUSPENDED;
  }

  #ended(task: Task): IteratorResult<Trap, V> {
    task.value = undefined;
    const outcome: ScopeOutcome = { failed: false, error: undefined };
    (this.#hidden as Nursery).leave(task, outcome);
    this.#nursery.startEnded();
    if (outcome.failed) {
      const { error } = outcome;
      throw error instanceof ExceptionGroup && error.errors.length === 1 ? error.errors[0] : error;
    }
    const status = this.#status as StartStatus<V>;
    if (!status.called) {
      throw new UsageError(
        "nursery.start(fn): the task ended without calling taskStatus.started(); call it when the task is ready, or " +
          "use startSoon()",
      );
    }
    return { done: true, value: status.value as V };
  }

  abort(_task: Task, raiseCancel: () => never): AbortResult {
    return keepKeyboardInterrupt(this.#hidden as Nursery, raiseCancel);
  }

  get opened(): CancelScope | null {
    return this.#hidden === null ? null : this.#hidden.cancelScope;
  }

  describe(): string {
    return `${this.operationName}, until its task has started`;
  }
}
