/**
 * Spawning a task that does next to nothing, and waiting for its end: 100 of them at a time, 10,000, 100,000. A piece of
 * work is one such task. What a nursery costs by itself is in it, too, and shows where there are few.
 *
 * Beside it: async functions and `Promise.all`; effection's `spawn` in a `scoped`; effect's `forkChild` and `joinAll`,
 * and its `Effect.all` with unbounded concurrency, which runs each fiber at once as far as it goes; Trio's nurseries,
 * asyncio's task groups; and the floors, which make the generator and step it to its end, with no scheduler at all.
 */
import { drainMicrotasks } from "bun:jsc";
import { openNursery, type Coroutine } from "tribun";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import type { Effection, EffectModule } from "./harness/peer-types.ts";
import { effect, effection, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { fullOnly, left, scaled } from "./kernel/turns.ts";

/** What every case has: the times of its batches, and a count. */
class Work {
  done = 0;
  readonly tasks: number;
  readonly batches: number;
  readonly #laps: Laps;

  constructor(tasks: number, effort: number) {
    this.tasks = tasks;
    this.#laps = new Laps(tasks, scaled(20_000 / tasks, effort));
    this.batches = this.#laps.count;
  }

  mark(): void {
    this.#laps.mark();
  }

  samples(): number[] {
    expectCount("tasks that ended", this.done, this.batches * this.tasks);
    return this.#laps.samples();
  }
}

function* plainTask(work: Work) {
  work.done++;
}

async function* asyncTask(work: Work) {
  work.done++;
}

function spawning(task: (work: Work) => Coroutine<void>, tasks: number): Program {
  return (effort) =>
    function* () {
      const work = new Work(tasks, effort);
      yield* settle();
      for (let batch = 0; batch < work.batches; batch++) {
        work.mark();
        yield* openNursery(function* (nursery) {
          for (let i = 0; i < tasks; i++) nursery.startSoon(task, work);
        });
      }
      work.mark();
      return work.samples();
    };
}

async function promises(work: Work): Promise<number[]> {
  const task = async (): Promise<void> => {
    work.done++;
  };
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    await Promise.all(Array.from({ length: work.tasks }, task));
  }
  work.mark();
  return work.samples();
}

async function withEffection({ run, scoped, spawn }: Effection, work: Work): Promise<number[]> {
  await run(function* () {
    for (let batch = 0; batch < work.batches; batch++) {
      work.mark();
      yield* scoped(function* () {
        const tasks = [];
        for (let i = 0; i < work.tasks; i++) {
          const task = yield* spawn(function* () {
            work.done++;
          });
          tasks.push(task);
        }
        for (const task of tasks) yield* task;
      });
    }
    work.mark();
  });
  return work.samples();
}

async function withEffectAll({ Effect }: EffectModule, work: Work): Promise<number[]> {
  const task = Effect.sync(() => {
    work.done++;
  });
  await Effect.runPromise(
    Effect.gen(function* () {
      for (let batch = 0; batch < work.batches; batch++) {
        work.mark();
        const tasks = Array.from({ length: work.tasks }, () => task);
        yield* Effect.all(tasks, { concurrency: "unbounded", discard: true });
      }
      work.mark();
    }),
  );
  return work.samples();
}

async function withEffectFibers({ Effect, Fiber }: EffectModule, work: Work): Promise<number[]> {
  const task = Effect.sync(() => {
    work.done++;
  });
  await Effect.runPromise(
    Effect.gen(function* () {
      for (let batch = 0; batch < work.batches; batch++) {
        work.mark();
        const fibers = [];
        for (let i = 0; i < work.tasks; i++) fibers.push(yield* Effect.forkChild(task));
        yield* Fiber.joinAll(fibers);
      }
      work.mark();
    }),
  );
  return work.samples();
}

function plainFloor(work: Work): number[] {
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    for (let i = 0; i < work.tasks; i++) plainTask(work).next();
  }
  work.mark();
  return work.samples();
}

function asyncFloor(work: Work): number[] {
  let ended = 0;
  const onEnd = (): void => {
    ended++;
  };
  for (let batch = 0; batch < work.batches; batch++) {
    work.mark();
    for (let i = 0; i < work.tasks; i++) {
      void asyncTask(work).next().then(onEnd);
      drainMicrotasks();
    }
  }
  work.mark();
  expectCount("ends that were seen", ended, work.done);
  return work.samples();
}

const floors = { plain: "floor: next()", asynchronous: "floor: next().then(), drained" };
const [withinEffection, withinEffect] = [await effection(), await effect()];

function cases(tasks: number): Case[] {
  const at = { group: `${tasks.toLocaleString("en")} at a time`, x: tasks };
  const inPython = (library: "trio" | "asyncio", name: string): Case => {
    const args = (effort: number): (string | number)[] => [library, tasks, scaled(4_000 / tasks, effort)];
    const case_ = pythonCase({ ...at, name }, "spawn-join.py", library, args);
    return tasks > 100 ? fullOnly(case_) : case_;
  };
  const inEffect = (name: string, does: typeof withEffectAll): Case => {
    const case_ = peerCase(withinEffect, { ...at, name }, (module, effort) => does(module, new Work(tasks, effort)));
    return tasks > 10_000 ? fullOnly(case_) : case_;
  };
  return [
    { ...at, name: "native promises", samples: (effort) => promises(new Work(tasks, effort)) },
    ...inTribun(at, { plain: spawning(plainTask, tasks), asynchronous: spawning(asyncTask, tasks), floors }),
    { ...at, name: floors.plain, samples: (effort) => plainFloor(new Work(tasks, effort)) },
    { ...at, name: floors.asynchronous, samples: (effort) => asyncFloor(new Work(tasks, effort)) },
    tasks === 100_000
      ? left({ ...at, name: "effection" }, "more than ten seconds for each 100,000")
      : fullOnly(
          // A tenth of the others' batches: it takes hundreds of times as long.
          peerCase(withinEffection, { ...at, name: "effection" }, (module, effort) =>
            withEffection(module, new Work(tasks, effort / 10)),
          ),
        ),
    inEffect("effect, forkChild", withEffectFibers),
    inEffect("effect, Effect.all", withEffectAll),
    inPython("trio", "Trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "spawn-join",
  title: "one task spawned and joined",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  chart: { x: "tasks at a time" },
  cases: [100, 10_000, 100_000].flatMap(cases),
});
