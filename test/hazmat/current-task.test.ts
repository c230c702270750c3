/** S69 and S70: the current task, and the everyday names that the seed leans on. */
import { expect, test } from "bun:test";
import {
  Task,
  currentCallSoonThreadAndSignalSafe,
  currentRootTask,
  currentTask,
  spawnSystemTask,
  yieldBriefly,
} from "../../src/hazmat.ts";
import * as everyday from "../../src/index.ts";
import {
  CancelScope,
  type Nursery,
  type TaskStatus,
  UsageError,
  call,
  named,
  openNursery,
  runSync,
  sleep,
} from "../../src/index.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

test("S69 outside a task currentTask throws UsageError", async () => {
  expect(thrown(currentTask)).toBeInstanceOf(UsageError);
  runSync(function* () {});
  expect(thrown(currentTask)).toBeInstanceOf(UsageError);

  // Host code is no task, though a run is under way.
  let inTimer: unknown;
  await everyday.run(async function* () {
    yield* everyday.fromPromise(everydayTimer(() => (inTimer = thrown(currentTask))));
  });
  expect(inTimer).toBeInstanceOf(UsageError);

  // An instrument's hooks between steps are not, either.
  let inHook: unknown;
  runSync(function* () {}, { instruments: [{ afterRun: () => (inHook = thrown(currentTask)) }] });
  expect(inHook).toBeInstanceOf(UsageError);
});

/** A timer that was set before any task, so that its callback has no task's context. */
function everydayTimer(callback: () => void): Promise<void> {
  return outsideTasks(
    () =>
      new Promise((resolve) => {
        setTimeout(() => {
          callback();
          resolve();
        }, 0);
      }),
  );
}
const { AsyncLocalStorage } = await import("node:async_hooks");
const outsideTasks: <T>(fn: () => T) => T = AsyncLocalStorage.snapshot() as never;

test("S69 the callback of an async task's timer is its code, whatever the task does meanwhile; of a plain one's it is not", async () => {
  const event = new everyday.Event();
  const { promise: bothEnded, resolve } = Promise.withResolvers<void>();
  const inTimers: Record<string, unknown> = {};
  const look = (name: string): void => {
    try {
      inTimers[name] = `${currentTask().name}, ${currentTask().status()}`;
    } catch (error) {
      inTimers[name] = (error as Error).name;
    }
  };
  const setOff = (name: string, after: Promise<unknown> | null): void => {
    setTimeout(() => {
      look(name);
      if (Object.keys(inTimers).length === 2) event.set();
      void after?.then(() => look(`${name}, later`));
    }, 0);
  };
  await everyday.run(async function* () {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* asynchronous() {
        setOff("async", bothEnded);
        yield* event.wait();
      });
      nursery.startSoon(function* plain() {
        setOff("plain", null);
        yield* event.wait();
      });
    });
  });
  resolve();
  await bothEnded;
  expect(inTimers).toEqual({
    async: "asynchronous, Event.wait()",
    plain: "UsageError",
    "async, later": "asynchronous, ended",
  });
});

forBothKinds((kind) => {
  test("S69 currentTask is the calling task, across suspensions, frames and the calls of plain functions", () => {
    runSync(
      kind.task(function* main() {
        const me = currentTask();
        const inPlainFunction = (): Task => currentTask();
        expect(me).toBeInstanceOf(Task);
        expect(inPlainFunction()).toBe(me);
        yield yieldBriefly();
        expect(currentTask()).toBe(me);
        yield call(
          kind.task(function* () {
            expect(currentTask()).toBe(me);
            yield new CancelScope().run(
              kind.task(function* () {
                yield yieldBriefly();
                expect(currentTask()).toBe(me);
              }),
            );
          }),
        );
        yield openNursery(
          kind.task(function* () {
            expect(currentTask()).toBe(me);
          }),
        );
        expect(currentTask()).toBe(me);
      }),
    );
  });

  test("S69 each task is its own, also where they take turns", () => {
    runSync(
      kind.task(function* () {
        const seen = new Map<string, Set<Task>>();
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            for (const name of ["a", "b"]) {
              const mine = new Set<Task>();
              seen.set(name, mine);
              nursery.startSoon(
                kind.task(function* () {
                  for (let n = 0; n < 5; n++) {
                    mine.add(currentTask());
                    yield yieldBriefly();
                  }
                }),
              );
            }
          }),
        );
        const [a, b] = [...seen.values()];
        expect([a!.size, b!.size]).toEqual([1, 1]);
        expect(a!.isDisjointFrom(b!)).toBe(true);
      }),
    );
  });

  test("S69 a task shows its name, its coroutine, its data, and its place in the tree", () => {
    runSync(
      kind.task(function* main() {
        const main = currentTask();
        expect(main.name).toBe("main");
        expect(String(main)).toContain("main");
        expect(main.childNurseries).toEqual([]);
        expect(main.customSleepData).toBeUndefined();
        yield openNursery(
          kind.task(function* (outer: Nursery) {
            yield openNursery(
              kind.task(function* (inner: Nursery) {
                expect(main.childNurseries).toHaveLength(2);
                expect(main.childNurseries[0]).toBe(outer); // the outermost first
                expect(main.childNurseries[1]).toBe(inner);
                let child: Task | undefined;
                let coroutine: unknown;
                inner.startSoon(
                  named(
                    "child",
                    () =>
                      (coroutine = kind.task(function* () {
                        child = currentTask();
                        yield yieldBriefly();
                      })()),
                  ) as never,
                );
                yield yieldBriefly();
                expect(child!.name).toBe("child");
                expect(child!.coroutine).toBe(coroutine as never);
                expect(child!.parentNursery).toBe(inner);
                expect(child!.eventualParentNursery).toBeNull();
                expect(inner.childTasks.has(child!)).toBe(true);
                expect(inner.parentTask).toBe(main);
              }),
            );
          }),
        );
        expect(main.childNurseries).toEqual([]);
      }),
    );
  });

  test("S69 the way up from any task leads to the root task", () => {
    runSync(
      kind.task(function* () {
        let task: Task = currentTask();
        while (task.parentNursery !== null) task = task.parentNursery.parentTask;
        expect(task).toBe(currentRootTask());
        expect(task.parentNursery).toBeNull();
        expect(task.eventualParentNursery).toBeNull();
      }),
    );
  });

  test("S69 between start() and started() a task names the nursery it is going to", () => {
    runSync(
      kind.task(function* () {
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            let child: Task | undefined;
            yield nursery.start(
              kind.task(function* (taskStatus: TaskStatus) {
                child = currentTask();
                expect(child.eventualParentNursery).toBe(nursery);
                expect(child.parentNursery).not.toBe(nursery);
                taskStatus.started();
                expect(child.eventualParentNursery).toBeNull();
                expect(child.parentNursery).toBe(nursery);
                yield yieldBriefly();
              }),
            );
          }),
        );
      }),
    );
  });

  test("S70 openNursery, sleep, Cancelled and waitAllTasksBlocked do what the seed's text takes for granted", () => {
    const log: string[] = [];
    runSync(
      kind.task(function* () {
        yield openNursery(
          kind.task(function* (nursery: Nursery) {
            nursery.startSoon(
              kind.task(function* () {
                try {
                  yield sleep(Infinity);
                } catch (error) {
                  log.push(error instanceof everyday.Cancelled ? "Cancelled" : "something else");
                  throw error;
                }
              }),
            );
            yield waitAllTasksBlocked();
            log.push("all blocked");
            nursery.cancelScope.cancel();
          }),
        );
        log.push("all ended");
      }),
    );
    expect(log).toEqual(["all blocked", "Cancelled", "all ended"]);
  });
});

test("S69 currentTask works after a native await, and in what is called there", () => {
  let finished = false;
  runSync(async function* () {
    const me = currentTask();
    const helper = async (): Promise<Task> => {
      await Promise.resolve();
      return currentTask();
    };
    await Promise.resolve();
    expect(currentTask()).toBe(me);
    expect(await helper()).toBe(me);
    yield* openNursery(async function* (nursery) {
      let child: Task | undefined;
      nursery.startSoon(async function* () {
        await Promise.resolve();
        child = currentTask();
      });
      await Promise.resolve();
      expect(currentTask()).toBe(me);
      yield* waitAllTasksBlocked();
      expect(child).toBeInstanceOf(Task);
      expect(child).not.toBe(me);
    });
    expect(currentTask()).toBe(me);
    finished = true;
  });
  expect(finished).toBe(true);
});

test("S69 in a call-soon callback and in a system task it is that task", () => {
  let inCallback: Task | undefined;
  let inSystemTask: Task | undefined;
  runSync(function* () {
    currentCallSoonThreadAndSignalSafe()(() => {
      inCallback = currentTask();
    });
    const system = spawnSystemTask(function* () {
      inSystemTask = currentTask();
    });
    yield* waitAllTasksBlocked();
    expect(inSystemTask).toBe(system);
    expect(inCallback).toBeInstanceOf(Task);
    expect(inCallback).not.toBe(currentTask());
  });
});

test("S70 the errors that the seed names are classes of errors, each under its own name", () => {
  for (const name of ["Cancelled", "TrioInternalError", "RunFinishedError", "KeyboardInterrupt"] as const) {
    const type = everyday[name] as unknown as { new (...args: unknown[]): Error; prototype: Error };
    expect(type.prototype).toBeInstanceOf(Error);
    expect(type.prototype.name).toBe(name);
  }
});
