import { UsageError, WouldBlock } from "../errors.ts";
import { currentTask, type Operation, type Task } from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";
import { type Held, HeldOnce } from "./held.ts";
import { judgeCount } from "./judge.ts";

export interface CapacityLimiterStatistics {
  readonly borrowedTokens: number;
  readonly totalTokens: number;
  /** Who holds a token, in the order in which they got it. */
  readonly borrowers: readonly unknown[];
  /** How many tasks wait for one. */
  readonly tasksWaiting: number;
}

/**
 * Limits how many do something at once: a stock of tokens, of which each borrower holds at most one. The borrower is the
 * current task, or whatever `acquireOnBehalfOf` names.
 *
 * Trio: `trio.CapacityLimiter`.
 */
export class CapacityLimiter {
  /** Which loan each of them has, so that what an earlier one gave does not return a later one. */
  readonly #borrowers = new Map<unknown, number>();
  /** Who is to get one, in order of arrival. One that is cancelled is gone at once. */
  readonly #waiting = new Map<unknown, Acquire>();
  #totalTokens: number;
  #loans = 0;

  /**
   * @param totalTokens a whole number, 0 or more, or `Infinity`.
   * @throws TypeError, RangeError
   */
  constructor(totalTokens: number) {
    this.#totalTokens = judgeCount(totalTokens, "totalTokens", 0, Infinity, "new CapacityLimiter(totalTokens)");
  }

  /**
   * How many tokens there are. More of them wake who waits; with fewer than are borrowed, nobody loses one, and none is
   * given out until enough came back.
   */
  get totalTokens(): number {
    return this.#totalTokens;
  }

  set totalTokens(totalTokens: number) {
    this.#totalTokens = judgeCount(totalTokens, "totalTokens", 0, Infinity, "limiter.totalTokens = totalTokens");
    this.#handOut();
  }

  /** How many tokens are borrowed. */
  get borrowedTokens(): number {
    return this.#borrowers.size;
  }

  /** How many could be borrowed; negative when there are fewer than are borrowed. */
  get availableTokens(): number {
    return this.#totalTokens - this.#borrowers.size;
  }

  /** Borrows a token for the current task. A checkpoint. Trio: `acquire`. @throws UsageError when it has one. */
  acquire(): Operation<Held> {
    return new Acquire(this, undefined, true);
  }

  /** Borrows a token for the current task. Not a checkpoint. Trio: `acquire_nowait`. @throws WouldBlock, UsageError */
  acquireNoWait(): Held {
    return this.acquireOnBehalfOfNoWait(currentTask());
  }

  /**
   * Borrows a token for `borrower`, waiting for one if need be. A checkpoint. Trio: `acquire_on_behalf_of`.
   *
   * @throws UsageError when `borrower` has one, or another task is waiting for one on its behalf.
   */
  acquireOnBehalfOf(borrower: unknown): Operation<Held> {
    return new Acquire(this, borrower, false);
  }

  /** Trio: `acquire_on_behalf_of_nowait`. Not a checkpoint. @throws WouldBlock when there is none. UsageError as above. */
  acquireOnBehalfOfNoWait(borrower: unknown): Held {
    if (!this.take(borrower)) {
      throw new WouldBlock(`CapacityLimiter: all ${this.#totalTokens} tokens are borrowed, or others wait for them`);
    }
    return this.held(borrower);
  }

  /** Gives the current task's token back. Not a checkpoint. Trio: `release`. @throws UsageError when it has none. */
  release(): void {
    this.releaseOnBehalfOf(currentTask());
  }

  /** Gives the token of `borrower` back. Not a checkpoint. Trio: `release_on_behalf_of`. @throws UsageError */
  releaseOnBehalfOf(borrower: unknown): void {
    if (!this.#borrowers.delete(borrower)) {
      throw new UsageError(`CapacityLimiter.release(): ${nameOf(borrower)} holds no token of this limiter`);
    }
    this.#handOut();
  }

  /** Trio: `statistics`. Not a checkpoint. */
  statistics(): CapacityLimiterStatistics {
    return {
      borrowedTokens: this.borrowedTokens,
      totalTokens: this.#totalTokens,
      borrowers: [...this.#borrowers.keys()],
      tasksWaiting: this.#waiting.size,
    };
  }

  /** @internal Takes a token if there is one that nobody waits for. @throws UsageError */
  take(borrower: unknown): boolean {
    if (this.#borrowers.has(borrower)) {
      throw new UsageError(`CapacityLimiter.acquire(): ${nameOf(borrower)} holds a token of this limiter already`);
    }
    if (this.#waiting.has(borrower)) {
      throw new UsageError(`CapacityLimiter.acquire(): a task is waiting on behalf of ${nameOf(borrower)} already`);
    }
    if (this.availableTokens <= 0) return false; // as it is while anybody waits
    this.#lend(borrower);
    return true;
  }

  /** @internal */
  enqueue(acquire: Acquire, borrower: unknown): void {
    this.#waiting.set(borrower, acquire);
  }

  /** @internal Nobody waits on behalf of `borrower` any more. */
  dequeue(borrower: unknown): void {
    this.#waiting.delete(borrower);
  }

  /** @internal What the borrower of a token gets. Disposing of it after a release by hand does nothing. */
  held(borrower: unknown): Held {
    const loan = this.#borrowers.get(borrower);
    return new HeldOnce(() => {
      if (loan !== undefined && this.#borrowers.get(borrower) === loan) this.releaseOnBehalfOf(borrower);
    });
  }

  #lend(borrower: unknown): void {
    this.#borrowers.set(borrower, ++this.#loans);
  }

  #handOut(): void {
    for (const [borrower, acquire] of this.#waiting) {
      if (this.availableTokens <= 0) return;
      this.#waiting.delete(borrower);
      this.#lend(borrower);
      acquire.endWait();
    }
  }
}

class Acquire extends Attempt<Held> {
  static {
    this.prototype.operationName = "CapacityLimiter.acquire()";
  }
  readonly #limiter: CapacityLimiter;
  #borrower: unknown;
  readonly #forTask: boolean;

  constructor(limiter: CapacityLimiter, borrower: unknown, forTask: boolean) {
    super();
    this.#limiter = limiter;
    this.#borrower = borrower;
    this.#forTask = forTask;
  }

  protected attempt(task: Task): boolean {
    if (this.#forTask) this.#borrower = task;
    return this.#limiter.take(this.#borrower);
  }

  protected wait(): null {
    this.#limiter.enqueue(this, this.#borrower);
    return null;
  }

  protected override giveUp(): void {
    this.#limiter.dequeue(this.#borrower);
  }

  protected result(): Held {
    return this.#limiter.held(this.#borrower);
  }
}

function nameOf(borrower: unknown): string {
  if (typeof borrower === "object" && borrower !== null && "coroutine" in borrower && "name" in borrower) {
    return `task ${String(borrower.name)}`;
  }
  return typeof borrower === "string" ? JSON.stringify(borrower) : `that borrower (${typeof borrower})`;
}
