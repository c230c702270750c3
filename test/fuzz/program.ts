/**
 * Programs that can be run here and in Python's Trio, as plain data.
 *
 * Every step begins with a sleep, and no two lengths of time in a program are alike, nor their sums, so that no two tasks act
 * at the same time: Trio leaves the order of what happens in one pass open, and what is compared must not rest on it.
 */
import * as fc from "fast-check";

export type Action =
  | { readonly do: "nothing" | "checkpoint" | "throw" }
  | { readonly do: "cancel"; readonly scope: number }
  | { readonly do: "move"; readonly scope: number; readonly by: number }
  | { readonly do: "shield"; readonly scope: number; readonly to: boolean }
  | { readonly do: "park" | "unparkAll"; readonly lot: number }
  | { readonly do: "unpark" | "repark"; readonly lot: number; readonly count: number }
  | { readonly do: "wait" | "set"; readonly event: number }
  | { readonly do: "lock"; readonly lock: number; readonly body: Body }
  | { readonly do: "semaphore"; readonly body: Body }
  | { readonly do: "limiter"; readonly body: Body }
  | { readonly do: "tokens"; readonly total: number }
  | { readonly do: "condition"; readonly notify: number }
  | { readonly do: "send" | "receive" | "closeSend" | "closeReceive"; readonly channel: number }
  | { readonly do: "scope"; readonly timeout: number; readonly shield: boolean; readonly body: Body }
  | { readonly do: "failAfter"; readonly timeout: number; readonly body: Body }
  | { readonly do: "nursery"; readonly body: Body; readonly children: readonly Body[] }
  | { readonly do: "start"; readonly before: Body; readonly after: Body }
  | { readonly do: "try"; readonly body: Body; readonly cleanup: Body }
  | { readonly do: "catch"; readonly body: Body };

export interface Step {
  /** Sleeps so long first. */
  readonly sleep: number;
  readonly action: Action;
}

export type Body = readonly Step[];

export interface Program {
  /** The capacities of the two channels; -1 for one without a limit. */
  readonly capacities: readonly [number, number];
  readonly main: Body;
}

/** What happened: in which step, what, and when. Steps are named by their place: `"0.2.1"`. */
export type Happening = readonly [step: string, what: string, time: number];

export interface Outcome {
  /** In the order of steps, and within one in the order of time. */
  readonly happenings: readonly Happening[];
  /** The errors that came out of main, sorted. */
  readonly errors: readonly string[];
}

/** The scope around everything ends what is still blocked then. */
export const END = 1e10;

/** What a length of time is a multiple of, before something is added that tells it from all others. */
const UNIT = 1e6;

const sleep = fc.integer({ min: 1, max: 30 });
const two = fc.nat({ max: 1 });
const scope = fc.nat({ max: 5 });

const weighing = <T>(weight: number, model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.WeightedArbitrary<T> => ({
  weight,
  arbitrary: fc.record(model) as fc.Arbitrary<T>,
});

const { body } = fc.letrec<{ step: Step; body: Body; action: Action }>((tie) => {
  const within = tie("body");
  const kind = <K extends Action["do"]>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);
  const timeout = fc.oneof(fc.integer({ min: 1, max: 150 }), fc.constant((2 * END) / UNIT));
  return {
    body: fc.array(tie("step"), { maxLength: 6, size: "max", depthIdentifier: "depth" }),
    step: fc.record({ sleep, action: tie("action") }),
    action: fc.oneof(
      { maxDepth: 4, withCrossShrink: true, depthIdentifier: "depth" },
      {
        weight: 5,
        arbitrary: fc.oneof(
          weighing(2, { do: kind("nothing", "checkpoint", "throw") }),
          weighing(3, { do: kind("cancel"), scope }),
          weighing(1, { do: kind("move"), scope, by: fc.integer({ min: 1, max: 60 }) }),
          weighing(1, { do: kind("shield"), scope, to: fc.boolean() }),
          weighing(4, { do: kind("park", "unparkAll"), lot: two }),
          weighing(4, { do: kind("unpark", "repark"), lot: two, count: fc.nat({ max: 3 }) }),
          weighing(3, { do: kind("wait", "set"), event: two }),
          weighing(1, { do: kind("tokens"), total: fc.integer({ min: 1, max: 3 }) }),
          weighing(4, { do: kind("condition"), notify: fc.nat({ max: 2 }) }),
          weighing(10, { do: kind("send", "receive"), channel: two }),
          weighing(1, { do: kind("closeSend", "closeReceive"), channel: two }),
        ),
      },
      weighing(2, { do: kind("lock"), lock: two, body: within }),
      weighing(2, { do: kind("semaphore", "limiter"), body: within }),
      weighing(1, { do: kind("scope"), timeout, shield: fc.boolean(), body: within }),
      weighing(1, { do: kind("failAfter"), timeout, body: within }),
      weighing(2, { do: kind("nursery"), body: within, children: fc.array(within, { maxLength: 4 }) }),
      weighing(1, { do: kind("start"), before: within, after: within }),
      weighing(1, { do: kind("try"), body: within, cleanup: within }),
      weighing(1, { do: kind("catch"), body: within }),
    ),
  } as never;
});

/** Several tasks that have a run, its lots, locks and channels in common. */
const tasks = fc.array(body, { minLength: 2, maxLength: 6, size: "max" });

export const program: fc.Arbitrary<Program> = fc.record({
  capacities: fc.tuple(fc.constantFrom(0, 1, 3, -1), fc.constantFrom(0, 1, 3, -1)),
  main: tasks.map((children) => told([{ sleep: 1, action: { do: "nursery", body: [], children } }], "")),
});

/** The value again, with every length of time in it told from all others by where it stands. */
function told<T>(value: T, place: string): T {
  if (Array.isArray(value)) return value.map((item: unknown, index) => told(item, `${place}.${index}`)) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => {
    const here = `${place}.${key}`;
    const isTime = key === "sleep" || key === "timeout" || key === "by";
    return [key, isTime ? (item as number) * UNIT + (Bun.hash.crc32(here) % UNIT) : told(item, here)];
  });
  return Object.fromEntries(entries) as T;
}
