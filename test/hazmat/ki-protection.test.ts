/** S31 to S37: Ctrl-C and protection from it. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  currentCallSoonThreadAndSignalSafe,
  currentTask,
  currentlyKiProtected,
  disableKiProtection,
  enableKiProtection,
  spawnSystemTask,
  yieldBriefly,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  type Coroutine,
  type Nursery,
  type Operation,
  call,
  fromPromise,
  moveOnAfter,
  named,
  openNursery,
  runSync,
} from "../../src/index.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { forBothKinds } from "./kinds.ts";
import { fileURLToPath } from "node:url";
import { thrown } from "./thrown.ts";
import { pressCtrlC } from "../ctrl-c.ts";

const program = fileURLToPath(new URL("./programs/ctrl-c.ts", import.meta.url));

/** Runs a program of `programs/ctrl-c.ts`; sends it a SIGINT when it says that it is ready. */
async function outcomeOf(scenario: string, host: string): Promise<{ said: string[]; end: number | string | null }> {
  const child = Bun.spawn([process.execPath, program, scenario, host], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  let sent = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += chunk;
    if (!sent && said.startsWith("ready\n")) {
      sent = true;
      await pressCtrlC(child);
    }
  }
  await child.exited;
  return { said: said.split("\n").slice(0, -1), end: child.signalCode ?? child.exitCode };
}

for (const host of ["run", "runSync"]) {
  describe(host, () => {
    async function expectOutcome(scenario: string, said: string[]): Promise<void> {
      expect(await outcomeOf(scenario, host)).toEqual({ said, end: 0 });
    }

    test("S31 Ctrl-C is KeyboardInterrupt out of what the main task waits in, and out of the run", () =>
      expectOutcome("sleeping", ["ready", "cleaned up", "threw KeyboardInterrupt"]));

    test("S31 it goes before cancellation, through shields, and comes once", () =>
      expectOutcome("once", [
        "first checkpoint: KeyboardInterrupt",
        "second checkpoint: Cancelled",
        "after the scope: nothing",
        "ended",
      ]));

    test("S31 it is the main task's, and no other's", () =>
      expectOutcome("elsewhere", ["main: KeyboardInterrupt", "child: Cancelled", "system task: Cancelled", "ended"]));

    test("S31 when main ends before it was delivered the run throws it, with main's own error as its cause", () =>
      expectOutcome("late", ["main ends", "threw KeyboardInterrupt", "cause RangeError"]));

    test("S31 where somebody else handles SIGINT a run leaves it to them", () =>
      expectOutcome("neighbour", ["main", "ended", "their listener"]));

    test("S31 after the run SIGINT does again what it did before", async () => {
      const { said, end } = await outcomeOf("after", host);
      expect(said).toEqual(["main", "ended"]);
      // Windows ends the process by a thread of its own, under Bun's feet, and under Wine Bun falls over that.
      if (process.platform === "win32") expect(end).not.toBe(0);
      else expect(end).toBe("SIGINT");
    });

    test("S36 protected code gets it at its own checkpoints, but not at yieldBrieflyNoCancel", () =>
      expectOutcome("protected", [
        "yieldBriefly: KeyboardInterrupt",
        "yieldIfCancelled: KeyboardInterrupt",
        "yieldIndefinitely: KeyboardInterrupt",
        "yieldBrieflyNoCancel: nothing",
        "what was left: KeyboardInterrupt",
        "ended",
      ]));

    test("S58 a block while it is pending calls the abort function at once", () =>
      expectOutcome("pendingAtBlock", ["block: KeyboardInterrupt", "aborts: 1", "ended"]));

    test("S63 raiseCancel may throw KeyboardInterrupt, and has then delivered it", () =>
      expectOutcome("raiseCancel", [
        "captured: KeyboardInterrupt",
        "and no more: nothing",
        "called by the task: KeyboardInterrupt",
        "and no more: nothing",
        "ended",
      ]));
  });
}

/** The two wrappers, with what each makes of protection. */
const WRAPPERS = [
  ["S33 disableKiProtection", disableKiProtection, false],
  ["S34 enableKiProtection", enableKiProtection, true],
] as const;

/** Drives `main` once as a user task, which is unprotected, and once as a system task, which is protected. */
function fromBothSides(main: (surroundings: boolean) => Coroutine<void>): void {
  let ends = 0;
  runSync(function* () {
    yield* call(main, false);
    ends++;
    const lot = new ParkingLot();
    spawnSystemTask(function* () {
      yield* call(main, true);
      ends++;
      lot.unpark();
    });
    yield* lot.park();
  });
  expect(ends).toBe(2);
}

test("S37 it is a boolean, and needs no run: outside of one code counts as protected", () => {
  expect(currentlyKiProtected()).toBe(true);
  runSync(function* () {});
  expect(currentlyKiProtected()).toBe(true);
  // Without a run there is nothing to set.
  expect(disableKiProtection(() => currentlyKiProtected())()).toBe(true);
});

test("S37 host code beside a run is outside it", async () => {
  const seen: boolean[] = [];
  const { run } = await import("../../src/index.ts");
  const turned = new Promise<void>((resolve) => {
    setTimeout(() => {
      seen.push(currentlyKiProtected());
      resolve();
    }, 0);
  });
  await run(function* () {
    yield* fromPromise(turned);
    seen.push(currentlyKiProtected());
  });
  expect(seen).toEqual([true, false]);
});

forBothKinds((kind) => {
  test("S32 user tasks are unprotected, system tasks and call-soon callbacks protected", () => {
    const seen: Record<string, boolean> = {};
    runSync(
      kind.task(function* () {
        seen["main"] = currentlyKiProtected();
        currentCallSoonThreadAndSignalSafe()(() => {
          seen["callback"] = currentlyKiProtected();
        });
        spawnSystemTask(
          kind.task(function* () {
            seen["system task"] = currentlyKiProtected();
          }),
        );
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            nursery.startSoon(
              kind.task(function* () {
                seen["child"] = currentlyKiProtected();
              }),
            );
          }),
        );
        yield waitAllTasksBlocked();
      }),
      {
        instruments: [
          {
            beforeRun: () => {
              seen["hook"] = currentlyKiProtected();
            },
          },
        ],
      },
    );
    expect(seen).toEqual({ main: false, callback: true, "system task": true, child: false, hook: true });
  });

  test("S32 a function is protected if its caller is: plain calls, frames, scopes and nurseries inherit", () => {
    const inside = (): boolean => currentlyKiProtected();
    fromBothSides(
      kind.task(function* (surroundings: boolean) {
        const seen: boolean[] = [];
        const look = kind.task(function* () {
          seen.push(inside());
          yield yieldBriefly();
          seen.push([0].map(inside)[0]!);
        });
        yield call(look);
        yield new CancelScope().run(look);
        yield moveOnAfter(Infinity, look);
        yield openNursery(look);
        yield call(() => openNursery(() => call(look)));
        expect(seen).toEqual(new Array(10).fill(surroundings));
        expect(inside()).toBe(surroundings);
      }),
    );
  });

  test("S32 tasks that are spawned do not inherit, and system tasks do not either", () => {
    runSync(
      kind.task(function* () {
        const seen: Record<string, boolean> = {};
        const look = (name: string) =>
          kind.task(function* () {
            seen[name] = currentlyKiProtected();
          });
        yield openNursery(
          enableKiProtection(
            kind.task(function* (nursery: Nursery) {
              nursery.startSoon(look("child of protected code"));
              nursery.startSoon(enableKiProtection(look("protected child")));
              yield nursery.start(
                kind.task(function* (status: { started(): void }) {
                  seen["started by protected code"] = currentlyKiProtected();
                  status.started();
                }),
              );
              disableKiProtection(() => spawnSystemTask(look("system task of unprotected code")))();
            }),
          ),
        );
        yield waitAllTasksBlocked();
        expect(seen).toEqual({
          "child of protected code": false,
          "protected child": true,
          "started by protected code": false,
          "system task of unprotected code": true,
        });
      }),
    );
  });

  test("S32 an abort function is protected, whoever cancels", () => {
    runSync(
      kind.task(function* () {
        const seen: boolean[] = [];
        const scope = new CancelScope();
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            nursery.startSoon(() =>
              scope.run(() =>
                yieldIndefinitely(() => {
                  seen.push(currentlyKiProtected());
                  return Abort.SUCCEEDED;
                }),
              ),
            );
            yield waitAllTasksBlocked();
            scope.cancel();
            seen.push(currentlyKiProtected());
          }),
        );
        expect(seen).toEqual([true, false]);
      }),
    );
  });

  test("S32 two tasks never see each other's protection, however they take turns", () => {
    runSync(
      kind.task(function* () {
        const wrong: string[] = [];
        const look = (name: string, expected: boolean) =>
          kind.task(function* () {
            for (let n = 0; n < 10; n++) {
              if (currentlyKiProtected() !== expected) wrong.push(name);
              yield yieldBriefly();
            }
          });
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            nursery.startSoon(look("plain", false));
            nursery.startSoon(enableKiProtection(look("enabled", true)));
            nursery.startSoon(disableKiProtection(look("disabled", false)));
            nursery.startSoon(enableKiProtection(look("enabled too", true)));
            yield* [];
          }),
        );
        expect(wrong).toEqual([]);
      }),
    );
  });
});

for (const [row, wrap, inside] of WRAPPERS) {
  describe(row.slice(4), () => {
    test(`${row} holds in a regular function, in what it calls, and is over when it returns or throws`, () => {
      fromBothSides(function* (surroundings) {
        const look = (): boolean => currentlyKiProtected();
        expect(wrap(() => [look(), [0].map(look)[0]!])()).toEqual([inside, inside]);
        expect(currentlyKiProtected()).toBe(surroundings);
        const error = new Error("thrown");
        expect(
          thrown(
            wrap(() => {
              throw error;
            }),
          ),
        ).toBe(error);
        expect(currentlyKiProtected()).toBe(surroundings);
      });
    });

    test(`${row} holds in a function*, across suspensions, throws and its finally, and not around it`, () => {
      fromBothSides(function* (surroundings) {
        const seen: boolean[] = [];
        const look = (): void => void seen.push(currentlyKiProtected());
        const scope = new CancelScope();
        yield* scope.run(function* () {
          look();
          yield* wrap(function* () {
            look();
            yield* yieldBriefly();
            look();
            scope.cancel();
            try {
              yield* yieldBriefly();
            } catch (error) {
              expect(error).toBeInstanceOf(Cancelled);
              look();
            }
            try {
              yield* yieldBriefly();
            } finally {
              look();
            }
          })();
        });
        look();
        expect(seen).toEqual([surroundings, inside, inside, inside, inside, surroundings]);
        expect(scope.cancelledCaught).toBe(true);
      });
    });

    test(`${row} holds in an async function*, across suspensions, awaits, throws and its finally, and not around it`, () => {
      fromBothSides(async function* (surroundings) {
        const seen: boolean[] = [];
        const look = (): void => void seen.push(currentlyKiProtected());
        const scope = new CancelScope();
        yield* scope.run(async function* () {
          look();
          yield* wrap(async function* () {
            look();
            await Promise.resolve();
            look();
            yield* yieldBriefly();
            look();
            scope.cancel();
            try {
              yield* yieldBriefly();
            } catch (error) {
              expect(error).toBeInstanceOf(Cancelled);
              look();
            }
            try {
              yield* yieldBriefly();
            } finally {
              await Promise.resolve();
              look();
            }
          })();
        });
        look();
        await Promise.resolve();
        look();
        expect(seen).toEqual([surroundings, inside, inside, inside, inside, inside, surroundings, surroundings]);
        expect(scope.cancelledCaught).toBe(true);
      });
    });

    test(`${row} holds in an async function, across its awaits, and not around it`, () => {
      fromBothSides(async function* (surroundings) {
        const seen: boolean[] = [];
        const look = (): void => void seen.push(currentlyKiProtected());
        const fn = wrap(async () => {
          look();
          await Promise.resolve();
          look();
          await Promise.resolve();
          look();
          return "value";
        });
        const promise = fn();
        look();
        expect(await promise).toBe("value");
        look();
        expect(seen).toEqual([inside, surroundings, inside, inside, surroundings]);

        expect(yield* fromPromise(fn())).toBe("value");
        expect(currentlyKiProtected()).toBe(surroundings);

        const error = new Error("rejected");
        const failing = wrap(async () => {
          await Promise.resolve();
          throw error;
        });
        let rejection: unknown;
        try {
          await failing();
        } catch (caught) {
          rejection = caught;
        }
        expect(rejection).toBe(error);
        expect(currentlyKiProtected()).toBe(surroundings);
      });
    });

    test(`${row} holds in the frames that the function opens, and ends with it`, () => {
      fromBothSides(function* (surroundings) {
        const seen: boolean[] = [];
        const look = function* (): Generator<any, void, any> {
          yield* yieldBriefly();
          seen.push(currentlyKiProtected());
        };
        yield* wrap(function* () {
          yield* call(look);
          yield* openNursery(look);
          yield* new CancelScope().run(async function* () {
            yield* look();
            await Promise.resolve();
            seen.push(currentlyKiProtected());
          });
        })();
        expect(seen).toEqual([inside, inside, inside, inside]);
        expect(currentlyKiProtected()).toBe(surroundings);
      });
    });

    test(`${row} holds in a generator that is no coroutine, and not between its values`, () => {
      fromBothSides(function* (surroundings) {
        const seen: boolean[] = [];
        const look = (): void => void seen.push(currentlyKiProtected());
        const values = wrap(function* () {
          try {
            look();
            yield 1;
            look();
            yield 2;
            yield 3;
          } finally {
            look();
          }
        });
        const got: number[] = [];
        for (const value of values()) {
          look();
          got.push(value);
          if (value === 2) break;
        }
        expect(got).toEqual([1, 2]);
        expect(seen).toEqual([inside, surroundings, inside, surroundings, inside]);
      });
    });

    test(`${row} lets through arguments, this, the result, the name and the length`, () => {
      const sum = wrap(function sum(this: { base: number }, a: number, b: number) {
        return this.base + a + b;
      });
      expect(sum.call({ base: 1 }, 2, 3)).toBe(6);
      expect([sum.name, sum.length]).toEqual(["sum", 2]);
      for (const value of [undefined, null, "text", [1, 2], new Map(), {}])
        expect(wrap(() => value)()).toBe(value as never);

      class Counter {
        #count = 0;
        increment = wrap(function* (this: Counter, by: number): Generator<any, number, any> {
          yield* yieldBriefly();
          return (this.#count += by);
        });
      }
      const counter = new Counter();
      expect(
        runSync(function* () {
          yield* counter.increment(2);
          return yield* counter.increment(3);
        }),
      ).toBe(5);
    });

    test(`${row} may wrap a function that returns an operation: it gives what that gives`, async () => {
      const warnings: unknown[] = [];
      const listen = (warning: unknown): void => void warnings.push(warning);
      process.on("warning", listen);
      try {
        fromBothSides(function* (surroundings) {
          const lot = new ParkingLot();
          const take = wrap((): Operation<string> =>
            call(function* () {
              yield* lot.park();
              return `protected: ${currentlyKiProtected()}`;
            }),
          );
          yield* openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              lot.unpark();
            });
            expect(yield* take()).toBe(`protected: ${inside}`);
          });
          expect(currentlyKiProtected()).toBe(surroundings);
          yield* wrap(yieldBriefly)();
        });
        await new Promise((resolve) => setImmediate(resolve)); // warnings are told on a later turn
      } finally {
        process.off("warning", listen);
      }
      expect(warnings).toEqual([]);
    });

    test(`${row} wants a function, and says so`, () => {
      for (const wrong of [undefined, null, 1, {}, "fn"]) {
        const problem = thrown(() => wrap(wrong as never));
        expect(problem).toBeInstanceOf(TypeError);
        expect(problem.message).toContain(`${row.slice(4)}(fn)`);
      }
    });
  });
}

test("S33 a call-soon callback takes protection away where it enters the user's function, and only there", () => {
  const seen: string[] = [];
  const look = (where: string): void => void seen.push(`${where}: ${currentlyKiProtected()}`);
  runSync(function* () {
    const users = disableKiProtection(() => look("the user's function"));
    currentCallSoonThreadAndSignalSafe()(() => {
      look("before");
      users();
      look("after");
    });
    yield* waitAllTasksBlocked();
  });
  expect(seen).toEqual(["before: true", "the user's function: false", "after: true"]);
});

test("S34 a release that must not be cut in half is protected though its caller is not, also on the way out of an error", () => {
  const seen: boolean[] = [];
  class Held implements Disposable {
    [Symbol.dispose] = enableKiProtection(() => void seen.push(currentlyKiProtected()));
  }
  runSync(function* () {
    const error = new Error("in the block");
    expect(
      thrown(() => {
        using _held = new Held();
        seen.push(currentlyKiProtected());
        throw error;
      }),
    ).toBe(error);
    yield* yieldBriefly();
    seen.push(currentlyKiProtected());
  });
  expect(seen).toEqual([false, true, false]);
});

test("S35 the innermost wrapper decides, and other wrappers may stand around it or in it", () => {
  runSync(function* () {
    const look = (): boolean => currentlyKiProtected();
    expect(disableKiProtection(enableKiProtection(look))()).toBe(true);
    expect(enableKiProtection(disableKiProtection(look))()).toBe(false);
    expect(named("outside", enableKiProtection(look))()).toBe(true);
    expect(enableKiProtection(named("inside", look))()).toBe(true);
    expect(enableKiProtection(named("inside", look)).name).toBe("inside");

    const nested = enableKiProtection(function* (): Generator<any, boolean[], any> {
      const before = currentlyKiProtected();
      const within: boolean = yield* disableKiProtection(function* (): Generator<any, boolean, any> {
        yield* yieldBriefly();
        return currentlyKiProtected();
      })();
      return [before, within, currentlyKiProtected()];
    });
    expect(yield* nested()).toEqual([true, false, true]);
  });
});

test("S35 two closures of one function do not share their protection, and the function itself stays as it was", () => {
  runSync(function* () {
    const make = () => (): boolean => currentlyKiProtected();
    const one = make();
    const other = make();
    const guarded = enableKiProtection(one);
    expect([guarded(), one(), other()]).toEqual([true, false, false]);
    expect(currentTask().name).not.toBe("");
  });
});
