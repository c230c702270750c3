/**
 * The outcome of a computation as an object: a value or an error.
 *
 * Trio: `Result` in the seed, `outcome.Value` and `outcome.Error` today (S67).
 */
export abstract class Result<T> {
  /** A result that unwraps to `value`. */
  static value<T>(value: T): Result<T> {
    return new Value(value);
  }

  /** A result that throws `error` when unwrapped. */
  static error(error: unknown): Result<never> {
    return new Failure(error);
  }

  /** Calls `fn(...args)` and keeps what it returned or threw. */
  static capture<A extends unknown[], T>(fn: (...args: A) => T, ...args: A): Result<T> {
    if (typeof fn !== "function") throw new TypeError(`Result.capture(fn): fn must be a function, not ${typeof fn}`);
    try {
      return new Value(fn(...args));
    } catch (error) {
      return new Failure(error);
    }
  }

  /** The value, or the error thrown. */
  abstract unwrap(): T;
}

class Value<T> extends Result<T> {
  readonly value: T;
  constructor(value: T) {
    super();
    this.value = value;
  }
  unwrap(): T {
    return this.value;
  }
}

class Failure extends Result<never> {
  readonly error: unknown;
  constructor(error: unknown) {
    super();
    this.error = error;
  }
  unwrap(): never {
    throw this.error;
  }
}
