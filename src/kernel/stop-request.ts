import { Abort, type AbortResult } from "./abort.ts";
import { yieldBriefly } from "./checkpoint.ts";
import type { CancelScope } from "./cancel-scope.ts";
import type { Operation } from "./operation.ts";
import { operation } from "./operation-of.ts";
import type { OptionNames } from "./options.ts";
import type { Runner } from "./runner.ts";
import { Suspension, wake } from "./suspension.ts";
import type { Task } from "./task.ts";
import { callingTask } from "./thread.ts";

/** How a graceful cancel is asked for: `scope.cancel({ grace: 5_000 })`. */
export interface GracefulCancel {
  /** So many milliseconds later, what has not ended by itself is cancelled. 0 or more, or `Infinity`. */
  readonly grace: number;
  readonly reason?: unknown;
}

export const GRACEFUL_CANCEL: OptionNames<GracefulCancel> = { grace: true, reason: true };

/** Whether an argument of `cancel()` asks for grace, and is not a reason. */
export function isGraceful(reason: unknown): reason is GracefulCancel {
  if (typeof reason !== "object" || reason === null || !Object.hasOwn(reason, "grace")) return false;
  const prototype: unknown = Object.getPrototypeOf(reason);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Whether the current task was asked to stop: some scope around it, as far as no shield hides it, was cancelled with grace
 * (`scope.cancel({ grace })`), or is cancelled. What it has begun it may finish, until the grace is over. Not a checkpoint.
 *
 *     while (!stopRequested()) yield* serveOne();
 *
 * Trio has none (#147).
 *
 * @throws UsageError outside a task.
 */
export function stopRequested(): boolean {
  return isRequested(callingTask("stopRequested()").scope);
}

/**
 * Waits until the current task is asked to stop: see {@link stopRequested}. When the grace is over it throws Cancelled like any
 * other operation. A checkpoint, also when it was asked already.
 *
 *     nursery.startService(function* () {
 *       yield* untilStopRequested();
 *       listener.close(); // whoever is accepting gets ClosedResourceError, and nothing that came is lost
 *     });
 *
 * Trio has none (#147).
 */
export function untilStopRequested(): Operation<void> {
  return operation("untilStopRequested()", () =>
    (stopRequested() ? yieldBriefly() : new StopWait())[Symbol.iterator](),
  );
}

function isRequested(from: CancelScope): boolean {
  for (let scope: CancelScope | null = from; scope !== null; scope = scope.shield ? null : scope.parent) {
    if (scope.stopRequested) return true;
  }
  return false;
}

/** Tasks that wait to be asked, by their runs, in order of arrival. */
const waits = new WeakMap<Runner, Set<StopWait>>();

class StopWait extends Suspension<void> {
  static {
    this.prototype.operationName = "untilStopRequested()";
  }

  protected begin(task: Task): void {
    const all = waits.get(task.runner);
    if (all === undefined) waits.set(task.runner, new Set([this]));
    else all.add(this);
  }

  abort(task: Task): AbortResult {
    waits.get(task.runner)?.delete(this);
    return Abort.SUCCEEDED;
  }
}

/** A scope of the run was asked to stop, or a shield was lowered: wakes those whom that concerns. */
export function tellStopRequested(runner: Runner): void {
  const all = waits.get(runner);
  if (all === undefined) return;
  for (const wait of all) {
    const task = wait.task as Task;
    if (!isRequested(task.scope)) continue;
    all.delete(wait);
    wake(task);
  }
}
