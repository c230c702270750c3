import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  type Cancelled,
  ExceptionGroup,
  KeyboardInterrupt,
  type Nursery,
  UsageError,
  currentTime,
  isCancelled,
  moveOnAfter,
  named,
  openNursery,
  runSync,
  sleep,
  sleepForever,
  type Coroutine,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  currentTask,
  reschedule,
  yieldBriefly,
  yieldIndefinitely,
  type Task,
} from "../../src/hazmat.ts";
import { assertNoCheckpoints } from "../../src/testing.ts";
import { errorOf, notingAbort, passes, thrownBy, virtual } from "./programs.ts";

describe("joining", () => {
  test("waits for every child, and gives what the body returned", () => {
    virtual(function* () {
      let ended = 0;
      const value = yield* openNursery(function* (nursery) {
        for (const ms of [30, 10, 20]) {
          nursery.startSoon(function* () {
            yield* sleep(ms);
            ended++;
          });
        }
        return "body";
      });
      expect([value, ended, currentTime()]).toEqual(["body", 3, 30]);
    });
  });

  test("gives what the body returned also when the nursery was cancelled afterwards", () => {
    virtual(function* () {
      const value = yield* openNursery(function* (nursery) {
        nursery.startSoon(sleepForever);
        nursery.startSoon(function* () {
          yield* sleep(5);
          nursery.cancelScope.cancel();
        });
        return "body";
      });
      expect(value).toBe("body");
    });
  });

  test("gives undefined when the nursery's own scope caught the body's Cancelled", () => {
    virtual(function* () {
      let scope: CancelScope | undefined;
      const value = yield* openNursery(function* (nursery) {
        scope = nursery.cancelScope;
        scope.cancel();
        yield* sleepForever();
        return "not reached";
      });
      expect(value).toBeUndefined();
      expect(scope!.cancelledCaught).toBe(true);
    });
  });

  test("gives what the body returned when only children were cut off", () => {
    virtual(function* () {
      let scope: CancelScope | undefined;
      const value = yield* openNursery(function* (nursery) {
        scope = nursery.cancelScope;
        nursery.startSoon(sleepForever);
        yield* passes(1);
        nursery.cancelScope.cancel();
        return "body";
      });
      expect(value).toBe("body");
      expect(scope!.cancelledCaught).toBe(true);
    });
  });

  test("entering is no checkpoint, and leaving an empty nursery is a schedule point that cannot be cancelled", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (outer) {
        outer.startSoon(function* () {
          trail.push("another task");
        });
        const scope = new CancelScope();
        scope.cancel();
        yield* scope.run(function* () {
          yield* openNursery(function* () {
            trail.push("in the nursery");
            return yield* assertNoCheckpoints(function* () {});
          });
          trail.push("left the nursery");
        });
        expect(scope.cancelledCaught).toBe(false);
      });
      expect(trail).toEqual(["in the nursery", "another task", "left the nursery"]);
    });
  });

  test("leaving an empty nursery takes one pass", () => {
    virtual(function* () {
      let count = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          for (; count < 10; count++) yield* yieldBriefly();
        });
        yield* passes(2);
        const before = count;
        yield* openNursery(function* () {});
        expect(count - before).toBe(1);
      });
    });
  });

  test("a Cancelled does not end the wait for children, and is not noted (gh trio #1457)", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const trail: string[] = [];
      const value = yield* outer.run(function* () {
        const inner = yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* errorOf(sleepForever());
            yield* new CancelScope({ shield: true }).run(() => sleep(10));
            trail.push("cleaned up");
          });
          nursery.startSoon(function* () {
            yield* sleep(5);
            outer.cancel();
          });
          return "body";
        });
        trail.push("joined");
        return inner;
      });
      expect(trail).toEqual(["cleaned up", "joined"]);
      expect(value).toBe("body");
      expect(outer.cancelledCaught).toBe(false);
    });
  });

  test("Ctrl-C in the wait for children is one of the errors, and cancels them", () => {
    const error = thrownBy(() =>
      virtual(function* () {
        const { runner } = currentTask();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* sleep(5);
            runner.interrupt();
            yield* sleepForever();
          });
        });
      }),
    );
    expect(error).toBeInstanceOf(ExceptionGroup);
    expect(error.errors).toHaveLength(1);
    expect(error.errors[0]).toBeInstanceOf(KeyboardInterrupt);
  });
});

describe("the Cancelled of a nursery's tasks", () => {
  /** What a task of a nursery is told when `fail` has thrown beside it. */
  function told(fail: () => Coroutine<unknown>): Cancelled {
    let seen: unknown;
    thrownBy(() =>
      virtual(function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            seen = yield* errorOf(sleepForever());
          });
          nursery.startSoon(named("failing", fail));
          yield* sleepForever();
        });
      }),
    );
    return seen as Cancelled;
  }

  test("names the error that cancelled it, and the task that threw it", () => {
    const error = new RangeError("broke");
    const seen = told(function* () {
      yield* sleep(1);
      throw error;
    });
    expect(seen).toMatchObject({ source: "nursery", sourceTask: "failing" });
    expect(seen.reason).toBe(error);
  });

  test("is of the source KeyboardInterrupt, and of no task, where it was Ctrl-C", () => {
    const seen = told(function* () {
      yield* sleep(1);
      currentTask().runner.interrupt(); // main has it
      yield* sleepForever();
    });
    expect(seen).toMatchObject({ source: "KeyboardInterrupt", sourceTask: undefined });
    expect(seen.reason).toBeInstanceOf(KeyboardInterrupt);
  });

  test("tells the first cause of a Cancelled that nobody has caught on its way, not the nursery that it came through", () => {
    const seen = told(function* () {
      let kept: unknown;
      const scope = new CancelScope();
      scope.cancel("the first reason");
      yield* scope.run(function* () {
        kept = yield* errorOf(sleepForever());
      });
      throw kept;
    });
    expect(seen).toMatchObject({ source: "explicit", reason: "the first reason", sourceTask: "failing" });
  });
});

describe("errors", () => {
  test("a child's error cancels the rest, and comes out in a group", () => {
    virtual(function* () {
      const error = new Error("mine");
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          nursery.startSoon(sleepForever);
          nursery.startSoon(function* () {
            yield* sleep(1);
            throw error;
          });
          yield* sleepForever();
        }),
      );
      expect(got).toBeInstanceOf(ExceptionGroup);
      expect(got.errors).toEqual([error]);
      expect(currentTime()).toBe(1);
    });
  });

  test("the body's error cancels the children, and is wrapped too", () => {
    virtual(function* () {
      const error = new Error("mine");
      let seen: Cancelled | undefined;
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            seen = yield* errorOf(sleepForever());
          });
          yield* passes(1);
          throw error;
        }),
      );
      expect(got.errors).toEqual([error]);
      expect([seen!.source, seen!.reason]).toEqual(["nursery", error]);
    });
  });

  test("the body's error comes first, then the children's in order of exit", () => {
    virtual(function* () {
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          for (const [name, ms] of [
            ["slow", 20],
            ["quick", 10],
            ["at once", 0],
          ] as const) {
            nursery.startSoon(function* () {
              try {
                yield* sleepForever();
              } finally {
                yield* new CancelScope({ shield: true }).run(() => sleep(ms));
                throw name;
              }
            });
          }
          yield* passes(1);
          throw "body";
        }),
      );
      expect(got.errors).toEqual(["body", "at once", "quick", "slow"]);
    });
  });

  test("the body's error comes after a child's that came before it", () => {
    virtual(function* () {
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            throw "child";
          });
          yield* errorOf(sleepForever());
          throw "body";
        }),
      );
      expect(new Set(got.errors)).toEqual(new Set(["body", "child"]));
    });
  });

  test("what is thrown, Error or not, is among the errors as it is", () => {
    virtual(function* () {
      for (const thrown of [undefined, null, 0, "text", { an: "object" }]) {
        const got = yield* errorOf(
          openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              throw thrown;
            });
          }),
        );
        expect(got.errors).toEqual([thrown]);
      }
    });
  });

  test("groups keep their shape through nested nurseries", () => {
    virtual(function* () {
      const error = new Error("mine");
      const got = yield* errorOf(
        openNursery(function* (outer) {
          outer.startSoon(function* () {
            yield* openNursery(function* (inner) {
              inner.startSoon(function* () {
                throw error;
              });
              inner.startSoon(sleepForever);
            });
          });
          outer.startSoon(sleepForever);
        }),
      );
      expect(got.errors).toHaveLength(1);
      expect(got.errors[0]).toBeInstanceOf(ExceptionGroup);
      expect(got.errors[0].errors).toEqual([error]);
    });
  });

  test("a nursery cancelled from outside throws a group of the Cancelled of each task that had one", () => {
    virtual(function* () {
      let got: any;
      yield* moveOnAfter(1, function* () {
        try {
          yield* openNursery(function* (nursery) {
            nursery.startSoon(sleepForever);
            nursery.startSoon(sleepForever);
            nursery.startSoon(function* () {
              yield* errorOf(sleepForever());
            });
            yield* sleepForever();
          });
        } catch (error) {
          got = error;
          throw error;
        }
      });
      expect(isCancelled(got)).toBe(true);
      expect(got).toBeInstanceOf(ExceptionGroup);
      expect(got.leaves()).toHaveLength(3);
    });
  });

  test("not strict, a single error comes out bare, also one that is left when the Cancelled are gone", () => {
    virtual(
      function* () {
        const error = new Error("mine");
        const got = yield* errorOf(
          openNursery(function* (nursery) {
            nursery.startSoon(sleepForever);
            nursery.startSoon(function* () {
              throw error;
            });
            yield* sleepForever();
          }),
        );
        expect(got).toBe(error);
        const both = yield* errorOf(
          openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              throw error;
            });
            nursery.startSoon(function* () {
              throw error;
            });
          }),
        );
        expect(both).toBeInstanceOf(ExceptionGroup);
        const strict = yield* errorOf(
          openNursery(
            function* () {
              throw error;
            },
            { strictExceptionGroups: true },
          ),
        );
        expect(strict.errors).toEqual([error]);
      },
      { strictExceptionGroups: false },
    );
  });

  test("a body that throws before it gives a coroutine is a body that throws, and children are waited for", () => {
    virtual(function* () {
      const error = new Error("no coroutine");
      let ended = false;
      const got = yield* errorOf(
        openNursery((nursery) => {
          nursery.startSoon(function* () {
            try {
              yield* sleepForever();
            } finally {
              ended = true;
            }
          });
          throw error;
        }),
      );
      expect(got.errors).toEqual([error]);
      expect(ended).toBe(true);
      const none = yield* errorOf(openNursery((() => 5) as never));
      expect(none.errors[0]).toBeInstanceOf(TypeError);
    });
  });
});

describe("startSoon", () => {
  test("calls the function at once with its arguments, and its code runs later", () => {
    virtual(function* () {
      const trail: unknown[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          (a: number, b: string): Coroutine<void> => {
            trail.push([a, b]);
            return (function* () {
              trail.push("runs");
            })();
          },
          1,
          "two",
        );
        trail.push("started");
      });
      expect(trail).toEqual([[1, "two"], "started", "runs"]);
    });
  });

  test("returns nothing", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        expect(nursery.startSoon(yieldBriefly) as unknown).toBeUndefined();
      });
    });
  });

  test("what comes back must be a coroutine: TypeError at once, and no task", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const wrong: unknown[] = [
          () => {},
          () => 5,
          () => [1, 2],
          () => "text",
          async () => {
            throw new Error("a rejection that nobody need handle");
          },
        ];
        for (const fn of wrong) {
          expect(thrownBy(() => nursery.startSoon(fn as never))).toBeInstanceOf(TypeError);
        }
        for (const fn of [undefined, 5, {}]) {
          expect(thrownBy(() => nursery.startSoon(fn as never))).toBeInstanceOf(TypeError);
        }
        expect(nursery.childTasks.size).toBe(0);
      });
    });
  });

  test("what the function throws when called comes out of startSoon, and the nursery goes on", () => {
    virtual(function* () {
      const error = new Error("mine");
      yield* openNursery(function* (nursery) {
        expect(
          thrownBy(() =>
            nursery.startSoon(() => {
              throw error;
            }),
          ),
        ).toBe(error);
        yield* sleep(1);
      });
    });
  });

  test("is allowed while the nursery waits for its children", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(5);
          nursery.startSoon(function* () {
            yield* sleep(5);
            trail.push("the late child ended");
          });
        });
      });
      expect(trail).toEqual(["the late child ended"]);
    });
  });

  test("throws UsageError once the nursery is closed", () => {
    virtual(function* () {
      let nursery: Nursery | undefined;
      yield* openNursery(function* (opened) {
        nursery = opened;
      });
      const error = thrownBy(() => nursery!.startSoon(sleepForever));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("closed");
      expect(yield* errorOf(nursery!.start(sleepForever))).toBeInstanceOf(UsageError);
    });
  });

  test("is refused from the moment the last task has ended, though the parent has not run since", () => {
    virtual(function* () {
      let nursery: Nursery | undefined;
      const errors: unknown[] = [];
      yield* openNursery(function* (watchers) {
        watchers.startSoon(function* () {
          while (nursery === undefined) yield* passes(1);
          // The child ends in this pass, before this task's step; the parent's comes in the next.
          while (nursery.childTasks.size > 0) yield* passes(1);
          errors.push(thrownBy(() => nursery!.startSoon(sleepForever)));
        });
        yield* openNursery(function* (opened) {
          nursery = opened;
          opened.startSoon(() => passes(5));
        });
      });
      expect(errors).toHaveLength(1);
      expect(errors[0]).toBeInstanceOf(UsageError);
    });
  });

  test("into a cancelled nursery the task runs to its first checkpoint", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.cancelScope.cancel();
        nursery.startSoon(function* () {
          trail.push("began");
          yield* yieldBriefly();
          trail.push("not reached");
        });
      });
      expect(trail).toEqual(["began"]);
    });
  });

  test("the child has the nursery's scopes, not its starter's", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        yield* moveOnAfter(5, function* () {
          nursery.startSoon(function* () {
            yield* sleep(10);
            trail.push("not cut off");
          });
          yield* sleepForever();
        });
      });
      expect(trail).toEqual(["not cut off"]);
    });
  });

  test("from another task, the child still belongs to the nursery", () => {
    virtual(function* () {
      yield* openNursery(function* (outer) {
        yield* openNursery(function* (inner) {
          inner.startSoon(
            named("starter", function* () {
              outer.startSoon(
                named("child", function* () {
                  expect(currentTask().parentNursery).toBe(outer);
                }),
              );
            }),
          );
        });
      });
    });
  });
});

describe("the tree", () => {
  test("can be walked both ways, and upwards after a task has ended", () => {
    virtual(function* () {
      const main = currentTask();
      let child: Task | undefined;
      expect(main.childNurseries).toEqual([]);
      yield* openNursery(function* (outer) {
        yield* openNursery(function* (inner) {
          expect(main.childNurseries).toEqual([outer, inner]);
          expect([outer.parentTask, inner.parentTask]).toEqual([main, main]);
          inner.startSoon(function* () {
            child = currentTask();
            yield* sleep(1);
          });
          yield* passes(2);
          expect([...inner.childTasks]).toEqual([child!]);
          expect([...outer.childTasks]).toEqual([]);
          expect(child!.parentNursery).toBe(inner);
          expect(child!.eventualParentNursery).toBeNull();
        });
        expect(main.childNurseries).toEqual([outer]);
        expect(child!.parentNursery!.parentTask).toBe(main);
        expect(child!.parentNursery!.childTasks.size).toBe(0);
      });
    });
  });

  test("childTasks is a picture of the moment, in the order of arrival", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        for (const name of ["a", "b", "c"]) nursery.startSoon(named(name, yieldBriefly));
        const before = nursery.childTasks;
        expect([...before].map(({ name }) => name)).toEqual(["a", "b", "c"]);
        yield* passes(3);
        expect([before.size, nursery.childTasks.size]).toEqual([3, 0]);
      });
    });
  });

  test("a task is known by its function's name, or the one given with named()", () => {
    virtual(function* () {
      const names: string[] = [];
      function* worker(): Generator<any, void, any> {
        names.push(currentTask().name);
      }
      yield* openNursery(function* (nursery) {
        nursery.startSoon(worker);
        nursery.startSoon(named("by hand", worker));
        nursery.startSoon(named(sleep, worker));
        nursery.startSoon(() => worker());
      });
      expect(names).toEqual(["worker", "by hand", "sleep", "(anonymous)"]);
    });
  });
});

describe("cancelling", () => {
  test("the nursery's scope cancels the body and every child", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => notingAbort(log, "child"));
        nursery.startSoon(function* () {
          yield* sleep(5);
          nursery.cancelScope.cancel();
        });
        yield* notingAbort(log, "body");
      });
      expect(log).toEqual(["body", "child"]);
    });
  });

  test("a child that refuses to be cancelled is waited for", () => {
    virtual(function* () {
      let stubborn: Task | undefined;
      yield* openNursery(function* (outer) {
        outer.startSoon(function* () {
          yield* sleep(20);
          reschedule(stubborn!);
        });
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            stubborn = currentTask();
            yield* yieldIndefinitely(() => Abort.FAILED);
          });
          yield* passes(2);
          nursery.cancelScope.cancel();
        });
        expect(currentTime()).toBe(20);
      });
    });
  });

  test("the deadline of a nursery's scope counts, and so does its shield", () => {
    virtual(function* () {
      yield* moveOnAfter(5, () =>
        openNursery(function* (nursery) {
          nursery.cancelScope.shield = true;
          nursery.cancelScope.deadline = 10;
          nursery.startSoon(sleepForever);
        }),
      );
      expect(currentTime()).toBe(10);
    });
  });

  test("a task that ends by another task's wake-up loses no error", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          for (let i = 0; i < 3; i++) {
            nursery.startSoon(function* () {
              yield* lot.park();
              throw i;
            });
          }
          yield* passes(1);
          lot.unparkAll();
        }),
      );
      expect(got.errors).toEqual([0, 1, 2]);
    });
  });
});

test("openNursery refuses wrong arguments at once", () => {
  expect(thrownBy(() => openNursery(5 as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => openNursery(sleepForever, { strictExceptionGroups: 1 } as never))).toBeInstanceOf(TypeError);
});

test("main's nursery groups are not wrapped again: what main throws is what the run throws", () => {
  const error = new Error("mine");
  expect(
    thrownBy(() =>
      runSync(function* () {
        throw error;
      }),
    ),
  ).toBe(error);
});
