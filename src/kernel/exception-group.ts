import { Cancelled } from "../errors.ts";
import { describe } from "./describe.ts";

/** What {@link ExceptionGroup.split} looks for: a class, or a predicate. */
export type ErrorMatcher = (abstract new (...args: any[]) => unknown) | ((error: unknown) => boolean);

/**
 * Several errors as one: what leaves a nursery whose tasks failed. Groups keep their shape: one that loses leaves keeps
 * its nesting, and a single error stays wrapped.
 *
 * Trio: Python's `ExceptionGroup`. In a nursery's group the body's error comes first, then the children's in order of
 * exit; a Cancelled is counted once for each task that had it.
 */
export class ExceptionGroup extends AggregateError {
  static {
    this.prototype.name = "ExceptionGroup";
  }

  /** @internal Made by a nursery with strictExceptionGroups: false, so a single error left in it comes out bare. */
  loose = false;

  constructor(errors: Iterable<unknown>, message = "several errors", options?: ErrorOptions) {
    const list = [...errors];
    if (list.length === 0) throw new RangeError("new ExceptionGroup(errors): errors must hold at least one error");
    super(list, `${message} (${list.length} sub-error${list.length === 1 ? "" : "s"})`, options);
  }

  /** It was searched for Cancelled, in vain: a group passes through many scopes and grows by a level in each nursery. */
  #holdsNoCancelled = false;

  /** @internal {@link ExceptionGroup.split} by Cancelled, at the cost of what has not been searched before. */
  splitCancelled(): [ExceptionGroup | null, ExceptionGroup | null] {
    if (this.#holdsNoCancelled) return [null, this];
    const holdsNone = this.errors.every((error) =>
      error instanceof ExceptionGroup ? error.splitCancelled()[0] === null : !(error instanceof Cancelled),
    );
    if (!holdsNone) return this.split(Cancelled);
    this.#holdsNoCancelled = true;
    return [null, this];
  }

  /** The group without the leaves that do not match, its shape kept; null if none matches. */
  subgroup(what: ErrorMatcher): ExceptionGroup | null {
    return this.split(what)[0];
  }

  /** The matching leaves and the rest, each as a group of this shape, or null where there are none. */
  split(what: ErrorMatcher): [ExceptionGroup | null, ExceptionGroup | null] {
    const matches = matcherOf(what);
    if (matches(this)) return [this, null];
    const matching: unknown[] = [];
    const rest: unknown[] = [];
    for (const error of this.errors) {
      if (error instanceof ExceptionGroup) {
        const [yes, no] = error.split(what);
        if (yes !== null) matching.push(yes);
        if (no !== null) rest.push(no);
      } else if (matches(error)) matching.push(error);
      else rest.push(error);
    }
    if (matching.length === 0) return [null, this];
    if (rest.length === 0) return [this, null];
    return [this.#derive(matching), this.#derive(rest)];
  }

  /** Every error in it that is no group, in order. */
  leaves(): unknown[] {
    const leaves: unknown[] = [];
    for (const error of this.errors) {
      if (error instanceof ExceptionGroup) leaves.push(...error.leaves());
      else leaves.push(error);
    }
    return leaves;
  }

  /** @internal A loose group of one is that one. */
  collapsed(): unknown {
    return this.loose && this.errors.length === 1 ? this.errors[0] : this;
  }

  #derive(errors: unknown[]): ExceptionGroup {
    const message = this.message.replace(/ \(\d+ sub-errors?\)$/, "");
    const group = new ExceptionGroup(errors, message, this.cause === undefined ? undefined : { cause: this.cause });
    group.loose = this.loose;
    if (this.stack !== undefined) group.stack = this.stack;
    return group;
  }
}

function matcherOf(what: ErrorMatcher): (error: unknown) => boolean {
  if (typeof what !== "function") {
    throw new TypeError(`split(what): what must be an error class or a predicate, not ${describe(what)}`);
  }
  const { prototype } = what;
  const isClass =
    typeof prototype === "object" &&
    prototype !== null &&
    (prototype === Error.prototype || prototype instanceof Error);
  if (isClass) return (error) => error instanceof (what as abstract new () => unknown);
  return what as (error: unknown) => boolean;
}
