import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  ExceptionGroup,
  type Nursery,
  TASK_STATUS_IGNORED,
  UsageError,
  currentEffectiveDeadline,
  currentTime,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  type TaskStatus,
} from "../../src/index.ts";
import { Abort, currentTask, reschedule, yieldBriefly, yieldIndefinitely, type Task } from "../../src/hazmat.ts";
import { errorOf, notingAbort, passes, thrownBy, virtual } from "./programs.ts";

test("start() gives the value of started(), and the task goes on in the nursery", () => {
  virtual(function* () {
    const trail: string[] = [];
    yield* openNursery(function* (nursery) {
      const value = yield* nursery.start(function* (port: number, status: TaskStatus<string>) {
        yield* sleep(5);
        status.started(`listening on ${port}`);
        yield* sleep(5);
        trail.push("served");
      }, 80);
      expect([value, currentTime()]).toEqual(["listening on 80", 5]);
      trail.push("started");
    });
    expect(trail).toEqual(["started", "served"]);
    expect(currentTime()).toBe(10);
  });
});

test("started() without a value gives undefined", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const value: unknown = yield* nursery.start(function* (status: TaskStatus) {
        status.started();
      });
      expect(value).toBeUndefined();
    });
  });
});

test("a task that ends in the step in which it called started() has started", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      expect(
        yield* nursery.start(function* (status: TaskStatus<number>) {
          status.started(3);
        }),
      ).toBe(3);
      expect(nursery.childTasks.size).toBe(0);
    });
  });
});

test("eventualParentNursery is there between start() and started()", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const seen: unknown[] = [];
      yield* nursery.start(function* (status: TaskStatus) {
        const task = currentTask();
        seen.push(task.eventualParentNursery === nursery, task.parentNursery !== nursery);
        yield* yieldBriefly();
        status.started();
        seen.push(task.eventualParentNursery, task.parentNursery === nursery, nursery.childTasks.has(task));
      });
      expect(seen).toEqual([true, true, null, true, true]);
    });
  });
});

describe("errors", () => {
  test("one thrown before started() comes out of start(), bare, and does not touch the nursery", () => {
    virtual(function* () {
      const error = new Error("mine", { cause: "kept" });
      yield* openNursery(function* (nursery) {
        const got = yield* errorOf(
          nursery.start(function* () {
            yield* sleep(1);
            throw error;
          }),
        );
        expect(got).toBe(error);
        expect(got.cause).toBe("kept");
        yield* sleep(1);
        expect(nursery.cancelScope.cancelCalled).toBe(false);
      });
    });
  });

  test("a group thrown before started() comes out as it is", () => {
    virtual(function* () {
      const group = new ExceptionGroup([new Error("a"), new Error("b")]);
      yield* openNursery(function* (nursery) {
        expect(
          yield* errorOf(
            nursery.start(function* () {
              throw group;
            }),
          ),
        ).toBe(group);
      });
    });
  });

  test("one thrown after started() is the nursery's", () => {
    virtual(function* () {
      const error = new Error("mine");
      const got = yield* errorOf(
        openNursery(function* (nursery) {
          yield* nursery.start(function* (status: TaskStatus) {
            status.started();
            throw error;
          });
          yield* sleepForever();
        }),
      );
      expect(got.errors).toEqual([error]);
    });
  });

  test("a task that ends without started() is a UsageError", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const got = yield* errorOf(nursery.start(yieldBriefly));
        expect(got).toBeInstanceOf(UsageError);
        expect(got.message).toContain("started()");
      });
    });
  });

  test("started() twice is a UsageError there", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        yield* nursery.start(function* (status: TaskStatus) {
          status.started();
          expect(thrownBy(() => status.started())).toBeInstanceOf(UsageError);
        });
      });
    });
  });

  test("what gives no coroutine is a TypeError, and what the function throws comes out", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        expect(yield* errorOf(nursery.start((() => 5) as never))).toBeInstanceOf(TypeError);
        const error = new Error("mine");
        expect(
          yield* errorOf(
            nursery.start(() => {
              throw error;
            }),
          ),
        ).toBe(error);
        expect(thrownBy(() => nursery.start(5 as never))).toBeInstanceOf(TypeError);
      });
    });
  });
});

test("a pending start() keeps the nursery open", () => {
  virtual(function* () {
    const trail: string[] = [];
    yield* openNursery(function* (starters) {
      yield* openNursery(function* (nursery) {
        starters.startSoon(function* () {
          yield* nursery.start(function* (status: TaskStatus) {
            yield* sleep(5);
            status.started();
            yield* sleep(5);
            trail.push("served");
          });
        });
        yield* passes(2);
      });
      trail.push("left");
    });
    expect(trail).toEqual(["served", "left"]);
  });
});

test("a start() that fails lets the nursery close", () => {
  virtual(function* () {
    yield* openNursery(function* (starters) {
      yield* openNursery(function* (nursery) {
        starters.startSoon(function* () {
          yield* errorOf(
            nursery.start(function* () {
              yield* sleep(5);
              throw new Error("mine");
            }),
          );
        });
        yield* passes(2);
      });
      expect(currentTime()).toBe(5);
    });
  });
});

describe("cancelling", () => {
  test("before started() the caller's cancellation reaches the task, and start() throws Cancelled", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const scope = new CancelScope({ timeout: 5 });
        yield* scope.run(() => nursery.start(sleepForever));
        expect(scope.cancelledCaught).toBe(true);
        expect(nursery.cancelScope.cancelCalled).toBe(false);
      });
    });
  });

  test("after started() it does not", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* openNursery(function* (nursery) {
        yield* moveOnAfter(5, function* () {
          yield* nursery.start(function* (status: TaskStatus) {
            status.started();
            yield* sleep(10);
            trail.push("not cut off");
          });
          yield* sleepForever();
        });
      });
      expect(trail).toEqual(["not cut off"]);
    });
  });

  test("started() after that start() was cancelled is a no-op: the task stays, and start() gives way", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const scope = new CancelScope({ timeout: 5 });
        yield* scope.run(function* () {
          yield* nursery.start(function* (status: TaskStatus) {
            yield* errorOf(sleepForever());
            status.started();
            const task = currentTask();
            expect(task.parentNursery).not.toBe(nursery);
            expect(task.eventualParentNursery).toBe(nursery);
            yield* sleepForever();
          });
        });
        expect(scope.cancelledCaught).toBe(true);
        expect(nursery.childTasks.size).toBe(0);
      });
    });
  });

  test("into a cancelled nursery the task moves, and is aborted there at once", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.cancelScope.cancel();
        const scope = new CancelScope({ shield: true });
        yield* scope.run(() =>
          nursery.start(function* (status: TaskStatus) {
            yield* sleep(5);
            log.push("began in a cancelled nursery");
            status.started();
            yield* yieldBriefly();
            log.push("not reached");
          }),
        );
      });
      expect(log).toEqual(["began in a cancelled nursery"]);
    });
  });

  test("a shielded task in a start() that is cancelled goes on, and so does the start()", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        const caught = yield* errorOf(
          moveOnAfter(5, () => nursery.start(() => new CancelScope({ shield: true }).run(() => sleep(10)))),
        );
        expect(caught).toBeInstanceOf(UsageError); // it ended without started()
        expect(currentTime()).toBe(10);
      });
    });
  });
});

describe("moving", () => {
  test("scopes that the task has entered, and nurseries it has opened, move with it", () => {
    virtual(function* () {
      const log: string[] = [];
      let inner: CancelScope | undefined;
      yield* openNursery(function* (nursery) {
        yield* moveOnAfter(5, function* () {
          yield* nursery.start(function* (status: TaskStatus) {
            inner = new CancelScope({ timeout: 50 });
            yield* inner.run(function* () {
              expect(currentEffectiveDeadline()).toBe(5);
              yield* openNursery(function* (own) {
                own.startSoon(() => notingAbort(log, "grandchild"));
                yield* passes(2);
                status.started();
                expect(currentEffectiveDeadline()).toBe(50);
                yield* notingAbort(log, "task");
              });
            });
          });
          yield* sleepForever();
        });
        expect(currentTime()).toBe(5);
        expect(log).toEqual([]);
        yield* sleep(5);
        nursery.cancelScope.cancel();
        expect(log).toEqual(["task", "grandchild"]);
      });
      expect(inner!.cancelledCaught).toBe(false);
    });
  });

  test("under a cancelled nursery, the whole subtree is aborted inside started()", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        yield* new CancelScope({ shield: true }).run(() =>
          nursery.start(function* (status: TaskStatus) {
            yield* openNursery(function* (own) {
              own.startSoon(() => notingAbort(log, "grandchild"));
              own.startSoon(() => new CancelScope().run(() => notingAbort(log, "in a scope")));
              own.startSoon(() => new CancelScope({ shield: true }).run(() => sleep(5)));
              yield* passes(3);
              nursery.cancelScope.cancel();
              expect(log).toEqual([]);
              status.started();
              log.push("started");
              yield* sleepForever();
            });
          }),
        );
      });
      expect(log).toEqual(["grandchild", "in a scope", "started"]);
      expect(currentTime()).toBe(5);
    });
  });

  test("under a shielded nursery, a cancellation from outside it does not reach the task any more", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* moveOnAfter(5, () =>
        openNursery(function* (nursery) {
          nursery.cancelScope.shield = true;
          yield* nursery.start(function* (status: TaskStatus) {
            status.started();
            yield* sleep(10);
            trail.push("not cut off");
          });
        }),
      );
      expect(trail).toEqual(["not cut off"]);
    });
  });

  test("a task moves while it is blocked, when somebody else calls started() for it", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(1);
          nursery.cancelScope.cancel();
        });
        yield* new CancelScope({ shield: true }).run(() =>
          nursery.start(function* (status: TaskStatus) {
            yield* openNursery(function* (own) {
              own.startSoon(function* () {
                yield* new CancelScope({ shield: true }).run(function* () {
                  yield* sleep(5);
                  log.push("calls started()");
                  status.started();
                });
              });
              yield* notingAbort(log, "aborted");
            });
          }),
        );
      });
      expect(log).toEqual(["calls started()", "aborted"]);
    });
  });
});

test("two start() at once, into one nursery, from several tasks", () => {
  virtual(function* () {
    const values: number[] = [];
    yield* openNursery(function* (nursery) {
      yield* openNursery(function* (starters) {
        for (const ms of [10, 5]) {
          starters.startSoon(function* () {
            values.push(
              yield* nursery.start(function* (status: TaskStatus<number>) {
                yield* sleep(ms);
                status.started(ms);
                yield* sleepForever();
              }),
            );
          });
        }
      });
      expect(nursery.childTasks.size).toBe(2);
      nursery.cancelScope.cancel();
    });
    expect(values).toEqual([5, 10]);
  });
});

test("start() in a task that start() began", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      const value = yield* nursery.start(function* (status: TaskStatus<string>) {
        const inner: string = yield* nursery.start(function* (status: TaskStatus<string>) {
          yield* sleep(1);
          status.started("inner");
          yield* sleep(1);
        });
        status.started(`outer after ${inner}`);
      });
      expect(value).toBe("outer after inner");
    });
  });
});

test("a task that cannot be aborted delays a cancelled start(), and then it gives way", () => {
  virtual(function* () {
    let task: Task | undefined;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* sleep(20);
        reschedule(task!);
      });
      const scope = new CancelScope({ timeout: 5 });
      yield* scope.run(() =>
        nursery.start(function* () {
          task = currentTask();
          yield* yieldIndefinitely(() => Abort.FAILED);
          yield* yieldBriefly();
        }),
      );
      expect([currentTime(), scope.cancelledCaught]).toEqual([20, true]);
    });
  });
});

test("TASK_STATUS_IGNORED is for functions that are started both ways", () => {
  function* service(status: TaskStatus<string> = TASK_STATUS_IGNORED): Generator<any, void, any> {
    yield* sleep(1);
    status.started("up");
  }
  virtual(function* () {
    yield* openNursery(function* (nursery: Nursery) {
      nursery.startSoon(service);
      expect(yield* nursery.start(service)).toBe("up");
      yield* service();
    });
  });
  TASK_STATUS_IGNORED.started();
  TASK_STATUS_IGNORED.started();
});

test("a Cancelled that the started task lets out belongs to whoever cancelled", () => {
  virtual(function* () {
    const outer = new CancelScope();
    let seen: unknown;
    yield* outer.run(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* sleep(5);
          outer.cancel();
        });
        seen = yield* errorOf(nursery.start(sleepForever));
        yield* sleepForever();
      }),
    );
    expect(seen).toBeInstanceOf(Cancelled);
    expect(outer.cancelledCaught).toBe(true);
  });
});
