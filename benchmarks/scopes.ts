/**
 * A wake-up inside scopes and nurseries: 1, 10, 100, 1,000 deep. Two tasks, each in so many scopes, play ping-pong, as in
 * `park-unpark.ts`; a piece of work is one switch. It should cost what it costs with nothing around it, however deep.
 * A frame is what `call(fn)` makes, and what the bodies of scopes and nurseries are.
 *
 * Beside it: nested async functions, each with an AbortController that hangs on the one before; nested `scoped` of
 * effection, `Effect.scoped` of effect, cancel scopes of Trio, `asyncio.timeout(None)`; a bare generator with so many
 * `yield*` around its innermost `yield`, which is what frames are there to spare; and the floors, a `next()` and a
 * drained `next().then()` with nothing around them.
 */
import { call, CancelScope, openNursery, type Coroutine, type Operation } from "tribun";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectionOperation, EffectModule, EffectOf } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import {
  Game,
  Match,
  ROUNDS,
  Rally,
  asyncFloor,
  asyncPing,
  asyncPong,
  plainFloor,
  plainPing,
  plainPong,
  promisePing,
  promisePong,
} from "./kernel/ping-pong.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const WARM_UP_BATCHES = 4;

type Body = () => Coroutine<void>;
/** Puts one scope, nursery or frame around a body. */
type Around = (body: Body) => Operation<unknown>;

function* plainNest(around: Around, depth: number, body: Body): Generator<any, void, any> {
  yield* around(depth === 1 ? body : () => plainNest(around, depth - 1, body));
}

async function* asyncNest(around: Around, depth: number, body: Body): AsyncGenerator<any, void, any> {
  yield* around(depth === 1 ? body : () => asyncNest(around, depth - 1, body));
}

interface Kind {
  readonly nest: (around: Around, depth: number, body: Body) => Coroutine<void>;
  readonly ping: (match: Match) => Coroutine<void>;
  readonly pong: (match: Match) => Coroutine<void>;
}

const plain: Kind = { nest: plainNest, ping: plainPing, pong: plainPong };
const asynchronous: Kind = { nest: asyncNest, ping: asyncPing, pong: asyncPong };

function played({ nest, ping, pong }: Kind, around: Around, depth: number): Program {
  return (effort) =>
    function* () {
      const match = new Match(scaled(200, effort), WARM_UP_BATCHES);
      yield* settle();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(nest, around, depth, () => pong(match));
        // However deep it is, pong is parked when the first ping comes.
        yield* settle();
        nursery.startSoon(nest, around, depth, () => ping(match));
      });
      expectCount("tasks left in the lots", match.there.size + match.back.size, 0);
      return match.samples();
    };
}

async function promises(depth: number, effort: number): Promise<number[]> {
  const rally = new Rally(scaled(200, effort), WARM_UP_BATCHES);
  const nest = async (outer: AbortSignal, left: number, body: () => Promise<void>): Promise<void> => {
    const own = new AbortController();
    const abort = (): void => own.abort(outer.reason);
    outer.addEventListener("abort", abort, { once: true });
    try {
      await (left === 1 ? body() : nest(own.signal, left - 1, body));
    } finally {
      outer.removeEventListener("abort", abort);
    }
  };
  const { signal } = new AbortController();
  await Promise.all([nest(signal, depth, () => promisePong(rally)), nest(signal, depth, () => promisePing(rally))]);
  return rally.samples();
}

async function withEffection(
  { action, run, scoped, spawn }: Effection,
  depth: number,
  effort: number,
): Promise<number[]> {
  // The deeper, the slower: fewer batches say as much.
  const rally = new Rally(scaled(20, effort), WARM_UP_BATCHES);
  const nothing = (): void => {};
  const wait = (side: "there" | "back"): EffectionOperation<void> =>
    action((resolve) => {
      rally[side] = () => resolve();
      return nothing;
    });
  function* ping() {
    for (let batch = 0; batch < rally.batches; batch++) {
      rally.mark();
      for (let round = 0; round < ROUNDS; round++) {
        rally.there();
        yield* wait("back");
        rally.pings++;
      }
    }
    rally.mark();
  }
  function* pong() {
    for (let round = 0; round < rally.rounds; round++) {
      yield* wait("there");
      rally.pongs++;
      rally.back();
    }
  }
  const nest = (left: number, body: () => EffectionOperation<void>): EffectionOperation<void> =>
    scoped(left === 1 ? body : () => nest(left - 1, body));
  await run(function* () {
    const tasks = [yield* spawn(() => nest(depth, pong)), yield* spawn(() => nest(depth, ping))];
    for (const task of tasks) yield* task;
  });
  return rally.samples();
}

async function withEffect({ Effect, Fiber, Latch }: EffectModule, depth: number, effort: number): Promise<number[]> {
  const game = new Game(scaled(50, effort), WARM_UP_BATCHES);
  const both = Effect.gen(function* () {
    const [there, back] = [yield* Latch.make(), yield* Latch.make()];
    const ping = Effect.gen(function* () {
      for (let batch = 0; batch < game.batches; batch++) {
        game.mark();
        for (let round = 0; round < ROUNDS; round++) {
          there.openUnsafe();
          yield* back.await;
          back.closeUnsafe();
          game.pings++;
        }
      }
      game.mark();
    });
    const pong = Effect.gen(function* () {
      for (let round = 0; round < game.rounds; round++) {
        yield* there.await;
        there.closeUnsafe();
        game.pongs++;
        back.openUnsafe();
      }
    });
    yield* Fiber.joinAll([yield* Effect.forkChild(nest(depth, pong)), yield* Effect.forkChild(nest(depth, ping))]);
  });
  const nest = (left: number, body: EffectOf<void>): EffectOf<void> =>
    left === 0
      ? body
      : Effect.scoped(
          Effect.gen(function* () {
            yield* nest(left - 1, body);
          }),
        );
  await Effect.runPromise(both);
  return game.samples();
}

function* bareSteps(depth: number): Generator<number, never> {
  if (depth > 0) return yield* bareSteps(depth - 1);
  for (let step = 1; ; step++) yield step;
}

/** Apart from `plainFloor`, though alike: where what makes the generators was a parameter, the floor took thrice as long. */
function bareYields(depth: number, game: Game): number[] {
  const [ping, pong] = [bareSteps(depth), bareSteps(depth)];
  for (let batch = 0; batch < game.batches; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      game.pings = ping.next().value;
      game.pongs = pong.next().value;
    }
  }
  game.mark();
  return game.samples();
}

const AROUND: Readonly<Record<string, Around>> = {
  scopes: (body) => new CancelScope().run(body),
  nurseries: (body) => openNursery(body),
  frames: (body) => call(body),
};
const floors = { plain: "floor: next()", asynchronous: "floor: next().then(), drained" };
const [withinEffection, withinEffect] = [await effection(), await effect()];

function cases(depth: number): Case[] {
  const at = { group: `${depth.toLocaleString("en")} deep`, x: depth };
  const inPython = (library: "trio" | "asyncio", name: string): Case => {
    const args = (effort: number): (string | number)[] => [library, depth, ROUNDS, scaled(50, effort)];
    const case_ = pythonCase({ ...at, name }, "scopes.py", library, args);
    return depth === 1 || depth === 1_000 ? case_ : fullOnly(case_);
  };
  const inEffection = peerCase(withinEffection, { ...at, name: "effection" }, (module, effort) =>
    withEffection(module, depth, effort),
  );
  return [
    { ...at, name: "native promises", samples: (effort) => promises(depth, effort) },
    ...Object.entries(AROUND).flatMap(([name, around]) =>
      inTribun(
        { ...at, name },
        {
          plain: played(plain, around, depth),
          asynchronous: played(asynchronous, around, depth),
          floors,
          hosts: ["runSync"],
        },
      ),
    ),
    { ...at, name: floors.plain, samples: (effort) => plainFloor(new Game(scaled(200, effort), WARM_UP_BATCHES)) },
    {
      ...at,
      name: floors.asynchronous,
      samples: (effort) => asyncFloor(new Game(scaled(200, effort), WARM_UP_BATCHES)),
    },
    {
      ...at,
      name: "bare yield*",
      samples: (effort) => bareYields(depth, new Game(scaled(50, effort), WARM_UP_BATCHES)),
    },
    depth === 1_000 ? fullOnly(inEffection) : inEffection,
    peerCase(withinEffect, { ...at, name: "effect" }, (module, effort) => withEffect(module, depth, effort)),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "scopes",
  title: "one switch between two tasks in nested scopes",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  chart: { x: "depth" },
  cases: [1, 10, 100, 1_000].flatMap(cases),
});
