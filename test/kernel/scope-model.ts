/**
 * What is to be expected of scopes and lots, told by what a program did to them and by nothing that the kernel says: the model
 * that random programs are held against.
 */

/** `undefined`: it depends on what of this very moment has happened first. */
type Answer = boolean | undefined;

/** A scope, or a nursery's, or where a task of `start()` is until it has started. */
export class Level {
  parent: Level | null;
  shield: boolean;
  /** What it hangs under is not known. */
  isUnsure: boolean = false;
  hasMoved: boolean = false;
  #cancelledAt = Infinity;
  #due = Infinity;
  /** Its deadline had come when it was set: blocked tasks are aborted in the next pass only, and no cancel() is any faster. */
  #isDeferred = false;

  constructor(parent: Level | null, shield = false) {
    this.parent = parent;
    this.shield = shield;
  }

  moveTo(parent: Level): void {
    this.parent = parent;
    this.hasMoved = true;
  }

  cancel(now: number): void {
    this.#cancelledAt = Math.min(this.#cancelledAt, now);
  }

  setDeadline(time: number, now: number): void {
    this.#cancelledAt = Math.min(this.#cancelledAt, this.#due <= now ? this.#due : Infinity);
    this.#due = Math.max(time, now);
    this.#isDeferred ||= time <= now;
  }

  /** Since when its own cancellation counts. */
  get cancelledSince(): number {
    return Math.min(this.#cancelledAt, this.#due);
  }

  isCancelledItself(now: number): Answer {
    if (this.cancelledSince > now) return this.isUnsure ? undefined : false;
    return this.#isDeferred && this.cancelledSince === now ? undefined : true;
  }

  /** Whether tasks in it are cancelled, by itself or from outside. */
  isCancelled(now: number): Answer {
    let answer = false;
    for (let level: Level | null = this; level !== null; level = level.shield ? null : level.parent) {
      const own = level.isCancelledItself(now);
      if (own === undefined || level.isUnsure) return undefined;
      answer ||= own;
    }
    return answer;
  }
}

/** A task that is blocked, until it has seen how that ended. */
export class Block {
  readonly level: Level;
  /** Since when its context has been cancelled, as far as that is known. */
  since: number = Infinity;
  /** Whether it may have been aborted. */
  mayBeCancelled = false;

  constructor(level: Level) {
    this.level = level;
  }
}

/** All that is blocked. It is looked at whenever something may have changed. */
export class Blocks {
  readonly #all = new Set<Block>();
  #lookedAt = 0;

  add(level: Level, now: number): Block {
    this.look(now);
    const block = new Block(level);
    this.#all.add(block);
    this.look(now);
    return block;
  }

  delete(block: Block, now: number): void {
    this.look(now);
    this.#all.delete(block);
  }

  look(now: number): void {
    for (const block of this.#all) {
      const answer = block.level.isCancelled(now);
      if (answer !== false) block.mayBeCancelled = true;
      if (answer === true && block.since === Infinity) block.since = this.#changedAt(block.level, now);
    }
    this.#lookedAt = now;
  }

  /** When the tasks of a level that was not cancelled at the last look came to be so: by a deadline since, or now. */
  #changedAt(from: Level, now: number): number {
    let since = now;
    for (let level: Level | null = from; level !== null; level = level.shield ? null : level.parent) {
      if (level.cancelledSince > this.#lookedAt) since = Math.min(since, level.cancelledSince);
    }
    return since;
  }
}

/** Who is parked in a lot, in order of arrival; a task that may have been aborted leaves it open whether it still is. */
export class LotModel<T> {
  parked: { readonly task: T; readonly block: Block }[] = [];
  /** What became of some is not known. */
  isUnsure: boolean = false;

  add(task: T, block: Block): void {
    this.parked.push({ task, block });
  }

  remove(task: T): void {
    this.parked = this.parked.filter((one) => one.task !== task);
  }

  /** The first `count`, taken out; undefined where it is not known which those are. */
  take(count: number): { readonly task: T; readonly block: Block }[] | undefined {
    this.parked = this.parked.filter(({ block }) => block.since === Infinity);
    if (this.isUnsure || this.parked.some(({ block }) => block.mayBeCancelled)) {
      this.isUnsure = true;
      return undefined;
    }
    return this.parked.splice(0, count);
  }
}
