import { takeBack, leftOpen } from "./by-hand.ts";
import type { AsyncReply } from "./async-reply.ts";
import { describe } from "./describe.ts";
import { THREW, goOn, throwIn, type Context, type Frame } from "./frame.ts";
import type { Instruments } from "./instrument.ts";
import { TRAP, type Trap } from "./operation.ts";
import type { Runner, RunnerParts } from "./runner.ts";
import { programLines } from "./stack.ts";
import { type Task, TaskState } from "./task.ts";
import { thread } from "./thread.ts";
import { noteDriven, type Drivable } from "./undriven.ts";

/** Lets the code of tasks go on: resumes the innermost frame, and makes out what it means that it came back. */
export class Stepper {
  /** Frames whose code is in a native await. */
  awaiting = 0;
  readonly fulfilled: RunnerParts["fulfilled"];
  private readonly runner: Runner;
  private readonly instruments: Instruments;
  private readonly drainMicrotasks: () => void;
  private readonly interruptibly: RunnerParts["interruptibly"];

  constructor(runner: Runner, parts: RunnerParts) {
    this.runner = runner;
    this.instruments = runner.instruments;
    this.drainMicrotasks = parts.host.drainMicrotasks;
    this.fulfilled = parts.fulfilled;
    this.interruptibly = parts.interruptibly;
  }

  /** One step of a task that is runnable: its code goes on until it waits again, or ends. */
  step(task: Task): void {
    if (task.state !== TaskState.Runnable) return;
    const { instruments } = this;
    if (instruments.beforeTaskStep !== null) instruments.call("beforeTaskStep", task);
    task.state = TaskState.Running;
    const frame = task.frame as Frame;
    if (frame.reply !== null || this.interruptibly !== null) this.stepOtherwise(task, frame);
    else {
      // The common step, without a detour: a plain frame goes on, and waits again.
      thread.task = task;
      thread.frame = frame;
      thread.kiProtected = frame.kiProtected;
      const result = task.context(goOn) as IteratorResult<Trap, unknown>;
      if (result?.value !== TRAP || result.done !== false || task.frame !== frame || task.state === TaskState.Running) {
        const mistake = this.judge(task, frame, result);
        if (mistake !== undefined) this.advance(task, mistake);
      }
    }
    if (instruments.afterTaskStep !== null) instruments.call("afterTaskStep", task);
  }

  private stepOtherwise(task: Task, frame: Frame): void {
    if (frame.reply === null || this.interruptibly !== null) this.advance(task, null);
    else this.stepAsyncly(task, frame, frame.reply);
  }

  /** The common step of an async frame: the operation it awaits is over, and it waits in another one. */
  private stepAsyncly(task: Task, frame: Frame, reply: AsyncReply): void {
    const { driven } = reply;
    if (driven === null) {
      this.advance(task, null);
      return;
    }
    reply.inStep = true;
    reply.settleDriven(driven);
    this.drainFor(task);
    reply.inStep = false;
    if (!reply.ready) {
      if (reply.driven !== null && task.frame === frame && task.state !== TaskState.Running) return;
      this.goneOutside(task, reply);
      return;
    }
    const mistake = this.takeAnswer(task, frame, reply);
    if (mistake !== undefined) this.advance(task, mistake);
  }

  /**
   * What a frame's answer means for its task.
   * @returns undefined if the task waits or has ended; null if it goes on at once; else the mistake to throw in it.
   */
  private judge(task: Task, frame: Frame, result: IteratorResult<Trap, unknown>): Error | null | undefined {
    if (typeof result !== "object" || result === null) {
      const error = new TypeError(
        `the iterator of task ${task.name} answered ${describe(result)} to next(), not an object with done and value`,
      );
      return this.endFrame(task, frame, true, error) ? undefined : null;
    }
    const { done, value } = result;
    if (result === THREW) return this.endFrame(task, frame, true, takeThrown()) ? undefined : null;
    if (done === true) return this.endFrame(task, frame, false, value) ? undefined : null;
    if (value === TRAP) {
      if (task.frame === frame && task.state !== TaskState.Running) return undefined;
      const pushed = task.frame !== frame;
      task.state = TaskState.Running;
      if (pushed) return null;
    }
    takeBack(task);
    return new TypeError(badYield(task, value)); // or a trap with no operation behind it
  }

  /**
   * Runs the innermost frame, and those around it as frames end, until the task waits or has ended.
   * @param mistake to be thrown where the frame stands, in place of resuming it
   */
  private advance(task: Task, mistake: Error | null): void {
    let next: Error | null | undefined = mistake;
    while (next !== undefined) {
      const frame = task.frame as Frame;
      const { reply } = frame;
      if (reply !== null) {
        if (!reply.ready && !this.resumeAsync(task, frame, reply, next)) return;
        next = this.takeAnswer(task, frame, reply);
        continue;
      }
      thread.task = task;
      thread.kiProtected = frame.kiProtected;
      next = this.judge(task, frame, this.resume(task.context, frame, next) as IteratorResult<Trap, unknown>);
    }
  }

  /** What an async frame's answer, which has come, means for its task, as {@link Stepper.judge} says it. */
  private takeAnswer(task: Task, frame: Frame, reply: AsyncReply): Error | null | undefined {
    const { failed, result, error } = reply;
    reply.ready = false;
    reply.result = undefined;
    reply.error = undefined;
    if (failed) return this.endFrame(task, frame, true, error) ? undefined : null;
    return this.judge(task, frame, result as IteratorResult<Trap, unknown>);
  }

  /** Lets a plain frame's code go on. */
  private resume(context: Context, frame: Frame, mistake: Error | null): unknown {
    const goesOn = (): unknown => {
      thread.frame = frame;
      return mistake === null ? context(goOn) : context(throwIn, frame.iterator, mistake);
    };
    if (this.interruptibly === null || frame.kiProtected) return goesOn();
    let answer: unknown;
    try {
      this.interruptibly(() => {
        answer = goesOn();
      });
    } catch (stopped) {
      thread.thrown = stopped;
      return THREW;
    }
    return answer;
  }

  /**
   * Resumes an async frame and drains the microtasks, so that it comes back with its answer.
   * @returns whether it did; if not, its code is in a native await.
   */
  private resumeAsync(task: Task, frame: Frame, reply: AsyncReply, mistake: Error | null): boolean {
    if (reply.pending && reply.driven === null) {
      // Woken before the trap of its own operation arrived.
      reply.wakeOnTrap = true;
      task.state = TaskState.Awaiting;
      return false;
    }
    reply.inStep = true;
    if (this.interruptibly === null || frame.kiProtected) {
      this.driveAsync(task, frame, reply, mistake);
      this.drainFor(task);
    } else this.driveAsyncInterruptibly(this.interruptibly, task, frame, reply, mistake);
    if (reply.answer !== null && !reply.look()) {
      reply.attach();
      this.drainFor(task); // an error is brought at once
    }
    reply.inStep = false;
    if (reply.ready) return true;
    if (reply.driven === null || task.state === TaskState.Running) this.goneOutside(task, reply);
    return false;
  }

  /** The code of an async frame is in a native await. */
  private goneOutside(task: Task, reply: AsyncReply): void {
    if (task.state === TaskState.Running) task.state = TaskState.Awaiting;
    reply.outside = true;
    this.awaiting++;
  }

  /** It has come back out of one. */
  cameBack(reply: AsyncReply): void {
    reply.outside = false;
    reply.wakeOnTrap = false;
    this.awaiting--;
  }

  private driveAsync(task: Task, frame: Frame, reply: AsyncReply, mistake: Error | null): void {
    if (reply.driven !== null) {
      reply.settleDriven(reply.driven);
      return;
    }
    reply.pending = true;
    thread.task = task;
    thread.kiProtected = frame.kiProtected;
    try {
      const answer = reply.call(mistake);
      if (answer === THREW) throw takeThrown();
      reply.answer = answer instanceof Promise ? answer : Promise.resolve(answer);
      // What is stopped in the middle answers never, and is to be heard of all the same.
      if (this.interruptibly !== null) reply.attach();
    } catch (error) {
      reply.threw(error);
    }
    thread.task = null;
    thread.kiProtected = true;
  }

  private drainFor(task: Task): void {
    thread.task = null;
    thread.kiProtected = true;
    thread.draining = task;
    if (this.awaiting === 0) thread.drivenInDrain = task;
    this.drainMicrotasks();
    thread.draining = null;
    thread.drivenInDrain = null;
  }

  /** The code of an async frame goes on in microtasks: so that it can be stopped, they are drained in a step too. */
  private driveAsyncInterruptibly(
    interruptibly: (step: () => void) => void,
    task: Task,
    frame: Frame,
    reply: AsyncReply,
    mistake: Error | null,
  ): void {
    // A drain that is stopped loses the microtasks that are left: nobody else's are to be among them.
    this.drainMicrotasks();
    try {
      const drive = (): void => this.driveAsync(task, frame, reply, mistake);
      // Once begun, a frame's own code is all in the drain; what was stopped before that would go on by itself there.
      if (reply.begun && mistake === null) drive();
      else interruptibly(drive);
      interruptibly(() => this.drainFor(task));
    } catch (error) {
      thread.task = null;
      thread.kiProtected = true;
      thread.draining = null;
      thread.drivenInDrain = null;
      if (reply.pending) reply.abandon(error);
      else this.runner.interrupt(); // the frame has come back: it was something that it had set off
    }
  }

  /** An async frame that was in a native await has answered. */
  replySettled(task: Task, reply: AsyncReply): void {
    const { wakeOnTrap } = reply;
    if (reply.outside) this.cameBack(reply);
    if (reply.failed || reply.result?.done === true || reply.result?.value !== TRAP) {
      // It may stand in an operation all the same, if it drove that by hand.
      if (task.state === TaskState.Blocked) takeBack(task);
      if (task.frame !== reply.frame) this.runner.crash(leftOpen(task));
      this.runner.enqueue(task); // to deal with the answer
      return;
    }
    reply.ready = false;
    reply.result = undefined;
    // It goes on if it pushed a frame, was woken before, or waits for nothing; else it is blocked, or in the run queue.
    if (wakeOnTrap || task.frame !== reply.frame || task.state === TaskState.Awaiting) this.runner.enqueue(task);
  }

  /** @returns whether the task has ended with it. */
  private endFrame(task: Task, frame: Frame, failed: boolean, outcome: unknown): boolean {
    if (task.state === TaskState.Blocked) takeBack(task);
    if (task.frame !== frame) this.runner.crash(leftOpen(task));
    task.frame = frame.parent;
    if (frame.parent === null) {
      this.runner.endTask(task, failed, outcome);
      return true;
    }
    task.failed = failed;
    if (failed) task.error = outcome;
    else task.value = outcome;
    task.state = TaskState.Running;
    return false;
  }
}

/** What a coroutine that answered THREW has thrown. */
function takeThrown(): unknown {
  const { thrown } = thread;
  thread.thrown = undefined;
  return thrown;
}

function badYield(task: Task, value: unknown): string {
  const who = `task ${task.name} yielded`;
  if (value === TRAP)
    return `${who} a trap of tribun that no operation stands behind: a task yields only by yield* to one`;
  if (typeof value === "object" && value !== null) {
    if ("operationName" in value) {
      const { origin } = value as Drivable;
      const place = origin instanceof Error ? programLines(origin.stack ?? "")[0]?.trim() : undefined;
      noteDriven(value as Drivable); // this says it all
      const made = place === undefined ? "" : `, made ${place},`;
      return `${who} the operation ${String(value.operationName)}${made} instead of driving it: write yield* where it says yield`;
    }
    if ("then" in value) return `${who} a promise: wait for it with yield* fromPromise(promise)`;
    if (Symbol.iterator in value || Symbol.asyncIterator in value) {
      return `${who} a generator or other iterable instead of delegating to it: write yield* where it says yield`;
    }
  }
  return `${who} ${describe(value)}: a task yields only by yield* to an operation`;
}
