import { DeadlockError, TrioInternalError, UsageError } from "../errors.ts";
import type { Runner } from "../kernel/runner.ts";

/** A deadlock that cancelling main did not resolve: the run is given up. */
export function stillStuck(runner: Runner): DeadlockError {
  return new DeadlockError(
    `after main was cancelled for a deadlock, tasks that cannot be cancelled still wait for each other:\n${runner.tree()}`,
    { cause: runner.failure },
  );
}

/** What a run throws when its host's loop has thrown `error`: the program's own mistake as it is, else a crash. */
export function outOfTheLoop(error: unknown): Error {
  if (error instanceof DeadlockError || error instanceof UsageError) return error;
  return new TrioInternalError("the scheduler failed", { cause: error });
}
