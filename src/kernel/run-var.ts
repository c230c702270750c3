import { UsageError } from "../errors.ts";
import { describe } from "./describe.ts";
import { currentRunner } from "./thread.ts";

const UNSET: unique symbol = Symbol("unset");
type Unset = typeof UNSET;

/** What `set` gives, for `reset`: good for one use, on the variable that made it. */
export interface RunVarToken<T> {
  /** @internal */
  readonly variable: RunVar<T>;
  /** @internal */
  readonly before: T | Unset;
  /** @internal The run it was made in. */
  readonly values: ReadonlyMap<RunVar<any>, unknown>;
  /** @internal */
  used: boolean;
}

/**
 * A variable with one value for each run. Trio: `trio.lowlevel.RunVar`.
 */
export class RunVar<T> {
  readonly name: string;
  readonly #default: T | Unset;

  constructor(name: string, ...initial: [value?: T]) {
    this.name = String(name);
    this.#default = initial.length === 0 ? UNSET : (initial[0] as T);
  }

  /** Its value in this run, else the default. Not a checkpoint. @throws UsageError outside a run, or when it has neither. */
  get(): T {
    const value = this.#read();
    if (value !== UNSET) return value as T;
    if (this.#default !== UNSET) return this.#default as T;
    throw new UsageError(`RunVar ${this.name} has no value in this run and no default: set() it first`);
  }

  /** Not a checkpoint. @returns a token that {@link RunVar.reset} takes. @throws UsageError outside a run. */
  set(value: T): RunVarToken<T> {
    const before = this.#read();
    const values = this.#values();
    values.set(this, value);
    return { variable: this, before, values, used: false };
  }

  /**
   * Back to the value before the `set` that gave `token`. Not a checkpoint.
   * @throws TypeError for what is no token; UsageError for one that was used, or is of another variable or run.
   */
  reset(token: RunVarToken<T>): void {
    if (typeof token !== "object" || token === null || !("variable" in token)) {
      throw new TypeError(`RunVar ${this.name}.reset(token): token must be what set() gave, not ${describe(token)}`);
    }
    if (token.variable !== this) {
      throw new UsageError(`RunVar ${this.name}.reset(token): the token belongs to RunVar ${token.variable.name}`);
    }
    if (token.used) throw new UsageError(`RunVar ${this.name}.reset(token): this token has been used already`);
    const values = this.#values();
    if (token.values !== values) throw new UsageError(`RunVar ${this.name}.reset(token): the token is of another run`);
    token.used = true;
    if (token.before === UNSET) values.delete(this);
    else values.set(this, token.before);
  }

  #values(): Map<RunVar<any>, unknown> {
    return currentRunner(`RunVar ${this.name}`).runVars;
  }

  #read(): T | Unset {
    const values = this.#values();
    return values.has(this) ? (values.get(this) as T) : UNSET;
  }
}
