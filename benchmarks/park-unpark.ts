/**
 * The latency of a switch: one task unparks another and parks, so that the other runs. Two tasks play ping-pong over
 * two parking lots; a round is two switches.
 *
 * Beside it, in the same process: two async functions that do the same with promises; and the floors, the least that
 * stepping generators costs with no scheduler at all: a bare `next()`, and for async generators `next().then()` with
 * `drainMicrotasks()`, without which nobody can have their answer at once.
 *
 * What is measured is a run that has been going for a while, as programs have: its first thousand operations keep the
 * stack of their making, in case their `yield*` was forgotten. So each run plays some batches that do not count, and
 * then many that do. A batch is short, for the percentiles' sake, and still long enough for two readings of the clock
 * (some 50 ns) not to matter. What a run does once in a while is in it: looking for I/O, giving Bun's loop a turn.
 */
import { drainMicrotasks } from "bun:jsc";
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { ParkingLot } from "tribun/hazmat";
import { compare, expectCount } from "./report/compare.ts";

const ROUNDS = 128;
const SWITCHES = 2 * ROUNDS;
const WARM_UP_BATCHES = 8;
const BATCHES = WARM_UP_BATCHES + 200;

/** What every case has: the times of its batches, and counts. */
class Game {
  pings = 0;
  pongs = 0;
  readonly #times: number[] = [];

  /** A batch begins here, where the one before it ends. */
  mark(): void {
    this.#times.push(Bun.nanoseconds());
  }

  /** The nanoseconds of each batch that counts. */
  result(): number[] {
    expectCount("pings", this.pings, BATCHES * ROUNDS);
    expectCount("pongs", this.pongs, BATCHES * ROUNDS);
    expectCount("marks", this.#times.length, BATCHES + 1);
    const times = this.#times.slice(WARM_UP_BATCHES);
    return times.slice(1).map((time, index) => time - times[index]!);
  }
}

class Match extends Game {
  readonly there = new ParkingLot();
  readonly back = new ParkingLot();
}

function* plainPing(match: Match) {
  for (let batch = 0; batch < BATCHES; batch++) {
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
  for (let round = 0; round < BATCHES * ROUNDS; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

async function* asyncPing(match: Match) {
  for (let batch = 0; batch < BATCHES; batch++) {
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
  for (let round = 0; round < BATCHES * ROUNDS; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

type Player = (match: Match) => Coroutine<void>;

/** A main that has both play, in tasks of their own. Pong starts first, so it is parked when the first ping comes. */
function played(ping: Player, pong: Player): () => Coroutine<number[]> {
  return function* () {
    const match = new Match();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(pong, match);
      nursery.startSoon(ping, match);
    });
    expectCount("tasks left in the lots", match.there.size + match.back.size, 0);
    return match.result();
  };
}

/** The same with promises: to wake a waiter is to resolve what it awaits. */
async function promises(): Promise<number[]> {
  const game = new Game();
  let there = (): void => {};
  let back = (): void => {};
  const ping = async (): Promise<void> => {
    for (let batch = 0; batch < BATCHES; batch++) {
      game.mark();
      for (let round = 0; round < ROUNDS; round++) {
        there();
        await new Promise<void>((resolve) => {
          back = resolve;
        });
        game.pings++;
      }
    }
    game.mark();
  };
  const pong = async (): Promise<void> => {
    for (let round = 0; round < BATCHES * ROUNDS; round++) {
      await new Promise<void>((resolve) => {
        there = resolve;
      });
      game.pongs++;
      back();
    }
  };
  await Promise.all([pong(), ping()]);
  return game.result();
}

function* plainSteps(): Generator<number, never> {
  for (let step = 1; ; step++) yield step;
}

function plainFloor(): number[] {
  const game = new Game();
  const [ping, pong] = [plainSteps(), plainSteps()];
  for (let batch = 0; batch < BATCHES; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      game.pings = ping.next().value;
      game.pongs = pong.next().value;
    }
  }
  game.mark();
  return game.result();
}

async function* asyncSteps() {
  for (;;) yield;
}

function asyncFloor(): number[] {
  const game = new Game();
  const [ping, pong] = [asyncSteps(), asyncSteps()];
  const onPing = (): void => {
    game.pings++;
  };
  const onPong = (): void => {
    game.pongs++;
  };
  for (let batch = 0; batch < BATCHES; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      void ping.next().then(onPing);
      drainMicrotasks();
      void pong.next().then(onPong);
      drainMicrotasks();
    }
  }
  game.mark();
  return game.result();
}

const plain = played(plainPing, plainPong);
const asynchronous = played(asyncPing, asyncPong);
const rival = "native promises";
const [plainLeast, asyncLeast] = ["floor: next()", "floor: next().then(), drained"];

await compare([
  { name: rival, batches: promises, size: SWITCHES },
  { name: plainLeast, batches: plainFloor, size: SWITCHES, rival },
  { name: asyncLeast, batches: asyncFloor, size: SWITCHES, rival },
  { name: "function*, runSync", batches: () => runSync(plain), size: SWITCHES, rival, floor: plainLeast },
  { name: "function*, run", batches: () => run(plain), size: SWITCHES, rival, floor: plainLeast },
  { name: "async function*, runSync", batches: () => runSync(asynchronous), size: SWITCHES, rival, floor: asyncLeast },
  { name: "async function*, run", batches: () => run(asynchronous), size: SWITCHES, rival, floor: asyncLeast },
]);
