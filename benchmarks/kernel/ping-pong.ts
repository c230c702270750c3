/** Two tasks that wake each other, over and over: what `park-unpark.ts` and `scopes.ts` have in common. */
import { drainMicrotasks } from "bun:jsc";
import { ParkingLot } from "tribun/hazmat";
import { expectCount } from "../harness/expect.ts";
import { Laps } from "../harness/laps.ts";

/** How many rounds a batch is; a round is two switches. */
export const ROUNDS = 32;

/** What every case has: the times of its batches, and counts. */
export class Game {
  pings = 0;
  pongs = 0;
  readonly #laps: Laps;
  /** How many batches are played, and how many rounds that is. */
  readonly batches: number;
  readonly rounds: number;

  /** @param warmUp batches that do not count */
  constructor(batches: number, warmUp: number) {
    this.#laps = new Laps(2 * ROUNDS, batches, warmUp);
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

export class Match extends Game {
  readonly there: ParkingLot = new ParkingLot();
  readonly back: ParkingLot = new ParkingLot();
}

export function* plainPing(match: Match): Generator<any, void, any> {
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

export function* plainPong(match: Match): Generator<any, void, any> {
  for (let round = 0; round < match.rounds; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

export async function* asyncPing(match: Match): AsyncGenerator<any, void, any> {
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

export async function* asyncPong(match: Match): AsyncGenerator<any, void, any> {
  for (let round = 0; round < match.rounds; round++) {
    yield* match.there.park();
    match.pongs++;
    match.back.unpark();
  }
}

/** The same without lots: to wake a waiter is to call what its wait left here. */
export class Rally extends Game {
  there = (): void => {};
  back = (): void => {};
}

export async function promisePing(rally: Rally): Promise<void> {
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
}

export async function promisePong(rally: Rally): Promise<void> {
  for (let round = 0; round < rally.rounds; round++) {
    await new Promise<void>((resolve) => {
      rally.there = resolve;
    });
    rally.pongs++;
    rally.back();
  }
}

function* plainSteps(): Generator<number, never> {
  for (let step = 1; ; step++) yield step;
}

/** The floor of plain generators: two of them are stepped in turn. */
export function plainFloor(game: Game): number[] {
  const [ping, pong] = [plainSteps(), plainSteps()];
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

/** The floor of async ones: each has its answer before the other is stepped. */
export function asyncFloor(game: Game): number[] {
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
