import type { Operation, Task } from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";
import { ChannelOperation, type Selection } from "./channel.ts";

/** What {@link select} gives: which case came true, and what it gives. */
export type Selected<Cases extends readonly Operation<unknown>[]> = {
  [K in keyof Cases & `${number}`]: Cases[K] extends Operation<infer T>
    ? readonly [index: K extends `${infer Index extends number}` ? Index : number, value: T]
    : never;
}[keyof Cases & `${number}`];

/**
 * Waits until one of several sends and receives of memory channels can happen, and makes that one happen: exactly one,
 * whatever comes at the same time; the others did not. If several can, it is the first in the list. Cancelled, none has
 * happened. A checkpoint.
 *
 *     const [which, value] = yield* select([orders.receive(), replies.send(reply)]);
 *     if (which === 0) handle(value);
 *
 * For a time limit put it into `moveOnAfter`. Trio has none (#242).
 *
 * @param cases fresh operations: `channel.receive()`, `channel.send(value)`.
 * @throws TypeError at once for anything else, RangeError for none at all: nothing could happen.
 * @throws what the first case that cannot happen any more throws: EndOfChannel, ClosedResourceError, BrokenResourceError.
 */
export function select<const Cases extends readonly Operation<unknown>[]>(cases: Cases): Operation<Selected<Cases>> {
  if (!Array.isArray(cases)) throw new TypeError("select(cases): cases must be an array of sends and receives");
  if (cases.length === 0) throw new RangeError("select(cases): cases must not be empty: nothing could happen");
  for (const [index, one] of cases.entries()) {
    if (one instanceof ChannelOperation) continue;
    throw new TypeError(
      `select(cases): cases[${index}] must be channel.receive() or channel.send(value) of a memory channel; for others, ` +
        "start tasks, or use race()",
    );
  }
  return new Select(cases as unknown as readonly ChannelOperation<any>[]) as unknown as Operation<Selected<Cases>>;
}

class Select extends Attempt<readonly [number, unknown]> implements Selection {
  static {
    this.prototype.operationName = "select()";
  }
  readonly #cases: readonly ChannelOperation<any>[];
  /** The case that happened. */
  #chosen = -1;

  constructor(cases: readonly ChannelOperation<any>[]) {
    super();
    this.#cases = cases;
  }

  override [Symbol.iterator](): this {
    super[Symbol.iterator]();
    for (const one of this.#cases) one[Symbol.iterator](); // they are used up, though nobody drives them
    return this;
  }

  protected attempt(task: Task): boolean {
    this.#chosen = this.#cases.findIndex((one) => one.attempt(task));
    return this.#chosen >= 0;
  }

  protected wait(): null {
    for (const one of this.#cases) one.waitIn(this);
    return null;
  }

  protected override giveUp(): void {
    for (const one of this.#cases) one.giveUp();
  }

  comeTrue(one: ChannelOperation<any>): void {
    this.giveUp();
    this.#chosen = this.#cases.indexOf(one);
    this.endWait();
  }

  fail(error: Error): void {
    this.giveUp();
    this.failWait(error);
  }

  describe(): string {
    return `select() of ${this.#cases.map((one) => one.describe()).join("; ")}`;
  }

  protected result(): readonly [number, unknown] {
    return [this.#chosen, this.#cases[this.#chosen]!.result()];
  }
}
