/**
 * The latency of a switch: one task unparks another and parks, so that the other runs. Two tasks play ping-pong over
 * two parking lots; a round is two switches.
 *
 * Beside it: two async functions that do the same with promises; effection, effect, Trio's own parking lots, asyncio's
 * futures and Go's unbuffered channels; and the floors, the least that stepping generators costs with no scheduler at
 * all: a bare `next()`, and for async generators `next().then()` with `drainMicrotasks()`, without which nobody can have
 * their answer at once.
 *
 * What is measured is a run that has been going for a while, as programs have: each plays some batches that do not
 * count. What a run does once in a while is in it: looking for I/O, giving Bun's loop a turn.
 */
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { expectCount } from "./harness/expect.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, goCase, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario } from "./harness/scenario.ts";
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

const WARM_UP_BATCHES = 32;
const BATCHES = 800;

/** How many batches are played: those that count, and those before them. */
function batches(effort: number): [batches: number, warmUp: number] {
  return [BATCHES * effort, WARM_UP_BATCHES];
}

type Player = (match: Match) => Coroutine<void>;

/** A main that has both play, in tasks of their own. Pong starts first, so it is parked when the first ping comes. */
function played(ping: Player, pong: Player, effort: number): () => Coroutine<number[]> {
  return function* () {
    const match = new Match(...batches(effort));
    yield* openNursery(function* (nursery) {
      nursery.startSoon(pong, match);
      nursery.startSoon(ping, match);
    });
    expectCount("tasks left in the lots", match.there.size + match.back.size, 0);
    return match.samples();
  };
}

const plain = (effort: number): (() => Coroutine<number[]>) => played(plainPing, plainPong, effort);
const asynchronous = (effort: number): (() => Coroutine<number[]>) => played(asyncPing, asyncPong, effort);

async function promises(effort: number): Promise<number[]> {
  const rally = new Rally(...batches(effort));
  await Promise.all([promisePong(rally), promisePing(rally)]);
  return rally.samples();
}

async function withEffection({ action, run, spawn }: Effection, effort: number): Promise<number[]> {
  const rally = new Rally(...batches(effort));
  const nothing = (): void => {};
  await run(function* () {
    const pong = yield* spawn(function* () {
      for (let round = 0; round < rally.rounds; round++) {
        yield* action<void>((resolve) => {
          rally.there = resolve;
          return nothing;
        });
        rally.pongs++;
        rally.back();
      }
    });
    const ping = yield* spawn(function* () {
      for (let batch = 0; batch < rally.batches; batch++) {
        rally.mark();
        for (let round = 0; round < ROUNDS; round++) {
          rally.there();
          yield* action<void>((resolve) => {
            rally.back = resolve;
            return nothing;
          });
          rally.pings++;
        }
      }
      rally.mark();
    });
    yield* pong;
    yield* ping;
  });
  return rally.samples();
}

async function withEffect({ Effect, Fiber, Latch }: EffectModule, effort: number): Promise<number[]> {
  const game = new Game(...batches(effort));
  await Effect.runPromise(
    Effect.gen(function* () {
      const [there, back] = [yield* Latch.make(), yield* Latch.make()];
      // Its documentation has `openUnsafe()` for synchronous code; it is cheaper than `yield* open`.
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
      yield* Fiber.joinAll([yield* Effect.forkChild(pong), yield* Effect.forkChild(ping)]);
    }),
  );
  return game.samples();
}

const [plainLeast, asyncLeast] = ["floor: next()", "floor: next().then(), drained"];
/** Slower, and every call of theirs is a process: fewer batches say as much. */
const inPython = (library: string) => (effort: number) => [library, ROUNDS, WARM_UP_BATCHES, BATCHES * effort * 0.25];
const inGo = (effort: number): number[] => [ROUNDS, WARM_UP_BATCHES, BATCHES * effort];

await scenario({
  name: "park-unpark",
  title: "one switch between two tasks",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  chart: "distribution",
  cases: [
    { name: "native promises", samples: promises },
    { name: "function*, runSync", samples: (effort) => runSync(plain(effort)), floor: plainLeast },
    { name: "function*, run", samples: (effort) => run(plain(effort)), floor: plainLeast },
    { name: "async function*, runSync", samples: (effort) => runSync(asynchronous(effort)), floor: asyncLeast },
    { name: "async function*, run", samples: (effort) => run(asynchronous(effort)), floor: asyncLeast },
    { name: plainLeast, samples: (effort) => plainFloor(new Game(...batches(effort))) },
    { name: asyncLeast, samples: (effort) => asyncFloor(new Game(...batches(effort))) },
    peerCase(await effection(), { name: "effection" }, withEffection),
    peerCase(await effect(), { name: "effect" }, withEffect),
    pythonCase({ name: "Trio" }, "park-unpark.py", "trio", inPython("trio")),
    pythonCase({ name: "asyncio" }, "park-unpark.py", "asyncio", inPython("asyncio")),
    goCase({ name: "Go channel" }, "park-unpark.go", inGo),
  ],
});
