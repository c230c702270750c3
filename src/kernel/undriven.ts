/**
 * Finds operations that nobody drove: `sleep(1)` with the `yield*` forgotten is the mistake everyone makes.
 *
 * Nearly every operation is driven by the very next thing its task does, so one slot holds the newest one and costs a
 * store to fill and a store to empty. One that is still there when the next is made moves to a list, and what is on the
 * list when the run ends was forgotten.
 *
 * To say which line made it, the operation keeps the stack of its making. That costs half a microsecond, ten times the
 * rest of a checkpoint, so it is rationed: a run takes {@link STACKS_AT_ONCE} stacks freely and is given
 * {@link STACKS_PER_SECOND} more as time goes by. A program must make thousands of operations a second, for longer than
 * that, before a forgotten one is reported without its line.
 */

const STACKS_AT_ONCE = 5_000;
const STACKS_PER_SECOND = 2_000;

/** So many forgotten operations are remembered; past that the oldest is reported at once, and let go. */
const MOST_REMEMBERED = 1_000;

/** What this file needs to know of an operation. */
export interface Drivable {
  readonly operationName: string;
  /** Where it was made, until it is driven. */
  origin: Error | null;
}

export type UndrivenReport = (name: string, origin: Error | null) => void;

let watching: UndrivenReport | null = null;
let newest: Drivable | null = null;
const older = new Set<Drivable>();
let stacks = 0;
let refilledAt = 0;

/** An operation was made. */
export function noteMade(operation: Drivable): void {
  if (watching === null) return;
  if (newest !== null) remember(newest);
  newest = operation;
  if (stacks > 0) {
    stacks--;
    operation.origin = new Error();
  }
}

/** It is being driven, or was handed to something that answers for it. */
export function noteDriven(operation: Drivable): void {
  if (newest === operation) newest = null;
  else if (older.size > 0) older.delete(operation);
  operation.origin = null;
}

function remember(operation: Drivable): void {
  older.add(operation);
  if (older.size > MOST_REMEMBERED) {
    const oldest = older.values().next().value as Drivable;
    older.delete(oldest);
    watching?.(oldest.operationName, oldest.origin);
  }
}

/** A run begins: operations made from now on are its. */
export function watchUndriven(report: UndrivenReport, now: number): void {
  watching = report;
  newest = null;
  older.clear();
  stacks = STACKS_AT_ONCE;
  refilledAt = now;
}

/** Called now and then with the time, in milliseconds: refills the ration of stacks. */
export function refillStacks(now: number): void {
  const earned = Math.floor(((now - refilledAt) / 1_000) * STACKS_PER_SECOND);
  if (earned <= 0) return;
  refilledAt = now;
  stacks = Math.min(STACKS_AT_ONCE, stacks + earned);
}

/** The run ended: whatever was not driven never will be. */
export function reportUndriven(): void {
  if (newest !== null) older.add(newest);
  newest = null;
  const report = watching;
  watching = null;
  for (const operation of older) report?.(operation.operationName, operation.origin);
  older.clear();
}
