/**
 * 100,000 sleepers whose ends are spread evenly over a second, in no order: what `sleepers.ts` and `sleepers-cpu.ts` have
 * in common. With `--quick` there are fewer, over a shorter time: as many in each millisecond.
 */
import { openNursery, sleep, type Coroutine } from "tribun";
import { expectCount } from "../harness/expect.ts";
import type { EffectModule, EffectOf } from "../harness/peer-types.ts";
import { effect, peerCase, pythonCase } from "../harness/peers.ts";
import type { Case } from "../harness/scenario.ts";
import { inTribun, settle, type Program } from "./in-tribun.ts";
import { fullOnly, lazily, left } from "./turns.ts";

/** What is measured of them, in the scenario's unit. */
export type Measure = "late" | "cpu";

const EACH_MILLISECOND = 100;
const SPREAD = 1_000;
/** Milliseconds in which each has to be started, so that all are asleep when the first is due. */
const STARTING = 0.03;

/** One round of so many: when each is due, how late it was, and the CPU time of all. */
class Round {
  readonly count: number;
  readonly #late: number[] = [];
  readonly #spread: number;
  readonly #first: number;
  readonly #cpu = process.cpuUsage();

  constructor(effort: number) {
    this.#spread = SPREAD * effort;
    this.count = this.#spread * EACH_MILLISECOND;
    this.#first = performance.now() + this.count * STARTING;
  }

  /** When the sleeper of this index is due. 7,919 is prime to the count, so that each time is some sleeper's. */
  due(index: number): number {
    return this.#first + (((index * 7_919) % this.count) / this.count) * this.#spread;
  }

  woke(due: number): void {
    this.#late.push(performance.now() - due);
  }

  samples(measure: Measure): number[] {
    const { user, system } = process.cpuUsage(this.#cpu);
    expectCount("sleepers that woke", this.#late.length, this.count);
    if (measure === "cpu") return [(user + system) / this.count];
    // A timer of milliseconds may be that little early. Every hundredth stands for its neighbours.
    const sorted = this.#late.map((late) => Math.max(0, late)).sort((a, b) => a - b);
    return sorted.filter((_, index) => index % 100 === 50);
  }
}

function* plainSleeper(round: Round, index: number) {
  const due = round.due(index);
  yield* sleep(Math.max(0, due - performance.now()));
  round.woke(due);
}

async function* asyncSleeper(round: Round, index: number) {
  const due = round.due(index);
  yield* sleep(Math.max(0, due - performance.now()));
  round.woke(due);
}

/** So much of a round comes before the one that counts, for the compiler. */
const WARM_UP = 0.02;

type Sleeper = (round: Round, index: number) => Coroutine<void>;

function sleeping(sleeper: Sleeper, measure: Measure): Program {
  function* asleep(round: Round) {
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < round.count; i++) nursery.startSoon(sleeper, round, i);
    });
    return round;
  }
  return (effort) =>
    function* () {
      yield* settle();
      yield* asleep(new Round(WARM_UP));
      return (yield* asleep(new Round(effort))).samples(measure);
    };
}

async function promises(effort: number, measure: Measure): Promise<number[]> {
  const asleep = async (round: Round): Promise<Round> => {
    const sleeper = async (index: number): Promise<void> => {
      const due = round.due(index);
      await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      round.woke(due);
    };
    await Promise.all(Array.from({ length: round.count }, (_, index) => sleeper(index)));
    return round;
  };
  await asleep(new Round(WARM_UP));
  return (await asleep(new Round(effort))).samples(measure);
}

async function withEffect({ Effect }: EffectModule, effort: number, measure: Measure): Promise<number[]> {
  const asleep = async (round: Round): Promise<Round> => {
    const sleeper = (index: number): EffectOf<void> =>
      Effect.gen(function* () {
        const due = round.due(index);
        yield* Effect.sleep(Math.max(0, due - performance.now()));
        round.woke(due);
      });
    const sleepers = Array.from({ length: round.count }, (_, index) => sleeper(index));
    await Effect.runPromise(Effect.all(sleepers, { concurrency: "unbounded", discard: true }));
    return round;
  };
  await asleep(new Round(WARM_UP));
  return (await asleep(new Round(effort))).samples(measure);
}

export async function sleeperCases(measure: Measure): Promise<Case[]> {
  // They are slow, and their CPU time needs no hundred thousand of them to be seen.
  const part = measure === "cpu" ? 0.1 : 1;
  const inPython = async (library: "trio" | "asyncio", called: string): Promise<Case> => {
    const name = part === 1 ? called : `${called}, of 10,000`;
    const args = (effort: number): (string | number)[] => {
      const spread = SPREAD * effort * part;
      return [library, measure, spread * EACH_MILLISECOND, spread];
    };
    return fullOnly(await lazily({ name }, () => pythonCase({ name }, "sleepers.py", library, args)));
  };
  return [
    { name: "native promises", samples: (effort) => promises(effort, measure) },
    ...inTribun({}, { plain: sleeping(plainSleeper, measure), asynchronous: sleeping(asyncSleeper, measure) }),
    left({ name: "effection" }, "starting 100,000 takes more than ten seconds"),
    await lazily({ name: "effect" }, async () =>
      peerCase(await effect(), { name: "effect" }, (module, effort) => withEffect(module, effort, measure)),
    ),
    await inPython("trio", "Trio"),
    await inPython("asyncio", "asyncio"),
  ];
}
