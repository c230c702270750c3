/** Tests that hold for both kinds of generator are written once, as scripts. */
import { describe } from "bun:test";
import { type Coroutine, type Operation, call } from "../../src/index.ts";

/** A task function's body that hands out its operations, with a plain `yield`, for either kind of generator to drive. */
export type Script<A extends unknown[], T> = (...args: A) => Generator<Operation<any>, T, any>;

export interface Kind {
  readonly name: string;
  /** The script as a task function of this kind, under the script's name. */
  task<A extends unknown[], T>(script: Script<A, T>): (...args: A) => Coroutine<T>;
  /** The script as an operation: a frame of this kind. */
  frame<T>(script: Script<[], T>): Operation<T>;
  /** What an operation throws, driven in a frame of this kind; fails when it throws nothing. */
  errorOf(operation: Operation<unknown>): Operation<any>;
}

const PLAIN: Kind = {
  name: "function*",
  task: <A extends unknown[], T>(script: Script<A, T>) =>
    nameOf(script, function* (...args: A): Generator<any, T, any> {
      const steps = script(...args);
      let step = steps.next();
      while (step.done !== true) {
        let value: unknown;
        try {
          value = yield* step.value;
        } catch (error) {
          step = steps.throw(error);
          continue;
        }
        step = steps.next(value);
      }
      return step.value;
    }),
  frame: (script) => call(PLAIN.task(script)),
  errorOf: (operation) => errorOf(PLAIN, operation),
};

const ASYNC: Kind = {
  name: "async function*",
  task: <A extends unknown[], T>(script: Script<A, T>) =>
    nameOf(script, async function* (...args: A): AsyncGenerator<any, T, any> {
      const steps = script(...args);
      let step = steps.next();
      while (step.done !== true) {
        let value: unknown;
        try {
          value = yield* step.value;
        } catch (error) {
          step = steps.throw(error);
          continue;
        }
        step = steps.next(value);
      }
      return step.value;
    }),
  frame: (script) => call(ASYNC.task(script)),
  errorOf: (operation) => errorOf(ASYNC, operation),
};

/** Declares the tests in `body` once for each kind of generator. */
export function forBothKinds(body: (kind: Kind) => void): void {
  for (const kind of [PLAIN, ASYNC]) describe(kind.name, () => body(kind));
}

function nameOf<F extends Function>(script: Function, fn: F): F {
  return Object.defineProperty(fn, "name", { value: script.name });
}

function errorOf(kind: Kind, operation: Operation<unknown>): Operation<any> {
  return kind.frame(function* () {
    let value: unknown;
    try {
      value = yield operation;
    } catch (error) {
      return error;
    }
    throw new Error(`it threw nothing, and gave ${Bun.inspect(value)}`);
  });
}
