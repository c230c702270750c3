/**
 * The cost of a checkpoint that lets the others run: `yieldBriefly()`, in one task that is alone and in each of a
 * hundred. A piece of work is one task's checkpoint.
 *
 * Beside it: `setImmediate`, which is what lets everything run without a library, and `await null`, which is cheaper and
 * no checkpoint: it lets nothing run but other promises' callbacks, and a loop of it starves timers and I/O. What the
 * others have for it: effect's `yieldNow`, Trio's `checkpoint()`, asyncio's `sleep(0)`; effection has nothing but waiting
 * for a promise that is resolved. And the floors, the least that stepping generators costs with no scheduler at all (see
 * `park-unpark.ts`).
 */
import { drainMicrotasks } from "bun:jsc";
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { yieldBriefly } from "tribun/hazmat";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";

/** How many checkpoints a batch is, over all tasks together. */
const SIZE = 400;
const WARM_UP_BATCHES = 5;
const BATCHES = 120;

/** What every case has: the times of its batches, and a count. */
class Work {
  readonly checkpointsEach: number;
  readonly #each: number;
  readonly #all: number;
  readonly #laps: Laps;
  done = 0;
  /** How many were done when the first task was at its last. */
  #doneInTime = 0;

  constructor(tasks: number, effort: number) {
    this.#laps = new Laps(SIZE, BATCHES * effort, WARM_UP_BATCHES);
    this.#all = this.#laps.count * SIZE;
    this.#each = SIZE / tasks;
    this.checkpointsEach = this.#all / tasks;
  }

  /** Called by the first task before each of its checkpoints and after the last: all others make theirs in between. */
  mark(checkpoint: number): void {
    if (checkpoint % this.#each === 0) this.#laps.mark();
    if (checkpoint === this.checkpointsEach) this.#doneInTime = this.done;
  }

  samples(): number[] {
    expectCount("checkpoints", this.done, this.#all);
    // One that let nobody else run would be no checkpoint, and fast.
    if (this.#doneInTime < this.#all / 2)
      throw new Error(`the first task ran ahead: ${this.#doneInTime} of ${this.#all}`);
    return this.#laps.samples();
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

type Task = (work: Work, first: boolean) => Coroutine<void>;

/** A main that starts so many of them. */
function together(task: Task, tasks: number, effort: number): () => Coroutine<number[]> {
  return function* () {
    const work = new Work(tasks, effort);
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < tasks; i++) nursery.startSoon(task, work, i === 0);
    });
    return work.samples();
  };
}

async function promises(tasks: number, effort: number, pause: () => Promise<void> | null): Promise<number[]> {
  const work = new Work(tasks, effort);
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
  return work.samples();
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function withEffection({ run, spawn, until }: Effection, tasks: number, effort: number): Promise<number[]> {
  const work = new Work(tasks, effort);
  const { checkpointsEach } = work;
  await run(function* () {
    const spawned = [];
    for (let task = 0; task < tasks; task++) {
      spawned.push(
        yield* spawn(function* () {
          for (let i = 0; i < checkpointsEach; i++) {
            if (task === 0) work.mark(i);
            yield* until(Promise.resolve());
            work.done++;
          }
          if (task === 0) work.mark(checkpointsEach);
        }),
      );
    }
    for (const task of spawned) yield* task;
  });
  return work.samples();
}

async function withEffect({ Effect, Fiber }: EffectModule, tasks: number, effort: number): Promise<number[]> {
  const work = new Work(tasks, effort);
  const { checkpointsEach } = work;
  const loop = (first: boolean) =>
    Effect.gen(function* () {
      for (let i = 0; i < checkpointsEach; i++) {
        if (first) work.mark(i);
        yield* Effect.yieldNow;
        work.done++;
      }
      if (first) work.mark(checkpointsEach);
    });
  await Effect.runPromise(
    Effect.gen(function* () {
      const fibers = [];
      for (let i = 0; i < tasks; i++) fibers.push(yield* Effect.forkChild(loop(i === 0)));
      yield* Fiber.joinAll(fibers);
    }),
  );
  return work.samples();
}

function* plainSteps(): Generator<number, never> {
  for (let step = 1; ; step++) yield step;
}

function plainFloor(tasks: number, effort: number): number[] {
  const work = new Work(tasks, effort);
  const generators = Array.from({ length: tasks }, plainSteps);
  for (let i = 0; i < work.checkpointsEach; i++) {
    work.mark(i);
    for (const generator of generators) if (generator.next().value > 0) work.done++;
  }
  work.mark(work.checkpointsEach);
  return work.samples();
}

async function* asyncSteps() {
  for (;;) yield;
}

function asyncFloor(tasks: number, effort: number): number[] {
  const work = new Work(tasks, effort);
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
  return work.samples();
}

const [effectionPeer, effectPeer] = [await effection(), await effect()];

function cases(tasks: number): Case[] {
  const group = tasks === 1 ? "one task" : `${tasks} tasks`;
  const [plainLeast, asyncLeast] = ["floor: next()", "floor: next().then(), drained"];
  const plain = (effort: number): (() => Coroutine<number[]>) => together(plainTask, tasks, effort);
  const asynchronous = (effort: number): (() => Coroutine<number[]>) => together(asyncTask, tasks, effort);
  /** Slower, and every call of theirs is a process: fewer batches say as much. */
  const inPython = (library: string) => (effort: number) => [
    library,
    tasks,
    SIZE,
    WARM_UP_BATCHES,
    BATCHES * effort * 0.5,
  ];
  return [
    { name: "setImmediate", group, samples: (effort) => promises(tasks, effort, immediate) },
    { name: "await null", group, samples: (effort) => promises(tasks, effort, () => null) },
    { name: "function*, runSync", group, samples: (effort) => runSync(plain(effort)), floor: plainLeast },
    { name: "function*, run", group, samples: (effort) => run(plain(effort)), floor: plainLeast },
    { name: "async function*, runSync", group, samples: (effort) => runSync(asynchronous(effort)), floor: asyncLeast },
    { name: "async function*, run", group, samples: (effort) => run(asynchronous(effort)), floor: asyncLeast },
    { name: plainLeast, group, samples: (effort) => plainFloor(tasks, effort) },
    { name: asyncLeast, group, samples: (effort) => asyncFloor(tasks, effort) },
    peerCase(effectionPeer, { name: "effection", group }, (peer, effort) => withEffection(peer, tasks, effort)),
    peerCase(effectPeer, { name: "effect", group }, (peer, effort) => withEffect(peer, tasks, effort)),
    pythonCase({ name: "Trio", group }, "checkpoint.py", "trio", inPython("trio")),
    pythonCase({ name: "asyncio", group }, "checkpoint.py", "asyncio", inPython("asyncio")),
  ];
}

await scenario({
  name: "checkpoint",
  title: "one checkpoint",
  unit: "ns",
  processes: "shared",
  rival: "setImmediate",
  cases: [...cases(1), ...cases(100)],
});
