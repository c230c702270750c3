/** S46 to S53: the checkpoint functions. */
import { AssertionError } from "node:assert";
import { expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  currentTask,
  reschedule,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  type Nursery,
  type Operation,
  WouldBlock,
  currentTime,
  openNursery,
  runSync,
  sleep,
} from "../../src/index.ts";
import { MockClock, assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { type Script, forBothKinds } from "./kinds.ts";

forBothKinds((kind) => {
  /** Whether another task that is runnable gets its turn while `operation` is driven. */
  function* lets(operation: () => Operation<unknown>): Generator<Operation<any>, boolean, any> {
    let ran = false;
    let during = false;
    yield openNursery(
      kind.task(function* (nursery: Nursery) {
        nursery.startSoon(function* () {
          ran = true;
        });
        try {
          yield operation();
        } finally {
          during = ran;
        }
      }),
    );
    return during;
  }

  /** What `operation` throws in a scope that is cancelled already; undefined when it throws nothing. */
  function* thrownWhenCancelled(operation: () => Operation<unknown>): Generator<Operation<any>, unknown, any> {
    let thrown: unknown;
    const scope = new CancelScope();
    scope.cancel();
    yield scope.run(
      kind.task(function* () {
        try {
          yield operation();
        } catch (error) {
          thrown = error;
        }
      }),
    );
    return thrown;
  }

  function inRun(script: Script<[], void>, clock = new MockClock()): void {
    let ended = false;
    runSync(
      kind.task(function* () {
        yield* script();
        ended = true;
      }),
      { clock },
    );
    expect(ended).toBe(true);
  }

  test("S46 yieldBriefly lets every other runnable task run once, and gives nothing", () => {
    inRun(function* () {
      const log: string[] = [];
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          for (const name of ["a", "b"]) {
            nursery.startSoon(
              kind.task(function* () {
                log.push(name);
                yield yieldBriefly();
                log.push(`${name} again`);
              }),
            );
          }
          expect(yield yieldBriefly()).toBeUndefined();
          expect(log).toEqual(["a", "b"]);
        }),
      );
    });
  });

  test("S46 yieldBriefly is a schedule point first, then a cancel check", () => {
    inRun(function* () {
      expect(yield* thrownWhenCancelled(yieldBriefly)).toBeInstanceOf(Cancelled);
      // The task that ran meanwhile did so although the scope was cancelled before.
      const scope = new CancelScope();
      let ranFirst = false;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            ranFirst = true;
          });
          yield scope.run(
            kind.task(function* () {
              scope.cancel();
              yield yieldBriefly();
            }),
          );
          expect(scope.cancelledCaught).toBe(true);
          expect(ranFirst).toBe(true);
        }),
      );
    });
  });

  test("S46 yieldBriefly sees a deadline that has passed, before it or while others ran", () => {
    const clock = new MockClock();
    inRun(function* () {
      const before = new CancelScope({ deadline: 10 });
      yield before.run(
        kind.task(function* () {
          yield yieldBriefly();
          clock.jump(10);
          expect(yield kind.errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
        }),
      );

      const during = new CancelScope({ deadline: 20 });
      const lot = new ParkingLot();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(
            kind.task(function* () {
              lot.unpark(); // so that it comes after the other task, in the pass in which that one yields
              yield yieldBriefly();
              clock.jump(10);
            }),
          );
          yield during.run(
            kind.task(function* () {
              yield lot.park();
              expect(currentTime()).toBe(10);
              expect(yield kind.errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
            }),
          );
        }),
      );
    }, clock);
  });

  test("S46 yieldBriefly sees a cancellation that came while others ran", () => {
    inRun(function* () {
      const scope = new CancelScope();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            scope.cancel();
          });
          yield scope.run(
            kind.task(function* () {
              yield yieldBriefly();
            }),
          );
        }),
      );
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("S46 cancellation is level-triggered: every checkpoint throws until the scope has ended", () => {
    inRun(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield scope.run(
        kind.task(function* () {
          for (let n = 0; n < 3; n++) expect(yield kind.errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
        }),
      );
      yield yieldBriefly(); // and not after
    });
  });

  test("S47 yieldBriefly is never passed over: two tasks take turns, however often", () => {
    inRun(function* () {
      const turns: string[] = [];
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          for (const name of ["a", "b"]) {
            nursery.startSoon(
              kind.task(function* () {
                for (let n = 0; n < 100; n++) {
                  turns.push(name);
                  yield yieldBriefly();
                }
              }),
            );
          }
        }),
      );
      expect(turns.join("")).toBe("ab".repeat(100));
    });
  });

  test("S48 sleep(0) is the same as yieldBriefly: one pass, both points, no time", () => {
    inRun(function* () {
      expect(yield* lets(() => sleep(0))).toBe(true);
      expect(yield* thrownWhenCancelled(() => sleep(0))).toBeInstanceOf(Cancelled);
      const turns: string[] = [];
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          for (const [name, operation] of [
            ["sleep", () => sleep(0)],
            ["yield", yieldBriefly],
          ] as const) {
            nursery.startSoon(
              kind.task(function* () {
                for (let n = 0; n < 5; n++) {
                  turns.push(name);
                  yield operation();
                }
              }),
            );
          }
        }),
      );
      expect(turns).toEqual(Array.from({ length: 5 }, () => ["sleep", "yield"]).flat());
      expect(currentTime()).toBe(0);
    });
  });

  test("S49 yieldIfCancelled does nothing where nothing is cancelled: nobody else runs", () => {
    inRun(function* () {
      expect(yield* lets(yieldIfCancelled)).toBe(false);
    });
  });

  test("S49 yieldIfCancelled in a cancelled scope lets others run, then throws", () => {
    inRun(function* () {
      let others = 0;
      const scope = new CancelScope();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            others++;
          });
          yield scope.run(
            kind.task(function* () {
              scope.cancel();
              expect(yield kind.errorOf(yieldIfCancelled())).toBeInstanceOf(Cancelled);
              expect(others).toBe(1);
            }),
          );
        }),
      );
    });
  });

  test("S49 yieldIfCancelled is level-triggered, and quiet behind a shield", () => {
    inRun(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield scope.run(
        kind.task(function* () {
          for (let n = 0; n < 2; n++) expect(yield kind.errorOf(yieldIfCancelled())).toBeInstanceOf(Cancelled);
          yield new CancelScope({ shield: true }).run(
            kind.task(function* () {
              yield yieldIfCancelled();
            }),
          );
          expect(yield kind.errorOf(yieldIfCancelled())).toBeInstanceOf(Cancelled);
        }),
      );
    });
  });

  test("S49 yieldIfCancelled returns when a shield was raised around it while others ran", () => {
    inRun(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope();
      let returned = false;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            inner.shield = true;
          });
          yield outer.run(
            kind.task(function* () {
              yield inner.run(
                kind.task(function* () {
                  outer.cancel();
                  yield yieldIfCancelled();
                  returned = true;
                }),
              );
            }),
          );
        }),
      );
      expect(returned).toBe(true);
    });
  });

  test("S49 yieldIfCancelled sees in the same step a deadline that is over, or was moved to be", () => {
    const clock = new MockClock();
    inRun(function* () {
      const passes = new CancelScope({ deadline: 10 });
      yield passes.run(
        kind.task(function* () {
          yield yieldIfCancelled();
          clock.jump(10);
          expect(yield kind.errorOf(yieldIfCancelled())).toBeInstanceOf(Cancelled);
        }),
      );
      const moved = new CancelScope();
      yield moved.run(
        kind.task(function* () {
          yield yieldIfCancelled();
          moved.deadline = currentTime();
          expect(yield kind.errorOf(yieldIfCancelled())).toBeInstanceOf(Cancelled);
        }),
      );
    }, clock);
  });

  test("S50 yieldBrieflyNoCancel lets others run, and throws nothing in a cancelled scope", () => {
    inRun(function* () {
      expect(yield* lets(yieldBrieflyNoCancel)).toBe(true);
      expect(yield* thrownWhenCancelled(yieldBrieflyNoCancel)).toBeUndefined();
    });
  });

  test("S50 yieldBrieflyNoCancel throws nothing when the cancellation comes while others run", () => {
    inRun(function* () {
      const scope = new CancelScope();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            scope.cancel();
          });
          yield scope.run(
            kind.task(function* () {
              yield yieldBrieflyNoCancel();
              expect(scope.cancelCalled).toBe(true);
            }),
          );
          expect(scope.cancelledCaught).toBe(false);
        }),
      );
    });
  });

  test("S51 yieldIfCancelled and yieldBrieflyNoCancel make up a checkpoint, and neither is one alone", () => {
    inRun(function* () {
      const points = function* (operation: () => Operation<unknown>): Generator<Operation<any>, string, any> {
        const schedules = yield* lets(operation);
        const cancels = (yield* thrownWhenCancelled(operation)) instanceof Cancelled;
        return `${schedules ? "schedules" : "runs on"}, ${cancels ? "can be cancelled" : "cannot be cancelled"}`;
      };
      const pair = () =>
        kind.frame(function* () {
          yield yieldIfCancelled();
          yield yieldBrieflyNoCancel();
        });
      expect(yield* points(pair)).toBe("schedules, can be cancelled");
      expect(yield* points(yieldBriefly)).toBe("schedules, can be cancelled");
      expect(yield* points(yieldIfCancelled)).toBe("runs on, can be cancelled");
      expect(yield* points(yieldBrieflyNoCancel)).toBe("schedules, cannot be cancelled");
    });
  });

  test("S51 assertCheckpoints passes for the pair and fails for either half; assertNoCheckpoints fails for each", () => {
    inRun(function* () {
      const pair = function* (): Generator<Operation<any>, string, any> {
        yield yieldIfCancelled();
        yield yieldBrieflyNoCancel();
        return "value";
      };
      expect(yield assertCheckpoints(kind.task(pair))).toBe("value");
      yield assertCheckpoints(yieldBriefly);
      for (const half of [yieldIfCancelled, yieldBrieflyNoCancel]) {
        expect(yield kind.errorOf(assertCheckpoints(half))).toBeInstanceOf(AssertionError);
        expect(yield kind.errorOf(assertNoCheckpoints(half))).toBeInstanceOf(AssertionError);
      }
      expect(yield kind.errorOf(assertNoCheckpoints(kind.task(pair)))).toBeInstanceOf(AssertionError);
      expect(
        yield assertNoCheckpoints(
          kind.task(function* () {
            return "nothing passed";
          }),
        ),
      ).toBe("nothing passed");
    });
  });

  /** S52: something that can be taken without waiting, now and then; and the seed's way of making it an operation. */
  class Mailbox {
    items: string[] = [];
    failure: Error | null = null;
    attempts = 0;
    readonly lot = new ParkingLot();

    tryTake(): string {
      this.attempts++;
      if (this.failure !== null) throw this.failure;
      const item = this.items.shift();
      if (item === undefined) throw new WouldBlock("the mailbox is empty");
      return item;
    }

    put(item: string): void {
      this.items.push(item);
      this.lot.unpark();
    }

    take(): Operation<string> {
      const mailbox = this;
      return kind.frame(function* () {
        yield yieldIfCancelled();
        try {
          const item = mailbox.tryTake();
          yield yieldBrieflyNoCancel();
          return item;
        } catch (error) {
          if (!(error instanceof WouldBlock)) {
            yield yieldBrieflyNoCancel();
            throw error;
          }
        }
        for (;;) {
          yield mailbox.lot.park();
          try {
            return mailbox.tryTake();
          } catch (error) {
            if (!(error instanceof WouldBlock)) throw error;
          }
        }
      });
    }
  }

  test("S52 the maybe-blocks idiom: success without blocking is a checkpoint", () => {
    inRun(function* () {
      const mailbox = new Mailbox();
      mailbox.items = ["a", "b"];
      expect(yield* lets(() => mailbox.take())).toBe(true);
      expect(mailbox.items).toEqual(["b"]);
    });
  });

  test("S52 the maybe-blocks idiom: Cancelled only if the operation did not happen", () => {
    inRun(function* () {
      const mailbox = new Mailbox();
      mailbox.items = ["a"];
      expect(yield* thrownWhenCancelled(() => mailbox.take())).toBeInstanceOf(Cancelled);
      expect([mailbox.attempts, mailbox.items]).toEqual([0, ["a"]]);

      // A cancellation that comes once it has happened does not take the item along.
      const scope = new CancelScope();
      let item: unknown;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            scope.cancel();
          });
          yield scope.run(
            kind.task(function* () {
              item = yield mailbox.take();
            }),
          );
        }),
      );
      expect([item, scope.cancelCalled, scope.cancelledCaught]).toEqual(["a", true, false]);
    });
  });

  test("S52 the maybe-blocks idiom: cancelled while it blocks, it did not happen", () => {
    inRun(function* () {
      const mailbox = new Mailbox();
      const scope = new CancelScope();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(
            kind.task(function* () {
              yield scope.run(() => mailbox.take());
            }),
          );
          yield waitAllTasksBlocked();
          scope.cancel();
          mailbox.put("a");
        }),
      );
      expect([scope.cancelledCaught, mailbox.items]).toEqual([true, ["a"]]);
    });
  });

  test("S52 the maybe-blocks idiom: no schedule point before it really blocks", () => {
    inRun(function* () {
      const mailbox = new Mailbox();
      let parkedFirst = 0;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            parkedFirst = mailbox.lot.size;
            mailbox.put("a");
          });
          expect(yield mailbox.take()).toBe("a");
        }),
      );
      expect([parkedFirst, mailbox.attempts]).toEqual([1, 2]);
    });
  });

  test("S52 the maybe-blocks idiom: an error passes a schedule point, and does not carry the WouldBlock", () => {
    inRun(function* () {
      const failure = new Error("broken");
      const atOnce = new Mailbox();
      atOnce.failure = failure;
      let ran = false;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            ran = true;
          });
          expect(yield kind.errorOf(atOnce.take())).toBe(failure);
          expect(ran).toBe(true);
        }),
      );

      const later = new Mailbox();
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            later.failure = failure;
            later.lot.unpark();
          });
          expect(yield kind.errorOf(later.take())).toBe(failure);
        }),
      );
      expect(failure.cause).toBeUndefined();
    });
  });

  test("S53 yieldIfCancelled before an operation that cannot be cancelled makes the whole a checkpoint", () => {
    inRun(function* () {
      let begun = 0;
      const uncancellable = () =>
        kind.frame(function* () {
          yield yieldIfCancelled();
          begun++;
          const task = currentTask();
          yield openNursery(
            kind.task(function* (nursery: Nursery) {
              nursery.startSoon(function* () {
                reschedule(task);
              });
              yield yieldIndefinitely(() => Abort.FAILED);
            }),
          );
          return "done";
        });
      expect(yield* thrownWhenCancelled(uncancellable)).toBeInstanceOf(Cancelled);
      expect(begun).toBe(0);
      expect(yield* lets(uncancellable)).toBe(true);
      expect(yield uncancellable()).toBe("done");

      // Once begun it ends, whatever is cancelled meanwhile.
      const scope = new CancelScope();
      let value: unknown;
      yield openNursery(
        kind.task(function* (nursery: Nursery) {
          nursery.startSoon(function* () {
            scope.cancel();
          });
          yield scope.run(
            kind.task(function* () {
              value = yield uncancellable();
            }),
          );
        }),
      );
      expect([value, scope.cancelCalled, scope.cancelledCaught]).toEqual(["done", true, false]);
    });
  });
});
