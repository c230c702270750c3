import { expect, test } from "bun:test";
import { CancelScope, UsageError, moveOnAfter, openNursery, runSync, sleep, sleepForever } from "../../src/index.ts";
import {
  currentCallSoonThreadAndSignalSafe,
  currentClock,
  currentRootTask,
  currentStatistics,
  currentTask,
  spawnSystemTask,
  type Task,
} from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { passes, thrownBy, virtual } from "./programs.ts";
import { SimulatedIo, simulate } from "./simulated.ts";

test("an idle run has three tasks: main, the root and the one that serves call-soon", () => {
  virtual(function* () {
    yield* passes(2);
    expect(currentStatistics()).toMatchObject({
      tasksLiving: 3,
      tasksRunnable: 0,
      timeToNextDeadline: Infinity,
      callSoonQueueSize: 0,
      io: { tasksWaitingRead: 0, tasksWaitingWrite: 0 },
    });
  });
});

test("tasks are counted from their spawn to their end, and as runnable while they are", () => {
  virtual(function* () {
    yield* passes(2);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {});
      nursery.startSoon(() => sleep(5));
      expect(currentStatistics()).toMatchObject({ tasksLiving: 5, tasksRunnable: 2 });
      yield* passes(1);
      expect(currentStatistics()).toMatchObject({ tasksLiving: 4, tasksRunnable: 0 });
    });
    expect(currentStatistics().tasksLiving).toBe(3);
  });
});

test("timeToNextDeadline is that of the earliest, and negative when it is overdue", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      yield* moveOnAfter(50, () =>
        moveOnAfter(20, function* (scope) {
          expect(currentStatistics().timeToNextDeadline).toBe(20);
          clock.jump(5);
          expect(currentStatistics().timeToNextDeadline).toBe(15);
          clock.jump(20);
          expect(currentStatistics().timeToNextDeadline).toBe(-5);
          scope.cancel();
          expect(currentStatistics().timeToNextDeadline).toBe(25);
          yield* passes(0);
        }),
      );
      expect(currentStatistics().timeToNextDeadline).toBe(Infinity);
    },
    { clock },
  );
});

test("deadlines leave nothing behind: not those of scopes that ended, of sleepers that were cancelled, or were moved", () => {
  virtual(function* () {
    const { deadlines } = currentTask().runner;
    const scope = new CancelScope();
    yield* scope.run(function* () {
      for (let i = 0; i < 1000; i++) scope.deadline = 1e6 + i;
      expect(deadlines.size).toBe(1);
      for (let i = 0; i < 100; i++) yield* new CancelScope({ timeout: 50 }).run(() => passes(0));
      expect(deadlines.size).toBe(1);
    });
    expect(deadlines.size).toBe(0);
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 100; i++) nursery.startSoon(() => sleep(1000));
      yield* passes(1);
      expect(deadlines.size).toBe(100);
      nursery.cancelScope.cancel();
      expect(deadlines.size).toBe(0);
    });
  });
});

test("callSoonQueueSize counts what has not been called yet, and is 0 when it runs", () => {
  virtual(function* () {
    const callSoon = currentCallSoonThreadAndSignalSafe();
    const sizes: number[] = [];
    callSoon(() => sizes.push(currentStatistics().callSoonQueueSize));
    callSoon.idempotent(() => {});
    expect(currentStatistics().callSoonQueueSize).toBe(2);
    yield* passes(2);
    expect(currentStatistics().callSoonQueueSize).toBe(0);
    expect(sizes).toEqual([0]);
  });
});

test("io is what the I/O manager says", () => {
  simulate(
    function* (io) {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => io.receive("a"));
        yield* passes(1);
        expect(currentStatistics().io).toEqual({ backend: "simulated", tasksWaitingRead: 1, tasksWaitingWrite: 0 });
        nursery.cancelScope.cancel();
      });
    },
    { io: new SimulatedIo() },
  );
});

test("currentRootTask is the root of the tree: every task of the run is below it", () => {
  virtual(function* () {
    const root = currentRootTask();
    expect(root.parentNursery).toBeNull();
    spawnSystemTask(sleepForever);
    const below = (task: Task): Task[] => [
      task,
      ...task.childNurseries.flatMap((nursery) => [...nursery.childTasks].flatMap(below)),
    ];
    expect(below(root)).toContain(currentTask());
    expect(below(root)).toHaveLength(4);
    expect(root.childNurseries).toHaveLength(3);
  });
});

test("currentClock is the clock that the run was given", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      expect(currentClock()).toBe(clock);
    },
    { clock },
  );
});

test("outside a run each of them is a UsageError", () => {
  for (const fn of [
    currentStatistics,
    currentRootTask,
    currentClock,
    currentTask,
    currentCallSoonThreadAndSignalSafe,
  ]) {
    expect(thrownBy(fn)).toBeInstanceOf(UsageError);
  }
});
