import { deepStack, programLines } from "./stack.ts";

/**
 * Finds operations that nobody drove: `sleep(1)` with the `yield*` forgotten is the mistake everyone makes.
 *
 * Nearly every operation is driven by the very next thing its task does, so one slot holds the newest one. If it was not
 * driven by the time the next is made, it moves to a list, and what is on the list when the run ends was forgotten. It
 * is reported by the line, with a count. Past a number that is remembered, the oldest are let go: only their lines and
 * counts are kept, and the garbage collector tells when one is lost for good.
 *
 * To say which line made it, the operation keeps the stack of its making. That costs half a microsecond, ten times the
 * rest of a checkpoint, so it is rationed: a run takes {@link STACKS_AT_ONCE} stacks freely and is given
 * {@link STACKS_PER_SECOND} more as time goes by. A program must make thousands of operations a second, for longer than
 * that, before a forgotten one is reported without its line.
 *
 * The stack stays with an operation that was driven, and so says where the task is suspended ({@link placeOf}).
 */

const STACKS_AT_ONCE = 1_000;
const STACKS_PER_SECOND = 2_000;

/** So many forgotten operations are remembered; past that, for the oldest, only the line that made it. */
const MOST_REMEMBERED = 1_000;

/** What this file needs to know of an operation. */
export interface Drivable {
  readonly operationName: string;
  /** It is being driven, or was handed to something that answers for it. */
  used: boolean;
  /** What is known of it, until it is driven: null for the newest one, if its stack was not taken. */
  origin: Error | Line | typeof REMEMBERED | null;
}

/** It is on the list, without a stack. */
const REMEMBERED: unique symbol = Symbol("remembered");
/** In place of an operation, where there is none. */
const NONE: Drivable = { operationName: "", used: true, origin: null };

/** A line of the program that made operations which were not driven. */
export interface Line {
  readonly operationName: string;
  /** The program's part of the stack, the line itself first; empty if that is not known. */
  readonly stack: readonly string[];
  count: number;
  reported: boolean;
}

export type UndrivenReport = (line: Line) => void;

let watching: UndrivenReport | null = null;
/** What the hot path touches: plain fields of one object. */
const ledger: { newest: Drivable; stacks: number } = { newest: NONE, stacks: 0 };
const older = new Set<Drivable>();
let lines = new Map<string, Line>();
let refilledAt = 0;

/** Of an operation that was let go: nobody can drive it any more. */
const lost = new FinalizationRegistry<Line>((line) => {
  if (line.count > 0 && lines.get(keyOf(line)) === line) report(line);
});

/** An operation was made. */
export function noteMade(operation: Drivable): void {
  const before = ledger.newest;
  ledger.newest = operation;
  if (!before.used || ledger.stacks > 0) noteMadeWithCare(operation, before);
}

function noteMadeWithCare(operation: Drivable, before: Drivable): void {
  if (watching === null) return;
  if (!before.used) remember(before);
  if (ledger.stacks > 0) {
    ledger.stacks--;
    operation.origin = deepStack();
  }
}

/** It is being driven, or was handed to something that answers for it. */
export function noteDriven(operation: Drivable): void {
  operation.used = true;
  if (operation.origin !== null) forget(operation);
}

function remember(operation: Drivable): void {
  older.add(operation);
  operation.origin ??= REMEMBERED;
  if (older.size <= MOST_REMEMBERED) return;
  const oldest = older.values().next().value as Drivable;
  older.delete(oldest);
  const line = count(oldest);
  oldest.origin = line;
  lost.register(oldest, line, oldest);
}

function forget(operation: Drivable): void {
  const { origin } = operation;
  if (origin instanceof Error) {
    // It stays with the operation: it says where a task stands that is suspended there ({@link placeOf}).
    older.delete(operation);
    return;
  }
  operation.origin = null;
  if (older.delete(operation) || origin === null || origin === REMEMBERED) return;
  origin.count--;
  lost.unregister(operation);
}

/** Counts the operation for the line that made it. */
function count({ operationName, origin }: Drivable): Line {
  const stack = origin instanceof Error ? programLines(origin.stack ?? "") : [];
  const found: Line = { operationName, stack, count: 0, reported: false };
  const key = keyOf(found);
  const line = lines.get(key) ?? found;
  if (line === found) lines.set(key, line);
  line.count++;
  return line;
}

/**
 * The program's part of the stack that made the operation, innermost first: the line at which a task drives it, in
 * practice. Empty where no stack was taken.
 */
export function placeOf({ origin }: Pick<Drivable, "origin">): string[] {
  if (!(origin instanceof Error)) return [];
  const { stack }: { stack?: unknown } = origin; // a program may have its own Error.prepareStackTrace
  return typeof stack === "string" ? programLines(stack).map((line) => line.trim()) : [];
}

function keyOf({ operationName, stack }: Line): string {
  return `${operationName} ${stack[0] ?? ""}`;
}

function report(line: Line): void {
  if (line.reported) return;
  line.reported = true;
  watching?.(line);
}

/** A run begins: operations made from now on are its. */
export function watchUndriven(report: UndrivenReport, now: number): void {
  watching = report;
  ledger.newest = NONE;
  ledger.stacks = STACKS_AT_ONCE;
  older.clear();
  lines = new Map();
  refilledAt = now;
}

/** Called now and then with the time, in milliseconds: refills the ration of stacks. */
export function refillStacks(now: number): void {
  const earned = Math.floor(((now - refilledAt) / 1_000) * STACKS_PER_SECOND);
  if (earned <= 0) return;
  refilledAt = now;
  ledger.stacks = Math.min(STACKS_AT_ONCE, ledger.stacks + earned);
}

/** The run ended: whatever was not driven never will be. */
export function reportUndriven(): void {
  const { newest } = ledger;
  if (!newest.used && watching !== null) older.add(newest);
  ledger.newest = NONE;
  ledger.stacks = 0;
  for (const operation of older) count(operation);
  older.clear();
  for (const line of lines.values()) if (line.count > 0) report(line);
  lines = new Map();
  watching = null;
}
