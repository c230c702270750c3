import { Cancelled } from "../errors.ts";
import { describe } from "./describe.ts";
import { errorTree } from "./error-tree.ts";

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
    // What `Bun.inspect` and `console.log` show: a tree of its errors, each with its stack and its causes.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(
        this: ExceptionGroup,
        _depth: number,
        options: object,
        inspect: (value: unknown, options: object) => string,
      ) {
        return errorTree(this, (value) => inspect(value, options));
      },
    });
  }

  #loose = false;
  /**
   * How much of it is Cancelled. Told once: a group passes through the scope of every nursery on its way, and grows by a
   * level in each.
   */
  readonly #cancelled: "none" | "some" | "all";

  constructor(errors: Iterable<unknown>, message = "several errors", options?: ErrorOptions) {
    if (typeof errors === "string" || typeof errors !== "object" || errors === null || !(Symbol.iterator in errors)) {
      throw new TypeError(
        `new ExceptionGroup(errors, message): errors must be an array of errors, not ${describe(errors)}; the message comes second`,
      );
    }
    const list = [...errors];
    if (list.length === 0) throw new RangeError("new ExceptionGroup(errors): errors must hold at least one error");
    super(list, `${message} (${list.length} sub-error${list.length === 1 ? "" : "s"})`, options);
    this.#cancelled = list.map(ExceptionGroup.#cancelledIn).reduce((all, each) => (all === each ? all : "some"));
  }

  static #cancelledIn(this: void, error: unknown): "none" | "some" | "all" {
    if (error instanceof ExceptionGroup) return error.#cancelled;
    return error instanceof Cancelled ? "all" : "none";
  }

  /** @internal A nursery's group, made with strictExceptionGroups: false: a single error left in it comes out bare. */
  loosen(): this {
    this.#loose = true;
    return this;
  }

  /** @internal Every leaf is a Cancelled. */
  get isCancelled(): boolean {
    return this.#cancelled === "all";
  }

  /** @internal {@link ExceptionGroup.split} by Cancelled, which costs nothing where there is nothing to part. */
  splitCancelled(): [ExceptionGroup | null, ExceptionGroup | null] {
    switch (this.#cancelled) {
      case "none":
        return [null, this];
      case "all":
        return [this, null];
      default:
        return this.split(Cancelled);
    }
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
    const ahead: unknown[] = [this]; // a stack: a group may be nested deeper than functions can be
    while (ahead.length > 0) {
      const error = ahead.pop();
      if (error instanceof ExceptionGroup) for (const each of error.errors.toReversed()) ahead.push(each);
      else leaves.push(error);
    }
    return leaves;
  }

  /** @internal A loose group of one is that one. */
  collapsed(): unknown {
    return this.#loose && this.errors.length === 1 ? this.errors[0] : this;
  }

  #derive(errors: unknown[]): ExceptionGroup {
    const message = this.message.replace(/ \(\d+ sub-errors?\)$/, "");
    const group = new ExceptionGroup(errors, message, this.cause === undefined ? undefined : { cause: this.cause });
    group.#loose = this.#loose;
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
