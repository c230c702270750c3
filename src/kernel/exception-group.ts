import { Cancelled } from "../errors.ts";
import { describe } from "./describe.ts";
import { errorTree } from "./error-tree.ts";

/** What {@link ExceptionGroup.split} looks for: a class, or a predicate. */
export type ErrorMatcher = (abstract new (...args: any[]) => unknown) | ((error: unknown) => boolean);

/** So many leaves are named in the message of a group. */
const NAMED_LEAVES = 3;
/** So many characters of what a leaf says. */
const LONGEST_LEAF = 80;

/**
 * Several errors as one: what leaves a nursery whose tasks failed. Groups keep their shape: one that loses leaves keeps
 * its nesting, and a single error stays wrapped. Its message says how many errors it holds, and names the first leaves.
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
  /** The message as it was given. */
  readonly #title: string;
  /** What its message says of its leaves. */
  readonly #namedLeaves: string;
  /** How many leaves it has, and the first of them in short: told once, for the groups around it too. */
  readonly #leafCount: number;
  readonly #firstLeaves: readonly string[];

  constructor(errors: Iterable<unknown>, message = "several errors", options?: ErrorOptions) {
    if (typeof errors === "string" || typeof errors !== "object" || errors === null || !(Symbol.iterator in errors)) {
      throw new TypeError(
        `new ExceptionGroup(errors, message): errors must be an array of errors, not ${describe(errors)}; the message comes second`,
      );
    }
    const list = [...errors];
    if (list.length === 0) throw new RangeError("new ExceptionGroup(errors): errors must hold at least one error");
    let leafCount = 0;
    const firstLeaves: string[] = [];
    for (const error of list) {
      const isGroup = error instanceof ExceptionGroup;
      leafCount += isGroup ? error.#leafCount : 1;
      if (firstLeaves.length === NAMED_LEAVES) continue;
      if (!isGroup) firstLeaves.push(inShort(error));
      else firstLeaves.push(...error.#firstLeaves.slice(0, NAMED_LEAVES - firstLeaves.length));
    }
    const more = leafCount - firstLeaves.length;
    const leaves = `: ${firstLeaves.join("; ")}${more === 0 ? "" : `; and ${more} more`}`;
    super(list, `${message} (${list.length} sub-error${list.length === 1 ? "" : "s"})${leaves}`, options);
    this.#title = message;
    this.#namedLeaves = leaves;
    this.#leafCount = leafCount;
    this.#firstLeaves = firstLeaves;
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
    const open: Splitting[] = [splitting(this)]; // a stack: a group may be nested deeper than functions can be
    for (;;) {
      const innermost = open.at(-1) as Splitting;
      const { group, matching, rest } = innermost;
      if (innermost.next < group.errors.length) {
        const error: unknown = group.errors[innermost.next++];
        if (matches(error)) matching.push(error);
        else if (error instanceof ExceptionGroup) open.push(splitting(error));
        else rest.push(error);
        continue;
      }
      open.pop();
      const isParted = matching.length > 0 && rest.length > 0;
      const yes = isParted ? group.#derive(matching) : matching.length > 0 ? group : null;
      const no = isParted ? group.#derive(rest) : yes === null ? group : null;
      const outer = open.at(-1);
      if (outer === undefined) return [yes, no];
      if (yes !== null) outer.matching.push(yes);
      if (no !== null) outer.rest.push(no);
    }
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

  /** @internal Its message without the leaves, which a tree shows below it; with what may have been added to it since. */
  get heading(): string {
    return this.message.replace(this.#namedLeaves, "");
  }

  /** @internal A loose group of one is that one. */
  collapsed(): unknown {
    return this.#loose && this.errors.length === 1 ? this.errors[0] : this;
  }

  #derive(errors: unknown[]): ExceptionGroup {
    const group = new ExceptionGroup(errors, this.#title, this.cause === undefined ? undefined : { cause: this.cause });
    group.#loose = this.#loose;
    if (this.stack !== undefined) group.stack = this.stack;
    return group;
  }
}

/** Whether `error` is a Cancelled, or a group whose every leaf is one: what a nursery cancelled from outside throws. */
export function isCancelled(error: unknown): boolean {
  if (error instanceof Cancelled) return true;
  if (!(error instanceof AggregateError)) return false;
  const all = new Set<unknown>([error]); // grows while it is gone through: groups may be nested deeper than functions can be
  for (const each of all) {
    if (each instanceof Cancelled || (each instanceof ExceptionGroup && each.isCancelled)) continue;
    if (!(each instanceof AggregateError) || each.errors.length === 0) return false;
    for (const part of each.errors) all.add(part);
  }
  return true;
}

/** A group that is being split, and what its errors have been so far. */
interface Splitting {
  readonly group: ExceptionGroup;
  next: number;
  readonly matching: unknown[];
  readonly rest: unknown[];
}

function splitting(group: ExceptionGroup): Splitting {
  return { group, next: 0, matching: [], rest: [] };
}

function inShort(leaf: unknown): string {
  const text = leaf instanceof Cancelled ? leaf.message : describe(leaf);
  const [line = ""] = text.split("\n", 1);
  return line.length > LONGEST_LEAF ? `${line.slice(0, LONGEST_LEAF)}…` : line;
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
