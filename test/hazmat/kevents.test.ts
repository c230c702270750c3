/**
 * S9 and S10: waiting for the kevents that a program has registered itself, on a model of a kqueue, with the layouts of
 * macOS and FreeBSD (`test/io/kqueue-model.ts` says what it shows and what it cannot); and on a kqueue of libkqueue where
 * that is installed.
 */
import { describe, expect, test } from "bun:test";
import {
  EVFILT_PROC,
  EVFILT_READ,
  EVFILT_SIGNAL,
  EVFILT_VNODE,
  EV_ADD,
  EV_CLEAR,
  EV_DELETE,
  EV_ONESHOT,
  KQUEUE_SYSTEMS,
  NOTE_EXIT,
  NOTE_TRIGGER,
  NOTE_WRITE,
  kqueueCalls,
} from "../../ffi/kqueue.ts";
import { WAKE_IDENT } from "../../ffi/kqueue-wake.ts";
import {
  Abort,
  type AbortResult,
  type EventQueue,
  type Kevent,
  type Kqueue,
  type Operation,
  type Task,
  currentKqueue,
  currentStatistics,
  currentTask,
  monitorKevent,
  notifyClosing,
  waitKevent,
  waitReadable,
  yieldBriefly,
  yieldBrieflyNoCancel,
} from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  Cancelled,
  ClosedResourceError,
  SystemError,
  TrioInternalError,
  UsageError,
  openNursery,
  runSync,
} from "../../src/index.ts";
import type { KqueueIoManager } from "../../src/io/kqueue.ts";
import { KqueueModel, ModelIoManager } from "../io/kqueue-model.ts";
import { whyNoKqueue } from "../io/libkqueue.ts";
import { forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

/** Lets the others run until `count` are waiting. */
function* untilWaiting(io: KqueueIoManager, count: number): Generator<Operation<any>, void, any> {
  while (io.waiting !== count) yield yieldBriefly();
}

const PID = 4_321;
const FILE = 9;

for (const platform of ["darwin", "freebsd"] as const) {
  describe(`on a model of a kqueue, with the layout of ${platform}`, () => {
    forBothKinds((kind) => {
      /** Runs a script on a model with a process, a file and a socket. */
      function withModel(
        script: (model: KqueueModel, io: KqueueIoManager) => Generator<Operation<any>, void, any>,
      ): void {
        const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
        model.startProcess(PID);
        model.open(FILE);
        const io = new ModelIoManager(model);
        runSync(kind.task(script).bind(null, model, io), { io: () => io });
      }

      const registerExit = (): void => {
        currentKqueue().control([{ ident: PID, filter: EVFILT_PROC, flags: EV_ADD, fflags: NOTE_EXIT, udata: 77n }]);
      };
      const takeBackExit = (): AbortResult => {
        currentKqueue().control([{ ident: PID, filter: EVFILT_PROC, flags: EV_DELETE }]);
        return Abort.SUCCEEDED;
      };

      test("S9 waitKevent gives the event that the caller registered for, with all its members", () => {
        withModel(function* (model) {
          registerExit();
          model.after(10, () => model.exit(PID, 256));
          const event: Kevent = yield waitKevent(PID, EVFILT_PROC, takeBackExit);
          expect(event).toMatchObject({ ident: PID, filter: EVFILT_PROC, fflags: NOTE_EXIT, data: 256n, udata: 77n });
        });
      });

      test("S9 a second waiter of the pair is Busy, another pair is free, and the first waits on", () => {
        withModel(function* (model, io) {
          registerExit();
          const events: Kevent[] = [];
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(
                kind.task(function* theFirst() {
                  events.push(yield waitKevent(PID, EVFILT_PROC, takeBackExit));
                }),
              );
              yield* untilWaiting(io, 1);
              const error = yield kind.errorOf(waitKevent(PID, EVFILT_PROC, () => Abort.SUCCEEDED));
              expect(error).toBeInstanceOf(BusyResourceError);
              expect(error.message).toContain("theFirst");
              expect(yield kind.errorOf(monitorKevent(PID, EVFILT_PROC, function* () {}))).toBeInstanceOf(
                BusyResourceError,
              );
              currentKqueue().control([{ ident: 30, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
              model.after(1, () => model.signal(30));
              yield waitKevent(30, EVFILT_SIGNAL, () => Abort.SUCCEEDED);
              model.exit(PID, 0);
            }),
          );
          expect(events).toHaveLength(1);
          expect(io.waiting).toBe(0);
        });
      });

      test("S9 cancelled, the caller's abort function takes the registration back, once, in the task's own name", () => {
        withModel(function* (model, io) {
          const scope = new CancelScope();
          const aborted: Task[] = [];
          let waiter: Task | undefined;
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() =>
                scope.run(
                  kind.task(function* () {
                    waiter = currentTask();
                    registerExit();
                    yield waitKevent(PID, EVFILT_PROC, () => {
                      aborted.push(currentTask());
                      return takeBackExit();
                    });
                  }),
                ),
              );
              yield* untilWaiting(io, 1);
              expect(model.registered).toEqual([`-5 ${PID}`]);
              scope.cancel();
              expect(model.registered).toEqual([]);
              expect(io.waiting).toBe(0);
            }),
          );
          expect(scope.cancelledCaught).toBe(true);
          expect(aborted).toEqual([waiter!]);
        });
      });

      test("S9 an abort function that answers FAILED keeps the place, and the event is delivered", () => {
        withModel(function* (model, io) {
          const scope = new CancelScope();
          let event: Kevent | undefined;
          let raise: (() => never) | undefined;
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() =>
                scope.run(
                  kind.task(function* () {
                    registerExit();
                    event = yield waitKevent(PID, EVFILT_PROC, (raiseCancel) => {
                      raise = raiseCancel;
                      return Abort.FAILED;
                    });
                    expect(raise).toThrow(Cancelled); // S62: good for later
                  }),
                ),
              );
              yield* untilWaiting(io, 1);
              scope.cancel();
              yield yieldBriefly();
              expect(io.waiting).toBe(1);
              expect(yield kind.errorOf(waitKevent(PID, EVFILT_PROC, () => Abort.SUCCEEDED))).toBeInstanceOf(
                BusyResourceError,
              );
              model.exit(PID, 9);
            }),
          );
          expect(event).toMatchObject({ data: 9n });
          expect(scope.cancelledCaught).toBe(false);
        });
      });

      test("S9 in a scope that is cancelled already the registration is taken back at once", () => {
        withModel(function* (model) {
          const scope = new CancelScope();
          scope.cancel();
          yield scope.run(
            kind.task(function* () {
              registerExit();
              yield waitKevent(PID, EVFILT_PROC, takeBackExit);
            }),
          );
          expect(scope.cancelledCaught).toBe(true);
          expect(model.registered).toEqual([]);
        });
      });

      test("S9 an event whose waiter has gone is nobody's, and the run goes on (Trio's #3500)", () => {
        withModel(function* (model, io) {
          const scope = new CancelScope();
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() =>
                scope.run(
                  kind.task(function* () {
                    registerExit();
                    // It forgets to take the registration back, so the event finds nobody.
                    yield waitKevent(PID, EVFILT_PROC, () => Abort.SUCCEEDED);
                  }),
                ),
              );
              yield* untilWaiting(io, 1);
              scope.cancel();
              model.exit(PID, 1);
              expect(io.poll(0)).toBe(0);
              expect(model.log.at(-1)!.events).toMatchObject([{ ident: PID, data: 1n }]);
            }),
          );
          // The same within one batch of events, of which the first makes the second's waiter go.
          for (const number of [30, 31])
            currentKqueue().control([{ ident: number, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
          yield openNursery(
            kind.task(function* (nursery) {
              for (const number of [30, 31]) {
                nursery.startSoon(
                  kind.task(function* () {
                    yield waitKevent(number, EVFILT_SIGNAL, () => Abort.SUCCEEDED);
                    nursery.cancelScope.cancel();
                  }),
                );
              }
              yield* untilWaiting(io, 2);
              model.signal(30);
              model.signal(31);
            }),
          );
          expect(io.waiting).toBe(0);
        });
      });

      test("S9 an abort function that throws ends the run with TrioInternalError, and the pair is free", () => {
        let io: KqueueIoManager | undefined;
        const error = thrown(() =>
          withModel(function* (_, made) {
            io = made;
            const scope = new CancelScope();
            scope.cancel();
            yield scope.run(() =>
              waitKevent(PID, EVFILT_PROC, () => {
                throw new Error("no");
              }),
            );
          }),
        );
        expect(error).toBeInstanceOf(TrioInternalError);
        expect(io!.waiting).toBe(0);
      });

      test("S9 waitKevent and waitReadable of one descriptor exclude each other", () => {
        withModel(function* (model, io) {
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() => waitReadable(FILE));
              yield* untilWaiting(io, 1);
              const error = yield kind.errorOf(waitKevent(FILE, EVFILT_READ, () => Abort.SUCCEEDED));
              expect(error).toBeInstanceOf(BusyResourceError);
              nursery.startSoon(() => waitKevent(FILE, EVFILT_VNODE, () => Abort.SUCCEEDED)); // another filter
              yield* untilWaiting(io, 2);
              io.poll(0);
              nursery.cancelScope.cancel();
            }),
          );
          // What the backend has yet to take back does not take the program's registration with it.
          currentKqueue().control([{ ident: FILE, filter: EVFILT_READ, flags: EV_ADD | EV_ONESHOT }]);
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() => waitKevent(FILE, EVFILT_READ, () => Abort.SUCCEEDED));
              yield* untilWaiting(io, 1);
              expect(yield kind.errorOf(waitReadable(FILE))).toBeInstanceOf(BusyResourceError);
              model.open(FILE, { readable: 1 });
            }),
          );
        });
      });

      test("S9 what the backend fails to take back is no event for who waits now", () => {
        withModel(function* (model, io) {
          const scope = new CancelScope();
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() => scope.run(() => waitReadable(FILE)));
              yield* untilWaiting(io, 1);
              io.poll(0);
              model.closeDescriptor(FILE); // and the registration with it
              model.open(FILE);
              scope.cancel();
              nursery.startSoon(() => waitKevent(FILE, EVFILT_READ, () => Abort.SUCCEEDED));
              yield* untilWaiting(io, 1);
              io.poll(0);
              expect(io.waiting).toBe(1);
              nursery.cancelScope.cancel();
            }),
          );
        });
      });

      test("S9 notifyClosing wakes who waits for kevents of the descriptor, and of no other ident", () => {
        withModel(function* (model, io) {
          model.startProcess(FILE); // a process of the same number
          const changes = [EVFILT_READ, EVFILT_VNODE].map((filter) => ({
            ident: FILE,
            filter,
            flags: EV_ADD,
            fflags: 2,
          }));
          currentKqueue().control([...changes, { ident: FILE, filter: EVFILT_PROC, flags: EV_ADD, fflags: NOTE_EXIT }]);
          const errors: unknown[] = [];
          yield openNursery(
            kind.task(function* (nursery) {
              for (const filter of [EVFILT_READ, EVFILT_VNODE]) {
                nursery.startSoon(
                  kind.task(function* () {
                    errors.push(yield kind.errorOf(waitKevent(FILE, filter, () => Abort.FAILED)));
                  }),
                );
              }
              nursery.startSoon(() => waitKevent(FILE, EVFILT_PROC, () => Abort.FAILED));
              yield* untilWaiting(io, 3);
              notifyClosing(FILE);
              expect(io.waiting).toBe(1);
              expect(model.registered).toEqual([`-5 ${FILE}`]);
              model.exit(FILE, 0);
            }),
          );
          expect(errors.map((error) => error instanceof ClosedResourceError)).toEqual([true, true]);
        });
      });

      test("S9 currentKqueue().control makes changes in their order, and stops at the first that is refused", () => {
        withModel(function* (model, io) {
          const kqueue = currentKqueue();
          expect(kqueue.fd).toBe(io.fd);
          const add = { filter: EVFILT_VNODE, flags: EV_ADD | EV_CLEAR, fflags: NOTE_WRITE };
          model.open(10);
          model.open(12);
          const error = thrown(() =>
            kqueue.control([
              { ...add, ident: 10 },
              { ...add, ident: 11 },
              { ...add, ident: 12 },
            ]),
          );
          expect(error).toBeInstanceOf(SystemError);
          expect(error).toMatchObject({ code: "EBADF", syscall: "kevent" });
          expect(error.message).toContain("ident 11, filter -4");
          expect(model.registered).toEqual(["-4 10"]);
          expect(thrown(() => kqueue.control([{ ident: 12, filter: EVFILT_VNODE, flags: EV_DELETE }])).code).toBe(
            "ENOENT",
          );
          yield yieldBriefly();
        });
      });

      test("S9 what is no change is a TypeError or a RangeError, and nothing is changed", () => {
        withModel(function* (model) {
          const kqueue: Kqueue = currentKqueue();
          const good = { ident: FILE, filter: EVFILT_VNODE, flags: EV_ADD };
          for (const wrong of [null, 5, { ...good, ident: "1" }, { ...good, data: 1 }, { ...good, flags: undefined }]) {
            expect(thrown(() => kqueue.control([good, wrong as never]))).toBeInstanceOf(TypeError);
          }
          for (const wrong of [
            { ident: -1 },
            { filter: 1e6 },
            { flags: 0x10000 },
            { fflags: 1.5 },
            { ident: 2 ** 53 },
          ]) {
            expect(thrown(() => kqueue.control([good, { ...good, ...wrong }]))).toBeInstanceOf(RangeError);
          }
          expect(model.registered).toEqual([]);
          yield yieldBriefly();
        });
      });

      test("S9 the registration by which the run is woken cannot be changed, and after the run nothing can", () => {
        let kqueue: Kqueue | undefined;
        withModel(function* (model) {
          kqueue = currentKqueue();
          const change = { ident: WAKE_IDENT, filter: model.system.EVFILT_USER, flags: EV_DELETE };
          expect(thrown(() => kqueue!.control([change]))).toBeInstanceOf(UsageError);
          kqueue.control([{ ...change, ident: 1, flags: EV_ADD | EV_CLEAR }]);
          model.after(1, () => kqueue!.control([{ ...change, ident: 1, flags: 0, fflags: NOTE_TRIGGER }]));
          yield waitKevent(1, change.filter, () => Abort.SUCCEEDED);
        });
        const after = thrown(() => kqueue!.control([{ ident: 1, filter: EVFILT_READ, flags: EV_ADD }]));
        expect(after).toBeInstanceOf(UsageError);
      });

      test("S9 arguments of the wrong kind are refused by the call", () => {
        withModel(function* () {
          const abort = (): AbortResult => Abort.SUCCEEDED;
          for (const wrong of ["1", null, 1n]) {
            expect(thrown(() => waitKevent(wrong as never, -1, abort))).toBeInstanceOf(TypeError);
            expect(thrown(() => waitKevent(1, wrong as never, abort))).toBeInstanceOf(TypeError);
            expect(thrown(() => waitKevent(1, -1, wrong as never))).toBeInstanceOf(TypeError);
            expect(thrown(() => monitorKevent(wrong as never, -1, function* () {}))).toBeInstanceOf(TypeError);
            expect(thrown(() => monitorKevent(1, -1, wrong as never))).toBeInstanceOf(TypeError);
          }
          for (const wrong of [-1, 0.5, NaN, Infinity]) {
            expect(thrown(() => waitKevent(wrong, -1, abort))).toBeInstanceOf(RangeError);
            expect(thrown(() => monitorKevent(wrong, -1, function* () {}))).toBeInstanceOf(RangeError);
          }
          yield yieldBriefly();
        });
      });

      test("S10 monitorKevent puts every event into the queue, and gives what its body returns", () => {
        withModel(function* (model) {
          const change = { ident: FILE, filter: EVFILT_VNODE, flags: EV_ADD | EV_CLEAR, fflags: 0x3f };
          currentKqueue().control([change]);
          const got: number[][] = yield monitorKevent(
            FILE,
            EVFILT_VNODE,
            kind.task(function* (queue: EventQueue<Kevent>) {
              const batches: number[][] = [];
              for (const fflags of [0x2, 0x4, 0x8]) {
                model.after(5, () => model.touch(FILE, fflags));
                batches.push(((yield queue.get()) as Kevent[]).map((event) => event.fflags));
              }
              return batches;
            }),
          );
          expect(got).toEqual([[0x2], [0x4], [0x8]]);
        });
      });

      test("S10 events that come while nobody looks are all there", () => {
        withModel(function* (model, io) {
          currentKqueue().control([{ ident: 30, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
          yield monitorKevent(
            30,
            EVFILT_SIGNAL,
            kind.task(function* (queue: EventQueue<Kevent>) {
              for (const times of [1, 3]) {
                for (let i = 0; i < times; i++) model.signal(30);
                expect(io.poll(0)).toBe(1);
              }
              const events: Kevent[] = yield queue.get();
              expect(events.map(({ data }) => data)).toEqual([1n, 3n]);
            }),
          );
        });
      });

      test("S10 a pair has one monitor, and it is free again when the body has ended or thrown", () => {
        withModel(function* (_, io) {
          for (const fails of [false, true]) {
            const error = yield kind.errorOf(
              monitorKevent(
                30,
                EVFILT_SIGNAL,
                kind.task(function* () {
                  expect(io.waiting).toBe(1);
                  expect(yield kind.errorOf(monitorKevent(30, EVFILT_SIGNAL, function* () {}))).toBeInstanceOf(
                    BusyResourceError,
                  );
                  expect(yield kind.errorOf(waitKevent(30, EVFILT_SIGNAL, () => Abort.SUCCEEDED))).toBeInstanceOf(
                    BusyResourceError,
                  );
                  throw new RangeError(fails ? "the body's own" : "of the test");
                }),
              ),
            );
            expect(error).toBeInstanceOf(RangeError);
            expect(io.waiting).toBe(0);
          }
          expect(yield kind.errorOf(monitorKevent(30, EVFILT_SIGNAL, (() => 5) as never))).toBeInstanceOf(TypeError);
          expect(io.waiting).toBe(0);
        });
      });

      test("S10 a monitor whose body is cancelled lets the pair go, and a late event is nobody's", () => {
        withModel(function* (model, io) {
          currentKqueue().control([{ ident: 30, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
          const scope = new CancelScope();
          yield openNursery(
            kind.task(function* (nursery) {
              nursery.startSoon(() =>
                scope.run(() =>
                  monitorKevent(
                    30,
                    EVFILT_SIGNAL,
                    kind.task(function* (queue) {
                      yield queue.get();
                    }),
                  ),
                ),
              );
              yield* untilWaiting(io, 1);
              scope.cancel();
            }),
          );
          expect(scope.cancelledCaught).toBe(true);
          model.signal(30);
          expect(io.poll(0)).toBe(0);
          expect(io.waiting).toBe(0);
        });
      });

      test("S10 when the body has ended, who still asks its queue is told", () => {
        withModel(function* () {
          let left: EventQueue<Kevent> | undefined;
          let told: unknown;
          yield openNursery(
            kind.task(function* (nursery) {
              yield monitorKevent(
                30,
                EVFILT_SIGNAL,
                kind.task(function* (queue: EventQueue<Kevent>) {
                  left = queue;
                  nursery.startSoon(
                    kind.task(function* () {
                      told = yield kind.errorOf(queue.get());
                    }),
                  );
                  yield yieldBriefly();
                  yield yieldBriefly();
                }),
              );
            }),
          );
          expect(told).toBeInstanceOf(ClosedResourceError);
          expect(yield kind.errorOf(left!.get())).toBeInstanceOf(ClosedResourceError);
        });
      });

      test("S10 notifyClosing of a monitored descriptor ends its queue, after what is left", () => {
        withModel(function* (model, io) {
          currentKqueue().control([{ ident: FILE, filter: EVFILT_VNODE, flags: EV_ADD | EV_CLEAR, fflags: 0x3f }]);
          yield monitorKevent(
            FILE,
            EVFILT_VNODE,
            kind.task(function* (queue: EventQueue<Kevent>) {
              model.touch(FILE, 0x2);
              io.poll(0);
              notifyClosing(FILE);
              expect(model.registered).toEqual([]);
              expect(io.waiting).toBe(0);
              expect(yield queue.get()).toMatchObject([{ fflags: 0x2 }]);
              expect(yield kind.errorOf(queue.get())).toBeInstanceOf(ClosedResourceError);
            }),
          );
        });
      });

      test("S10 a monitor that notifyClosing has ended does not free the pair of the next one", () => {
        withModel(function* (_, io) {
          const noChange = kind.task(function* (queue: EventQueue<Kevent>) {
            yield queue.get();
          });
          yield openNursery(
            kind.task(function* (nursery) {
              yield monitorKevent(
                FILE,
                EVFILT_VNODE,
                kind.task(function* () {
                  notifyClosing(FILE);
                  nursery.startSoon(() => monitorKevent(FILE, EVFILT_VNODE, noChange));
                  yield* untilWaiting(io, 1);
                }),
              );
              expect(yield kind.errorOf(monitorKevent(FILE, EVFILT_VNODE, noChange))).toBeInstanceOf(BusyResourceError);
              nursery.cancelScope.cancel();
            }),
          );
        });
      });

      test("S10 a monitored pair counts as something that can wake the run", () => {
        withModel(function* (model) {
          currentKqueue().control([{ ident: 30, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
          yield monitorKevent(
            30,
            EVFILT_SIGNAL,
            kind.task(function* (queue: EventQueue<Kevent>) {
              model.after(1_000, () => model.signal(30));
              yield queue.get(); // no deadline, nothing else: and no DeadlockError
            }),
          );
          expect(currentStatistics().io).toEqual({ backend: "kqueue", tasksWaitingRead: 0, tasksWaitingWrite: 0 });
          yield yieldBrieflyNoCancel();
        });
      });
    });
  });
}

describe.skipIf(whyNoKqueue !== "")(`on a kqueue${whyNoKqueue}`, () => {
  forBothKinds((kind) => {
    const USER = whyNoKqueue === "" ? kqueueCalls().system.EVFILT_USER : 0;

    test("S9 a user event is waited for, and its registration taken back", () => {
      runSync(
        kind.task(function* () {
          const kqueue = currentKqueue();
          const pair = { ident: 1, filter: USER };
          kqueue.control([{ ...pair, flags: EV_ADD | EV_CLEAR, udata: 5n }]);
          // No call comes between this and the wait: an event that nobody waits for would be nobody's.
          kqueue.control([{ ...pair, flags: 0, fflags: NOTE_TRIGGER, udata: 5n }]);
          const event: Kevent = yield waitKevent(1, USER, () => Abort.SUCCEEDED);
          expect(event).toMatchObject({ ident: 1, filter: USER, udata: 5n });
          const scope = new CancelScope({ timeout: 5 });
          yield scope.run(() =>
            waitKevent(1, USER, () => {
              kqueue.control([{ ...pair, flags: EV_DELETE }]);
              return Abort.SUCCEEDED;
            }),
          );
          expect(scope.cancelledCaught).toBe(true);
          expect(thrown(() => kqueue.control([{ ...pair, flags: EV_DELETE }])).code).toBe("ENOENT");
        }),
        { io: "kqueue" },
      );
    });

    test("S10 user events are monitored, and told with the flags they were triggered with", () => {
      const NOTE_FFCOPY = 0xc0000000;
      runSync(
        kind.task(function* () {
          const kqueue = currentKqueue();
          kqueue.control([{ ident: 2, filter: USER, flags: EV_ADD | EV_CLEAR }]);
          yield monitorKevent(
            2,
            USER,
            kind.task(function* (queue: EventQueue<Kevent>) {
              for (const number of [1, 2, 3]) {
                const fflags = NOTE_TRIGGER + NOTE_FFCOPY + number;
                kqueue.control([{ ident: 2, filter: USER, flags: 0, fflags }]);
                const [event, ...more]: Kevent[] = yield queue.get();
                expect(more).toEqual([]);
                expect(event!.fflags & 0xffffff).toBe(number);
              }
            }),
          );
        }),
        { io: "kqueue" },
      );
    });

    test("S9 the end of a child process is waited for", () => {
      const child = Bun.spawn(["sh", "-c", "exit 3"], { stdio: ["ignore", "ignore", "ignore"] });
      runSync(
        kind.task(function* () {
          const pair = { ident: child.pid, filter: EVFILT_PROC };
          currentKqueue().control([{ ...pair, flags: EV_ADD | EV_ONESHOT, fflags: NOTE_EXIT }]);
          const event: Kevent = yield waitKevent(child.pid, EVFILT_PROC, () => Abort.FAILED);
          expect(event.fflags & NOTE_EXIT).not.toBe(0);
        }),
        { io: "kqueue" },
      );
    });
  });
});
