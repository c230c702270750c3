/** The host's own code wakes a run: callbacks of timers and promises, instruments, Workers. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  Result,
  type WorkerHandle,
  connectCallSoon,
  currentCallSoonThreadAndSignalSafe,
  currentTask,
  reschedule,
  spawnSystemTask,
  waitReadable,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  type Cancelled,
  type Coroutine,
  type RunOptions,
  currentTime,
  failAfter,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { Descriptors } from "../io/descriptors.ts";
import { BACKENDS } from "../backends.ts";

/** Calls `callback` from a place of the host's, some turns of the loop from now. */
const PLACES: Record<string, (callback: () => void) => void> = {
  "a timer": (callback) => void setTimeout(callback, 5),
  "an immediate": (callback) => void setTimeout(() => setImmediate(callback), 5),
  "a promise's callback": (act) => void Bun.sleep(5).then(act),
  nextTick: (callback) => void setTimeout(() => process.nextTick(callback), 5),
  "an event's listener": (callback) => {
    const target = new EventTarget();
    target.addEventListener("event", callback);
    setTimeout(() => target.dispatchEvent(new globalThis.Event("event")), 5);
  },
};

describe.each(Object.entries(PLACES))("a sleeping run is woken from %s", (_, later) => {
  test("by callSoon", async () => {
    await run(function* () {
      const callSoon = currentCallSoonThreadAndSignalSafe();
      const me = currentTask();
      later(() => callSoon(() => reschedule(me)));
      yield* yieldIndefinitely(() => Abort.FAILED);
    });
  });

  test("by reschedule, with a value and with an error", async () => {
    await run(async function* () {
      const me = currentTask();
      later(() => reschedule(me, Result.value("value")));
      expect(yield* yieldIndefinitely(() => Abort.FAILED)).toBe("value");
      const error = new Error("mine");
      later(() => reschedule(me, Result.error(error)));
      expect(yield* caught(() => yieldIndefinitely(() => Abort.FAILED))).toBe(error);
    });
  });

  test("by ParkingLot.unpark", async () => {
    const lot = new ParkingLot();
    await run(function* () {
      later(() => void lot.unpark());
      yield* lot.park();
    });
  });

  test("by scope.cancel, with the reason", async () => {
    await run(function* () {
      const scope = new CancelScope();
      later(() => scope.cancel("the reason"));
      yield* scope.run(function* () {
        expect((yield* caught(sleepForever)) as Cancelled).toMatchObject({ name: "Cancelled", reason: "the reason" });
        yield* sleepForever();
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("by a deadline set, moved forward, and moved into the past", async () => {
    await run(function* () {
      for (const first of [Infinity, 1e6]) {
        for (const next of [3, -1]) {
          const scope = new CancelScope({ timeout: first });
          const start = currentTime();
          later(() => (scope.deadline = start + next));
          yield* scope.run(sleepForever);
          expect(scope.cancelledCaught).toBe(true);
        }
      }
    });
  });

  test("by nobody, when a deadline is put off: it holds when it comes", async () => {
    await run(function* () {
      const scope = new CancelScope({ timeout: 20 });
      let until = -Infinity;
      // On a busy machine the callback may come too late.
      later(() => {
        if (scope.cancelCalled) return;
        const time = (scope.deadline += 20);
        if (!scope.cancelCalled) until = time;
      });
      yield* scope.run(sleepForever);
      expect(currentTime()).toBeGreaterThanOrEqual(until);
    });
  });

  test("by lifting a shield", async () => {
    await run(function* () {
      const outer = new CancelScope();
      const inner = new CancelScope({ shield: true });
      later(() => (inner.shield = false));
      yield* outer.run(function* () {
        outer.cancel();
        yield* inner.run(sleepForever);
      });
      expect(outer.cancelledCaught).toBe(true);
    });
  });

  test("by a task spawned into one of its nurseries", async () => {
    await run(() =>
      openNursery(function* (nursery) {
        const lot = new ParkingLot();
        later(() =>
          nursery.startSoon(function* () {
            lot.unpark();
          }),
        );
        yield* lot.park();
      }),
    );
  });
});

function* caught(operation: () => Generator<any, unknown, any> | any): Generator<any, unknown, any> {
  try {
    yield* operation();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("what happens while the scheduler looks for something to do", () => {
  type Host = (main: () => Coroutine<unknown>, options?: RunOptions) => Promise<unknown>;
  // What is lost here would block the thread for good, were it not for the deadline.
  const hosts: Record<string, Host> = {
    run: (main, options) => run(() => failAfter(10_000, main), options),
    runSync: async (main, options) => runSync(() => failAfter(10_000, main), options),
  };

  for (const [name, host] of Object.entries(hosts)) {
    test(`${name}: a microtask sets a deadline, or moves it, while nothing is runnable`, async () => {
      await host(function* () {
        for (let round = 0; round < 20; round++) {
          for (const timeout of [Infinity, 1e6]) {
            const scope = new CancelScope({ timeout });
            const soon = currentTime() + 1;
            void Promise.resolve()
              .then(() => {})
              .then(() => (scope.deadline = soon));
            yield* scope.run(sleepForever);
            expect(scope.cancelledCaught).toBe(true);
          }
        }
      });
    });

    test(`${name}: a microtask wakes a task while nothing is runnable`, async () => {
      await host(function* () {
        const lot = new ParkingLot();
        for (let round = 0; round < 50; round++) {
          void Promise.resolve()
            .then(() => {})
            .then(() => lot.unpark());
          yield* lot.park();
        }
      });
    });

    // In runSync the last look is the sleep itself: nothing comes after it that could be lost.
    const hooks = name === "run" ? (["beforeIoWait", "afterIoWait"] as const) : (["beforeIoWait"] as const);
    for (const hook of hooks) {
      test(`${name}: an instrument's ${hook} wakes a task, calls soon, sets a deadline`, async () => {
        let act: (() => void) | null = null;
        const instrument = {
          [hook]() {
            const now = act;
            act = null;
            now?.();
          },
        };
        await host(
          function* () {
            using descriptors = new Descriptors();
            const idle = descriptors.bell();
            const lot = new ParkingLot();
            const callSoon = currentCallSoonThreadAndSignalSafe();
            yield* openNursery(function* (nursery) {
              // With a descriptor to wait for, every host asks the system before it sleeps.
              nursery.startSoon(() => waitReadable(idle));
              for (let round = 0; round < 20; round++) {
                yield* sleep(0.1);
                act = () => void lot.unpark();
                yield* lot.park();
                yield* sleep(0.1);
                act = () => callSoon(() => void lot.unpark());
                yield* lot.park();
                const scope = new CancelScope();
                yield* sleep(0.1);
                const soon = currentTime() + 1;
                act = () => (scope.deadline = soon);
                yield* scope.run(sleepForever);
                expect(scope.cancelledCaught).toBe(true);
              }
              nursery.cancelScope.cancel();
            });
          },
          { instruments: [instrument] },
        );
      });

      for (const io of BACKENDS) {
        test(`${name} on ${io}: a Worker's call that comes at ${hook}`, async () => {
          // The very call that a Worker makes, at the worst of moments: what it wakes the run by is there to be read
          // when the run looks at its descriptors, last thing before it sleeps.
          let call: (() => void) | null = null;
          const instrument = {
            [hook]() {
              const now = call;
              call = null;
              now?.();
            },
          };
          await host(
            function* () {
              using descriptors = new Descriptors();
              const idle = descriptors.bell();
              const lot = new ParkingLot();
              const handle = currentCallSoonThreadAndSignalSafe().forThread(() => void lot.unpark());
              const fromWorker = connectCallSoon(handle as WorkerHandle);
              yield* openNursery(function* (nursery) {
                nursery.startSoon(() => waitReadable(idle));
                for (let round = 0; round < 50; round++) {
                  yield* sleep(0.1);
                  call = fromWorker;
                  yield* lot.park();
                }
                nursery.cancelScope.cancel();
              });
            },
            { instruments: [instrument], io },
          );
        });
      }
    }

    test(`${name}: an instrument's beforeRun takes the call-soon function, for Workers too`, async () => {
      const calls: unknown[] = [];
      let call!: (value: string) => void;
      const lot = new ParkingLot();
      await host(
        function* () {
          call("from a Worker");
          while (calls.length < 2) yield* lot.park();
        },
        {
          instruments: [
            {
              beforeRun() {
                const callSoon = currentCallSoonThreadAndSignalSafe();
                const note = (value: string): void => {
                  calls.push(value);
                  lot.unpark();
                };
                callSoon(note, "from beforeRun");
                call = connectCallSoon(callSoon.forThread(note) as WorkerHandle);
              },
            },
          ],
        },
      );
      expect(calls).toEqual(["from beforeRun", "from a Worker"]);
    });
  }
});

describe("a wake-up is no idleness", () => {
  test("waitAllTasksBlocked's cushion begins anew", async () => {
    await run(function* () {
      const callSoon = currentCallSoonThreadAndSignalSafe();
      let last = 0;
      let left = 5;
      const again = (): void => {
        last = performance.now();
        callSoon(() => {});
        if (--left > 0) setTimeout(again, 10);
      };
      setTimeout(again, 10);
      yield* waitAllTasksBlocked(40);
      // Early only if the timers themselves came more than 40 ms apart, on a machine that is very busy.
      if (left === 0) expect(performance.now() - last).toBeGreaterThanOrEqual(40);
    });
  });

  test("a clock does not jump over what the loop has ready", async () => {
    const clock = new MockClock({ autojumpThreshold: 0 });
    const trail: string[] = [];
    await run(
      () =>
        openNursery(function* (nursery) {
          const lot = new ParkingLot();
          nursery.startSoon(function* () {
            yield* sleep(1000);
            trail.push(`slept until ${currentTime()}`);
          });
          nursery.startSoon(function* () {
            setImmediate(() => lot.unpark());
            yield* lot.park();
            trail.push(`woken at ${currentTime()}`);
          });
        }),
      { clock },
    );
    expect(trail).toEqual(["woken at 0", "slept until 1000"]);
  });

  test("a jump made by the host's code counts at once", async () => {
    const clock = new MockClock();
    setTimeout(() => clock.jump(1e9), 5);
    await run(() => sleep(1e9), { clock });
    expect(clock.currentTime()).toBe(1e9);
  });
});

test("many wake-ups from outside, in bursts and one at a time: none is lost", async () => {
  await run(() =>
    openNursery(function* (nursery) {
      const lot = new ParkingLot();
      const all = 20;
      const rounds = 100;
      let woken = 0;
      for (let i = 0; i < all; i++) {
        nursery.startSoon(function* () {
          for (let round = 0; round < rounds; round++) {
            yield* lot.park();
            woken++;
          }
        });
      }
      let seed = 1;
      const next = (): void => {
        seed = (seed * 48271) % 0x7fffffff;
        lot.unpark(1 + (seed % all));
        if (woken < all * rounds) (seed % 3 === 0 ? (fn: () => void) => setTimeout(fn, 0) : setImmediate)(next);
      };
      next();
    }),
  );
});

test("host code may spawn a system task, and cancel everything", async () => {
  const trail: string[] = [];
  const controller = new AbortController();
  const running = run(
    function* () {
      const callSoon = currentCallSoonThreadAndSignalSafe();
      setTimeout(() => {
        callSoon(() => {
          spawnSystemTask(function* () {
            trail.push("system task");
            controller.abort("enough");
          });
        });
      }, 5);
      yield* fromPromise(new Promise(() => {}));
    },
    { signal: controller.signal },
  );
  expect(await running.catch((error: unknown) => error)).toBe("enough");
  expect(trail).toEqual(["system task"]);
  expect(await run(() => moveOnAfter(1, sleepForever))).toBeUndefined();
});
