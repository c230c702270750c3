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
import { drainMicrotasks } from "bun:jsc";
import { call, CancelScope, openNursery, type Coroutine, type Operation } from "tribun";
import { ParkingLot } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import type { Effection, EffectionOperation, EffectModule, EffectOf } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const ROUNDS = 32;

/** What every case has: the times of its batches, and counts. */
class Game {
  pings = 0;
  pongs = 0;
  readonly #laps: Laps;
  readonly batches: number;
  readonly rounds: number;

  constructor(batches: number) {
    this.#laps = new Laps(2 * ROUNDS, batches, 4);
    this.batches = this.#laps.count;
    this.rounds = this.batches * ROUNDS;
  }

  mark(): void {
    this.#laps.mark();
  }

  samples(): number[] {
    expectCount("pings", this.pings, this.rounds);
    expectCount("pongs", this.pongs, this.rounds);
    return this.#laps.samples();
  }
}

class Match extends Game {
  readonly there = new ParkingLot();
  readonly back = new ParkingLot();
}

function* plainPing(match: Match) {
  for (let batch = 0; batch < match.batches; batch++) {
    match.mark();
    for (let round = 0; round < ROUNDS; round++) {
      match.there.unpark();
      yield* match.back.park();
      match.pings++;
    }
  }
  match.mark();
}

function* plainPong(match: Match) {
  for (let round = 0; round < match.rounds; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

async function* asyncPing(match: Match) {
  for (let batch = 0; batch < match.batches; batch++) {
    match.mark();
    for (let round = 0; round < ROUNDS; round++) {
      match.there.unpark();
      yield* match.back.park();
      match.pings++;
    }
  }
  match.mark();
}

async function* asyncPong(match: Match) {
  for (let round = 0; round < match.rounds; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

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
      const match = new Match(scaled(200, effort));
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

/** The same without lots: to wake a waiter is to call what its wait left here. */
class Rally extends Game {
  there = (): void => {};
  back = (): void => {};
}

async function promises(depth: number, effort: number): Promise<number[]> {
  const rally = new Rally(scaled(200, effort));
  const ping = async (): Promise<void> => {
    for (let batch = 0; batch < rally.batches; batch++) {
      rally.mark();
      for (let round = 0; round < ROUNDS; round++) {
        rally.there();
        await new Promise<void>((resolve) => {
          rally.back = resolve;
        });
        rally.pings++;
      }
    }
    rally.mark();
  };
  const pong = async (): Promise<void> => {
    for (let round = 0; round < rally.rounds; round++) {
      await new Promise<void>((resolve) => {
        rally.there = resolve;
      });
      rally.pongs++;
      rally.back();
    }
  };
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
  await Promise.all([nest(signal, depth, pong), nest(signal, depth, ping)]);
  return rally.samples();
}

async function withEffection(
  { action, run, scoped, spawn }: Effection,
  depth: number,
  effort: number,
): Promise<number[]> {
  // The deeper, the slower: fewer batches say as much.
  const rally = new Rally(scaled(20, effort));
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

async function withEffect({ Deferred, Effect, Fiber }: EffectModule, depth: number, effort: number): Promise<number[]> {
  const game = new Game(scaled(50, effort));
  const both = Effect.gen(function* () {
    let there = yield* Deferred.make<void>();
    let back = yield* Deferred.make<void>();
    const ping = Effect.gen(function* () {
      for (let batch = 0; batch < game.batches; batch++) {
        game.mark();
        for (let round = 0; round < ROUNDS; round++) {
          yield* Deferred.succeed(there, undefined);
          yield* Deferred.await(back);
          back = yield* Deferred.make<void>();
          game.pings++;
        }
      }
      game.mark();
    });
    const pong = Effect.gen(function* () {
      for (let round = 0; round < game.rounds; round++) {
        yield* Deferred.await(there);
        there = yield* Deferred.make<void>();
        game.pongs++;
        yield* Deferred.succeed(back, undefined);
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

function* plainSteps(): Generator<number, never> {
  for (let step = 1; ; step++) yield step;
}

function* delegating(depth: number): Generator<number, never> {
  return yield* depth === 1 ? plainSteps() : delegating(depth - 1);
}

function stepping(steps: () => Generator<number, never>, batches: number): number[] {
  const game = new Game(batches);
  const [ping, pong] = [steps(), steps()];
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

async function* asyncSteps() {
  for (;;) yield;
}

function asyncFloor(effort: number): number[] {
  const game = new Game(scaled(200, effort));
  const [ping, pong] = [asyncSteps(), asyncSteps()];
  const onPing = (): void => {
    game.pings++;
  };
  const onPong = (): void => {
    game.pongs++;
  };
  for (let batch = 0; batch < game.batches; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      void ping.next().then(onPing);
      drainMicrotasks();
      void pong.next().then(onPong);
      drainMicrotasks();
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
    { ...at, name: floors.plain, samples: (effort) => stepping(plainSteps, scaled(200, effort)) },
    { ...at, name: floors.asynchronous, samples: asyncFloor },
    { ...at, name: "bare yield*", samples: (effort) => stepping(() => delegating(depth), scaled(50, effort)) },
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
