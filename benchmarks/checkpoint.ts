/**
 * The cost of a checkpoint that lets the others run: `yieldBriefly()`, in one task that is alone and in each of a
 * hundred. A piece of work is one task's checkpoint.
 *
 * Beside it, in the same process: the floors, the least that stepping generators costs with no scheduler at all (see
 * `park-unpark.ts`); and two things with promises. `await null` is the cheaper, and no checkpoint: it lets nothing run
 * but other promises' callbacks, and a loop of it starves timers and I/O. `setImmediate` is what lets everything run.
 *
 * What is measured is a run that has been going for a while, as in `park-unpark.ts`, and each run is on either host.
 */
import { drainMicrotasks } from "bun:jsc";
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { compare, expectCount, type Case } from "./report/compare.ts";

/** How many checkpoints a batch is, over all tasks together. */
const SIZE = 400;
const WARM_UP_BATCHES = 5;
const BATCHES = WARM_UP_BATCHES + 150;

/** What every case has: the times of its batches, and a count. */
class Work {
  readonly tasks: number;
  readonly checkpointsEach: number;
  done = 0;
  readonly #times: number[] = [];

  constructor(tasks: number) {
    this.tasks = tasks;
    this.checkpointsEach = (BATCHES * SIZE) / tasks;
  }

  /** Called by the first task before each of its checkpoints and after the last: all others make theirs in between. */
  mark(checkpoint: number): void {
    if (checkpoint % (SIZE / this.tasks) === 0) this.#times.push(Bun.nanoseconds());
  }

  /** The nanoseconds of each batch that counts. */
  result(): number[] {
    expectCount("checkpoints", this.done, BATCHES * SIZE);
    expectCount("marks", this.#times.length, BATCHES + 1);
    const times = this.#times.slice(WARM_UP_BATCHES);
    return times.slice(1).map((time, index) => time - times[index]!);
  }
}

function* plainTask(work: Work, first: boolean) {
  const { checkpointsEach } = work;
  for (let i = 0; i < checkpointsEach; i++) {
    if (first) work.mark(i);
    yield* yieldBriefly();
    work.done++;
  }
  if (first) work.mark(checkpointsEach);
}

async function* asyncTask(work: Work, first: boolean) {
  const { checkpointsEach } = work;
  for (let i = 0; i < checkpointsEach; i++) {
    if (first) work.mark(i);
    yield* yieldBriefly();
    work.done++;
  }
  if (first) work.mark(checkpointsEach);
}

/** A main that starts so many of them. */
function together(tasks: number, task: (work: Work, first: boolean) => Coroutine<void>): () => Coroutine<number[]> {
  return function* () {
    const work = new Work(tasks);
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < tasks; i++) nursery.startSoon(task, work, i === 0);
    });
    return work.result();
  };
}

async function promises(tasks: number, pause: () => Promise<void> | null): Promise<number[]> {
  const work = new Work(tasks);
  const { checkpointsEach } = work;
  const loop = async (first: boolean): Promise<void> => {
    for (let i = 0; i < checkpointsEach; i++) {
      if (first) work.mark(i);
      await pause();
      work.done++;
    }
    if (first) work.mark(checkpointsEach);
  };
  await Promise.all(Array.from({ length: tasks }, (_, i) => loop(i === 0)));
  return work.result();
}

function* plainSteps(): Generator<number, never> {
  for (let step = 1; ; step++) yield step;
}

function plainFloor(tasks: number): number[] {
  const work = new Work(tasks);
  const generators = Array.from({ length: tasks }, plainSteps);
  for (let i = 0; i < work.checkpointsEach; i++) {
    work.mark(i);
    for (const generator of generators) if (generator.next().value > 0) work.done++;
  }
  work.mark(work.checkpointsEach);
  return work.result();
}

async function* asyncSteps() {
  for (;;) yield;
}

function asyncFloor(tasks: number): number[] {
  const work = new Work(tasks);
  const generators = Array.from({ length: tasks }, asyncSteps);
  const onAnswer = (): void => {
    work.done++;
  };
  for (let i = 0; i < work.checkpointsEach; i++) {
    work.mark(i);
    for (const generator of generators) {
      void generator.next().then(onAnswer);
      drainMicrotasks();
    }
  }
  work.mark(work.checkpointsEach);
  return work.result();
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function cases(tasks: number): Case[] {
  const rival = "await null";
  const suffix = tasks === 1 ? "" : `, ${tasks} tasks`;
  const named = (name: string, batches: Case["batches"], floor?: string): Case => ({
    name: name + suffix,
    batches,
    size: SIZE,
    rival: rival === name ? undefined : rival + suffix,
    floor: floor === undefined ? undefined : floor + suffix,
  });
  const [plainLeast, asyncLeast] = ["floor: next()", "floor: next().then(), drained"];
  const [plain, asynchronous] = [together(tasks, plainTask), together(tasks, asyncTask)];
  return [
    named(rival, () => promises(tasks, () => null)),
    named("setImmediate", () => promises(tasks, immediate)),
    named(plainLeast, () => plainFloor(tasks)),
    named(asyncLeast, () => asyncFloor(tasks)),
    named("function*, runSync", () => runSync(plain), plainLeast),
    named("function*, run", () => run(plain), plainLeast),
    named("async function*, runSync", () => runSync(asynchronous), asyncLeast),
    named("async function*, run", () => run(asynchronous), asyncLeast),
  ];
}

await compare([...cases(1), ...cases(100)]);
