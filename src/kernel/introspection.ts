import { UsageError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { CallSoon } from "./entry-queue.ts";
import type { Instrument } from "./instrument.ts";
import type { Statistics } from "./runner.ts";
import type { Task } from "./task.ts";
import { currentRunner } from "./thread.ts";

/**
 * S21: the function that queues calls into this run, from host callbacks, signal handlers and, by a handle, Workers. The
 * same function throughout a run, another one in the next. Not a checkpoint.
 *
 * Trio: `trio.lowlevel.current_trio_token().run_sync_soon`. @throws UsageError outside a run.
 */
export function currentCallSoonThreadAndSignalSafe(): CallSoon {
  return currentRunner("currentCallSoonThreadAndSignalSafe()").entryQueue.callSoon;
}

/** The root of the run's tree of tasks. Not a checkpoint. Trio: `trio.lowlevel.current_root_task`. @throws UsageError outside a run. */
export function currentRootTask(): Task {
  return currentRunner("currentRootTask()").rootTask;
}

/** The run's clock. Not a checkpoint. Trio: `trio.lowlevel.current_clock`. @throws UsageError outside a run. */
export function currentClock(): Clock {
  return currentRunner("currentClock()").clock;
}

/** Figures of this run, as they are now. Not a checkpoint. Trio: `trio.lowlevel.current_statistics`. @throws UsageError outside a run. */
export function currentStatistics(): Statistics {
  return currentRunner("currentStatistics()").statistics();
}

/** Adds an instrument to this run; one that is there already stays as it is. Not a checkpoint. Trio: `trio.lowlevel.add_instrument`. */
export function addInstrument(instrument: Instrument): void {
  currentRunner("addInstrument(instrument)").instruments.add(instrument);
}

/** Takes an instrument out. Not a checkpoint. Trio: `trio.lowlevel.remove_instrument`. @throws UsageError if it is not there. */
export function removeInstrument(instrument: Instrument): void {
  if (!currentRunner("removeInstrument(instrument)").instruments.remove(instrument)) {
    throw new UsageError("removeInstrument(instrument): this run has no such instrument (any more)");
  }
}
