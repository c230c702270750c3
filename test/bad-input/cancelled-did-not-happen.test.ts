/** An operation that was cancelled did not happen: nothing was taken, sent, accepted, started or spent. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  ParkingLot,
  Result,
  currentStatistics,
  currentTask,
  reschedule,
  waitReadable,
  waitWritable,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
  type Operation,
  type Task,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  abortable,
  call,
  currentTime,
  fromPromise,
  moveOnAfter,
  openNursery,
  runSync,
  sleep,
  sleepForever,
  sleepUntil,
  type Nursery,
  type TaskStatus,
} from "../../src/index.ts";
import { socket, socketpair, type Socket } from "../../src/socket.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { BACKENDS } from "../backends.ts";
import { passes, stillSound, virtual } from "./soundness.ts";

/** Drives what `make` makes in a scope that is cancelled already: it throws Cancelled. */
function* inCancelledScope(make: () => Operation<unknown>): Generator<any, void> {
  const scope = new CancelScope();
  scope.cancel();
  let error: unknown;
  yield* scope.run(function* () {
    try {
      yield* make();
    } catch (thrown) {
      error = thrown;
      throw thrown;
    }
  });
  expect(error).toBeInstanceOf(Cancelled);
  expect(scope.cancelledCaught).toBe(true);
}

/** Drives what `make` makes until it blocks, and cancels it: it throws Cancelled. */
function* whileBlocked(make: () => Operation<unknown>): Generator<any, void> {
  const scope = new CancelScope();
  let error: unknown;
  yield* openNursery(function* (nursery) {
    nursery.startSoon(() =>
      scope.run(function* () {
        try {
          yield* make();
        } catch (thrown) {
          error = thrown;
          throw thrown;
        }
      }),
    );
    yield* passes(3);
    expect(error).toBeUndefined();
    scope.cancel();
  });
  expect(error).toBeInstanceOf(Cancelled);
  expect(scope.cancelledCaught).toBe(true);
}

/** Runs the two in turn. */
function* eachWay(make: () => Operation<unknown>): Generator<any, void> {
  yield* inCancelledScope(make);
  yield* whileBlocked(make);
}

const nothing = function* (): Generator<any, void> {};

describe("waiting", () => {
  test("every wait, cancelled either way, leaves nothing in the run's statistics", () => {
    runSync(function* () {
      using a = socketpair()[0];
      const lot = new ParkingLot();
      yield* passes(3);
      const before = currentStatistics();
      for (const make of [
        () => sleep(10_000),
        () => sleepUntil(currentTime() + 10_000),
        () => sleepForever(),
        () => lot.park(),
        () => yieldIndefinitely(() => Abort.SUCCEEDED),
        () => waitReadable(a),
        () => fromPromise(new Promise(() => {})),
        () => call(() => sleep(10_000)),
        () => new CancelScope().run(() => sleep(10_000)),
        () => moveOnAfter(5_000, () => sleep(10_000)),
        () => openNursery(() => sleep(10_000), { strictExceptionGroups: false }),
      ]) {
        yield* eachWay(make);
        yield* passes(3);
        expect(currentStatistics()).toEqual(before);
      }
      expect(lot.size).toBe(0);
    });
  });

  test("schedule points throw in a cancelled scope, but for the one that never does", () => {
    virtual(function* () {
      yield* inCancelledScope(yieldBriefly);
      yield* inCancelledScope(() => sleep(0));
      yield* inCancelledScope(yieldIfCancelled);
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(yieldBrieflyNoCancel);
      expect(scope.cancelledCaught).toBe(false);
    });
  });

  test("waitAllTasksBlocked(): others still wait for idleness", () => {
    virtual(function* () {
      yield* eachWay(() => waitAllTasksBlocked(10_000));
      yield* waitAllTasksBlocked();
    });
  });
});

describe("parking", () => {
  test("no wake-up is spent on a task that was cancelled, and the others keep their order", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      const log: number[] = [];
      const scope = new CancelScope();
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 4; i++) {
          const park = function* (): Generator<any, void> {
            yield* lot.park();
            log.push(i);
          };
          nursery.startSoon(() => (i === 1 ? scope.run(park) : park()));
        }
        yield* passes(3);
        scope.cancel();
        expect(lot.unpark(2)).toHaveLength(2);
        yield* passes(2);
        expect(log).toEqual([0, 2]);
        lot.unparkAll();
      });
      expect(log).toEqual([0, 2, 3]);
    });
  });

  test("a wake-up that came before the cancel counts: the operation did happen", () => {
    virtual(function* () {
      const lot = new ParkingLot();
      const scope = new CancelScope();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            yield* lot.park();
            log.push("woken");
            yield* yieldBriefly();
            log.push("not reached");
          }),
        );
        yield* passes(3);
        lot.unpark();
        scope.cancel();
      });
      expect(log).toEqual(["woken"]);
      expect(scope.cancelledCaught).toBe(true);
    });
  });

  test("so does a reschedule, with its value", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let task!: Task;
      let value: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            task = currentTask();
            value = yield* yieldIndefinitely(() => Abort.SUCCEEDED);
          }),
        );
        yield* passes(3);
        reschedule(task, Result.value("came"));
        scope.cancel();
      });
      expect(value).toBe("came");
      expect(scope.cancelledCaught).toBe(false);
    });
  });
});

for (const io of BACKENDS) {
  describe(`descriptors and sockets on ${io}`, () => {
    const onIo = (main: () => Generator<any, void>): void => runSync(main, { io });

    test("waitReadable() in a cancelled scope, ready or not: the bytes are still there", () => {
      onIo(function* () {
        const [a, b] = socketpair();
        yield* whileBlocked(() => waitReadable(b));
        yield* a.send(new Uint8Array([1, 2, 3]));
        yield* inCancelledScope(() => waitReadable(b));
        yield* waitReadable(b);
        expect([...b.tryRecv(10)]).toEqual([1, 2, 3]);
        a.close();
        b.close();
      });
    });

    test("waitWritable() in a cancelled scope; and the place of the waiter is free again", () => {
      onIo(function* () {
        const [a, b] = socketpair();
        yield* inCancelledScope(() => waitWritable(a));
        yield* waitWritable(a);
        fill(a);
        yield* whileBlocked(() => waitWritable(a));
        yield* whileBlocked(() => waitWritable(a));
        drain(b);
        yield* waitWritable(a);
        a.close();
        b.close();
      });
    });

    test("recv(): nothing is taken, however often it is cancelled", () => {
      onIo(function* () {
        const [a, b] = socketpair();
        yield* whileBlocked(() => b.recv(10));
        yield* a.send(new Uint8Array([1, 2, 3]));
        for (let i = 0; i < 3; i++) yield* inCancelledScope(() => b.recv(10));
        yield* inCancelledScope(() => b.recvInto(new Uint8Array(10)));
        expect([...(yield* b.recv(10))]).toEqual([1, 2, 3]);
        a.close();
        b.close();
      });
    });

    test("recv(): data that comes in the step that cancels is left for the next one", () => {
      onIo(function* () {
        const [a, b] = socketpair();
        const scope = new CancelScope();
        let got: Uint8Array | undefined;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() =>
            scope.run(function* () {
              got = yield* b.recv(10);
            }),
          );
          yield* passes(3);
          a.trySend(new Uint8Array([7]));
          scope.cancel();
        });
        expect(got).toBeUndefined();
        expect([...(yield* b.recv(10))]).toEqual([7]);
        a.close();
        b.close();
      });
    });

    test("send(): nothing is sent", () => {
      onIo(function* () {
        const [a, b] = socketpair();
        yield* inCancelledScope(() => a.send(new Uint8Array([1])));
        const sent = fill(a);
        yield* whileBlocked(() => a.send(new Uint8Array([1])));
        expect(drain(b)).toBe(sent);
        a.close();
        b.close();
      });
    });

    test("accept(): the connection waits for the next one", () => {
      onIo(function* () {
        using listener = socket();
        listener.bind({ host: "127.0.0.1", port: 0 });
        listener.listen();
        yield* whileBlocked(() => listener.accept());
        using client = socket();
        yield* client.connect(listener.getsockname());
        yield* inCancelledScope(() => listener.accept());
        const [server] = yield* listener.accept();
        expect(server.getpeername()).toEqual(client.getsockname());
        server.close();
      });
    });
  });
}

function fill(to: Socket): number {
  let sent = 0;
  try {
    for (;;) sent += to.trySend(new Uint8Array(65_536));
  } catch {
    return sent;
  }
}

function drain(from: Socket): number {
  let received = 0;
  try {
    for (;;) received += from.tryRecv(65_536).length;
  } catch {
    return received;
  }
}

describe("promises", () => {
  test("fromPromise() throws Cancelled also for a promise that is settled; its value is there for the next one", () => {
    virtual(function* () {
      const settled = Promise.resolve("value");
      yield* inCancelledScope(() => fromPromise(settled));
      expect(yield* fromPromise(settled)).toBe("value");
    });
  });

  test("fromPromise(): a rejection after the cancel is nobody's", () => {
    virtual(function* () {
      let reject!: (error: unknown) => void;
      yield* whileBlocked(() => fromPromise(new Promise((_, no) => (reject = no))));
      reject(new Error("nobody must hear of this"));
      yield* inCancelledScope(() => fromPromise(Promise.reject(new Error("nor of this"))));
      yield* stillSound();
    });
  });

  test("abortable(): in a cancelled scope the function is not called", () => {
    virtual(function* () {
      let calls = 0;
      yield* inCancelledScope(() =>
        abortable(async () => {
          calls++;
        }),
      );
      expect(calls).toBe(0);
    });
  });

  test("abortable(): a value that comes in spite of the abort is given, since it did happen", () => {
    virtual(function* () {
      const scope = new CancelScope();
      let value: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            value = yield* abortable(
              (signal) =>
                new Promise((resolve) => signal.addEventListener("abort", () => resolve("came all the same"))),
            );
          }),
        );
        yield* passes(3);
        scope.cancel();
      });
      expect(value).toBe("came all the same");
      expect(scope.cancelledCaught).toBe(false);
    });
  });
});

describe("tasks", () => {
  test("start() that is cancelled: the task has unwound, and the nursery has no child", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery: Nursery) {
        yield* whileBlocked(() =>
          nursery.start(function* (status: TaskStatus) {
            try {
              yield* sleepForever();
              status.started();
            } finally {
              log.push("unwound");
            }
          }),
        );
        expect(log).toEqual(["unwound"]);
        expect(nursery.childTasks.size).toBe(0);
        expect(nursery.cancelScope.cancelCalled).toBe(false);
      });
      yield* stillSound();
    });
  });

  test("start() in a cancelled scope: the task gets as far as its first checkpoint, and is nobody's child", () => {
    virtual(function* () {
      const log: string[] = [];
      yield* openNursery(function* (nursery: Nursery) {
        yield* inCancelledScope(() =>
          nursery.start(function* (status: TaskStatus) {
            log.push("began");
            yield* yieldBriefly();
            log.push("not reached");
            status.started();
          }),
        );
        expect(nursery.childTasks.size).toBe(0);
      });
      expect(log).toEqual(["began"]);
      yield* stillSound();
    });
  });

  test("nothing after the cancelled operation runs, however the clean-up waits on the way out", () => {
    // effection's #1190: cancelling by return() lets the code after the operation run once a finally yields.
    virtual(function* () {
      const log: string[] = [];
      function* deepest(): Generator<any, void> {
        try {
          yield* sleepForever();
          log.push("after the operation");
        } finally {
          yield* new CancelScope({ shield: true }).run(() => sleep(1));
          log.push("deepest cleaned up");
        }
        log.push("after the deepest finally");
      }
      function* middle(): Generator<any, void> {
        try {
          yield* deepest();
          log.push("after the delegation");
        } finally {
          yield* new CancelScope({ shield: true }).run(() => sleep(1));
          log.push("middle cleaned up");
        }
      }
      yield* moveOnAfter(5, function* () {
        yield* middle();
        log.push("after it all");
      });
      expect(log).toEqual(["deepest cleaned up", "middle cleaned up"]);
      expect(currentTime()).toBe(7);
    });
  });

  test("a scope whose body does not wait is not cut off, cancelled or not", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(nothing);
      expect(scope.cancelledCaught).toBe(false);
      yield* stillSound();
    });
  });
});
