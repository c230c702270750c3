import { waitReadable, waitWritable, yieldBrieflyNoCancel, yieldIfCancelled } from "../hazmat.ts";
import type { Operation, Trap } from "../kernel/operation.ts";
import { SingleUse, drivingTask } from "../kernel/single-use.ts";

/** What a {@link TryOnce} waits for before it tries again. */
export type Direction = "readable" | "writable";

/** Anything with a descriptor. */
interface Descriptor {
  readonly fd: number;
}

const CHECKING = 0;
const WAITING = 1;
const LEAVING = 2;

/**
 * The idiom of a call that may block (S52), as one object: see whether the task is cancelled, in which case nothing
 * happens; try without blocking; where that succeeds let others run, and cancellation wait, for the call has happened;
 * where it would block wait for the descriptor and try again.
 */
export class TryOnce<T> extends SingleUse<T> {
  override readonly operationName: string;
  readonly #descriptor: Descriptor;
  readonly #direction: Direction;
  readonly #attempt: () => T | undefined;
  #stage = CHECKING;
  #inner: Iterator<Trap, void> | null = null;
  #value: T | undefined = undefined;

  /**
   * @param name how messages call the operation: `"Socket.recv()"`
   * @param attempt the non-blocking call; undefined says that it would have blocked, and a throw is the operation's
   */
  constructor(name: string, descriptor: Descriptor, direction: Direction, attempt: () => T | undefined) {
    super();
    this.operationName = name;
    this.#descriptor = descriptor;
    this.#direction = direction;
    this.#attempt = attempt;
  }

  next(): IteratorResult<Trap, T> {
    if (this.#inner === null) {
      this.task = drivingTask(this);
      this.#inner = begin(yieldIfCancelled());
    }
    for (;;) {
      const step = this.#inner.next();
      if (step.done !== true) return step;
      if (this.#stage === LEAVING) break;
      const first = this.#stage === CHECKING;
      const value = this.#attempt();
      if (value === undefined) {
        this.#stage = WAITING;
        this.#inner = begin(this.#wait());
        continue;
      }
      this.#value = value;
      // Having waited is a schedule point already.
      if (!first) break;
      this.#stage = LEAVING;
      this.#inner = begin(yieldBrieflyNoCancel());
    }
    return { done: true, value: this.#value as T };
  }

  #wait(): Operation<void> {
    const { fd } = this.#descriptor;
    return this.#direction === "readable" ? waitReadable(fd) : waitWritable(fd);
  }
}

function begin(operation: Operation<void>): Iterator<Trap, void> {
  return operation[Symbol.iterator]();
}
