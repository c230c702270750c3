import { CancelScope, effectiveDeadline } from "./cancel-scope.ts";
import { checkTaskFunction } from "./frame-operation.ts";
import type { Coroutine, Operation } from "./operation.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import { callingTask } from "./thread.ts";
import { ScopeRun } from "./scope-run.ts";
import { checkDuration, checkTime } from "./time-arguments.ts";

export interface TimeoutOptions {
  /** Whether cancellation from outside is kept away. */
  readonly shield?: boolean | undefined;
}

const OPTIONS: OptionNames<TimeoutOptions> = { shield: true };

type Body<T> = (scope: CancelScope) => Coroutine<T>;

/**
 * Runs `body(scope)` for at most `ms` milliseconds, counted from when it is driven; gives what the body returned, or
 * `undefined` if it was cut off (`scope.cancelledCaught` tells). Trio: `trio.move_on_after`.
 *
 * @throws TypeError, RangeError at once for what is no number, NaN or negative.
 */
export function moveOnAfter<T>(ms: number, body: Body<T>, options?: TimeoutOptions): Operation<T | undefined> {
  checkDuration(ms, "moveOnAfter(ms): ms");
  checkTaskFunction(body, "moveOnAfter(ms, body)");
  checkOptions(options, OPTIONS, "moveOnAfter(ms, body, options)");
  const scope = CancelScope.limited(ms, undefined, options?.shield, "moveOnAfter(ms, body, { shield }): shield");
  return new ScopeRun("moveOnAfter()", scope, body, null);
}

/** As {@link moveOnAfter}, with a time of the run's clock, in milliseconds. Trio: `trio.move_on_at`. */
export function moveOnAt<T>(time: number, body: Body<T>, options?: TimeoutOptions): Operation<T | undefined> {
  checkTime(time, "moveOnAt(time): time");
  checkTaskFunction(body, "moveOnAt(time, body)");
  checkOptions(options, OPTIONS, "moveOnAt(time, body, options)");
  const scope = CancelScope.limited(undefined, time, options?.shield, "moveOnAt(time, body, { shield }): shield");
  return new ScopeRun("moveOnAt()", scope, body, null);
}

/**
 * As {@link moveOnAfter}, but throws TooSlowError if the body was cut off. Trio: `trio.fail_after`.
 *
 * @throws TooSlowError when the body was cut off. TypeError, RangeError at once, as moveOnAfter.
 */
export function failAfter<T>(ms: number, body: Body<T>, options?: TimeoutOptions): Operation<T> {
  checkDuration(ms, "failAfter(ms): ms");
  checkTaskFunction(body, "failAfter(ms, body)");
  checkOptions(options, OPTIONS, "failAfter(ms, body, options)");
  const scope = CancelScope.limited(ms, undefined, options?.shield, "failAfter(ms, body, { shield }): shield");
  return new ScopeRun("failAfter()", scope, body, `not done after ${ms} ms`) as Operation<T>;
}

/** As {@link failAfter}, with a time of the run's clock, in milliseconds. Trio: `trio.fail_at`. */
export function failAt<T>(time: number, body: Body<T>, options?: TimeoutOptions): Operation<T> {
  checkTime(time, "failAt(time): time");
  checkTaskFunction(body, "failAt(time, body)");
  checkOptions(options, OPTIONS, "failAt(time, body, options)");
  const scope = CancelScope.limited(undefined, time, options?.shield, "failAt(time, body, { shield }): shield");
  return new ScopeRun("failAt()", scope, body, `not done at ${time} ms of the run's clock`) as Operation<T>;
}

/**
 * The earliest time at which the current task's context is cancelled, in milliseconds of the run's clock: `Infinity`
 * when it never is, `-Infinity` when it is already. Not a checkpoint. Trio: `trio.current_effective_deadline`.
 *
 * @throws UsageError outside a task.
 */
export function currentEffectiveDeadline(): number {
  return effectiveDeadline(callingTask("currentEffectiveDeadline()").scope);
}
