import { UsageError } from "../errors.ts";
import { checkTaskFunction } from "./frame-operation.ts";
import type { Coroutine } from "./operation.ts";
import type { Task } from "./task.ts";
import { currentRunner } from "./thread.ts";

/**
 * S13: starts a task of the run's own, outside every nursery of the program. It is protected from Ctrl-C (S17), has the
 * AsyncLocalStorage values `run` was called with (S20), and is cancelled when main has ended (S16). If it throws, every
 * task is cancelled and the run ends with TrioInternalError (S15). From any code in a run, host callbacks included. Not
 * a checkpoint. To name it, wrap the function: `spawnSystemTask(named("watcher", fn))` (S18).
 *
 * Trio: `trio.lowlevel.spawn_system_task`.
 *
 * @returns the new task, which has not run yet (S19).
 * @throws UsageError outside a run, or when the run's system tasks have ended. TypeError when no coroutine comes back.
 */
export function spawnSystemTask<A extends unknown[]>(fn: (...args: A) => Coroutine<unknown>, ...args: A): Task {
  checkTaskFunction(fn, "spawnSystemTask(fn)");
  const runner = currentRunner("spawnSystemTask(fn)");
  const nursery = runner.systemNursery;
  if (nursery === null || nursery.isClosed) {
    throw new UsageError(
      "spawnSystemTask(fn): the nursery of the system tasks is closed to new arrivals: the run is ending",
    );
  }
  return runner.spawn(fn, args, nursery, "spawnSystemTask(fn)", true);
}
