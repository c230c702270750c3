/**
 * Cancelling one task that waits inside so many nested scopes, or nurseries: 50, 500, 5,000 deep, from the call until the
 * outermost has ended. A piece of work is one level, whose `finally` runs; it should cost the same however deep, and no
 * depth may overflow the stack.
 *
 * Beside it: nested async functions, of which the innermost waits for an AbortSignal; nested `scoped` of effection,
 * `Effect.scoped` of effect, cancel scopes of Trio, and of asyncio `timeout(None)`.
 */
import { CancelScope, openNursery, sleepForever, type Coroutine, type Operation } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectionOperation, EffectModule, EffectOf } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, lazily, left, scaled } from "./kernel/turns.ts";

/** The rounds that do not count are so many levels in all: the process is fresh, and nothing in it compiled. */
const WARM_UP = 5_000;

/** Has rounds of so many levels done: some to warm up with, then those that count. */
class Work {
  readonly depth: number;
  readonly #rounds: number;
  readonly #warmUp: number;
  left = 0;
  /** So many levels have been left in the rounds before this one. */
  #leftBefore = 0;

  constructor(depth: number, effort: number) {
    this.depth = depth;
    this.#warmUp = Math.ceil(WARM_UP / depth);
    this.#rounds = this.#warmUp + scaled(20_000 / depth, effort);
  }

  *rounds(): Generator<number, void, void> {
    for (let round = 0; round < this.#rounds; round++) {
      this.#leftBefore = this.left;
      yield round;
    }
  }

  /** The time at which a round's task is about to be cancelled: it may have left no level by itself. */
  asleep(): number {
    expectCount("levels that had been left", this.left, this.#leftBefore);
    return Bun.nanoseconds();
  }

  /** @param times the nanoseconds of every round */
  samples(times: readonly number[]): number[] {
    expectCount("rounds", times.length, this.#rounds);
    expectCount("levels that were left", this.left, this.#rounds * this.depth);
    return times.slice(this.#warmUp).map((time) => time / this.depth);
  }
}

type Body = () => Coroutine<void>;
/** Puts one scope or nursery around a body. */
type Around = (body: Body) => Operation<unknown>;

function* plainNest(work: Work, around: Around, depth: number): Generator<any, void, any> {
  try {
    if (depth === 1) yield* sleepForever();
    else yield* around(() => plainNest(work, around, depth - 1));
  } finally {
    work.left++;
  }
}

async function* asyncNest(work: Work, around: Around, depth: number): AsyncGenerator<any, void, any> {
  try {
    if (depth === 1) yield* sleepForever();
    else yield* around(() => asyncNest(work, around, depth - 1));
  } finally {
    work.left++;
  }
}

type Nest = (work: Work, around: Around, depth: number) => Coroutine<void>;

function cancelling(nest: Nest, around: Around, depth: number): Program {
  return (effort) =>
    function* () {
      const work = new Work(depth, effort);
      const times: number[] = [];
      yield* settle();
      for (const _ of work.rounds()) {
        let began = 0;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(nest, work, around, depth);
          for (let i = 0; i < 3; i++) yield* yieldBriefly();
          began = work.asleep();
          nursery.cancelScope.cancel();
        });
        times.push(Bun.nanoseconds() - began);
      }
      return work.samples(times);
    };
}

async function promises(work: Work): Promise<number[]> {
  const times: number[] = [];
  const nest = async (outer: AbortSignal, depth: number): Promise<void> => {
    const own = new AbortController();
    const abort = (): void => own.abort(outer.reason);
    outer.addEventListener("abort", abort, { once: true });
    try {
      if (depth > 1) await nest(own.signal, depth - 1);
      else await new Promise((_, reject) => own.signal.addEventListener("abort", () => reject(own.signal.reason)));
    } finally {
      outer.removeEventListener("abort", abort);
      work.left++;
    }
  };
  for (const _ of work.rounds()) {
    const controller = new AbortController();
    const all = nest(controller.signal, work.depth);
    const began = work.asleep();
    controller.abort();
    await all.catch(() => {});
    times.push(Bun.nanoseconds() - began);
  }
  return work.samples(times);
}

async function withEffection({ run, scoped, suspend }: Effection, work: Work): Promise<number[]> {
  const times: number[] = [];
  for (const _ of work.rounds()) {
    const started = Promise.withResolvers<void>();
    function* nest(depth: number): Generator<any, void, any> {
      try {
        if (depth > 1) yield* scoped(() => nest(depth - 1) as EffectionOperation<void>);
        else {
          started.resolve();
          yield* suspend();
        }
      } finally {
        work.left++;
      }
    }
    const all = run(() => nest(work.depth));
    await started.promise;
    const began = work.asleep();
    await all.halt();
    times.push(Bun.nanoseconds() - began);
  }
  return work.samples(times);
}

async function withEffect({ Effect, Fiber }: EffectModule, work: Work): Promise<number[]> {
  const times: number[] = [];
  const end = Effect.sync(() => {
    work.left++;
  });
  let asleep = false;
  const sleep = Effect.callback<void>(() => {
    asleep = true;
  });
  const nest = (depth: number): EffectOf<void> =>
    Effect.ensuring(
      depth === 1
        ? sleep
        : Effect.scoped(
            Effect.gen(function* () {
              yield* nest(depth - 1);
            }),
          ),
      end,
    );
  await Effect.runPromise(
    Effect.gen(function* () {
      for (const _ of work.rounds()) {
        const fiber = yield* Effect.forkChild(nest(work.depth));
        // It takes turns on the way down, one for each two thousand steps.
        for (asleep = false; !asleep;) yield* Effect.yieldNow;
        const began = work.asleep();
        yield* Fiber.interrupt(fiber);
        times.push(Bun.nanoseconds() - began);
      }
    }),
  );
  return work.samples(times);
}

const AROUND: Readonly<Record<string, Around>> = {
  scopes: (body) => new CancelScope().run(body),
  nurseries: (body) => openNursery(body),
};

async function cases(depth: number): Promise<Case[]> {
  const at = { group: `${depth.toLocaleString("en")} deep`, x: depth };
  const inPython = async (library: "trio" | "asyncio", name: string): Promise<Case> => {
    const args = (effort: number): (string | number)[] => [library, depth, scaled(5_000 / depth, effort)];
    return fullOnly(await lazily({ ...at, name }, () => pythonCase({ ...at, name }, "depth-cancel.py", library, args)));
  };
  const deepest = depth === 5_000;
  return [
    deepest
      ? left({ ...at, name: "native promises" }, "so many AbortControllers, each aborting the next, overflow the stack")
      : { ...at, name: "native promises", samples: (effort) => promises(new Work(depth, effort)) },
    ...Object.entries(AROUND).flatMap(([name, around]) =>
      inTribun(
        { ...at, name },
        {
          plain: cancelling(plainNest, around, depth),
          asynchronous: cancelling(asyncNest, around, depth),
          hosts: ["runSync"],
        },
      ),
    ),
    deepest
      ? left({ ...at, name: "effection" }, "so many take more than ten seconds")
      : fullOnly(
          await lazily({ ...at, name: "effection" }, async () =>
            peerCase(await effection(), { ...at, name: "effection" }, (module, effort) =>
              withEffection(module, new Work(depth, effort / 10)),
            ),
          ),
        ),
    await lazily({ ...at, name: "effect" }, async () =>
      peerCase(await effect(), { ...at, name: "effect" }, (module, effort) =>
        withEffect(module, new Work(depth, effort)),
      ),
    ),
    await inPython("trio", "Trio"),
    await inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "depth-cancel",
  title: "one level of nested scopes around a cancelled task",
  unit: "ns",
  processes: "fresh",
  rival: "native promises",
  chart: { x: "depth" },
  // The ends say enough with --quick.
  cases: [...(await cases(50)), ...(await cases(500)).map(fullOnly), ...(await cases(5_000))],
});
