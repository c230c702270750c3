import { describe } from "./describe.ts";
import type { Task } from "./task.ts";

/**
 * Hooks into the scheduler; every one is optional, and synchronous. One that throws is reported and taken out, and the
 * run goes on. `beforeRun` has the run's context, so it can take the call-soon function.
 *
 * Trio: `trio.abc.Instrument`.
 */
export interface Instrument {
  beforeRun?(): void;
  afterRun?(): void;
  taskSpawned?(task: Task): void;
  taskScheduled?(task: Task): void;
  beforeTaskStep?(task: Task): void;
  afterTaskStep?(task: Task): void;
  taskExited?(task: Task): void;
  /** `ms`: how long the wait may last, in real milliseconds. */
  beforeIoWait?(ms: number): void;
  afterIoWait?(ms: number): void;
}

const HOOKS = [
  "beforeRun",
  "afterRun",
  "taskSpawned",
  "taskScheduled",
  "beforeTaskStep",
  "afterTaskStep",
  "taskExited",
  "beforeIoWait",
  "afterIoWait",
] as const;
type Hook = (typeof HOOKS)[number];

/** @throws TypeError for what is no object, or has a hook that is no function. */
export function checkInstrument(instrument: Instrument, what: string): void {
  if ((typeof instrument !== "object" && typeof instrument !== "function") || instrument === null) {
    throw new TypeError(`${what}: an instrument must be an object with hooks, not ${describe(instrument)}`);
  }
  for (const hook of HOOKS) {
    const method: unknown = instrument[hook];
    if (method !== undefined && typeof method !== "function") {
      throw new TypeError(`${what}: ${hook} must be a function, not ${describe(method)}`);
    }
  }
}

/** A run's instruments by hook, so that a hook nobody has costs one look at a field. */
export class Instruments {
  readonly #all = new Set<Instrument>();
  readonly #report: (error: unknown, instrument: Instrument, hook: string) => void;
  beforeRun: Instrument[] | null = null;
  afterRun: Instrument[] | null = null;
  taskSpawned: Instrument[] | null = null;
  taskScheduled: Instrument[] | null = null;
  beforeTaskStep: Instrument[] | null = null;
  afterTaskStep: Instrument[] | null = null;
  taskExited: Instrument[] | null = null;
  beforeIoWait: Instrument[] | null = null;
  afterIoWait: Instrument[] | null = null;

  constructor(report: (error: unknown, instrument: Instrument, hook: string) => void) {
    this.#report = report;
  }

  /** Adding one that is there already changes nothing. */
  add(instrument: Instrument): void {
    if (this.#all.has(instrument)) return;
    checkInstrument(instrument, "addInstrument(instrument)");
    this.#all.add(instrument);
    for (const hook of HOOKS) if (instrument[hook] !== undefined) (this[hook] ??= []).push(instrument);
  }

  /** @returns whether it was there. */
  remove(instrument: Instrument): boolean {
    if (!this.#all.delete(instrument)) return false;
    for (const hook of HOOKS) {
      const left = this[hook]?.filter((other) => other !== instrument);
      this[hook] = left === undefined || left.length === 0 ? null : left;
    }
    return true;
  }

  /** Call only when `this[hook]` is there: the caller's look at the field is the fast path. */
  call(hook: Hook, argument?: Task | number): void {
    const instruments = this[hook];
    if (instruments === null) return;
    for (const instrument of [...instruments]) {
      try {
        (instrument[hook] as (argument?: Task | number) => void)(argument);
      } catch (error) {
        this.remove(instrument);
        this.#report(error, instrument, hook);
      }
    }
  }
}
