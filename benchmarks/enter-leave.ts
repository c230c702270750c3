/**
 * Entering and leaving one scope, timeout, nursery or frame around a checkpoint. The checkpoint is in it; what it costs
 * alone is the floor.
 *
 * Beside it, around a settled promise: an AbortController that hangs on an outer one, a timer that aborts one, a
 * `Promise.all` for the children; `scoped` of effection, and its `race` with a `sleep`, likewise; `Effect.scoped` and
 * `Effect.timeoutOption` around `Effect.yieldNow`; Trio's cancel scope, `fail_after` and nursery; asyncio's `timeout` and
 * task group.
 */
import { call, CancelScope, failAfter, openNursery, runSync, type Coroutine, type Operation } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { CountedLaps } from "./harness/laps.ts";
import type { Effection, EffectionOperation, EffectModule, EffectOf } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

/** How many scopes are entered and left in a batch. */
const SIZE = 64;
/** How long the timeouts are that never come, in milliseconds. */
const LONG = 60_000;

type What = "scope" | "timeout" | "nursery" | "frame";

/** What every case has: the times of its batches, and a count. */
class Work extends CountedLaps {
  constructor(batches: number) {
    // The first thousand operations of a run keep their stacks, and here are two for each.
    super("checkpoints", SIZE, batches, 16);
  }
}

const AROUND: Readonly<Record<What, (body: () => Coroutine<void>) => Operation<unknown>>> = {
  scope: (body) => new CancelScope().run(body),
  timeout: (body) => failAfter(LONG, body),
  nursery: (body) => openNursery(body),
  frame: (body) => call(body),
};

function plain(what: What): Program {
  const around = AROUND[what];
  return (effort) =>
    function* () {
      const work = new Work(scaled(200, effort));
      yield* settle();
      const body = function* () {
        yield* yieldBriefly();
        work.done++;
      };
      for (let batch = 0; batch < work.count; batch++) {
        work.mark();
        for (let i = 0; i < SIZE; i++) yield* around(body);
      }
      work.mark();
      return work.samples();
    };
}

function asynchronous(what: What): Program {
  const around = AROUND[what];
  return (effort) =>
    async function* () {
      const work = new Work(scaled(200, effort));
      yield* call(settle);
      const body = async function* () {
        yield* yieldBriefly();
        work.done++;
      };
      for (let batch = 0; batch < work.count; batch++) {
        work.mark();
        for (let i = 0; i < SIZE; i++) yield* around(body);
      }
      work.mark();
      return work.samples();
    };
}

const plainAlone: Program = (effort) =>
  function* () {
    const work = new Work(scaled(200, effort));
    yield* settle();
    for (let batch = 0; batch < work.count; batch++) {
      work.mark();
      for (let i = 0; i < SIZE; i++) {
        yield* yieldBriefly();
        work.done++;
      }
    }
    work.mark();
    return work.samples();
  };

const asyncAlone: Program = (effort) =>
  async function* () {
    const work = new Work(scaled(200, effort));
    yield* call(settle);
    for (let batch = 0; batch < work.count; batch++) {
      work.mark();
      for (let i = 0; i < SIZE; i++) {
        yield* yieldBriefly();
        work.done++;
      }
    }
    work.mark();
    return work.samples();
  };

async function promises(what: What, effort: number): Promise<number[]> {
  const work = new Work(scaled(200, effort));
  const outer = new AbortController().signal;
  const body = async (_signal: AbortSignal): Promise<void> => {
    await Promise.resolve();
    work.done++;
  };
  const around: Record<What, () => Promise<unknown>> = {
    scope: async () => {
      const own = new AbortController();
      const abort = (): void => own.abort(outer.reason);
      outer.addEventListener("abort", abort, { once: true });
      try {
        await body(own.signal);
      } finally {
        outer.removeEventListener("abort", abort);
      }
    },
    timeout: async () => {
      const own = new AbortController();
      const timer = setTimeout(() => own.abort(), LONG);
      try {
        await body(own.signal);
      } finally {
        clearTimeout(timer);
      }
    },
    nursery: async () => {
      const children: Promise<void>[] = [];
      await body(outer);
      await Promise.all(children);
    },
    frame: () => body(outer),
  };
  for (let batch = 0; batch < work.count; batch++) {
    work.mark();
    for (let i = 0; i < SIZE; i++) await around[what]();
  }
  work.mark();
  return work.samples();
}

async function withEffection(
  { race, run, scoped, sleep, until }: Effection,
  what: What,
  effort: number,
): Promise<number[]> {
  const work = new Work(scaled(20, effort));
  function* body() {
    yield* until(Promise.resolve());
    work.done++;
  }
  const around = (): EffectionOperation<void> =>
    what === "timeout" ? race([{ [Symbol.iterator]: body }, sleep(LONG)]) : scoped(body);
  await run(function* () {
    for (let batch = 0; batch < work.count; batch++) {
      work.mark();
      for (let i = 0; i < SIZE; i++) yield* around();
    }
    work.mark();
  });
  return work.samples();
}

async function withEffect({ Effect }: EffectModule, what: What, effort: number): Promise<number[]> {
  const work = new Work(scaled(100, effort));
  const body = Effect.gen(function* () {
    yield* Effect.yieldNow;
    work.done++;
  });
  const around: EffectOf<unknown> = what === "timeout" ? Effect.timeoutOption(body, LONG) : Effect.scoped(body);
  await Effect.runPromise(
    Effect.gen(function* () {
      for (let batch = 0; batch < work.count; batch++) {
        work.mark();
        for (let i = 0; i < SIZE; i++) yield* around;
      }
      work.mark();
    }),
  );
  return work.samples();
}

const alone = "floor: the checkpoint alone";
const floors = { plain: `${alone}, function*`, asynchronous: `${alone}, async function*` };
const [withinEffection, withinEffect] = [await effection(), await effect()];

function cases(what: What): Case[] {
  const group = what;
  const inPython = (library: "trio" | "asyncio", name: string): Case => {
    const args = (effort: number): (string | number)[] => [library, what, SIZE, scaled(20, effort)];
    const case_ = pythonCase({ group, name }, "enter-leave.py", library, args);
    return what === "scope" ? case_ : fullOnly(case_);
  };
  const ours = { plain: plain(what), asynchronous: asynchronous(what), floors };
  const mine: Case[] = [
    { group, name: "native promises", samples: (effort) => promises(what, effort) },
    ...inTribun({ group }, { ...ours, hosts: ["runSync"] }),
    { group, name: floors.plain, samples: (effort) => runSync(plainAlone(effort)) },
    { group, name: floors.asynchronous, samples: (effort) => runSync(asyncAlone(effort)) },
  ];
  // The others have no frames: there a function that waits just calls another.
  if (what === "frame") return mine;
  return [
    ...mine,
    peerCase(withinEffection, { group, name: "effection" }, (module, effort) => withEffection(module, what, effort)),
    peerCase(withinEffect, { group, name: "effect" }, (module, effort) => withEffect(module, what, effort)),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "enter-leave",
  title: "entering and leaving, around a checkpoint",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  cases: (["scope", "timeout", "nursery", "frame"] as const).flatMap(cases),
});
