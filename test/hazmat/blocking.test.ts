/** S54 to S68: the lowest level of blocking. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  type AbortResult,
  ParkingLot,
  Result,
  type Task,
  currentTask,
  reschedule,
  yieldBriefly,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  DeadlockError,
  type Nursery,
  type Operation,
  type TaskStatus,
  TrioInternalError,
  UsageError,
  moveOnAfter,
  openNursery,
  runSync,
  sleep,
} from "../../src/index.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { type Script, forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

const succeed = (): AbortResult => Abort.SUCCEEDED;
const refuse = (): AbortResult => Abort.FAILED;

test("S54 the two answers are unique values, which nothing can be mistaken for", () => {
  expect(Abort.SUCCEEDED).not.toBe(Abort.FAILED);
  expect(String(Abort.SUCCEEDED)).toBe("Abort.SUCCEEDED");
  expect(String(Abort.FAILED)).toBe("Abort.FAILED");
  expect(Object.isFrozen(Abort)).toBe(true);
  expect(Object.keys(Abort)).toEqual(["SUCCEEDED", "FAILED"]);
});

test("S55 what is no task cannot be rescheduled, and what is no Result cannot be given", () => {
  for (const wrong of [undefined, null, {}, "task"]) {
    const problem = thrown(() => reschedule(wrong as never));
    expect(problem).toBeInstanceOf(TypeError);
    expect(problem.message).toContain("task must be a Task");
  }
  runSync(function* () {
    for (const wrong of [1, "value", null, { value: 1 }, new Error("bare")]) {
      const problem = thrown(() => reschedule(currentTask(), wrong as never));
      expect(problem).toBeInstanceOf(TypeError);
      expect(problem.message).toContain("result must be a Result");
    }
  });
});

test("S57 an abort function has to be a function, and the call says so", () => {
  for (const wrong of [undefined, null, Abort.SUCCEEDED]) {
    const problem = thrown(() => yieldIndefinitely(wrong as never));
    expect(problem).toBeInstanceOf(TypeError);
    expect(problem.message).toContain("abortFn");
  }
});

test("S57 nothing blocks outside a run", () => {
  expect(thrown(() => [...(yieldIndefinitely(succeed) as unknown as Iterable<unknown>)])).toBeInstanceOf(UsageError);
});

test("S67 a Result keeps a value or an error, and unwraps to it", () => {
  const error = new Error("kept");
  expect(Result.value(3).unwrap()).toBe(3);
  expect(Result.value(undefined).unwrap()).toBeUndefined();
  expect(thrown(() => Result.error(error).unwrap())).toBe(error);
  expect(thrown(() => Result.error("no Error").unwrap())).toBe("no Error");
  expect(Result.value(1)).toBeInstanceOf(Result);
  expect(Result.error(1)).toBeInstanceOf(Result);
});

test("S67 capture keeps what a call returns or throws", () => {
  const error = new Error("thrown");
  expect(Result.capture((a: number, b: number) => a + b, 1, 2).unwrap()).toBe(3);
  const failed = Result.capture(() => {
    throw error;
  });
  expect(thrown(() => failed.unwrap())).toBe(error);
  expect(thrown(() => Result.capture("no function" as never))).toBeInstanceOf(TypeError);
});

forBothKinds((kind) => {
  /** A task that blocks in `yieldIndefinitely`, in a scope of its own, and what became of it. */
  interface Sleeper {
    readonly scope: CancelScope;
    task: Task;
    aborts: number;
    raiseCancel: (() => never) | null;
    /** What it was woken with; `Result.error` of what it threw. */
    result: Result<unknown> | null;
  }

  /** Starts one in `nursery`; it blocks in the next pass. */
  function startSleeper(nursery: Nursery, answer: (sleeper: Sleeper) => unknown): Sleeper {
    const sleeper: Sleeper = {
      scope: new CancelScope(),
      task: null as unknown as Task,
      aborts: 0,
      raiseCancel: null,
      result: null,
    };
    nursery.startSoon(
      kind.task(function* sleeper_() {
        sleeper.task = currentTask();
        yield sleeper.scope.run(
          kind.task(function* () {
            try {
              const value: unknown = yield yieldIndefinitely((raiseCancel) => {
                sleeper.aborts++;
                sleeper.raiseCancel = raiseCancel;
                return answer(sleeper) as AbortResult;
              });
              sleeper.result = Result.value(value);
            } catch (error) {
              sleeper.result = Result.error(error);
              throw error;
            }
          }),
        );
      }),
    );
    return sleeper;
  }

  function inNursery(script: Script<[Nursery], void>): void {
    let ended = false;
    runSync(
      kind.task(function* () {
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            yield* script(nursery);
            ended = true;
          }),
        );
      }),
      { clock: new MockClock({ autojumpThreshold: 0 }) },
    );
    expect(ended).toBe(true);
  }

  for (const answer of [undefined, null, true, false, 1, "SUCCEEDED", "Abort.SUCCEEDED", {}, Promise.resolve()]) {
    test(`S54 an abort function that returns ${Bun.inspect(answer)} ends the run with TrioInternalError`, () => {
      let unwound = false;
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            const scope = new CancelScope();
            scope.cancel();
            yield scope.run(
              kind.task(function* () {
                try {
                  yield yieldIndefinitely(() => answer as unknown as AbortResult);
                } finally {
                  unwound = true;
                }
              }),
            );
          }),
        ),
      );
      expect(problem).toBeInstanceOf(TrioInternalError);
      expect(problem.message).toContain("Abort.SUCCEEDED or Abort.FAILED");
      expect(unwound).toBe(true);
    });
  }

  test("S55 reschedule wakes the task with a value, on a later pass and never inline", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      expect(reschedule(sleeper.task, Result.value("hello"))).toBeUndefined();
      expect(sleeper.result).toBeNull();
      yield yieldBriefly();
      expect(sleeper.result?.unwrap()).toBe("hello");
    });
  });

  test("S55 reschedule without a result wakes it with undefined", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      reschedule(sleeper.task);
      yield yieldBriefly();
      expect(sleeper.result?.unwrap()).toBeUndefined();
      expect(sleeper.result).not.toBeNull();
    });
  });

  test("S55 tasks rescheduled in one step run in that order", () => {
    inNursery(function* (nursery) {
      const order: number[] = [];
      const tasks: Task[] = [];
      for (let n = 0; n < 4; n++) {
        nursery.startSoon(
          kind.task(function* () {
            tasks[n] = currentTask();
            yield yieldIndefinitely(succeed);
            order.push(n);
          }),
        );
      }
      yield waitAllTasksBlocked();
      for (const n of [2, 0, 3, 1]) reschedule(tasks[n]!);
      yield yieldBriefly();
      expect(order).toEqual([2, 0, 3, 1]);
    });
  });

  test("S55 reschedule clears customSleepData and the abort function", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      sleeper.task.customSleepData = { waitingFor: "godot" };
      reschedule(sleeper.task);
      expect(sleeper.task.customSleepData).toBeUndefined();
      sleeper.scope.cancel();
      yield waitAllTasksBlocked();
      expect(sleeper.aborts).toBe(0);
      expect(sleeper.result).not.toBeNull();
    });
  });

  test("S56 a second reschedule is an error at its caller that names the task; the first stands", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      reschedule(sleeper.task, Result.value("first"));
      const problem = thrown(() => reschedule(sleeper.task, Result.value("second")));
      expect(problem).toBeInstanceOf(UsageError);
      expect(problem.message).toContain("sleeper_");
      expect(problem.message).toContain("rescheduled already");
      yield yieldBriefly();
      expect(sleeper.result?.unwrap()).toBe("first");
    });
  });

  test("S56 Abort.SUCCEEDED counts as one reschedule: another is one too many", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      sleeper.scope.cancel();
      expect(thrown(() => reschedule(sleeper.task))).toBeInstanceOf(UsageError);
      yield waitAllTasksBlocked();
      expect(sleeper.scope.cancelledCaught).toBe(true);
    });
  });

  test("S56 a task that runs, or has ended, cannot be rescheduled, and the run goes on", () => {
    inNursery(function* (nursery) {
      const running = thrown(() => reschedule(currentTask()));
      expect(running).toBeInstanceOf(UsageError);
      expect(running.message).toContain("is not blocked");

      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      reschedule(sleeper.task);
      yield waitAllTasksBlocked();
      const ended = thrown(() => reschedule(sleeper.task));
      expect(ended).toBeInstanceOf(UsageError);
      expect(ended.message).toContain("sleeper_");
      expect(ended.message).toContain("has ended");
    });
  });

  test("S56 a task that is blocked in something else is its own waker's", () => {
    inNursery(function* (nursery) {
      const lot = new ParkingLot();
      const tasks: Task[] = [];
      for (const operation of [() => lot.park(), () => sleep(1_000)]) {
        nursery.startSoon(
          kind.task(function* () {
            tasks.push(currentTask());
            yield operation();
          }),
        );
      }
      yield waitAllTasksBlocked();
      for (const task of tasks) expect(thrown(() => reschedule(task))).toBeInstanceOf(UsageError);
      expect(lot.unpark()).toHaveLength(1);
    });
  });

  test("S56 an abort function that reschedules the task and answers SUCCEEDED has done so twice", () => {
    const problem = thrown(() =>
      inNursery(function* (nursery) {
        const sleeper = startSleeper(nursery, ({ task }) => {
          reschedule(task);
          return Abort.SUCCEEDED;
        });
        yield waitAllTasksBlocked();
        sleeper.scope.cancel();
      }),
    );
    expect(problem).toBeInstanceOf(TrioInternalError);
    expect(problem.message).toContain("second reschedule");
  });

  test("S57 it throws the error given to reschedule, Error or not, as it is", () => {
    inNursery(function* () {
      for (const error of [new Error("given"), "text", undefined, null]) {
        const task = currentTask();
        yield openNursery(
          kind.task(function* (inner: Nursery) {
            inner.startSoon(function* () {
              reschedule(task, Result.error(error));
            });
            let caught: unknown = "nothing";
            try {
              yield yieldIndefinitely(succeed);
            } catch (thrown) {
              caught = thrown;
            }
            expect(caught).toBe(error);
          }),
        );
      }
    });
  });

  test("S57 an operation is good for one drive", () => {
    inNursery(function* () {
      const task = currentTask();
      yield openNursery(
        kind.task(function* (inner: Nursery) {
          inner.startSoon(function* () {
            reschedule(task);
          });
          const operation = yieldIndefinitely(succeed);
          yield operation;
          const problem: unknown = yield kind.errorOf(operation);
          expect(problem).toBeInstanceOf(UsageError);
        }),
      );
    });
  });

  test("S58 a cancellation calls the abort function inside cancel(), as the task that is aborted", () => {
    inNursery(function* (nursery) {
      const canceller = currentTask();
      let during: Task | undefined;
      const sleeper = startSleeper(nursery, () => {
        during = currentTask();
        return Abort.SUCCEEDED;
      });
      yield waitAllTasksBlocked();
      sleeper.scope.cancel();
      expect(sleeper.aborts).toBe(1);
      expect(during).toBe(sleeper.task);
      expect(currentTask()).toBe(canceller);
    });
  });

  test("S58 in a context that is cancelled already it is called at once, before anybody else runs", () => {
    inNursery(function* (nursery) {
      const log: string[] = [];
      nursery.startSoon(function* () {
        log.push("other task");
      });
      const scope = new CancelScope();
      scope.cancel();
      yield scope.run(
        kind.task(function* () {
          yield yieldIndefinitely(() => {
            log.push("abort");
            return Abort.SUCCEEDED;
          });
        }),
      );
      expect(log).toEqual(["abort", "other task"]);
    });
  });

  test("S58 taking a shield away from a cancelled scope calls it there and then", () => {
    inNursery(function* (nursery) {
      const outer = new CancelScope();
      const inner = new CancelScope({ shield: true });
      let aborts = 0;
      nursery.startSoon(() =>
        outer.run(() =>
          inner.run(
            kind.task(function* () {
              yield yieldIndefinitely(() => {
                aborts++;
                return Abort.SUCCEEDED;
              });
            }),
          ),
        ),
      );
      yield waitAllTasksBlocked();
      outer.cancel();
      expect(aborts).toBe(0);
      yield waitAllTasksBlocked();
      expect(aborts).toBe(0);
      inner.shield = false;
      expect(aborts).toBe(1);
    });
  });

  test("S58 a deadline that expires calls it, as the task that is aborted", () => {
    inNursery(function* () {
      const me = currentTask();
      let during: Task | undefined;
      let caught = false;
      yield moveOnAfter(
        1_000,
        kind.task(function* (scope: CancelScope) {
          try {
            yield yieldIndefinitely(() => {
              during = currentTask();
              return Abort.SUCCEEDED;
            });
          } finally {
            caught = scope.cancelCalled;
          }
        }),
      );
      expect(during).toBe(me);
      expect(caught).toBe(true);
    });
  });

  test("S58 moving a deadline into the past calls it in the next pass, not inside the assignment", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      sleeper.scope.deadline = -1;
      expect(sleeper.aborts).toBe(0);
      yield yieldBriefly();
      expect(sleeper.aborts).toBe(1);
    });
  });

  test("S58 moving a task into a cancelled nursery calls it", () => {
    inNursery(function* () {
      let aborts = 0;
      let status: TaskStatus | undefined;
      yield openNursery(
        kind.task(function* (outer: Nursery) {
          const target = new ParkingLot();
          let nursery: Nursery | undefined;
          outer.startSoon(() =>
            openNursery(
              kind.task(function* (inner: Nursery) {
                nursery = inner;
                yield new CancelScope({ shield: true }).run(() => target.park());
              }),
            ),
          );
          yield waitAllTasksBlocked();
          outer.startSoon(
            kind.task(function* () {
              yield nursery!.start(
                kind.task(function* (taskStatus: TaskStatus) {
                  status = taskStatus;
                  yield yieldIndefinitely(() => {
                    aborts++;
                    return Abort.SUCCEEDED;
                  });
                }),
              );
            }),
          );
          yield waitAllTasksBlocked();
          nursery!.cancelScope.cancel();
          expect(aborts).toBe(0);
          status!.started();
          expect(aborts).toBe(1);
          target.unparkAll();
        }),
      );
    });
  });

  test("S59 SUCCEEDED: the task gets Cancelled, and its scope catches that", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, succeed);
      yield waitAllTasksBlocked();
      sleeper.scope.cancel("enough");
      expect(sleeper.result).toBeNull(); // on a later pass
      yield waitAllTasksBlocked();
      const error = thrown(() => sleeper.result!.unwrap());
      expect(error).toBeInstanceOf(Cancelled);
      expect(error.reason).toBe("enough");
      expect(sleeper.scope.cancelledCaught).toBe(true);
    });
  });

  test("S60 FAILED: the task goes on sleeping, gets its value, and Cancelled at its next checkpoint", () => {
    inNursery(function* (nursery) {
      const scope = new CancelScope();
      const log: unknown[] = [];
      let task: Task | undefined;
      nursery.startSoon(
        kind.task(function* () {
          task = currentTask();
          yield scope.run(
            kind.task(function* () {
              log.push(yield yieldIndefinitely(refuse));
              log.push((yield kind.errorOf(yieldBriefly())) instanceof Cancelled);
            }),
          );
        }),
      );
      yield waitAllTasksBlocked();
      scope.cancel();
      yield waitAllTasksBlocked();
      expect(log).toEqual([]);
      reschedule(task!, Result.value("done"));
      yield waitAllTasksBlocked();
      expect(log).toEqual(["done", true]);
    });
  });

  test("S60 FAILED: the cancellation may be ignored altogether", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, refuse);
      yield waitAllTasksBlocked();
      sleeper.scope.cancel();
      reschedule(sleeper.task, Result.value("done"));
      yield waitAllTasksBlocked();
      expect(sleeper.result?.unwrap()).toBe("done");
      expect(sleeper.scope.cancelledCaught).toBe(false);
    });
  });

  test("S61 a delayed cancellation: Result.capture(raiseCancel), rescheduled later", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, refuse);
      yield waitAllTasksBlocked();
      sleeper.scope.cancel();
      yield waitAllTasksBlocked();
      expect(sleeper.result).toBeNull();
      reschedule(sleeper.task, Result.capture(sleeper.raiseCancel!));
      yield waitAllTasksBlocked();
      expect(thrown(() => sleeper.result!.unwrap())).toBeInstanceOf(Cancelled);
      expect(sleeper.scope.cancelledCaught).toBe(true);
    });
  });

  test("S61 the abort function may reschedule with it at once, and answer FAILED", () => {
    inNursery(function* (nursery) {
      const sleeper = startSleeper(nursery, ({ task, raiseCancel }) => {
        reschedule(task, Result.capture(raiseCancel!));
        return Abort.FAILED;
      });
      yield waitAllTasksBlocked();
      sleeper.scope.cancel();
      yield waitAllTasksBlocked();
      expect(sleeper.scope.cancelledCaught).toBe(true);
    });
  });

  test("S62 a delayed cancellation: the task calls raiseCancel itself once it was woken", () => {
    inNursery(function* (nursery) {
      const scope = new CancelScope();
      let task: Task | undefined;
      let woken: unknown;
      nursery.startSoon(
        kind.task(function* () {
          task = currentTask();
          yield scope.run(
            kind.task(function* () {
              let raise: (() => never) | undefined;
              woken = yield yieldIndefinitely((raiseCancel) => {
                raise = raiseCancel;
                return Abort.FAILED;
              });
              raise?.();
            }),
          );
        }),
      );
      yield waitAllTasksBlocked();
      scope.cancel();
      reschedule(task!, Result.value("operation aborted"));
      yield waitAllTasksBlocked();
      expect(woken).toBe("operation aborted");
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("S62 raiseCancel stays good: later, more than once, and though the task was shielded in between", () => {
    inNursery(function* (nursery) {
      const outer = new CancelScope();
      const inner = new CancelScope();
      const errors: unknown[] = [];
      let task: Task | undefined;
      nursery.startSoon(
        kind.task(function* () {
          task = currentTask();
          yield outer.run(() =>
            inner.run(
              kind.task(function* () {
                let raise: (() => never) | undefined;
                yield yieldIndefinitely((raiseCancel) => {
                  raise = raiseCancel;
                  return Abort.FAILED;
                });
                inner.shield = true;
                yield yieldBriefly(); // which the shield makes quiet
                for (let n = 0; n < 2; n++) errors.push(thrown(() => raise!()));
                raise!();
              }),
            ),
          );
        }),
      );
      yield waitAllTasksBlocked();
      outer.cancel();
      reschedule(task!);
      yield waitAllTasksBlocked();
      expect(errors.map((error) => error instanceof Cancelled)).toEqual([true, true]);
      expect(inner.cancelledCaught).toBe(false);
      expect(outer.cancelledCaught).toBe(true);
    });
  });

  test("S64 the abort function is called at most once for each block, whatever else is cancelled", () => {
    inNursery(function* (nursery) {
      const outer = new CancelScope();
      const inner = new CancelScope();
      const aborts: string[] = [];
      let task: Task | undefined;
      nursery.startSoon(
        kind.task(function* () {
          task = currentTask();
          yield outer.run(() =>
            inner.run(
              kind.task(function* () {
                yield yieldIndefinitely(() => {
                  aborts.push("first block");
                  return Abort.FAILED;
                });
                yield yieldIndefinitely(() => {
                  aborts.push("second block");
                  return Abort.SUCCEEDED;
                });
              }),
            ),
          );
        }),
      );
      yield waitAllTasksBlocked();
      inner.cancel();
      inner.cancel();
      outer.cancel();
      inner.shield = true;
      inner.shield = false;
      outer.deadline = -1;
      yield waitAllTasksBlocked();
      expect(aborts).toEqual(["first block"]);
      reschedule(task!);
      yield waitAllTasksBlocked();
      expect(aborts).toEqual(["first block", "second block"]);
    });
  });

  test("S64 a cancellation that goes away behind a shield and comes back does not call it again", () => {
    inNursery(function* (nursery) {
      const outer = new CancelScope();
      let sleeper: Sleeper | undefined;
      nursery.startSoon(() =>
        outer.run(() =>
          openNursery(
            kind.task(function* (inner: Nursery) {
              sleeper = startSleeper(inner, refuse);
            }),
          ),
        ),
      );
      yield waitAllTasksBlocked();
      const { scope, task } = sleeper!;
      outer.cancel();
      for (let n = 0; n < 3; n++) {
        scope.shield = true;
        scope.shield = false;
      }
      expect(sleeper!.aborts).toBe(1);
      reschedule(task);
    });
  });

  describe("S65 an abort function that throws", () => {
    const broken = new Error("broken abort function");
    const breakDown = (): never => {
      throw broken;
    };

    function expectCrash(problem: any): void {
      expect(problem).toBeInstanceOf(TrioInternalError);
      expect(problem.cause).toBe(broken);
      expect(problem.message).toContain("abort function of task");
    }

    test("S65 inside another task's cancel(): the canceller sees nothing of it, and nobody is stranded", () => {
      const log: string[] = [];
      const problem = thrown(() =>
        runSync(
          kind.task(function* () {
            yield openNursery(
              kind.task(function* (nursery: Nursery) {
                const sleeper = startSleeper(nursery, breakDown);
                nursery.startSoon(
                  kind.task(function* () {
                    try {
                      yield sleep(Infinity);
                    } finally {
                      log.push("bystander unwound");
                    }
                  }),
                );
                yield waitAllTasksBlocked();
                sleeper.scope.cancel();
                log.push("cancel() returned");
                try {
                  yield sleep(Infinity);
                } finally {
                  log.push(`sleeper ${sleeper.result === null ? "stranded" : "unwound"}`);
                }
              }),
            );
          }),
        ),
      );
      expectCrash(problem);
      expect(log.toSorted()).toEqual(["bystander unwound", "cancel() returned", "sleeper unwound"]);
    });

    test("S65 in a context that is cancelled already", () => {
      expectCrash(
        thrown(() =>
          runSync(
            kind.task(function* () {
              const scope = new CancelScope();
              scope.cancel();
              yield scope.run(() => yieldIndefinitely(breakDown));
            }),
          ),
        ),
      );
    });

    test("S65 for a deadline", () => {
      expectCrash(
        thrown(() =>
          runSync(
            kind.task(function* () {
              yield moveOnAfter(10, () => yieldIndefinitely(breakDown));
            }),
            { clock: new MockClock({ autojumpThreshold: 0 }) },
          ),
        ),
      );
    });

    test("S65 does not keep others that the same cancel() reaches from being aborted", () => {
      const sleepers: { result: unknown }[] = [];
      const problem = thrown(() =>
        inNursery(function* (nursery) {
          const scope = new CancelScope();
          nursery.startSoon(() =>
            scope.run(() =>
              openNursery(
                kind.task(function* (inner: Nursery) {
                  sleepers.push(startSleeper(inner, breakDown), startSleeper(inner, succeed));
                }),
              ),
            ),
          );
          yield waitAllTasksBlocked();
          scope.cancel();
          yield waitAllTasksBlocked();
        }),
      );
      expectCrash(problem);
      expect(sleepers.map(({ result }) => result === null)).toEqual([false, false]);
    });
  });

  test("S66 failing to reschedule is a deadlock: it is found, clean-up runs, and the error shows the tasks", () => {
    const log: string[] = [];
    const problem = thrown(() =>
      runSync(
        kind.task(function* () {
          yield openNursery(
            kind.task(function* (nursery: Nursery) {
              nursery.startSoon(
                kind.task(function* forgotten() {
                  try {
                    yield yieldIndefinitely(succeed);
                  } finally {
                    log.push("unwound");
                  }
                }),
              );
            }),
          );
        }),
      ),
    );
    expect(problem).toBeInstanceOf(DeadlockError);
    expect(problem.message).toContain("forgotten: yieldIndefinitely()");
    expect(log).toEqual(["unwound"]);
  });

  test("S66 a task that refuses every abort and is never woken cannot hang the run either", () => {
    const problem = thrown(() =>
      runSync(
        kind.task(function* stubborn() {
          yield yieldIndefinitely(refuse);
        }),
      ),
    );
    expect(problem).toBeInstanceOf(DeadlockError);
    expect(problem.message).toContain("stubborn");
  });

  /** S68: the seed's own example, its bugs of transcription mended and its stated flaws left in. */
  class NotVeryGoodLock {
    readonly #blockedTasks: Task[] = [];
    #held = false;

    get held(): boolean {
      return this.#held;
    }

    acquire(): Operation<void> {
      const lock = this;
      return kind.frame(function* () {
        while (lock.#held) {
          const task = currentTask();
          lock.#blockedTasks.push(task);
          yield yieldIndefinitely(() => {
            lock.#blockedTasks.splice(lock.#blockedTasks.indexOf(task), 1);
            return Abort.SUCCEEDED;
          });
        }
        lock.#held = true;
      });
    }

    release(): void {
      this.#held = false;
      const woken = this.#blockedTasks.shift();
      if (woken !== undefined) reschedule(woken);
    }
  }

  /** Starts a task that takes the lock, holds it until `lot` lets it go, and gives it back. */
  function holder(nursery: Nursery, lock: NotVeryGoodLock, lot: ParkingLot, name: string, log: string[]): CancelScope {
    const scope = new CancelScope();
    nursery.startSoon(() =>
      scope.run(
        kind.task(function* () {
          yield lock.acquire();
          log.push(name);
          try {
            yield lot.park();
          } finally {
            lock.release();
          }
        }),
      ),
    );
    return scope;
  }

  test("S68 the seed's lock: one task at a time holds it", () => {
    inNursery(function* (nursery) {
      const lock = new NotVeryGoodLock();
      const lot = new ParkingLot();
      const log: string[] = [];
      for (const name of ["a", "b", "c"]) holder(nursery, lock, lot, name, log);
      for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
        yield waitAllTasksBlocked();
        expect(log).toEqual(expected);
        expect(lot.size).toBe(1);
        lot.unpark();
      }
      yield waitAllTasksBlocked();
      expect(lock.held).toBe(false);
    });
  });

  test("S68 the seed's lock: a cancelled waiter leaves the queue, and the next one gets the lock", () => {
    inNursery(function* (nursery) {
      const lock = new NotVeryGoodLock();
      const lot = new ParkingLot();
      const log: string[] = [];
      holder(nursery, lock, lot, "a", log);
      const cancelled = holder(nursery, lock, lot, "b", log);
      holder(nursery, lock, lot, "c", log);
      yield waitAllTasksBlocked();
      cancelled.cancel();
      lot.unpark();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "c"]);
      expect(cancelled.cancelledCaught).toBe(true);
      lot.unpark();
    });
  });

  test("S68 the seed's lock: it may be stolen between wake-up and step, so that acquire must loop", () => {
    inNursery(function* (nursery) {
      const lock = new NotVeryGoodLock();
      const lot = new ParkingLot();
      const log: string[] = [];
      holder(nursery, lock, lot, "a", log);
      yield waitAllTasksBlocked();
      holder(nursery, lock, lot, "b", log);
      yield waitAllTasksBlocked();
      // Main takes the lock in the very step in which b is woken.
      lot.unpark();
      while (lock.held) yield yieldBriefly();
      yield lock.acquire();
      log.push("thief");
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "thief"]);
      lock.release();
      yield waitAllTasksBlocked();
      expect(log).toEqual(["a", "thief", "b"]);
      lot.unpark();
    });
  });
});

test("S57 a promise callback may reschedule a task before the scheduler has seen it block: nothing is lost", () => {
  let value: unknown;
  runSync(async function* () {
    const task = currentTask();
    void Promise.resolve().then(() => reschedule(task, Result.value("early")));
    value = yield* yieldIndefinitely(succeed);
  });
  expect(value).toBe("early");
});

test("S58 a promise callback may cancel a task before the scheduler has seen it block: nothing is lost", () => {
  const scope = new CancelScope();
  runSync(() =>
    scope.run(async function* () {
      void Promise.resolve().then(() => scope.cancel());
      yield* yieldIndefinitely(succeed);
    }),
  );
  expect(scope.cancelledCaught).toBe(true);
});
