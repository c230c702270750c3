import { describe, expect, spyOn, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  KeyboardInterrupt,
  abortable,
  currentTime,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { assertCheckpoints } from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";

const soon = <T>(value: T, ms = 1): Promise<T> => new Promise((resolve) => setTimeout(resolve, ms, value));
const failSoon = (error: unknown, ms = 1): Promise<never> => new Promise((_, reject) => setTimeout(reject, ms, error));

/** Runs `body`, and collects what nobody handled meanwhile, and for two turns of the loop afterwards. */
async function unhandledIn(body: () => Promise<unknown>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    await body();
    await soon(null, 5);
  } finally {
    process.off("unhandledRejection", note);
  }
  return unhandled;
}

describe("fromPromise", () => {
  test("gives the value, throws the rejection, and others run meanwhile", () => {
    virtual(function* () {
      const trail: string[] = [];
      const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
      const error = new Error("mine");
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          trail.push(yield* fromPromise(first.promise));
          second.reject(error);
        });
        nursery.startSoon(function* () {
          expect(yield* errorOf(fromPromise(second.promise))).toBe(error);
          trail.push("rejected");
        });
        yield* passes(3);
        trail.push("others");
        first.resolve("value");
      });
      expect(trail).toEqual(["others", "value", "rejected"]);
    });
  });

  test("of a settled promise is a checkpoint", () => {
    virtual(function* () {
      expect(yield* assertCheckpoints(() => fromPromise(Promise.resolve(5)))).toBe(5);
      expect(yield* errorOf(fromPromise(Promise.reject("text")))).toBe("text");
      expect(yield* fromPromise(Promise.resolve(undefined))).toBeUndefined();
    });
  });

  test("takes any thenable", () => {
    virtual(function* () {
      const thenable = {
        // oxlint-disable-next-line no-thenable -- that is what it is about
        then(resolve: (value: string) => void): void {
          resolve("settled at once");
        },
      } as PromiseLike<string>;
      expect(yield* fromPromise(thenable)).toBe("settled at once");
    });
  });

  test("can be waited for by several tasks", () => {
    virtual(function* () {
      const { promise, resolve } = Promise.withResolvers<number>();
      const got: number[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(function* () {
            got.push(i + (yield* fromPromise(promise)));
          });
        }
        yield* passes(1);
        resolve(10);
      });
      expect(got).toEqual([10, 11, 12]);
    });
  });

  test("a promise that many waits were given up of keeps none of them, and wakes those that are left in order", () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    using reactions = spyOn(promise, "then");
    virtual(function* () {
      const woken: string[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 1_000; i++) yield* moveOnAfter(0, () => fromPromise(promise));
        for (const name of ["a", "b", "c", "d"]) {
          const scope = new CancelScope();
          nursery.startSoon(() =>
            scope.run(function* () {
              woken.push(name + (yield* fromPromise(promise)));
            }),
          );
          yield* passes(3);
          if (name === "b") scope.cancel();
        }
        resolve("!");
      });
      expect(woken).toEqual(["a!", "c!", "d!"]);
      expect(yield* fromPromise(promise)).toBe("!");
    });
    expect(reactions).toHaveBeenCalledTimes(2);
  });

  test("a promise with a `then` of its own may answer at once, or throw, and so may its next wait", () => {
    const answers = Promise.resolve(1);
    const throws = Promise.resolve(1);
    using _answer = spyOn(answers, "then").mockImplementation(((ok: (value: number) => void) => ok(7)) as any);
    using _throw = spyOn(throws, "then").mockImplementation(() => {
      throw new Error("lazy failed");
    });
    virtual(function* () {
      for (let i = 0; i < 2; i++) {
        expect(yield* fromPromise(answers)).toBe(7);
        expect(yield* errorOf(fromPromise(throws))).toHaveProperty("message", "lazy failed");
      }
    });
  });

  test("each of several waits gets the rejection", () => {
    const error = new Error("mine");
    const promise = Promise.reject(error);
    virtual(function* () {
      const caught: unknown[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(function* () {
            caught.push(yield* errorOf(fromPromise(promise)));
          });
        }
      });
      expect(caught).toEqual([error, error, error]);
    });
  });

  test("in a cancelled scope throws Cancelled, even if the promise is settled", () => {
    virtual(function* () {
      for (const promise of [Promise.resolve(5), new Promise(() => {})]) {
        const scope = new CancelScope();
        scope.cancel();
        yield* scope.run(() => fromPromise(promise));
        expect(scope.cancelledCaught).toBe(true);
      }
    });
  });

  test("is cancelled at once, and leaves the promise alone", () => {
    virtual(function* () {
      const { promise, resolve } = Promise.withResolvers<string>();
      const scope = new CancelScope();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => scope.run(() => fromPromise(promise)));
        yield* passes(2);
        scope.cancel();
        yield* passes(1);
        expect(scope.cancelledCaught).toBe(true);
      });
      resolve("late");
      expect(yield* fromPromise(promise)).toBe("late");
    });
  });

  test("a rejection that comes after the cancel is nobody's", async () => {
    const unhandled = await unhandledIn(() =>
      run(function* () {
        const { promise, reject } = Promise.withResolvers<never>();
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => fromPromise(promise)));
          yield* passes(2);
          scope.cancel();
        });
        expect(scope.cancelledCaught).toBe(true);
        reject(new Error("late"));
        const cancelled = new CancelScope();
        cancelled.cancel();
        yield* cancelled.run(() => fromPromise(Promise.reject(new Error("settled"))));
        yield* sleep(5);
      }),
    );
    expect(unhandled).toEqual([]);
  });

  test("a value that settles in the step of the cancel: whoever was first wins", () => {
    virtual(function* () {
      const { promise, resolve } = Promise.withResolvers<string>();
      const scope = new CancelScope();
      const got: unknown[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* scope.run(function* () {
            got.push(yield* errorOf(fromPromise(promise)));
          });
        });
        yield* passes(2);
        resolve("value");
        scope.cancel(); // the promise's callbacks have not run yet
      });
      expect(got).toEqual([expect.any(Cancelled)]);
    });
  });

  test("what is no promise is a TypeError at once", () => {
    for (const value of [undefined, 5, {}, sleep]) {
      expect(thrownBy(() => fromPromise(value as never))).toBeInstanceOf(TypeError);
    }
  });
});

describe("abortable", () => {
  test("gives the function a signal, and its promise's value or error", async () => {
    await run(function* () {
      expect(yield* abortable((signal) => soon(signal.aborted))).toBe(false);
      const error = new Error("mine");
      expect(yield* errorOf(abortable(() => failSoon(error)))).toBe(error);
    });
  });

  test("a cancellation aborts the signal; its reason, or an AbortError, counts as Cancelled", async () => {
    await run(function* () {
      for (const reject of [
        (signal: AbortSignal) => signal.reason,
        () => new DOMException("aborted", "AbortError"),
        () => Object.assign(new Error("aborted"), { name: "AbortError" }),
      ]) {
        const scope = new CancelScope({ timeout: 1 });
        yield* scope.run(() =>
          abortable(
            (signal) =>
              new Promise((_, rejectWith) => signal.addEventListener("abort", () => rejectWith(reject(signal)))),
          ),
        );
        expect(scope.cancelledCaught).toBe(true);
      }
    });
  });

  test("waits until the promise has settled", async () => {
    await run(function* () {
      const start = currentTime();
      yield* moveOnAfter(1, () =>
        abortable(async (signal) => {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          await soon(null, 10);
          throw signal.reason;
        }),
      );
      expect(currentTime() - start).toBeGreaterThanOrEqual(10);
    });
  });

  test("a value that came anyway is given, and another error thrown", async () => {
    await run(function* () {
      const got: unknown[] = [];
      const error = new Error("not about the abort");
      yield* moveOnAfter(1, function* () {
        got.push(
          yield* abortable(
            (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("came anyway"))),
          ),
        );
        got.push(yield* errorOf(yieldBriefly()));
      });
      expect(got).toEqual(["came anyway", expect.any(Cancelled)]);
      const thrown = yield* errorOf(
        moveOnAfter(1, () =>
          abortable((signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(error)))),
        ),
      );
      expect(thrown).toBe(error);
    });
  });

  test("an AbortError without a cancellation is an error like any other", async () => {
    await run(function* () {
      const error = new DOMException("timed out by itself", "AbortError");
      expect(yield* errorOf(abortable(() => failSoon(error)))).toBe(error);
    });
  });

  test("in a cancelled scope the function is not called", () => {
    virtual(function* () {
      let called = false;
      yield* moveOnAfter(0, function* () {
        yield* errorOf(sleepForever());
        yield* abortable(async () => {
          called = true;
        });
      });
      expect(called).toBe(false);
    });
  });

  test("fetch can be cancelled", async () => {
    using server = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });
    await run(function* () {
      const scope = new CancelScope({ timeout: 20 });
      yield* scope.run(() => abortable((signal) => fetch(server.url, { signal })));
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("what the function throws comes out, and what is no promise is a TypeError", () => {
    virtual(function* () {
      const error = new Error("mine");
      expect(
        yield* errorOf(
          abortable(() => {
            throw error;
          }),
        ),
      ).toBe(error);
      expect(yield* errorOf(abortable((() => 5) as never))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => abortable(5 as never))).toBeInstanceOf(TypeError);
    });
  });

  test("Ctrl-C aborts the signal too, and comes out as KeyboardInterrupt", async () => {
    await run(function* () {
      const task = currentTask();
      const got = yield* errorOf(
        abortable((signal) => {
          queueMicrotask(() => task.runner.interrupt());
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        }),
      );
      expect(got).toBeInstanceOf(KeyboardInterrupt);
    });
  });

  test("is a checkpoint", () => {
    runSync(() => assertCheckpoints(() => abortable(async () => {})));
  });
});
