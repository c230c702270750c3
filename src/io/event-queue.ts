import { Abort, type AbortResult } from "../kernel/abort.ts";
import type { Operation, Trap } from "../kernel/operation.ts";
import { Suspension, wake, wakeWithError } from "../kernel/suspension.ts";
import { type Task, TaskState } from "../kernel/task.ts";

/**
 * Events that the system has reported and nobody has taken yet. Without bound: the system does not wait for a reader.
 *
 * Trio: `trio.lowlevel.UnboundedQueue`.
 */
export interface EventQueue<T> {
  /**
   * Gives all the events there are, oldest first, and never none: it waits for one if need be. Several tasks may wait,
   * and are served in the order in which they came. Cancelled, it has taken nothing. A checkpoint.
   *
   * @throws ClosedResourceError when the source has ended and nothing is left.
   */
  get(): Operation<T[]>;
}

/** The queue as the backend has it, which fills it. */
export class EventBuffer<T> implements EventQueue<T> {
  #items: T[] = [];
  readonly #waiters = new Set<Task>();
  /** The task that was woken last, and what it was woken with. */
  #woken: Task | null = null;
  #batch: T[] = [];
  #makeError: (() => Error) | null = null;

  /** Never waits. Whoever has waited longest gets it, together with what else comes until its task runs. */
  put(item: T): void {
    if (this.#isOnItsWay()) this.#batch.push(item);
    else {
      this.#items.push(item);
      this.serve();
    }
  }

  get(): Operation<T[]> {
    return new Get(this);
  }

  /** Nothing more will come: who waits, and who will find nothing, gets an error of its own. */
  end(makeError: () => Error): void {
    this.#makeError = makeError;
    this.serve();
  }

  /** @internal */
  join(task: Task): void {
    this.#waiters.add(task);
  }

  /** @internal */
  leave(task: Task): void {
    this.#waiters.delete(task);
  }

  /** @internal Gives what there is to the first who waits, and to those behind, if nothing will come, the error. */
  serve(): void {
    for (const task of this.#waiters) {
      if (this.#items.length > 0) {
        this.#waiters.delete(task);
        this.#woken = task;
        this.#batch = this.#items;
        this.#items = [];
        wake(task, this.#batch);
      } else if (this.#makeError !== null) {
        this.#waiters.delete(task);
        wakeWithError(task, this.#makeError());
      } else return;
    }
  }

  /** The batch is still where it was put for the woken task to find. */
  #isOnItsWay(): boolean {
    return this.#woken !== null && this.#woken.state === TaskState.Runnable && this.#woken.value === this.#batch;
  }
}

class Get<T> extends Suspension<T[]> {
  static {
    this.prototype.operationName = "EventQueue.get()";
  }
  readonly #queue: EventBuffer<T>;

  constructor(queue: EventBuffer<T>) {
    super();
    this.#queue = queue;
  }

  protected begin(task: Task): void {
    this.#queue.join(task);
  }

  abort(task: Task): AbortResult {
    this.#queue.leave(task);
    return Abort.SUCCEEDED;
  }

  /** What is there is taken only after a task that is cancelled has been told so. */
  override next(): IteratorResult<Trap, T[]> {
    const begins = this.task === null;
    const answer = super.next();
    if (begins) this.#queue.serve();
    return answer;
  }
}
