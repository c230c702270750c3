import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  ExceptionGroup,
  UsageError,
  currentEffectiveDeadline,
  currentTime,
  moveOnAfter,
  named,
  openNursery,
  runSync,
  sleep,
  sleepForever,
  type CancelScopeOptions,
  type Task,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  Result,
  currentTask,
  reschedule,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { errorOf, notingAbort, passes, thrownBy, virtual } from "./programs.ts";

describe("catching", () => {
  test("the scope that was cancelled catches, and gives undefined", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const value = yield* scope.run(function* () {
        scope.cancel();
        yield* sleepForever();
        return "not reached";
      });
      expect(value).toBeUndefined();
      expect([scope.cancelCalled, scope.cancelledCaught]).toEqual([true, true]);
    });
  });

  test("a body that passes no checkpoint ends as it would, and nothing was caught", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      expect(
        yield* scope.run(function* () {
          return 7;
        }),
      ).toBe(7);
      expect([scope.cancelCalled, scope.cancelledCaught]).toEqual([true, false]);
    });
  });

  test("a scope cancelled before its entry lets the body run to its first checkpoint", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      const trail: string[] = [];
      yield* scope.run(function* () {
        trail.push("entered");
        yield* yieldBriefly();
        trail.push("not reached");
      });
      expect(trail).toEqual(["entered"]);
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("a body that swallows the Cancelled gives its value, and nothing was caught", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      const value = yield* scope.run(function* () {
        yield* errorOf(sleepForever());
        return "swallowed";
      });
      expect(value).toBe("swallowed");
      expect(scope.cancelledCaught).toBe(false);
    });
  });

  test("cancellation is level-triggered: every checkpoint in the scope throws, a schedule point does not", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(function* () {
        for (const operation of [sleep(1), sleep(0), yieldBriefly(), yieldIfCancelled(), new ParkingLot().park()]) {
          expect(yield* errorOf(operation)).toBeInstanceOf(Cancelled);
        }
        expect(yield* errorOf(yieldBrieflyNoCancel())).toBeUndefined();
      });
    });
  });

  test("an outer scope's Cancelled passes through the inner scopes", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      yield* outer.run(function* () {
        outer.cancel();
        yield* inner.run(sleepForever);
        throw new Error("not reached");
      });
      expect([outer.cancelledCaught, inner.cancelledCaught, inner.cancelCalled]).toEqual([true, false, false]);
    });
  });

  test("the outermost of two cancelled scopes catches, in whichever order they were cancelled", () => {
    for (const innerFirst of [true, false]) {
      virtual(function* () {
        const outer = new CancelScope();
        const inner = new CancelScope();
        yield* outer.run(function* () {
          yield* inner.run(function* () {
            if (innerFirst) inner.cancel();
            outer.cancel();
            inner.cancel();
            yield* sleepForever();
          });
          throw new Error("not reached");
        });
        expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
      });
    }
  });

  test("a Cancelled that left an inner scope is caught by the outer one that is cancelled meanwhile", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      yield* outer.run(function* () {
        yield* inner.run(function* () {
          inner.cancel();
          try {
            yield* sleepForever();
          } finally {
            outer.cancel();
          }
        });
        throw new Error("not reached");
      });
      expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
    });
  });

  test("other errors pass through a cancelled scope as they are", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const error = new Error("mine");
      const got = yield* errorOf(
        scope.run(function* () {
          scope.cancel();
          yield* errorOf(sleep(1));
          throw error;
        }),
      );
      expect(got).toBe(error);
      expect(scope.cancelledCaught).toBe(false);
    });
  });

  test("a Cancelled that is thrown again where nothing is cancelled is an error like any other", () => {
    virtual(function* () {
      let kept: unknown;
      yield* moveOnAfter(0, function* () {
        kept = yield* errorOf(sleepForever());
      });
      const scope = new CancelScope();
      const got = yield* errorOf(
        scope.run(function* () {
          throw kept;
        }),
      );
      expect(got).toBe(kept);
      expect(got).toBeInstanceOf(Cancelled);
    });
  });

  test("the Cancelled leaves are taken out of a group: one that remains stays wrapped, and nesting stays", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const error = new Error("mine");
      const got = yield* errorOf(
        scope.run(function* () {
          scope.cancel();
          const cancelled = yield* errorOf(sleepForever());
          throw new ExceptionGroup([cancelled, new ExceptionGroup([error, cancelled], "inner")], "outer");
        }),
      );
      expect(scope.cancelledCaught).toBe(true);
      expect(got).toBeInstanceOf(ExceptionGroup);
      expect(got.message).toStartWith("outer");
      expect(got.errors).toHaveLength(1);
      expect(got.errors[0]).toBeInstanceOf(ExceptionGroup);
      expect(got.errors[0].message).toStartWith("inner");
      expect(got.errors[0].errors).toEqual([error]);
    });
  });

  test("a group of nothing but Cancelled is caught whole", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const value = yield* scope.run(function* () {
        scope.cancel();
        const cancelled = yield* errorOf(sleepForever());
        throw new ExceptionGroup([new ExceptionGroup([cancelled]), cancelled]);
      });
      expect(value).toBeUndefined();
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("a body that throws before it gives a coroutine leaves the scope in order", () => {
    virtual(function* () {
      const outside = currentEffectiveDeadline();
      const scope = new CancelScope({ timeout: 5 });
      const error = new Error("no coroutine");
      expect(
        yield* errorOf(
          scope.run(() => {
            throw error;
          }),
        ),
      ).toBe(error);
      expect(currentEffectiveDeadline()).toBe(outside);
      yield* sleep(10);
      expect(scope.cancelCalled).toBe(false);
    });
  });
});

describe("the Cancelled", () => {
  test("its message shows a reason that is an object as one", () => {
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        scope.cancel({ grase: 5_000 });
        const { message } = yield* errorOf(sleepForever());
        expect(message).toEndWith(': {"grase":5000}');
      });
    });
  });

  test("says what cancelled, which task, and why; the first reason wins", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let seen: Cancelled | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          named("canceller", function* () {
            scope.cancel("first");
            scope.cancel("second");
          }),
        );
        yield* scope.run(function* () {
          seen = yield* errorOf(sleepForever());
        });
      });
      expect(seen).toMatchObject({ source: "explicit", reason: "first", sourceTask: "canceller" });
    });
  });

  test("says which task also where that has been resumed before", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let seen: Cancelled | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(
          named("canceller", function* () {
            yield* sleep(1);
            scope.cancel();
          }),
        );
        yield* scope.run(function* () {
          seen = yield* errorOf(sleepForever());
        });
      });
      expect(seen).toMatchObject({ source: "explicit", sourceTask: "canceller" });
    });
  });

  test.each([
    ["deadline", () => new CancelScope({ timeout: 1 })],
    [
      "explicit",
      () => {
        const scope = new CancelScope();
        scope.cancel();
        return scope;
      },
    ],
  ])("its source is %s", (source, make) => {
    virtual(function* () {
      const scope = make();
      yield* scope.run(function* () {
        expect((yield* errorOf(sleepForever())).source).toBe(source);
      });
    });
  });

  test("keeps its first cause when the scope is cancelled again", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 1 });
      yield* scope.run(function* () {
        yield* errorOf(sleepForever());
        scope.cancel("too late");
        const error = yield* errorOf(sleepForever());
        expect([error.source, error.reason]).toEqual(["deadline", undefined]);
      });
    });
  });
});

describe("the Cancelled of a deadline that has passed", () => {
  test("is not overwritten by a cancel() before the pass that would have seen it", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const scope = new CancelScope({ timeout: 10 });
        yield* scope.run(function* () {
          clock.jump(10);
          scope.cancel("too late");
          expect(yield* errorOf(sleepForever())).toMatchObject({ source: "deadline", reason: undefined });
        });
        const early = new CancelScope({ deadline: currentTime() });
        early.cancel("too late");
        yield* early.run(function* () {
          expect((yield* errorOf(sleepForever())).source).toBe("deadline");
        });
      },
      { clock },
    );
  });
});

describe("entering", () => {
  test("a scope is good for one run, by whichever task", () => {
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        const again = yield* errorOf(scope.run(sleepForever));
        expect(again).toBeInstanceOf(UsageError);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            expect(yield* errorOf(scope.run(sleepForever))).toBeInstanceOf(UsageError);
          });
        });
      });
      const after = yield* errorOf(scope.run(sleepForever));
      expect(after).toBeInstanceOf(UsageError);
      expect(after.message).toContain("make a new one");
    });
  });

  test("a scope can be made outside a run, and be used in one", () => {
    const scope = new CancelScope({ timeout: 5 });
    expect(scope.cancelCalled).toBe(false);
    scope.deadline = 3;
    virtual(() => scope.run(sleepForever));
    expect(scope.cancelledCaught).toBe(true);
  });

  test.each<[string, unknown, new () => Error, string]>([
    ["deadline and timeout", { deadline: 1, timeout: 1 }, TypeError, "not both"],
    ["no object", 5, TypeError, "options"],
    ["a text for the deadline", { deadline: "1" }, TypeError, "deadline"],
    ["NaN for the deadline", { deadline: Number.NaN }, RangeError, "deadline"],
    ["a text for the timeout", { timeout: "1" }, TypeError, "timeout"],
    ["NaN for the timeout", { timeout: Number.NaN }, RangeError, "timeout"],
    ["a negative timeout", { timeout: -1 }, RangeError, "timeout"],
    ["a number for the shield", { shield: 1 }, TypeError, "shield"],
  ])("refuses %s", (_, options, kind, word) => {
    const error = thrownBy(() => new CancelScope(options as CancelScopeOptions));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(word);
  });

  test("judges what its properties are set to, and stays as it was", () => {
    const scope = new CancelScope({ deadline: 5 });
    expect(thrownBy(() => (scope.deadline = Number.NaN))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => (scope.deadline = "1" as unknown as number))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => (scope.shield = 1 as unknown as boolean))).toBeInstanceOf(TypeError);
    expect([scope.deadline, scope.shield]).toEqual([5, false]);
  });

  test("refuses a body that is no function at once", () => {
    expect(thrownBy(() => new CancelScope().run(5 as never))).toBeInstanceOf(TypeError);
  });
});

describe("the deadline", () => {
  test("a timeout counts from entry; until then the deadline is Infinity", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      expect(scope.deadline).toBe(Infinity);
      yield* sleep(100);
      yield* scope.run(function* () {
        expect(scope.deadline).toBe(110);
        yield* sleepForever();
      });
      expect(currentTime()).toBe(110);
    });
  });

  test("a deadline set before entry takes the place of the timeout", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      scope.deadline = 50;
      yield* scope.run(sleepForever);
      expect(currentTime()).toBe(50);
    });
  });

  test("can be moved later, earlier and away while the scope runs", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      yield* scope.run(function* () {
        scope.deadline = 30;
        yield* sleep(20);
        scope.deadline = Infinity;
        yield* sleep(20);
        expect([scope.cancelCalled, currentTime()]).toEqual([false, 40]);
        scope.deadline = 50;
        yield* sleepForever();
      });
      expect(currentTime()).toBe(50);
    });
  });

  test("moved to now it cancels: the same step sees it, blocked tasks are aborted in the next pass", () => {
    virtual(function* () {
      const scope = new CancelScope();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* scope.run(() => notingAbort(log, "aborted"));
        });
        yield* passes(2);
        scope.deadline = currentTime();
        log.push("assigned");
        expect(scope.cancelCalled).toBe(true);
        yield* passes(1);
        log.push("a pass later");
      });
      expect(log).toEqual(["assigned", "aborted", "a pass later"]);
    });
  });

  test("moved to the past within the scope, yieldIfCancelled throws in the same step", () => {
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        scope.deadline = -5;
        yield* yieldIfCancelled();
        throw new Error("not reached");
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("one that passed in this very step is seen by yieldIfCancelled and by cancelCalled", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const scope = new CancelScope({ timeout: 10 });
        yield* scope.run(function* () {
          clock.jump(10);
          expect(scope.cancelCalled).toBe(true);
          yield* yieldIfCancelled();
          throw new Error("not reached");
        });
      },
      { clock },
    );
  });

  test("moved to -Infinity before entry it cancels", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.deadline = -Infinity;
      yield* scope.run(sleepForever);
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("moving it never takes a cancellation back", () => {
    virtual(function* () {
      const scope = new CancelScope();
      yield* scope.run(function* () {
        scope.deadline = currentTime();
        scope.deadline = Infinity;
        expect(scope.cancelCalled).toBe(true);
        yield* yieldIfCancelled();
        throw new Error("not reached");
      });
      const before = new CancelScope({ deadline: currentTime() - 1 });
      expect(before.cancelCalled).toBe(true);
      before.deadline = Infinity;
      expect(before.cancelCalled).toBe(true);
      yield* before.run(sleepForever);
      expect(before.cancelledCaught).toBe(true);
    });
  });

  test("one that passed unseen is not taken back by moving it", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const scope = new CancelScope({ timeout: 10 });
        yield* scope.run(function* () {
          clock.jump(20);
          scope.deadline = 100;
          expect(scope.cancelCalled).toBe(true);
          yield* sleepForever();
        });
        expect(scope.cancelledCaught).toBe(true);
      },
      { clock },
    );
  });

  test("one that passes after the scope has ended means nothing", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      yield* scope.run(yieldBriefly);
      yield* sleep(20);
      expect(scope.cancelCalled).toBe(false);
      scope.deadline = 0;
      scope.shield = true;
      expect(scope.cancelCalled).toBe(false);
    });
  });

  test("of several due scopes the outermost catches", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const outer = new CancelScope({ timeout: 20 });
        const inner = new CancelScope({ timeout: 10 });
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* outer.run(() => inner.run(sleepForever));
          });
          yield* passes(2);
          clock.jump(30);
        });
        expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
      },
      { clock },
    );
  });

  test("of two scopes due at the same time the outer one catches, whichever was set first", () => {
    for (const outerFirst of [true, false]) {
      virtual(function* () {
        const outer = new CancelScope({ deadline: outerFirst ? 10 : 99 });
        const inner = new CancelScope({ deadline: 10 });
        yield* outer.run(function* () {
          yield* inner.run(function* () {
            outer.deadline = 10;
            yield* sleepForever();
          });
          throw new Error("not reached");
        });
        expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
      });
    }
  });

  test("a scope due first catches before the one around it is due", () => {
    virtual(function* () {
      const outer = new CancelScope({ timeout: 20 });
      const inner = new CancelScope({ timeout: 10 });
      yield* outer.run(() => inner.run(sleepForever));
      expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([false, true]);
    });
  });
});

describe("the shield", () => {
  test("keeps a cancellation from outside away, until it is lowered: then blocked tasks are aborted at once", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const shielded = new CancelScope({ shield: true });
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* outer.run(() => shielded.run(() => notingAbort(log, "aborted")));
        });
        yield* passes(2);
        outer.cancel();
        yield* passes(3);
        log.push("still there");
        shielded.shield = false;
        log.push("lowered");
      });
      expect(log).toEqual(["still there", "aborted", "lowered"]);
      expect([outer.cancelledCaught, shielded.cancelledCaught]).toEqual([true, false]);
    });
  });

  test("does not keep the scope's own cancellation away", () => {
    virtual(function* () {
      const scope = new CancelScope({ shield: true, timeout: 5 });
      yield* scope.run(sleepForever);
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("clean-up in a shielded scope blocks in a cancelled one, under a deadline of its own", () => {
    virtual(function* () {
      const trail: string[] = [];
      yield* moveOnAfter(10, function* () {
        try {
          yield* sleepForever();
        } finally {
          yield* moveOnAfter(
            5,
            function* () {
              yield* sleep(3);
              trail.push(`cleaned up at ${currentTime()}`);
              yield* sleepForever();
            },
            { shield: true },
          );
          trail.push(`gave up at ${currentTime()}`);
        }
      });
      expect(trail).toEqual(["cleaned up at 13", "gave up at 15"]);
    });
  });

  test("raised while an outer Cancelled is in flight, it does not make this scope swallow it (gh trio #1175)", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      yield* outer.run(function* () {
        outer.cancel();
        yield* inner.run(function* () {
          try {
            yield* sleepForever();
          } finally {
            inner.shield = true;
          }
        });
        throw new Error("not reached");
      });
      expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
    });
  });

  test("raised between a task's schedule point and its cancel check, yieldIfCancelled returns", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      let returned = false;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* outer.run(() =>
            inner.run(function* () {
              outer.cancel();
              yield* yieldIfCancelled();
              returned = true;
            }),
          );
        });
        nursery.startSoon(function* () {
          inner.shield = true;
        });
      });
      expect(returned).toBe(true);
      expect(outer.cancelledCaught).toBe(false);
    });
  });

  test("raised after the abort of a task that could not give way, its late Cancelled is still the outer scope's", () => {
    virtual(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      let task: Task | null = null;
      let raise: () => never = () => {
        throw new Error("not asked");
      };
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          task = currentTask();
          yield* outer.run(() =>
            inner.run(() =>
              yieldIndefinitely((raiseCancel) => {
                raise = raiseCancel;
                return Abort.FAILED;
              }),
            ),
          );
        });
        yield* passes(2);
        outer.cancel();
        inner.shield = true;
        reschedule(task!, Result.capture(raise));
      });
      expect([outer.cancelledCaught, inner.cancelledCaught]).toEqual([true, false]);
    });
  });
});

describe("reading", () => {
  test("cancelCalled wakes and aborts nobody", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const log: string[] = [];
        const scope = new CancelScope({ timeout: 10 });
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* scope.run(() => notingAbort(log, "aborted"));
          });
          yield* passes(2);
          clock.jump(10);
          expect(scope.cancelCalled).toBe(true);
          log.push("read");
          // Nor does a walk of the tree that has nothing to do with it (Trio's expires it).
          nursery.cancelScope.shield = true;
          nursery.cancelScope.shield = false;
          log.push("walked");
          yield* passes(1);
        });
        expect(log).toEqual(["read", "walked", "aborted"]);
      },
      { clock },
    );
  });

  test("cancelCalled, once true, is never false again", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const scope = new CancelScope({ timeout: 10 });
        yield* scope.run(function* () {
          clock.jump(10);
          expect(scope.cancelCalled).toBe(true);
          scope.deadline = 1000;
          expect(scope.cancelCalled).toBe(true);
        });
        expect([scope.cancelCalled, scope.cancelledCaught]).toEqual([true, false]);
      },
      { clock },
    );
  });

  test("cancelCalled, true in the scope's last step because its deadline has passed, is true after it", () => {
    const clock = new MockClock();
    runSync(
      function* () {
        const scope = new CancelScope({ timeout: 10 });
        yield* scope.run(function* () {
          clock.jump(10);
          expect(scope.cancelCalled).toBe(true);
        });
        expect([scope.cancelCalled, scope.stopRequested, scope.cancelledCaught]).toEqual([true, true, false]);
      },
      { clock },
    );
  });
});

describe("the effective deadline", () => {
  test("is the earliest of the scopes that a task can see", () => {
    virtual(function* () {
      expect(currentEffectiveDeadline()).toBe(Infinity);
      const middle = new CancelScope({ deadline: 50 });
      yield* moveOnAfter(20, () =>
        middle.run(() =>
          moveOnAfter(100, function* () {
            expect(currentEffectiveDeadline()).toBe(20);
            middle.shield = true;
            expect(currentEffectiveDeadline()).toBe(50);
            middle.deadline = Infinity;
            expect(currentEffectiveDeadline()).toBe(100);
            middle.shield = false;
            expect(currentEffectiveDeadline()).toBe(20);
            middle.cancel();
            expect(currentEffectiveDeadline()).toBe(-Infinity);
          }),
        ),
      );
    });
  });

  test("of a child is its nursery's, not its starter's", () => {
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        let seen = 0;
        yield* moveOnAfter(5, function* () {
          nursery.startSoon(function* () {
            seen = currentEffectiveDeadline();
          });
          yield* sleep(1);
        });
        expect(seen).toBe(Infinity);
      });
    });
  });
});

describe("thousands deep", () => {
  const DEPTH = 5000;

  function* nest(depth: number, body: () => Generator<any, void, any>): Generator<any, void, any> {
    if (depth === 0) yield* body();
    else yield* new CancelScope({ deadline: 1e6 + depth }).run(() => nest(depth - 1, body));
  }

  test("the effective deadline is found without recursion", () => {
    virtual(function* () {
      yield* nest(DEPTH, function* () {
        expect(currentEffectiveDeadline()).toBe(1e6 + 1);
      });
    });
  });

  test("a cancellation reaches the innermost task, and the outermost scope catches it", () => {
    virtual(function* () {
      const outermost = new CancelScope();
      let aborted = false;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* outermost.run(() =>
            nest(DEPTH, function* () {
              yield* yieldIndefinitely(() => {
                aborted = true;
                return Abort.SUCCEEDED;
              });
            }),
          );
        });
        while (nursery.childTasks.values().next().value!.waitsFor() !== "yieldIndefinitely()") yield* passes(1);
        outermost.cancel();
        expect(aborted).toBe(true);
      });
      expect(outermost.cancelledCaught).toBe(true);
    });
  });
});

describe("the order in which one cancel aborts", () => {
  test("a scope's own tasks as they came to be in it, then the scopes within it as they were entered", () => {
    virtual(function* () {
      const log: string[] = [];
      const lot = new ParkingLot();
      yield* openNursery(function* (nursery) {
        const inOwnScope = (name: string) =>
          function* (): Generator<any, void, any> {
            yield* new CancelScope().run(() => notingAbort(log, name));
          };
        nursery.startSoon(inOwnScope("first scope within"));
        nursery.startSoon(() => notingAbort(log, "first child"));
        nursery.startSoon(function* () {
          yield* openNursery(function* (inner) {
            inner.startSoon(() => notingAbort(log, "grandchild"));
            inner.startSoon(inOwnScope("scope within the nursery within"));
            yield* notingAbort(log, "body of the nursery within");
          });
        });
        nursery.startSoon(() => notingAbort(log, "second child"));
        nursery.startSoon(inOwnScope("third scope within"));
        nursery.startSoon(function* () {
          yield* passes(5);
          nursery.cancelScope.cancel();
          lot.unparkAll();
        });
        yield* notingAbort(log, "body");
      });
      expect(log).toEqual([
        "body",
        "first child",
        "second child",
        "first scope within",
        "body of the nursery within",
        "grandchild",
        "scope within the nursery within",
        "third scope within",
      ]);
    });
  });

  test("tasks that were aborted by one cancel unwind in the order of their aborts", () => {
    virtual(function* () {
      const log: number[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 5; i++) {
          nursery.startSoon(function* () {
            try {
              yield* sleepForever();
            } finally {
              log.push(i);
            }
          });
        }
        yield* passes(1);
        nursery.cancelScope.cancel();
      });
      expect(log).toEqual([0, 1, 2, 3, 4]);
    });
  });

  test("an abort function may cancel another scope, and shield one", () => {
    virtual(function* () {
      const log: string[] = [];
      const other = new CancelScope();
      const spared = new CancelScope();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          yieldIndefinitely(() => {
            log.push("first");
            other.cancel();
            spared.shield = true;
            return Abort.SUCCEEDED;
          }),
        );
        nursery.startSoon(function* () {
          yield* other.run(() => notingAbort(log, "other"));
        });
        nursery.startSoon(function* () {
          yield* spared.run(function* () {
            yield* sleep(10);
            log.push("spared");
          });
        });
        yield* passes(2);
        nursery.cancelScope.cancel();
        log.push("cancelled");
      });
      expect(log).toEqual(["first", "other", "cancelled", "spared"]);
    });
  });
});

describe("the abort function", () => {
  test("runs inside cancel(), as the task it belongs to", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let sleeper: Task | undefined;
      let during: Task | undefined;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          sleeper = currentTask();
          yield* scope.run(() =>
            yieldIndefinitely(() => {
              during = currentTask();
              return Abort.SUCCEEDED;
            }),
          );
        });
        yield* passes(2);
        const before = currentTask();
        scope.cancel();
        expect(during).toBe(sleeper!);
        expect(currentTask()).toBe(before);
      });
    });
  });

  test("runs as its task also when a deadline fires it", () => {
    virtual(function* () {
      let during: Task | undefined;
      yield* moveOnAfter(5, () =>
        yieldIndefinitely(() => {
          during = currentTask();
          return Abort.SUCCEEDED;
        }),
      );
      expect(during).toBe(currentTask());
    });
  });
});
