/** S21 to S30: entering a run from outside. The end of a run under fire from Workers has its own tests. */
import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type CallSoon,
  ParkingLot,
  type Task,
  type WorkerHandle,
  connectCallSoon,
  currentCallSoonThreadAndSignalSafe,
  currentRootTask,
  currentStatistics,
  currentTask,
  currentlyKiProtected,
  disableKiProtection,
  spawnSystemTask,
  yieldBriefly,
} from "../../src/hazmat.ts";
import {
  Cancelled,
  ExceptionGroup,
  type Nursery,
  RunFinishedError,
  TrioInternalError,
  UsageError,
  fromPromise,
  openNursery,
  run,
  runSync,
  sleepForever,
} from "../../src/index.ts";
import { currentTrioToken } from "../../src/lowlevel.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { forBothKinds } from "./kinds.ts";
import { whyNot } from "../platform.ts";
import { thrown } from "./thrown.ts";

/** Both ways of submitting a call. */
const WAYS = {
  callSoon: (callSoon: CallSoon) => callSoon,
  "callSoon.idempotent": (callSoon: CallSoon) => callSoon.idempotent,
} as const;
const ways = Object.entries(WAYS);

test("S21 there is one call-soon function a run, whoever asks for it, and another in the next", () => {
  const functions: CallSoon[] = [];
  const inRun = (): void => {
    const seen = new Set<CallSoon>();
    const look = (): void => void seen.add(currentCallSoonThreadAndSignalSafe());
    runSync(function* () {
      look();
      currentCallSoonThreadAndSignalSafe()(look);
      spawnSystemTask(function* () {
        look();
      });
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          look();
        });
      });
      yield* waitAllTasksBlocked();
      look();
    });
    expect(seen.size).toBe(1);
    functions.push(...seen);
  };
  inRun();
  inRun();
  expect(functions[0]).not.toBe(functions[1]!);
});

test("S21 the token of a run is one too, and has the same function", () => {
  const tokens = [1, 2].map(() =>
    runSync(function* () {
      const token = currentTrioToken();
      yield* yieldBriefly();
      expect(currentTrioToken()).toBe(token);
      expect(token.runSyncSoon).toBe(currentCallSoonThreadAndSignalSafe());
      return token;
    }),
  );
  expect(tokens[0]).not.toBe(tokens[1]!);
});

test("S21 outside a run there is none", () => {
  expect(thrown(currentCallSoonThreadAndSignalSafe)).toBeInstanceOf(UsageError);
  expect(thrown(currentTrioToken)).toBeInstanceOf(UsageError);
});

test("S21 an instrument's beforeRun can take it, and a call made there runs", () => {
  const log: string[] = [];
  runSync(
    function* () {
      yield* waitAllTasksBlocked();
    },
    { instruments: [{ beforeRun: () => currentCallSoonThreadAndSignalSafe()(() => log.push("called")) }] },
  );
  expect(log).toEqual(["called"]);
});

for (const [name, way] of ways) {
  forBothKinds((kind) => {
    test(`S22 ${name} gives nothing, hands on the arguments, and never calls inline`, () => {
      runSync(
        kind.task(function* () {
          const submit = way(currentCallSoonThreadAndSignalSafe());
          const calls: unknown[][] = [];
          const note = (...args: unknown[]): void => void calls.push(args);
          expect(submit(note, 1, "two")).toBeUndefined();
          expect(submit(note)).toBeUndefined();
          expect(calls).toEqual([]);
          yield waitAllTasksBlocked();
          expect(calls).toEqual([[1, "two"], []]);
        }),
      );
    });

    test(`S24 what ${name} calls runs in a system task of the run's, protected from Ctrl-C`, () => {
      let task: Task | undefined;
      const protections: boolean[] = [];
      runSync(
        kind.task(function* () {
          const submit = way(currentCallSoonThreadAndSignalSafe());
          submit(() => {
            task = currentTask();
            protections.push(currentlyKiProtected());
          });
          submit(disableKiProtection(() => protections.push(currentlyKiProtected())) as () => void);
          submit(() => void protections.push(currentlyKiProtected()));
          yield waitAllTasksBlocked();
          expect(task!.parentNursery!.parentTask).toBe(currentRootTask());
          expect(task).not.toBe(currentTask());
          expect(currentlyKiProtected()).toBe(false);
        }),
      );
      expect(protections).toEqual([true, false, true]);
    });

    test(`S25 a callback of ${name} that throws cancels all, and the run ends with TrioInternalError`, () => {
      const crash = new Error("crash");
      const log: string[] = [];
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            const submit = way(currentCallSoonThreadAndSignalSafe());
            submit(() => void log.push("before"));
            submit(() => {
              throw crash;
            });
            submit(() => void log.push("after"));
            yield openNursery(
              kind.task(function* (nursery: Nursery) {
                nursery.startSoon(
                  kind.task(function* () {
                    try {
                      yield sleepForever();
                    } finally {
                      log.push("child unwound");
                    }
                  }),
                );
                yield sleepForever();
              }),
            );
          }),
        ),
      );
      expect(problem).toBeInstanceOf(TrioInternalError);
      expect((problem.cause as ExceptionGroup).leaves()).toEqual([crash]);
      expect(log).toEqual(["before", "after", "child unwound"]); // those queued behind it still run
    });

    test(`S25 a callback of ${name} that throws when the system tasks have ended is not lost`, () => {
      const crash = new Error("late crash");
      let submitted = false;
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            yield yieldBriefly();
          }),
          {
            instruments: [
              {
                taskScheduled() {
                  // The system tasks' nursery is closed, and call-soon's is not yet.
                  if (submitted || currentRootTask().childNurseries.length !== 1) return;
                  submitted = true;
                  way(currentCallSoonThreadAndSignalSafe())(() => {
                    throw crash;
                  });
                },
              },
            ],
          },
        ),
      );
      expect(submitted).toBe(true);
      expect(problem).toBeInstanceOf(TrioInternalError);
      expect(causes(problem)).toContain(crash);
    });

    test(`S29 after the run ${name} throws RunFinishedError, and calls nothing`, () => {
      let called = false;
      const submit = runSync(
        kind.task(function* () {
          return way(currentCallSoonThreadAndSignalSafe());
        }),
      );
      for (let n = 0; n < 2; n++) {
        const problem = thrown(() => submit(() => void (called = true)));
        expect(problem).toBeInstanceOf(RunFinishedError);
      }
      expect(called).toBe(false);
    });

    test(`S29 every call of ${name} that did not throw has run when the run ends`, () => {
      let accepted = 0;
      let called = 0;
      let refused = false;
      runSync(
        kind.task(function* () {
          const submit = way(currentCallSoonThreadAndSignalSafe());
          const again = (): void => {
            called++;
            try {
              submit(again);
              accepted++;
            } catch (error) {
              expect(error).toBeInstanceOf(RunFinishedError);
              refused = true;
            }
          };
          submit(again);
          accepted++;
          for (let n = 0; n < 5; n++) yield yieldBriefly();
          // In the very last step of main's.
          submit(() => void called++);
          accepted++;
        }),
      );
      expect(accepted).toBeGreaterThan(5);
      expect(called).toBe(accepted);
      expect(refused).toBe(true);
    });

    test(`S29 calls of ${name} made after main has failed run as well`, () => {
      const log: string[] = [];
      const failure = new Error("main's");
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            const submit = way(currentCallSoonThreadAndSignalSafe());
            spawnSystemTask(
              kind.task(function* () {
                try {
                  yield sleepForever();
                } finally {
                  submit(() => void log.push("from a system task that is cancelled"));
                }
              }),
            );
            yield yieldBriefly();
            submit(() => void log.push("from main"));
            throw failure;
          }),
        ),
      );
      expect(problem).toBe(failure);
      expect(log).toEqual(["from main", "from a system task that is cancelled"]);
    });

    test(`S30 a callback of ${name} that submits itself for ever starves nobody`, () => {
      let turns = 0;
      runSync(
        kind.task(function* () {
          const submit = way(currentCallSoonThreadAndSignalSafe());
          let stop = false;
          const again = (): void => {
            turns++;
            if (!stop) submit(again);
          };
          submit(again);
          yield yieldBriefly();
          for (let n = 0; n < 50; n++) {
            const before = turns;
            yield yieldBriefly();
            expect(turns - before).toBe(1); // each pass makes the calls that were queued when it began
          }
          stop = true;
        }),
      );
      expect(turns).toBeGreaterThanOrEqual(50);
    });
  });

  test(`S22 ${name} refuses what is no function`, () => {
    runSync(function* () {
      const submit = way(currentCallSoonThreadAndSignalSafe());
      for (const wrong of [undefined, null, 1, "fn", {}]) {
        const problem = thrown(() => submit(wrong as never));
        expect(problem).toBeInstanceOf(TypeError);
        expect(problem.message).toContain(`${name}(fn)`);
      }
    });
  });

  test(`S22 a task function given to ${name} by mistake ends the run, with a word of advice`, () => {
    const problem = thrown(() =>
      runSync(function* () {
        way(currentCallSoonThreadAndSignalSafe())(function* () {} as never);
        yield* sleepForever();
      }),
    );
    expect(problem).toBeInstanceOf(TrioInternalError);
    const [leaf] = (problem.cause as ExceptionGroup).leaves();
    expect(leaf).toBeInstanceOf(TypeError);
    expect((leaf as Error).message).toContain("spawnSystemTask");
  });

  test(`S24 what ${name} calls has the AsyncLocalStorage values run was called with`, () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    storage.run("run's", () =>
      runSync(function* () {
        const submit = way(currentCallSoonThreadAndSignalSafe());
        storage.run("caller's", () => submit(() => void seen.push(storage.getStore())));
        yield* waitAllTasksBlocked();
      }),
    );
    expect(seen).toEqual(["run's"]);
  });

  /** Has a sleeping run woken by a call that `arrange` brings about. */
  async function wokenBy(arrange: (call: () => void) => void): Promise<void> {
    let woken = false;
    await run(async function* () {
      const submit = way(currentCallSoonThreadAndSignalSafe());
      yield* fromPromise(new Promise<void>((resolve) => arrange(() => submit(resolve))));
      woken = true;
    });
    expect(woken).toBe(true);
  }

  test(`S23 ${name} wakes a sleeping run: from a timer, an immediate and a microtask`, async () => {
    await wokenBy((call) => setTimeout(call, 1));
    await wokenBy((call) => setImmediate(call));
    await wokenBy((call) => queueMicrotask(call));
  });

  const noSignals = whyNot("signals");
  test.skipIf(noSignals !== "")(`S23 ${name} wakes a sleeping run: from a signal handler${noSignals}`, () =>
    wokenBy((call) => {
      process.once("SIGUSR2", call);
      process.kill(process.pid, "SIGUSR2");
    }),
  );

  test(`S26 ${name} keeps a long queue in order`, () => {
    const count = 20_000;
    const order: number[] = [];
    runSync(function* () {
      const submit = way(currentCallSoonThreadAndSignalSafe());
      const note = (n: number): void => void order.push(n);
      for (let n = 0; n < count; n++) {
        // Equality is looked up among the pending calls of one function: a function each keeps that short.
        if (name === "callSoon") submit(note, n);
        else submit(() => note(n));
      }
      expect(currentStatistics().callSoonQueueSize).toBe(count);
      yield* waitAllTasksBlocked();
      expect(currentStatistics().callSoonQueueSize).toBe(0);
    });
    expect(order).toEqual(Array.from({ length: count }, (_, n) => n));
  });
}

forBothKinds((kind) => {
  test("S26 plain calls run first in, first out, over all tasks and passes", () => {
    const submitted: string[] = [];
    const called: string[] = [];
    runSync(
      kind.task(function* () {
        const callSoon = currentCallSoonThreadAndSignalSafe();
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            for (const name of ["a", "b", "c"]) {
              nursery.startSoon(
                kind.task(function* () {
                  for (let n = 0; n < 4; n++) {
                    submitted.push(`${name}${n}`);
                    callSoon((call: string) => void called.push(call), `${name}${n}`);
                    if (n % 2 === 0) yield yieldBriefly();
                  }
                }),
              );
            }
          }),
        );
        yield waitAllTasksBlocked();
      }),
    );
    expect(called).toHaveLength(12);
    expect(called).toEqual(submitted);
  });

  test("S27 an idempotent call that equals a pending one is dropped, and the order is the first ones'", () => {
    runSync(
      kind.task(function* () {
        const { idempotent } = currentCallSoonThreadAndSignalSafe();
        const calls: string[] = [];
        const note = (name: string): void => void calls.push(name);
        const other = (name: string): void => void calls.push(`other ${name}`);
        for (let n = 0; n < 50; n++) {
          idempotent(note, "a");
          idempotent(note, "b");
          idempotent(other, "a");
        }
        expect(currentStatistics().callSoonQueueSize).toBe(3);
        yield waitAllTasksBlocked();
        expect(calls).toEqual(["a", "b", "other a"]);
      }),
    );
  });

  test("S27 once an idempotent call has begun, the same may be queued again, also from inside it", () => {
    runSync(
      kind.task(function* () {
        const { idempotent } = currentCallSoonThreadAndSignalSafe();
        let calls = 0;
        const again = (): void => {
          calls++;
          if (calls < 3) {
            idempotent(again);
            idempotent(again);
          }
        };
        idempotent(again);
        yield waitAllTasksBlocked();
        expect(calls).toBe(3);
        idempotent(again);
        yield waitAllTasksBlocked();
        expect(calls).toBe(4);
      }),
    );
  });

  test("S28 plain and idempotent calls both run, in whatever order between them", () => {
    runSync(
      kind.task(function* () {
        const callSoon = currentCallSoonThreadAndSignalSafe();
        const plain: number[] = [];
        const idempotent: number[] = [];
        const notePlain = (n: number): void => void plain.push(n);
        const noteIdempotent = (n: number): void => void idempotent.push(n);
        for (let n = 0; n < 10; n++) {
          callSoon(notePlain, n);
          callSoon.idempotent(noteIdempotent, n);
        }
        // The same function, submitted both ways: neither is a duplicate of the other.
        callSoon.idempotent(notePlain, 0);
        yield waitAllTasksBlocked();
        expect(plain.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        expect(plain.filter((n) => n > 0)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        expect(idempotent).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }),
    );
  });
});

test("S27 equal means the same function and as many arguments, pairwise Object.is-equal", () => {
  const calls: unknown[][] = [];
  runSync(function* () {
    const { idempotent } = currentCallSoonThreadAndSignalSafe();
    const note = (...args: unknown[]): void => void calls.push(args);
    const object = {};
    for (const args of [
      [],
      [undefined],
      [undefined, undefined],
      [Number.NaN],
      [Number.NaN],
      [0],
      [-0],
      [0],
      ["0"],
      [object],
      [object],
      [{}],
      [1, 2],
      [2, 1],
      [1, 2],
    ]) {
      idempotent(note, ...args);
    }
    yield* waitAllTasksBlocked();
  });
  expect(calls).toHaveLength(11);
  expect(calls.map((args) => args.length)).toEqual([0, 1, 2, 1, 1, 1, 1, 1, 1, 2, 2]);
  expect(Object.is(calls[5]![0], -0)).toBe(true);
});

test("S29 the run's end is no Cancelled to callers: they get RunFinishedError and nothing else", () => {
  const problems: unknown[] = [];
  runSync(
    function* () {
      yield* yieldBriefly();
    },
    {
      instruments: [
        {
          afterRun() {
            problems.push(thrown(() => currentCallSoonThreadAndSignalSafe()(() => {})));
          },
        },
      ],
    },
  );
  expect(problems).toHaveLength(1);
  expect(problems[0]).toBeInstanceOf(RunFinishedError);
  expect(problems[0]).not.toBeInstanceOf(Cancelled);
});

describe("from Workers", () => {
  const workers: Worker[] = [];
  beforeAll(async () => {
    for (let n = 0; n < 2; n++) {
      const worker = new Worker(new URL("./programs/caller.ts", import.meta.url));
      await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
      workers.push(worker);
    }
  });
  afterAll(() => {
    for (const worker of workers) worker.terminate();
  });

  const hosts = { run, runSync: async (...args: Parameters<typeof runSync>) => runSync(...args) };
  for (const [host, runOn] of Object.entries(hosts)) {
    test(`S23 Workers call into ${host}, and wake it: each one's calls in order, their arguments cloned`, async () => {
      const got: unknown[][] = workers.map(() => []);
      const tasks = new Set<Task>();
      await runOn(function* () {
        const all = new ParkingLot();
        const handle = currentCallSoonThreadAndSignalSafe().forThread((worker: number, what: unknown) => {
          tasks.add(currentTask());
          got[worker]!.push(what);
          if (got.every((calls) => calls.length === 102)) all.unpark();
        });
        for (const [worker, thread] of workers.entries()) thread.postMessage({ handle, worker, count: 100 });
        yield* all.park();
      });
      const inOrder = Array.from({ length: 100 }, (_, n) => n);
      const expected = [...inOrder, new Map([["key", [1n, undefined]]]), "DataCloneError"];
      expect(got).toEqual([expected, expected]);
      expect(tasks.size).toBe(1); // S24: call-soon's own
    });
  }

  test("S29 once the run is over, what a handle gives throws RunFinishedError", () => {
    const handle = runSync(function* () {
      return currentCallSoonThreadAndSignalSafe().forThread(() => {});
    });
    expect(thrown(connectCallSoon(handle as WorkerHandle))).toBeInstanceOf(RunFinishedError);
  });
});

/** An error, what caused it, and what is in it if it is a group. */
function causes(error: unknown): unknown[] {
  if (error instanceof ExceptionGroup) return [error, ...error.leaves()];
  return error instanceof Error && error.cause !== undefined ? [error, ...causes(error.cause)] : [error];
}
