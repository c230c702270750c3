/** S13 to S20: system tasks. */
import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "bun:test";
import {
  ParkingLot,
  Task,
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
  type Instrument,
  KeyboardInterrupt,
  type Nursery,
  TrioInternalError,
  UsageError,
  fromPromise,
  named,
  openNursery,
  run,
  runSync,
  sleepForever,
} from "../../src/index.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

/** The errors at the bottom of a TrioInternalError's cause. */
function leavesOf(error: TrioInternalError): unknown[] {
  expect(error.cause).toBeInstanceOf(ExceptionGroup);
  return (error.cause as ExceptionGroup).leaves();
}

forBothKinds((kind) => {
  test("S13 spawnSystemTask hands on the arguments, and is no checkpoint", () => {
    runSync(
      kind.task(function* () {
        let got: unknown[] = [];
        spawnSystemTask(
          kind.task(function* (...args: unknown[]) {
            got = args;
          }),
          1,
          "two",
          [3],
        );
        expect(got).toEqual([]);
        yield yieldBriefly();
        expect(got).toEqual([1, "two", [3]]);
      }),
    );
  });

  test("S14 a system task goes into the run's own nursery, and needs none of the program's", () => {
    runSync(
      kind.task(function* () {
        const main = currentTask();
        let inCallback: Task | undefined;
        currentCallSoonThreadAndSignalSafe()(() => {
          inCallback = currentTask();
        });
        const system = spawnSystemTask(
          kind.task(function* () {
            yield sleepForever();
          }),
        );
        yield waitAllTasksBlocked();
        // The root task holds three nurseries, one in the other: call-soon's, the system tasks', main's.
        const root = currentRootTask();
        const [callSoons, systems, mains] = root.childNurseries;
        expect(root.childNurseries).toHaveLength(3);
        expect(inCallback!.parentNursery).toBe(callSoons!);
        expect(system.parentNursery).toBe(systems!);
        expect(main.parentNursery).toBe(mains!);
        expect(main.childNurseries).toEqual([]);
      }),
    );
  });

  test("S15 a system task that throws cancels every task, and the run ends with TrioInternalError", () => {
    const crash = new Error("crash");
    const log: string[] = [];
    const problem = thrown(() =>
      runSync(
        kind.task(function* () {
          spawnSystemTask(
            kind.task(function* () {
              try {
                yield sleepForever();
              } catch (error) {
                log.push(`other system task: ${(error as Error).name}`);
                throw error;
              }
            }),
          );
          spawnSystemTask(
            kind.task(function* () {
              yield yieldBriefly();
              throw crash;
            }),
          );
          yield openNursery(
            kind.task(function* (nursery: Nursery) {
              nursery.startSoon(
                kind.task(function* () {
                  try {
                    yield sleepForever();
                  } finally {
                    log.push("child");
                  }
                }),
              );
              try {
                yield sleepForever();
              } catch (error) {
                log.push(`main: ${(error as Error).name}`);
                throw error;
              }
            }),
          );
        }),
      ),
    );
    expect(problem).toBeInstanceOf(TrioInternalError);
    expect(leavesOf(problem)).toEqual([crash]);
    expect(log.toSorted()).toEqual(["child", "main: Cancelled", "other system task: Cancelled"]);
  });

  test("S15 the errors of a system task's own nursery are all in the cause, and no Cancelled", () => {
    const crashes = [new Error("one"), new Error("two")];
    const problem = thrown(() =>
      runSync(
        kind.task(function* () {
          spawnSystemTask(
            kind.task(function* () {
              yield openNursery(
                kind.task(function* (nursery: Nursery) {
                  for (const crash of crashes) {
                    nursery.startSoon(function* () {
                      throw crash;
                    });
                  }
                  nursery.startSoon(() => sleepForever());
                }),
              );
            }),
          );
          yield sleepForever();
        }),
      ),
    );
    expect(problem).toBeInstanceOf(TrioInternalError);
    expect(leavesOf(problem)).toEqual(crashes);
  });

  test("S15 KeyboardInterrupt out of a system task is an internal error like any other", () => {
    const interrupt = new KeyboardInterrupt();
    const problem = thrown(() =>
      runSync(
        kind.task(function* () {
          spawnSystemTask(
            kind.task(function* () {
              throw interrupt;
            }),
          );
          yield sleepForever();
        }),
      ),
    );
    expect(problem).toBeInstanceOf(TrioInternalError);
    expect(leavesOf(problem)).toEqual([interrupt]);
  });

  test("S15 what main returned or threw does not hide the internal error", () => {
    for (const end of [
      () => "a value",
      () => {
        throw new Error("main's own");
      },
    ]) {
      const crash = new Error("crash");
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            spawnSystemTask(
              kind.task(function* () {
                throw crash;
              }),
            );
            try {
              yield sleepForever();
            } catch (error) {
              expect(error).toBeInstanceOf(Cancelled);
            }
            return end();
          }),
        ),
      );
      expect(problem).toBeInstanceOf(TrioInternalError);
      expect(leavesOf(problem)).toEqual([crash]);
    }
  });

  test("S16 system tasks are cancelled when main has ended, and waited for; call-soon goes on until then", () => {
    const log: string[] = [];
    const value = runSync(
      kind.task(function* () {
        const callSoon = currentCallSoonThreadAndSignalSafe();
        spawnSystemTask(
          kind.task(function* () {
            try {
              yield sleepForever();
            } catch (error) {
              log.push(`${(error as Cancelled).name} (${(error as Cancelled).source})`);
              throw error;
            } finally {
              callSoon(() => log.push("call made while unwinding"));
            }
          }),
        );
        yield yieldBriefly();
        log.push("main ends");
        return "main's value";
      }),
    );
    expect(value).toBe("main's value");
    expect(log).toEqual(["main ends", "Cancelled (shutdown)", "call made while unwinding"]);
  });

  test("S16 a system task that main left unstarted still runs to its first checkpoint", () => {
    const log: string[] = [];
    runSync(
      kind.task(function* () {
        spawnSystemTask(
          kind.task(function* () {
            log.push("began");
            yield yieldBriefly();
            log.push("went on");
          }),
        );
      }),
    );
    expect(log).toEqual(["began"]);
  });

  test("S17 system tasks are protected from Ctrl-C, unless they say otherwise", () => {
    runSync(
      kind.task(function* () {
        const seen: [string, boolean][] = [];
        const look = (name: string) =>
          kind.task(function* () {
            seen.push([name, currentlyKiProtected()]);
            yield yieldBriefly();
            seen.push([name, currentlyKiProtected()]);
          });
        spawnSystemTask(look("by default"));
        spawnSystemTask(disableKiProtection(look("disabled")));
        expect(currentlyKiProtected()).toBe(false);
        yield waitAllTasksBlocked();
        expect(seen).toEqual([
          ["by default", true],
          ["disabled", false],
          ["by default", true],
          ["disabled", false],
        ]);
      }),
    );
  });

  test("S18 a system task shows the name of its function, or the one it was given", () => {
    function original(): void {}
    runSync(
      kind.task(function* () {
        const fn = kind.task(function* watcher() {
          yield sleepForever();
        });
        const nameWith = (name: unknown): string => spawnSystemTask(named(name as string, fn)).name;
        expect(spawnSystemTask(fn).name).toBe("watcher");
        expect(nameWith("some text")).toBe("some text");
        expect(nameWith(original)).toBe("original");
        expect(nameWith(17)).toBe("17");
        expect(nameWith(["a", "b"])).toBe("a,b");
        expect(nameWith(Symbol("mark"))).toBe("Symbol(mark)");
        expect(spawnSystemTask(() => fn()).name).not.toBe("");
        expect(String(spawnSystemTask(named("shown", fn)))).toContain("shown");
      }),
    );
  });

  test("S19 spawnSystemTask gives the task, which can be used at once and has not run yet", () => {
    runSync(
      kind.task(function* () {
        const before = currentStatistics().tasksLiving;
        let ran: Task | undefined;
        const task = spawnSystemTask(
          kind.task(function* () {
            ran = currentTask();
          }),
        );
        expect(task).toBeInstanceOf(Task);
        expect(ran).toBeUndefined();
        expect(task.parentNursery!.childTasks.has(task)).toBe(true);
        expect(currentStatistics().tasksLiving).toBe(before + 1);
        yield waitAllTasksBlocked();
        expect(ran).toBe(task);
        expect(currentStatistics().tasksLiving).toBe(before);
      }),
    );
  });

  test("S20 a system task has the AsyncLocalStorage values run was called with, not its spawner's", () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    storage.run("run's", () =>
      runSync(
        kind.task(function* () {
          storage.run("spawner's", () =>
            spawnSystemTask(
              kind.task(function* () {
                seen.push(storage.getStore());
                yield yieldBriefly();
                seen.push(storage.getStore());
              }),
            ),
          );
          yield waitAllTasksBlocked();
          expect(storage.getStore()).toBe("run's");
        }),
      ),
    );
    expect(seen).toEqual(["run's", "run's"]);
  });
});

test("S13 spawnSystemTask works from all code of a run: tasks, callbacks, hooks, system tasks, host code", async () => {
  const log: string[] = [];
  const spawn = (from: string): void => {
    spawnSystemTask(function* () {
      log.push(from);
    });
  };
  let hooked = false;
  const instrument: Instrument = {
    beforeTaskStep() {
      if (hooked || !log.includes("a task")) return;
      hooked = true;
      spawn("an instrument's hook");
    },
  };
  await run(
    async function* () {
      spawn("a task");
      currentCallSoonThreadAndSignalSafe()(() => spawn("a call-soon callback"));
      spawnSystemTask(function* () {
        spawn("a system task");
      });
      yield* fromPromise(
        new Promise<void>((resolve) => {
          setTimeout(() => {
            spawn("a timer");
            resolve();
          }, 0);
        }),
      );
      yield* waitAllTasksBlocked();
    },
    { instruments: [instrument] },
  );
  expect(log.toSorted()).toEqual([
    "a call-soon callback",
    "a system task",
    "a task",
    "a timer",
    "an instrument's hook",
  ]);
});

test("S13 what is no task function is refused at the call, and the run goes on", () => {
  runSync(function* () {
    for (const wrong of [undefined, null, 1, {}]) {
      const problem = thrown(() => spawnSystemTask(wrong as never));
      expect(problem).toBeInstanceOf(TypeError);
      expect(problem.message).toContain("spawnSystemTask(fn)");
    }
    for (const wrong of [() => 1, async () => {}, () => undefined]) {
      expect(thrown(() => spawnSystemTask(wrong as never))).toBeInstanceOf(TypeError);
    }
    const own = new Error("the function's own");
    expect(
      thrown(() =>
        spawnSystemTask(() => {
          throw own;
        }),
      ),
    ).toBe(own);
    yield* yieldBriefly();
  });
});

test("S13 outside a run spawnSystemTask throws UsageError", () => {
  expect(thrown(() => spawnSystemTask(function* () {}))).toBeInstanceOf(UsageError);
});

test("S20 once the system tasks have ended, no more are taken in", () => {
  let problem: any;
  runSync(function* () {}, {
    instruments: [
      {
        afterRun() {
          problem = thrown(() => spawnSystemTask(function* () {}));
        },
      },
    ],
  });
  expect(problem).toBeInstanceOf(UsageError);
  expect(problem.message).toContain("closed to new arrivals");
});

test("S16 a system task may take its time over its clean-up: the run waits for it", () => {
  const lot = new ParkingLot();
  let cleanedUp = false;
  runSync(function* () {
    spawnSystemTask(function* () {
      try {
        yield* lot.park();
      } finally {
        for (let n = 0; n < 10; n++) {
          try {
            yield* yieldBriefly();
          } catch (error) {
            expect(error).toBeInstanceOf(Cancelled);
          }
        }
        cleanedUp = true;
      }
    });
    yield* waitAllTasksBlocked();
  });
  expect(cleanedUp).toBe(true);
});
