import { Cancelled, RunFinishedError } from "../errors.ts";
import { yieldBriefly } from "./checkpoint.ts";
import { describe } from "./describe.ts";
import type { Host, ThreadCall, ThreadCalls } from "./host.ts";
import type { Operation, Trap } from "./operation.ts";
import { Abort, type AbortResult } from "./abort.ts";
import { Suspension, wake } from "./suspension.ts";
import type { Task } from "./task.ts";

/** S22: queues `fn(...args)` to be called in the run. */
export interface CallSoon {
  /**
   * Queues `fn(...args)` to be called from a system task of the run, protected from Ctrl-C, first in, first out. From
   * any code of this JavaScript thread: host callbacks, signal handlers, tasks. `fn` never runs inline, and must not
   * throw: that ends the run with TrioInternalError (S25). Not a checkpoint.
   *
   * @throws RunFinishedError when the run is over; every call that does not throw has run before the run ends (S29).
   */
  <A extends unknown[]>(fn: (...args: A) => void, ...args: A): void;
  /**
   * S27: the same, but dropped if an equal call is pending: the same function and as many arguments, pairwise
   * `Object.is`-equal. First in, first out among themselves.
   */
  idempotent<A extends unknown[]>(fn: (...args: A) => void, ...args: A): void;
  /**
   * A handle that lets Workers call `fn` in this run: post it, without a transfer list, to as many as you like;
   * there, `connectCallSoon(handle)` gives a function whose arguments are structured-cloned.
   */
  forThread(fn: (...args: any[]) => void): object;
}

interface Call {
  readonly fn: (...args: any[]) => unknown;
  readonly args: readonly unknown[];
}

/** The task that serves the queue, when it has nothing to do. */
class AwaitCalls extends Suspension<void> {
  static {
    this.prototype.operationName = "the call-soon queue";
  }
  readonly #queue: EntryQueue;
  constructor(queue: EntryQueue) {
    super();
    this.#queue = queue;
  }
  protected begin(task: Task): void {
    this.#queue.server = task;
  }
  abort(): AbortResult {
    this.#queue.server = null;
    return Abort.SUCCEEDED;
  }
}

/**
 * S21 to S30: the way into a run from outside: host callbacks, signal handlers and other threads. Calls of other threads
 * are taken over before each call of this one, so the order is first in, first out over all of them.
 */
export class EntryQueue {
  readonly callSoon: CallSoon;
  /** The task that serves the queue, while it waits for calls. */
  server: Task | null = null;
  readonly #host: Host;
  readonly #crash: (error: unknown) => void;
  #calls: Call[] = [];
  /** The pending idempotent calls by function and first argument, which tell nearly all of them apart. */
  readonly #idempotent = new Map<Function, Map<unknown, Call[]>>();
  #idempotentOrder: Call[] = [];
  #closed = false;
  #threadCalls: ThreadCalls | null = null;
  readonly #threadFunctions: ((...args: any[]) => unknown)[] = [];

  constructor(host: Host, crash: (error: unknown) => void) {
    this.#host = host;
    this.#crash = crash;
    const callSoon = (fn: (...args: any[]) => void, ...args: unknown[]): void => {
      this.#check(fn, "callSoon(fn)");
      this.takeThreadCalls();
      this.#calls.push({ fn, args });
      this.#wakeServer();
    };
    this.callSoon = Object.freeze(
      Object.assign(callSoon, {
        idempotent: (fn: (...args: any[]) => void, ...args: unknown[]): void => {
          this.#check(fn, "callSoon.idempotent(fn)");
          this.#pushIdempotent({ fn, args });
        },
        forThread: (fn: (...args: any[]) => void): object => {
          this.#check(fn, "callSoon.forThread(fn)");
          this.#threadCalls ??= this.#host.openThreadCalls();
          return this.#threadCalls.handleFor(this.#threadFunctions.push(fn) - 1);
        },
      }),
    ) as CallSoon;
  }

  get size(): number {
    return this.#calls.length + this.#idempotentOrder.length;
  }

  /** Whether a Worker holds a handle, and may call. */
  get isOpenToThreads(): boolean {
    return !this.#closed && this.#threadCalls !== null && this.#threadCalls.open;
  }

  /** Whether other threads have queued calls that were not taken over. Cheap. */
  get threadsCalled(): boolean {
    return this.#threadCalls !== null && !this.#closed && this.#threadCalls.pending;
  }

  takeThreadCalls(): void {
    if (!this.threadsCalled) return;
    this.#append((this.#threadCalls as ThreadCalls).drain());
    this.#wakeServer();
  }

  #append(calls: readonly ThreadCall[]): void {
    for (const { callId, args } of calls) {
      this.#calls.push({ fn: this.#threadFunctions[callId] as (...args: any[]) => unknown, args });
    }
  }

  #check(fn: unknown, what: string): void {
    if (typeof fn !== "function") throw new TypeError(`${what}: fn must be a function, not ${describe(fn)}`);
    if (this.#closed) throw new RunFinishedError();
  }

  #pushIdempotent(call: Call): void {
    let ofFunction = this.#idempotent.get(call.fn);
    if (ofFunction === undefined) this.#idempotent.set(call.fn, (ofFunction = new Map<unknown, Call[]>()));
    const alike = ofFunction.get(call.args[0]);
    if (alike === undefined) ofFunction.set(call.args[0], [call]);
    else if (alike.some((other) => sameArguments(other.args, call.args))) return;
    else alike.push(call);
    this.#idempotentOrder.push(call);
    this.#wakeServer();
  }

  #takeIdempotent(call: Call): void {
    const ofFunction = this.#idempotent.get(call.fn) as Map<unknown, Call[]>;
    const alike = ofFunction.get(call.args[0]) as Call[];
    if (alike.length > 1) {
      alike.splice(alike.indexOf(call), 1);
      return;
    }
    ofFunction.delete(call.args[0]);
    if (ofFunction.size === 0) this.#idempotent.delete(call.fn);
  }

  #wakeServer(): void {
    const task = this.server;
    if (task === null) return;
    this.server = null;
    wake(task);
  }

  /** The body of the system task that makes the calls. */
  *serve(): Generator<Trap, void, any> {
    try {
      for (;;) {
        this.takeThreadCalls();
        this.#runQueued();
        // Bounded (S30): what was queued meanwhile waits for the next pass.
        if (this.size > 0 || this.threadsCalled) yield* yieldBriefly();
        else yield* this.#awaitCalls();
      }
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      this.close();
      throw error;
    }
  }

  #awaitCalls(): Operation<void> {
    return new AwaitCalls(this);
  }

  /** S29: from here on calls throw RunFinishedError; those that did not are made now. */
  close(): void {
    if (this.#closed) return;
    this.takeThreadCalls();
    this.#closed = true;
    if (this.#threadCalls !== null) this.#append(this.#threadCalls.close());
    this.#runQueued();
  }

  #runQueued(): void {
    const calls = this.#calls;
    const idempotent = this.#idempotentOrder;
    this.#calls = [];
    this.#idempotentOrder = [];
    for (const call of calls) this.#run(call);
    for (const call of idempotent) {
      // Taken out before it runs, so that it can be submitted again from inside (S27).
      this.#takeIdempotent(call);
      this.#run(call);
    }
  }

  #run(call: Call): void {
    try {
      const made = call.fn(...call.args);
      if (
        typeof made === "object" &&
        made !== null &&
        (Symbol.iterator in made || Symbol.asyncIterator in made) &&
        "next" in made
      ) {
        throw new TypeError(
          `callSoon(fn): ${call.fn.name || "fn"} is a task function, and nobody runs the coroutine it returned; give a ` +
            "plain function, which may call spawnSystemTask(fn)",
        );
      }
    } catch (error) {
      this.#crash(error);
    }
  }
}

function sameArguments(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
