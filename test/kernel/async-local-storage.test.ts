import { expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  CancelScope,
  call,
  openNursery,
  run,
  sleep,
  sleepForever,
  type Coroutine,
  type TaskStatus,
} from "../../src/index.ts";
import {
  Abort,
  currentCallSoonThreadAndSignalSafe,
  spawnSystemTask,
  yieldBriefly,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import { passes, virtual } from "./programs.ts";

const storage = new AsyncLocalStorage<string>();

/** Runs `program` with the value "outer" around the run. */
function within(program: () => Coroutine<void>): void {
  storage.run("outer", () => virtual(program));
}

test("main has the values that run was called with", () => {
  within(function* () {
    expect(storage.getStore()).toBe("outer");
    yield* sleep(1);
    expect(storage.getStore()).toBe("outer");
  });
});

test("a task has the values of the place where it was spawned, for good", () => {
  const seen: unknown[] = [];
  within(function* () {
    yield* openNursery(function* (nursery) {
      function* child(): Generator<any, void, any> {
        seen.push(storage.getStore());
        yield* sleep(1);
        seen.push(storage.getStore());
      }
      storage.run("spawned", () => nursery.startSoon(child));
      nursery.startSoon(child);
      yield* sleep(5);
      expect(storage.getStore()).toBe("outer");
    });
  });
  expect(seen).toEqual(["spawned", "outer", "spawned", "outer"]);
});

test("the call that makes the coroutine runs with the child's values", () => {
  within(function* () {
    yield* openNursery(function* (nursery) {
      let seen: unknown;
      storage.run("spawned", () =>
        nursery.startSoon(() => {
          seen = storage.getStore();
          return sleep(0);
        }),
      );
      expect(seen).toBe("spawned");
    });
  });
});

test("a task started by start() keeps the values of its start() through the move", () => {
  const seen: unknown[] = [];
  within(function* () {
    yield* openNursery(function* (nursery) {
      const starting = storage.run("started", () =>
        nursery.start(function* (status: TaskStatus) {
          seen.push(storage.getStore());
          status.started();
          yield* sleep(1);
          seen.push(storage.getStore());
        }),
      );
      yield* starting;
    });
  });
  // The task is spawned when start() is driven, in the caller's values then.
  expect(seen).toEqual(["outer", "outer"]);
});

test("bodies of scopes, nurseries and call have the values of their task", () => {
  within(function* () {
    const seen: unknown[] = [];
    function* look(): Generator<any, void, any> {
      yield* yieldBriefly();
      seen.push(storage.getStore());
    }
    yield* new CancelScope().run(look);
    yield* openNursery(look);
    yield* call(look);
    expect(seen).toEqual(["outer", "outer", "outer"]);
  });
});

test("system tasks and call-soon callbacks have the values that run was called with", () => {
  const seen: unknown[] = [];
  within(function* () {
    storage.run("inner", () => {
      spawnSystemTask(function* () {
        seen.push(storage.getStore());
        yield* passes(1);
        seen.push(storage.getStore());
      });
      currentCallSoonThreadAndSignalSafe()(() => seen.push(storage.getStore()));
    });
    yield* passes(5);
  });
  expect(seen).toEqual(["outer", "outer", "outer"]);
});

test("what a cancel in another context aborts goes on in its own", () => {
  const seen: unknown[] = [];
  within(function* () {
    yield* openNursery(function* (nursery) {
      const scope = new CancelScope();
      storage.run("spawned", () =>
        nursery.startSoon(function* () {
          yield* scope.run(() => yieldIndefinitely(() => Abort.SUCCEEDED));
          seen.push(storage.getStore());
        }),
      );
      yield* passes(2);
      storage.run("canceller", () => scope.cancel());
    });
  });
  expect(seen).toEqual(["spawned"]);
});

test("a task keeps its values through native awaits and Bun's timers, beside others", async () => {
  await storage.run("outer", () =>
    run(function* () {
      yield* openNursery(function* (nursery) {
        for (const value of ["a", "b", "c"]) {
          storage.run(value, () =>
            nursery.startSoon(async function* () {
              for (let i = 0; i < 3; i++) {
                await new Promise((resolve) => setTimeout(resolve, 1));
                expect(storage.getStore()).toBe(value);
                yield* sleep(1);
                expect(storage.getStore()).toBe(value);
              }
            }),
          );
        }
        yield* sleep(1);
        expect(storage.getStore()).toBe("outer");
      });
    }),
  );
  expect(storage.getStore()).toBeUndefined();
});

test("code outside the run is not touched by the run's values", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  storage.run("timer", () => setTimeout(() => resolve(storage.getStore()), 1));
  await run(() =>
    openNursery(function* (nursery) {
      nursery.startSoon(sleepForever);
      yield* sleep(5);
      nursery.cancelScope.cancel();
    }),
  );
  expect(await promise).toBe("timer");
});
