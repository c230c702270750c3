import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  abortable,
  call,
  openNursery,
  run,
  sleep,
  sleepForever,
  type CancelScopeOptions,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, notingAbort, thrownBy, virtual } from "./programs.ts";

describe("scope.signal", () => {
  test("is aborted by cancel(), at once, with the Cancelled that tasks get", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let caught: unknown;
      yield* scope.run(function* () {
        const { signal } = scope;
        expect(signal).toBe(scope.signal);
        expect(signal.aborted).toBe(false);
        scope.cancel("enough");
        expect(signal.aborted).toBe(true);
        expect(signal.reason).toBeInstanceOf(Cancelled);
        expect(signal.reason).toMatchObject({ source: "explicit", reason: "enough" });
        try {
          yield* yieldBriefly();
        } catch (error) {
          caught = error;
          throw error;
        }
      });
      expect(caught).toBe(scope.signal.reason);
    });
  });

  test("is aborted when the deadline comes, or is moved to now", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      const { signal } = scope;
      yield* scope.run(() => sleepForever());
      expect(signal.reason).toMatchObject({ source: "deadline" });
      const moved = new CancelScope();
      const other = moved.signal;
      yield* moved.run(function* () {
        moved.deadline = 0;
        yield* sleep(5);
      });
      expect(other.aborted).toBe(true);
    });
  });

  test("is aborted by a cancellation from outside, unless the scope is shielded", () => {
    virtual(function* () {
      for (const shield of [false, true]) {
        const outer = new CancelScope();
        const inner = new CancelScope({ shield });
        yield* outer.run(() =>
          inner.run(function* () {
            const { signal } = inner;
            outer.cancel();
            expect(signal.aborted).toBe(!shield);
            inner.shield = false;
            expect(signal.aborted).toBe(true);
            yield* yieldBriefly();
          }),
        );
      }
    });
  });

  test("of a scope that was cancelled before, or is entered in a cancelled one, is aborted from the start", () => {
    virtual(function* () {
      const early = new CancelScope();
      const { signal } = early;
      early.cancel();
      expect(signal.aborted).toBe(true);
      yield* early.run(() => yieldBriefly());
      expect(signal.aborted).toBe(true);
      const outer = new CancelScope();
      const inner = new CancelScope();
      const innerSignal = inner.signal;
      outer.cancel();
      yield* outer.run(() =>
        inner.run(function* () {
          expect(innerSignal.aborted).toBe(true);
          yield* yieldBriefly();
        }),
      );
    });
  });

  test("stays as it is when the scope ends", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      const { signal } = scope;
      yield* scope.run(() => sleep(5));
      yield* sleep(100);
      expect(signal.aborted).toBe(false);
    });
  });

  test("ends what takes one, and a rejection with its reason is the cancellation", () => {
    virtual(function* () {
      const scope = new CancelScope({ timeout: 10 });
      yield* scope.run(() =>
        abortable(
          () =>
            new Promise((_, reject) => {
              scope.signal.addEventListener("abort", () => reject(scope.signal.reason));
            }),
        ),
      );
      expect(scope.cancelledCaught).toBe(true);
    });
  });
});

describe("new CancelScope({ signal })", () => {
  test("is cancelled when the signal aborts, with its reason", async () => {
    const controller = new AbortController();
    const scope = new CancelScope({ signal: controller.signal });
    let reason: unknown;
    const running = run(function* () {
      yield* scope.run(function* () {
        try {
          yield* sleepForever();
        } catch (error) {
          ({ reason } = error as Cancelled);
          throw error;
        }
      });
    });
    setTimeout(() => controller.abort("from outside"), 1); // while the run sleeps
    await running;
    expect(scope.cancelledCaught).toBe(true);
    expect(reason).toBe("from outside");
  });

  test("of a signal that is aborted already is cancelled at its entry", () => {
    virtual(function* () {
      const scope = new CancelScope({ signal: AbortSignal.abort("before") });
      expect(scope.cancelCalled).toBe(false);
      yield* scope.run(function* () {
        expect(scope.cancelCalled).toBe(true);
        yield* yieldBriefly();
      });
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("is cancelled at once whatever the reason looks like: one with a grace asks for none", () => {
    virtual(function* () {
      for (const reason of [{ grace: 1_000 }, { grace: "period" }]) {
        const controller = new AbortController();
        const scope = new CancelScope({ signal: controller.signal });
        let caught: unknown;
        yield* scope.run(function* () {
          controller.abort(reason);
          caught = yield* errorOf(yieldBriefly());
        });
        expect((caught as Cancelled).reason).toBe(reason);
      }
    });
  });

  test("shared by ten thousand scopes, one listener serves them all, and the last that ends takes it away", () => {
    virtual(function* () {
      const { signal } = new AbortController();
      let listeners = 0;
      let added = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: [any, any, any?]) => (added++, listeners++, add(...args));
      signal.removeEventListener = (...args: [any, any, any?]) => (listeners--, remove(...args));
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 10_000; i++) {
          nursery.startSoon(() => new CancelScope({ signal }).run(() => sleep(i === 0 ? 100 : 10)));
        }
        yield* sleep(50); // all but one have ended
        expect(listeners).toBe(1);
      });
      expect([listeners, added]).toEqual([0, 1]);
    });
  });

  test("cancels those that share it in the order in which they were entered, and none that has ended", () => {
    virtual(function* () {
      const controller = new AbortController();
      const log: number[] = [];
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 5; i++) {
          nursery.startSoon(() =>
            new CancelScope({ signal: controller.signal }).run(function* () {
              if (i !== 2) yield* notingAbort(log, i);
            }),
          );
        }
        yield* waitAllTasksBlocked();
        controller.abort();
      });
      expect(log).toEqual([0, 1, 3, 4]);
    });
  });

  test("is not cancelled once it has ended, and leaves no listener behind", () => {
    virtual(function* () {
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: [any, any, any?]) => (listeners++, add(...args));
      signal.removeEventListener = (...args: [any, any, any?]) => (listeners--, remove(...args));
      const scope = new CancelScope({ signal });
      yield* scope.run(function* () {
        expect(listeners).toBe(1);
        yield* yieldBriefly();
      });
      expect(listeners).toBe(0);
      controller.abort();
      expect(scope.cancelCalled).toBe(false);
    });
  });

  test("reaches every task in it, whatever started them", () => {
    virtual(function* () {
      const controller = new AbortController();
      let ended = 0;
      yield* openNursery(function* (outer) {
        outer.startSoon(() =>
          new CancelScope({ signal: controller.signal }).run(() =>
            openNursery(function* (nursery) {
              for (let i = 0; i < 5; i++) {
                nursery.startSoon(function* () {
                  try {
                    yield* call(() => sleepForever());
                  } finally {
                    ended++;
                  }
                });
              }
              yield* yieldBriefly();
            }),
          ),
        );
        yield* waitAllTasksBlocked();
        controller.abort();
      });
      expect(ended).toBe(5);
    });
  });

  test("anything but an AbortSignal is refused", () => {
    for (const signal of [null, {}, "abort", new AbortController()] as CancelScopeOptions["signal"][]) {
      expect(thrownBy(() => new CancelScope({ signal }))).toBeInstanceOf(TypeError);
    }
  });
});
