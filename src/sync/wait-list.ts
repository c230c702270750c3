import { Attempt } from "../kernel/attempt.ts";

/**
 * Operations that wait for one thing, in order of arrival, out of whose middle any may go. They are the links themselves, so
 * that waiting allocates nothing.
 */
export class WaitList<W extends Waiting<any, W>> {
  first: W | null = null;
  #last: W | null = null;
  size = 0;

  add(one: W): void {
    const last = this.#last;
    one.inList = true;
    one.previous = last;
    if (last === null) this.first = one;
    else last.following = one;
    this.#last = one;
    this.size++;
  }

  /** One that is not in the list stays out of it. */
  delete(one: W): void {
    if (!one.inList) return;
    const { previous, following } = one;
    if (previous === null) this.first = following;
    else previous.following = following;
    if (following === null) this.#last = previous;
    else following.previous = previous;
    one.inList = false;
    one.previous = null;
    one.following = null;
    this.size--;
  }

  /** As they are now: what is done to one may take others out. */
  *[Symbol.iterator](): Generator<W, void> {
    const all: W[] = [];
    for (let one = this.first; one !== null; one = one.following) all.push(one);
    for (const one of all) if (one.inList) yield one;
  }
}

/** An operation that waits in a {@link WaitList}, until whoever takes it from there ends its wait. */
export abstract class Waiting<T, W extends Waiting<any, W>> extends Attempt<T> {
  declare private readonly list: WaitList<W>;
  declare inList: boolean;
  declare previous: W | null;
  declare following: W | null;

  constructor(list: WaitList<W>) {
    super();
    this.list = list;
    this.inList = false;
    this.previous = null;
    this.following = null;
  }

  override wait(): null {
    this.list.add(this as unknown as W);
    return null;
  }

  /** Leaves the list, if it is there. */
  override giveUp(): void {
    this.list.delete(this as unknown as W);
  }
}
