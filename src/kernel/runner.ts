import { DeadlockError, KeyboardInterrupt, TrioInternalError, UsageError } from "../errors.ts";
import { AsyncLocalStorage } from "node:async_hooks";
import { CancelScope, deliver, spread, type Reached } from "./cancel-scope.ts";
import { type Clock, SystemClock } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";
import { describe, isClass } from "./describe.ts";
import { EntryQueue } from "./entry-queue.ts";
import { isCancelled } from "./exception-group.ts";
import { checkCoroutine, notAClass } from "./frame-operation.ts";
import { Frame, type Context } from "./frame.ts";
import type { Host } from "./host.ts";
import type { IdleWait } from "./idle.ts";
import { Instruments, type Instrument } from "./instrument.ts";
import type { IoManager, IoStatistics } from "./io-manager.ts";
import type { Nursery } from "./nursery.ts";
import type { Coroutine, Trap } from "./operation.ts";
import { Random } from "./random.ts";
import { Stepper } from "./stepper.ts";
import { root } from "./root.ts";
import { RunQueue } from "./run-queue.ts";
import type { RunVar } from "./run-var.ts";
import { Sleep } from "./sleep.ts";
import { deliverInterruption, wake } from "./suspension.ts";
import { Task, TaskState } from "./task.ts";
import { tasksBelow, treeOf } from "./task-tree.ts";
import { extents, thread } from "./thread.ts";
import { SLICE, TimeSlice } from "./time-slice.ts";
import { reportUndriven, watchUndriven, type Line } from "./undriven.ts";

/** What a run is made of; the hosts fill it in. */
export interface RunnerParts {
  readonly clock: Clock;
  readonly io: IoManager;
  readonly host: Host;
  readonly instruments: Iterable<Instrument>;
  readonly signal: AbortSignal | undefined;
  readonly seed: number | undefined;
  readonly strictExceptionGroups: boolean;
  /** What a promise was fulfilled with, read without waiting; undefined where it was not, or where that cannot be told. */
  readonly fulfilled: (promise: Promise<unknown>) => unknown;
  /** Steps unprotected code so that Ctrl-C can stop it where it stands; null in the restricted mode. */
  readonly interruptibly: ((step: () => void) => void) | null;
}

export interface Statistics {
  /** Tasks that have not ended, the run's own included. */
  readonly tasksLiving: number;
  readonly tasksRunnable: number;
  /** Milliseconds; negative when it is overdue, `Infinity` when there is none. */
  readonly timeToNextDeadline: number;
  readonly callSoonQueueSize: number;
  readonly io: IoStatistics;
}

type Due = readonly Reached[] | Sleep;

/** Deadlines within so many ms of the last reading of the clock are looked for also before an operation begins. */
const NEAR = 100;

/** An error's message holds so many lines of the tree of tasks. */
const LONGEST_MESSAGE = 200;

/**
 * The scheduler of one run: steps tasks, fires deadlines, and says how long the host may wait. It works in passes: what
 * became runnable before a pass began takes one step each, what becomes runnable meanwhile waits for the next.
 */
export class Runner {
  readonly clock: Clock;
  readonly io: IoManager;
  readonly host: Host;
  readonly instruments: Instruments;
  /** @internal */
  readonly deadlines: Deadlines<CancelScope | Sleep> = new Deadlines();
  readonly entryQueue: EntryQueue;
  readonly runVars: Map<RunVar<any>, unknown> = new Map();
  readonly idleWaiters: IdleWait[] = [];
  /** Tasks in `fromPromise` and `abortable`. */
  readonly promiseWaits: Set<{ giveUp(error: Error): void }> = new Set();
  /** What listens for scopes, main's among them, to AbortSignals that are not aborted yet. */
  readonly signalsHeard: Set<object> = new Set();
  readonly strictExceptionGroups: boolean;
  readonly stepper: Stepper;
  readonly rootTask: Task;
  /** The context `run` was called in: system tasks and call-soon callbacks have it. */
  readonly baseContext: Context;
  mainTask: Task | null = null;
  mainNursery: Nursery | null = null;
  callSoonTask: Task | null = null;
  systemNursery: Nursery | null = null;
  nextTaskId = 0;
  /** The host is waiting, and must be told when there is something to do. */
  asleep = false;
  /** The root task has ended. */
  done = false;

  private readonly queue = new RunQueue();
  private readonly random: Random | null;
  private readonly rootScope = new CancelScope();
  /** Found due, and to be dealt with in the next pass. */
  private due: Due[] = [];
  private living = 0;
  private ended: { failed: boolean; outcome: unknown } | null = null;
  private internalError: TrioInternalError | null = null;
  /** A deadlock, or a mistake that leaves no way on. */
  failure: Error | null = null;
  /** What it has said of operations that nobody drove. */
  readonly forgotten: string[] = [];
  /** What the run ends with as it stands, if it was given up. */
  givenUp: Error | null = null;
  /** Until this time of the clock an operation looks for deadlines before it begins; -Infinity until it was read. */
  private horizon: number;
  private wasAbortedBySignal = false;
  /** What a wait that lasts as long as it may will mean. */
  private primed: "nothing" | "idle" | "autojump" = "nothing";
  /** Nothing at all has happened since {@link Runner.quietSince}, in however many waits. */
  private quiet = false;
  private quietSince = 0;
  /** When it has been quiet for long enough. */
  private idleAt = 0;
  private waitPlanned = 0;
  private readonly slice = new TimeSlice();

  constructor(parts: RunnerParts, main: () => Coroutine<unknown>) {
    if (thread.runner !== null) {
      throw new UsageError(
        "a run is under way on this thread already: runs do not nest; start tasks in a nursery, or make the second " +
          "run in a Worker, or after the first",
      );
    }
    this.clock = parts.clock;
    this.horizon = this.clock instanceof SystemClock ? -Infinity : Infinity;
    this.io = parts.io;
    this.host = parts.host;
    this.strictExceptionGroups = parts.strictExceptionGroups;
    this.random = parts.seed === undefined ? null : new Random(parts.seed);
    this.baseContext = contextForNewTask();
    this.instruments = new Instruments((error, _instrument, hook) => {
      const stack = error instanceof Error ? (error.stack ?? null) : null;
      this.host.warn(
        `an instrument's ${hook} threw ${describe(error)}; the instrument was removed`,
        "TRIBUN_INSTRUMENT",
        stack,
      );
    });
    this.stepper = new Stepper(this, parts);
    for (const instrument of parts.instruments) this.instruments.add(instrument);
    this.entryQueue = new EntryQueue(this.host, (error) => this.callbackThrew(error));
    thread.runner = this;
    this.clock.startClock(() => {
      if (this.asleep) this.host.wake();
    });
    watchUndriven((line) => this.undriven(line), performance.now());
    this.rootScope.enterAsRoot(this);
    this.rootTask = this.newTask(
      root(this, main, parts.signal),
      "<root>",
      null,
      this.rootScope,
      this.baseContext,
      true,
    );
    if (this.instruments.beforeRun !== null) this.baseContext(() => this.instruments.call("beforeRun"));
    this.announce(this.rootTask);
  }

  // ---- Tasks -------------------------------------------------------------------------------------------------------

  /** Starts a task in `nursery`. `fn` is called at once, in the child's context. */
  spawn(
    fn: (...args: any[]) => Coroutine<unknown>,
    args: readonly unknown[],
    nursery: Nursery,
    what: string,
    isSystem: boolean,
    name: string = nameOf(fn),
  ): Task {
    const context = isSystem ? this.baseContext : contextForNewTask();
    let made: unknown;
    try {
      made = isSystem ? context(fn, ...args) : fn(...args);
    } catch (error) {
      throw isClass(fn) ? notAClass(fn, what) : error;
    }
    const coroutine = checkCoroutine(made, fn, what);
    // fn may be any function: it may have closed the nursery, or ended the run.
    if (nursery.isClosed) throw new UsageError(`${what}: this nursery is closed to new arrivals`);
    const task = this.newTask(coroutine, name, nursery, nursery.cancelScope, context, isSystem);
    nursery.addChild(task);
    this.announce(task);
    return task;
  }

  private newTask(
    coroutine: Coroutine<unknown>,
    name: string,
    nursery: Nursery | null,
    scope: CancelScope,
    context: Context,
    isSystem: boolean,
  ): Task {
    const task = new Task(this, name, nursery, scope, context, isSystem);
    task.frame = new Frame(task, coroutine, null, null, isSystem);
    task.coroutine = coroutine;
    scope.addTask(task);
    this.living++;
    return task;
  }

  private announce(task: Task): void {
    if (this.instruments.taskSpawned !== null) this.instruments.call("taskSpawned", task);
    this.enqueue(task);
  }

  /** Makes a task runnable, whatever it waited in: it takes its step in the next pass. */
  enqueue(task: Task): void {
    task.state = TaskState.Runnable;
    task.abortable = false;
    task.customSleepData = undefined;
    this.queue.push(task);
    if (this.instruments.taskScheduled !== null) this.instruments.call("taskScheduled", task);
    if (this.asleep) this.host.wake();
  }

  // ---- Ends of tasks ------------------------------------------------------------------------------------------------

  /** @internal */
  endTask(task: Task, failed: boolean, outcome: unknown): void {
    task.state = TaskState.Exited;
    task.suspension = null;
    this.living--;
    task.scope.removeTask(task);
    if (task.breaks !== null) {
      for (const lot of task.breaks) lot.breakLot(task);
      task.breaks = null;
    }
    thread.task = null;
    if (this.instruments.taskExited !== null) this.instruments.call("taskExited", task);
    const nursery = task.parentNursery;
    if (nursery === null) {
      this.rootEnded(failed, outcome);
      return;
    }
    nursery.removeChild(task);
    if (task === this.mainTask) {
      this.ended = { failed, outcome };
      nursery.childEnded(task, false, undefined);
    } else nursery.childEnded(task, failed, outcome);
  }

  private rootEnded(failed: boolean, error: unknown): void {
    this.done = true;
    if (failed && !isCancelled(error)) {
      this.internalError ??= new TrioInternalError(
        "a system task or a call-soon callback threw; `cause` has what it was, in the groups of the nurseries it came through",
        { cause: error },
      );
    }
  }

  // ---- Passes ------------------------------------------------------------------------------------------------------

  /**
   * How many real milliseconds the host may wait for I/O or a call from outside; 0 when there is something to do.
   * `Infinity` when only those can go on.
   */
  timeToWait(): number {
    this.primed = "nothing";
    if (this.queue.length > 0 || this.due.length > 0 || this.entryQueue.threadsCalled) {
      this.quiet = false;
      return 0;
    }
    let ms = Math.max(0, this.clock.deadlineToSleepTime(this.deadlines.next));
    const waiter = this.idleWaiters[0];
    // With nothing to jump to there is nothing to wait for, either.
    const threshold = this.deadlines.next === Infinity ? Infinity : (this.clock.autojumpThreshold ?? Infinity);
    const cushion = waiter === undefined ? threshold : waiter.cushion;
    if (cushion !== Infinity) {
      const now = performance.now();
      if (!this.quiet) this.quietSince = now;
      this.quiet = true;
      this.idleAt = this.quietSince + cushion;
      if (this.idleAt - now <= ms) {
        ms = Math.max(0, this.idleAt - now);
        this.primed = waiter === undefined ? "autojump" : "idle";
      }
    }
    this.waitPlanned = ms;
    if (ms > 0) this.slice.paused = true;
    return ms;
  }

  /** Whether nothing but a call from the host's own code could wake anything. Only right after {@link timeToWait}. */
  get isStuck(): boolean {
    return (
      this.queue.length === 0 &&
      this.waitPlanned === Infinity &&
      this.io.waiting === 0 &&
      !this.entryQueue.isOpenToThreads &&
      !this.entryQueue.threadsCalled
    );
  }

  /** One of {@link signalsHeard} has heard its own. It may have been the last that could wake anything. */
  signalCame(listener: object): void {
    this.signalsHeard.delete(listener);
    if (this.asleep) this.host.wake();
  }

  /** Whether a promise or an AbortSignal could wake something, if the host's loop turned. */
  get awaitsTheHost(): boolean {
    return this.awaitsPromises || this.signalsHeard.size > 0;
  }

  /** Whether a promise could wake something, if the host's loop turned. */
  get awaitsPromises(): boolean {
    return this.stepper.awaiting > 0 || this.promiseWaits.size > 0;
  }

  /** Whether there is something to do: tasks to step, deadlines that are due, calls of other threads. */
  get isBusy(): boolean {
    return this.queue.length > 0 || this.due.length > 0 || this.entryQueue.threadsCalled;
  }

  /**
   * Whether this pass is to begin with a look at I/O although there is something to run: when a time slice is over, and
   * when a deadline is due, since what is ready by then wins over it.
   */
  mustLook(): boolean {
    // First, since slices are counted there: the host gets its turn also where a deadline is due in every pass.
    if (this.slice.isOver() || this.due.length > 0 || this.entryQueue.threadsCalled) return true;
    return this.deadlines.size > 0 && this.deadlines.next <= this.currentTime();
  }

  /** How often a time slice was over: a host that shares its thread gives it away when this has changed. */
  get slices(): number {
    return this.slice.over;
  }

  /** Asks the I/O manager, with the instruments told. @returns how many events there were. */
  poll(ms: number): number {
    const { instruments } = this;
    let most = ms;
    if (instruments.beforeIoWait !== null) {
      instruments.call("beforeIoWait", ms);
      most = Math.min(ms, this.timeToWait()); // the hook may have woken somebody, or moved a deadline
    }
    const events = this.io.poll(most);
    if (instruments.afterIoWait !== null) instruments.call("afterIoWait", ms);
    return events;
  }

  /** One pass: deadlines that are due, calls of other threads, and a step of each task that is runnable now. */
  pass(events: number): void {
    if (this.slice.paused) this.slice.resume();
    if (this.deadlines.size > 0) this.collectDue();
    const fired = this.due.length > 0;
    if (fired) this.fireDue();
    this.entryQueue.takeThreadCalls();
    if (events > 0 || fired || this.queue.length > 0) this.quiet = false;
    else if (this.primed !== "nothing") this.idle();
    this.primed = "nothing";
    this.stepAll();
  }

  /**
   * Passes, as long as something is runnable and nothing else is to be looked at: what {@link Runner.pass} does, less
   * all that cannot matter.
   */
  passes(): void {
    const { deadlines, slice } = this;
    do this.stepAll();
    while (
      this.queue.length > 0 &&
      slice.stepsLeft > 0 &&
      this.due.length === 0 &&
      (deadlines.size === 0 || !this.isDueAfterPass())
    );
  }

  /** A step of each task that is runnable now. */
  private stepAll(): void {
    const { queue, stepper } = this;
    let left = queue.length;
    this.slice.stepsLeft -= left;
    if (this.random === null || left < 2) {
      while (left-- > 0) stepper.step(queue.shift());
    } else {
      const batch: Task[] = [];
      while (left-- > 0) batch.push(queue.shift());
      for (const task of this.random.shuffle(batch)) stepper.step(task);
    }
    thread.task = null;
    thread.kiProtected = true;
  }

  /** Nothing happened for as long as was planned. */
  private idle(): void {
    if (performance.now() < this.idleAt) return; // woken early, by something that came to nothing
    this.quiet = false;
    const first = this.idleWaiters[0];
    if (this.primed === "autojump") this.clock.autojump?.(this.deadlines.next);
    else if (first !== undefined) {
      const { cushion } = first;
      while (this.idleWaiters[0]?.cushion === cushion) wake((this.idleWaiters.shift() as IdleWait).task as Task);
    }
    if (this.deadlines.size > 0) {
      this.collectDue();
      this.fireDue();
    }
  }

  // ---- Deadlines ---------------------------------------------------------------------------------------------------

  /**
   * The time of the run's clock. Who has read that a deadline has passed finds an operation that looks for it, too.
   *
   * It is read after every pass, so that a checkpoint sees what has become due (S46). Reading a clock costs as much as a step,
   * so an operation that looks before it begins leaves out what was due only {@link NEAR} after the last reading: only a step
   * that long makes a difference, and its next checkpoint sees it. A clock that may be moved has no such time.
   */
  currentTime(): number {
    const now = this.clock.currentTime();
    if (this.horizon !== Infinity) this.horizon = now + NEAR;
    return now;
  }

  /** Whether a deadline is due. A pass that took long has been somebody's slice: the host is to have its turn. */
  private isDueAfterPass(): boolean {
    const { horizon } = this;
    const now = this.currentTime();
    if (this.horizon - horizon > SLICE) this.slice.stepsLeft = 0;
    return this.deadlines.next <= now;
  }

  /** {@link Runner.collectDue}, for what happens at nearly every step. */
  collectWithinHorizon(): void {
    if (this.deadlines.size > 0 && this.deadlines.next <= this.horizon) this.collectDue();
  }

  /**
   * Takes out what is due. A scope counts as cancelled from here on, for its tasks' next checkpoints; blocked tasks are
   * aborted, and sleepers woken, in the next pass. All scopes that are due are marked before anything is woken, so the
   * outermost catches: `moveOnAfter(10, () => sleep(10))` times out.
   */
  collectDue(): void {
    const { deadlines } = this;
    if (deadlines.size === 0) return;
    const now = this.currentTime();
    for (let found: CancelScope | Sleep | null; (found = deadlines.takeDue(now)) !== null;) {
      this.due.push(found instanceof Sleep ? found : found.expire());
    }
  }

  /** Tasks that are to be aborted in the next pass. */
  deferDelivery(reached: readonly Reached[]): void {
    this.due.push(reached);
    if (this.asleep) this.host.wake();
  }

  deadlineMoved(): void {
    if (this.asleep) this.host.wake();
  }

  private fireDue(): void {
    const due = this.due;
    this.due = [];
    for (const item of due) {
      if (!(item instanceof Sleep)) {
        deliver(item);
      } else if ((item.task as Task).scope.cause !== null) deliverInterruption(item.task as Task);
      else item.fire();
    }
  }

  /** Tasks and scopes were moved under another scope. */
  moved(tasks: readonly Task[], scopes: readonly CancelScope[]): void {
    const reached = scopes.flatMap((scope) => spread(scope));
    for (const task of tasks) deliverInterruption(task);
    deliver(reached);
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  /** The run cannot go on soundly: everything is cancelled, and it ends with `error`. */
  crash(error: TrioInternalError): void {
    this.internalError ??= error;
    (this.systemNursery?.cancelScope ?? this.rootScope).cancelFor("shutdown", error);
  }

  private callbackThrew(error: unknown): void {
    const nursery = this.systemNursery as Nursery;
    const target = nursery.isClosed ? (this.rootTask.openNurseries?.[0] ?? null) : nursery;
    const fail = function* (): Generator<Trap, void> {
      throw error;
    };
    if (target === null || target.isClosed)
      this.crash(new TrioInternalError("a call-soon callback threw", { cause: error }));
    else this.spawn(fail, [], target, "callSoon(fn)", true, "<call-soon callback that threw>");
  }

  /** The run cannot go on, through the program's own fault: it is cancelled, and ends with `error` as it is. */
  fail(error: Error): void {
    this.failure ??= error;
    (this.mainNursery?.cancelScope ?? this.rootScope).cancelFor("shutdown", error);
  }

  /**
   * The run is to end as it stands, with `error`: its tasks are stepped no more. For one that was cancelled and still
   * does not end; only a host that shares its thread can do so.
   */
  giveUp(error: Error): void {
    this.givenUp = error;
    this.host.wake();
  }

  /** The tree of tasks as text, of so many lines at most. */
  tree(limit: number = LONGEST_MESSAGE): string {
    return treeOf(this, limit);
  }

  /** Nothing can wake anything: main is cancelled, so that clean-up runs, and the run will throw DeadlockError. */
  deadlock(): boolean {
    if (this.failure !== null) return false;
    const why = this.deadlines.size === 0 ? "no deadline is set" : "the clock stands still before the next deadline";
    this.fail(new DeadlockError(`every task is blocked, ${why}, and nothing outside could wake one:\n${this.tree()}`));
    return true;
  }

  /** Ctrl-C: KeyboardInterrupt is thrown at the main task's next checkpoint, once, whatever shields it has. */
  interrupt(): void {
    const { mainTask } = this;
    this.keyboardInterruptPending = true;
    if (mainTask === null || mainTask.state === TaskState.Exited) return;
    mainTask.kiPending = true;
    deliverInterruption(mainTask);
  }
  keyboardInterruptPending = false;
  /** The host is told when a KeyboardInterrupt was delivered, so that the next Ctrl-C counts as a first one again. */
  onInterruptDelivered: (() => void) | null = null;

  takeKeyboardInterrupt(): KeyboardInterrupt {
    if (this.mainTask !== null) this.mainTask.kiPending = false;
    this.keyboardInterruptPending = false;
    this.onInterruptDelivered?.();
    return new KeyboardInterrupt();
  }

  /** The scope around main that `signal` cancels has caught its Cancelled. */
  abortedBySignal(): void {
    this.wasAbortedBySignal = true;
  }

  /** The run is over, or is given up: lets go of everything. Called once, always. */
  close(): void {
    reportUndriven();
    this.entryQueue.close();
    if (this.instruments.afterRun !== null) this.baseContext(() => this.instruments.call("afterRun"));
    thread.runner = null;
    thread.task = null;
    thread.frame = null;
    thread.thrown = undefined;
    thread.kiProtected = true;
    this.io.close();
  }

  /** Tasks whose code is in a native await. */
  awaitingTasks(): Task[] {
    return tasksBelow(this.rootTask).filter((task) => task.frame?.reply?.outside === true);
  }

  /** What the run gives or throws. */
  outcome(signal: AbortSignal | undefined): unknown {
    const { failed, outcome } = this.ended ?? { failed: false, outcome: undefined };
    if (this.internalError !== null) throw this.internalError;
    if (this.keyboardInterruptPending) {
      throw new KeyboardInterrupt(undefined, failed ? { cause: outcome } : undefined);
    }
    if (this.failure !== null) {
      if (failed && !isCancelled(outcome)) this.failure.cause = outcome;
      throw this.failure;
    }
    if (failed) throw outcome;
    if (this.wasAbortedBySignal) throw signal?.reason;
    return outcome;
  }

  private undriven({ operationName, stack, count }: Line): void {
    const place = stack[0] === undefined ? "" : ` ${stack[0].trim()}`;
    const times = count > 1 ? ` ${count} times` : "";
    const message =
      `${operationName} was called${place}${times}, and the operation it returned was never driven, so it did nothing: ` +
      "write yield* before the call, not await or nothing";
    this.forgotten.push(message);
    this.host.warn(message, "TRIBUN_UNDRIVEN", stack.join("\n"));
  }

  statistics(): Statistics {
    return {
      tasksLiving: this.living,
      tasksRunnable: this.queue.length,
      timeToNextDeadline: this.deadlines.next === Infinity ? Infinity : this.deadlines.next - this.clock.currentTime(),
      callSoonQueueSize: this.entryQueue.size,
      io: this.io.statistics(),
    };
  }
}

/** The caller's asynchronous context, without the extent of the task whose code this is: it is not the new task's. */
function contextForNewTask(): Context {
  if (extents.getStore() === undefined) return AsyncLocalStorage.snapshot() as Context;
  return extents.run(undefined, () => AsyncLocalStorage.snapshot() as Context);
}

/** The name a task shows: its function's. */
export function nameOf(fn: Function): string {
  return fn.name === "" ? "(anonymous)" : fn.name;
}
