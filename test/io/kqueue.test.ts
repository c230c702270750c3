/**
 * The contract on a real kqueue, which on Linux is one of libkqueue, and is skipped where that is not installed. What
 * only some moments show, or only macOS and FreeBSD do, is tested on a model of a kqueue, with both their layouts.
 */
import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import {
  EVFILT_READ,
  EVFILT_WRITE,
  EV_ADD,
  EV_DELETE,
  EV_ONESHOT,
  type Kevent,
  type KqueueCalls,
  KQUEUE_SYSTEMS,
  kqueueCalls,
} from "../../ffi/kqueue.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import {
  CancelScope,
  ClosedResourceError,
  type Nursery,
  type Operation,
  type SystemError,
  openNursery,
  runSync,
} from "../../src/index.ts";
import { KqueueIoManager } from "../../src/io/kqueue.ts";
import { errorOf, inRun, ioContract, polled, untilWaiting } from "./contract.ts";
import { Descriptors, drain, openDescriptors, write } from "./descriptors.ts";
import { KqueueModel, ModelIoManager } from "./kqueue-model.ts";
import { whyNoKqueue } from "./libkqueue.ts";

describe.skipIf(whyNoKqueue !== "")(`on a kqueue${whyNoKqueue}`, () => {
  ioContract("kqueue", () => new KqueueIoManager());

  test("kqueue: steady waits cost one kevent() each, and no other call, as the manager makes them", () => {
    using fds = new Descriptors();
    const calls = kqueueCalls();
    let made = 0;
    const counting: KqueueCalls = {
      system: calls.system,
      kqueue: () => calls.kqueue(),
      pollable: (kqueue) => calls.pollable(kqueue),
      close: (kqueue) => calls.close(kqueue),
      kevent(...args) {
        made++;
        return calls.kevent(...args);
      },
    };
    inRun(
      () => new KqueueIoManager(counting),
      function* (io) {
        const [reader, writer] = fds.pipe();
        write(writer);
        yield* io.waitReadable(reader);
        made = 0;
        for (let i = 0; i < 1_000; i++) yield* io.waitReadable(reader);
        expect(made).toBeLessThanOrEqual(1_001);
      },
    );
  });

  test("kqueue: 600 waits at once are registered, taken back and registered again: more than libkqueue takes in a call", () => {
    using fds = new Descriptors();
    inRun(
      () => new KqueueIoManager(),
      function* (io) {
        const pipes = Array.from({ length: 600 }, () => fds.pipe());
        let woken = 0;
        yield* openNursery(function* (nursery) {
          for (const [reader] of pipes) nursery.startSoon(() => io.waitReadable(reader));
          yield* untilWaiting(io, pipes.length);
          yield* polled(io, fds);
          nursery.cancelScope.cancel();
        });
        yield* polled(io, fds);
        yield* openNursery(function* (nursery) {
          for (const [reader, writer] of pipes) {
            write(writer);
            nursery.startSoon(function* () {
              yield* io.waitReadable(reader);
              woken++;
            });
          }
        });
        expect(woken).toBe(pipes.length);
      },
    );
  });

  test("kqueue: a wait begun again in place of a cancelled one is told of what comes then", () => {
    using fds = new Descriptors();
    inRun(
      () => new KqueueIoManager(),
      function* (io) {
        const [reader, writer] = fds.pipe();
        for (let round = 0; round < 10; round++) {
          yield* openNursery(function* (nursery) {
            const scope = new CancelScope();
            nursery.startSoon(() => scope.run(() => io.waitReadable(reader)));
            yield* untilWaiting(io, 1);
            yield* polled(io, fds);
            scope.cancel();
            nursery.startSoon(() => io.waitReadable(reader));
            yield* untilWaiting(io, 1);
            write(writer);
          });
          drain(reader);
        }
      },
    );
  });

  test("kqueue: 200 kqueues made and closed one after the other leave no descriptor behind", async () => {
    const before = openDescriptors().size;
    for (let i = 0; i < 200; i++) new KqueueIoManager().close();
    // libkqueue gives what is behind a closed one back in a thread of its own.
    const end = performance.now() + 5_000;
    while (openDescriptors().size > before + 10 && performance.now() < end) await Bun.sleep(1);
    expect(openDescriptors().size).toBeLessThanOrEqual(before + 10);
  });
});

/**
 * Has a task begin to wait for a number from `fd` on, of which no call has seen anything when this returns: one that the
 * run itself may have made meanwhile is no use. Gives the number.
 */
function* unseen(
  nursery: Nursery,
  io: KqueueIoManager,
  model: KqueueModel,
  fd: number,
  wait: (fd: number) => Operation<unknown>,
): Generator<any, [fd: number, scope: CancelScope], any> {
  for (; ; fd++) {
    const scope = new CancelScope();
    const [calls, waiting] = [model.log.length, io.waiting];
    model.open(fd);
    nursery.startSoon(() => scope.run(() => wait(fd)));
    yield* untilWaiting(io, waiting + 1);
    if (model.log.length === calls) return [fd, scope];
    scope.cancel();
    io.poll(0);
  }
}

for (const platform of ["darwin", "freebsd"] as const) {
  describe(`on a model of a kqueue, with the layout of ${platform}`, () => {
    const withModel = (
      main: (io: KqueueIoManager, model: KqueueModel) => Generator<any, void, any>,
      model = new KqueueModel(KQUEUE_SYSTEMS[platform]),
    ): void => {
      let io: KqueueIoManager;
      runSync(() => main(io, model), { io: () => (io = new ModelIoManager(model)) });
      expect(model.kqueuesOpen).toBe(0);
    };
    const changesOf = (model: KqueueModel, from: number): Partial<Kevent>[] =>
      model.log
        .slice(from)
        .flatMap(({ changes }) => changes.map(({ ident, filter, flags }) => ({ ident, filter, flags })));

    test("a wait is one registration for one event, made by a call that waits", () => {
      withModel(function* (io, model) {
        model.open(7, { readable: 5 });
        const before = model.log.length;
        yield* io.waitReadable(7);
        expect(changesOf(model, before)).toEqual([{ ident: 7, filter: EVFILT_READ, flags: EV_ADD | EV_ONESHOT }]);
        expect(model.registered).toEqual([]);
      });
    });

    test("changes of many waits travel in one call", () => {
      withModel(function* (io, model) {
        const before = model.log.length;
        yield* openNursery(function* (nursery) {
          for (let fd = 10; fd < 410; fd++) {
            model.open(fd, { readable: 1, writable: 1 });
            nursery.startSoon(() => io.waitReadable(fd));
            nursery.startSoon(() => io.waitWritable(fd));
          }
        });
        expect(changesOf(model, before)).toHaveLength(800);
        // One, unless the run's own calls come in between.
        expect(model.log.slice(before).filter(({ changes }) => changes.length > 0).length).toBeLessThan(20);
      });
    });

    test("a wait cancelled before any call was made costs no change", () => {
      withModel(function* (io, model) {
        yield* openNursery(function* (nursery) {
          const [, scope] = yield* unseen(nursery, io, model, 7, (fd) => io.waitReadable(fd));
          scope.cancel();
          const before = model.log.length;
          io.poll(0);
          expect(changesOf(model, before)).toEqual([]);
        });
      });
    });

    test("a cancelled wait is taken back by the next call, and by one that fails if it is gone already", () => {
      withModel(function* (io, model) {
        for (const gone of [false, true]) {
          model.open(7);
          const scope = new CancelScope();
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() => scope.run(() => io.waitReadable(7)));
            yield* untilWaiting(io, 1);
            io.poll(0);
            expect(model.registered).toEqual(["-1 7"]);
            if (gone) model.closeDescriptor(7);
            scope.cancel();
          });
          const { now } = model;
          expect(io.poll(50)).toBe(0);
          expect(model.registered).toEqual([]);
          expect(model.now - now).toBeGreaterThan(40); // the failed change did not cut it short
        }
      });
    });

    test("a wait on a number that became another file without a word is registered for that file", () => {
      withModel(function* (io, model) {
        model.open(7, { readable: 1 });
        yield* io.waitReadable(7);
        model.closeDescriptor(7);
        const second = model.open(7);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(7));
          yield* untilWaiting(io, 1);
          io.poll(0);
          second.readable = 1;
        });
      });
    });

    test("a wait begun again in place of a cancelled one is registered anew: the number may be another file", () => {
      withModel(function* (io, model) {
        model.open(7);
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => io.waitReadable(7)));
          yield* untilWaiting(io, 1);
          io.poll(0);
          scope.cancel();
          model.closeDescriptor(7);
          model.open(7, { readable: 1 });
          nursery.startSoon(() => io.waitReadable(7));
        });
        expect(model.registered).toEqual([]);
      });
    });

    test("a change that fails reaches its operation: EBADF for a number that was closed", () => {
      withModel(function* (io, model) {
        model.open(7);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitWritable(7)); // so that the number is known
          yield* untilWaiting(io, 1);
          io.poll(0);
          model.closeDescriptor(7);
          const error = yield* errorOf(io.waitReadable(7));
          expect(error).toMatchObject({ code: "EBADF", errno: ERRNO.EBADF, syscall: "kevent" });
          expect(io.waiting).toBe(1);
          nursery.cancelScope.cancel();
        });
      });
    });

    test("nothing is remembered of a number that nobody waits for: it may become a file", () => {
      withModel(function* (io, model) {
        model.open(7, { readable: 1 });
        yield* io.waitReadable(7);
        io.poll(0);
        model.closeDescriptor(7);
        expect(yield* errorOf(io.waitReadable(7))).toMatchObject({ code: "EBADF", syscall: "fstat" });
        model.open(7, { readable: 1, isFile: true });
        expect(yield* errorOf(io.waitReadable(7))).toMatchObject({ code: "EPERM" });
      });
    });

    test("a file is refused before the kqueue is asked, which would take it", () => {
      withModel(function* (io, model) {
        model.open(7, { isFile: true, readable: 10 });
        const before = model.log.length;
        expect(yield* errorOf(io.waitReadable(7))).toMatchObject({ code: "EPERM" });
        expect(yield* errorOf(io.waitWritable(7))).toMatchObject({ code: "EPERM" });
        expect(changesOf(model, before)).toEqual([]);
      });
    });

    test("a pipe that nobody reads any more is writable, though it cannot be registered (EPIPE)", () => {
      withModel(function* (io, model) {
        model.open(7, { isPipe: true, broken: true });
        yield* io.waitWritable(7);
        expect(model.registered).toEqual([]);
      });
    });

    test("the end of what can be read wakes the reader alone; a broken connection wakes both", () => {
      withModel(function* (io, model) {
        const descriptor = model.open(7);
        const woken: string[] = [];
        yield* openNursery(function* (nursery) {
          for (const [direction, wait] of [
            ["reader", () => io.waitReadable(7)],
            ["writer", () => io.waitWritable(7)],
          ] as const) {
            nursery.startSoon(function* () {
              yield* wait();
              woken.push(direction);
            });
          }
          yield* untilWaiting(io, 2);
          descriptor.ended = true;
          yield* untilWaiting(io, 1);
          yield* yieldBriefly();
          expect(woken).toEqual(["reader"]);
          descriptor.ended = false;
          nursery.startSoon(() => io.waitReadable(7));
          yield* untilWaiting(io, 2);
          descriptor.broken = true;
          yield* untilWaiting(io, 0);
        });
        io.poll(0);
        expect(model.registered).toEqual([]);
        descriptor.broken = false;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(7));
          nursery.startSoon(() => io.waitWritable(7));
          yield* untilWaiting(io, 2);
          descriptor.error = ERRNO.ECONNRESET;
        });
      });
    });

    test("an event of an older registration wakes nobody", () => {
      withModel(function* (io, model) {
        // Until the run itself makes no call between the cancel and the one that is looked at.
        for (let fd = 7, shown = false; !shown; fd++) {
          const descriptor = model.open(fd);
          const scope = new CancelScope();
          let woken = false;
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() => scope.run(() => io.waitReadable(fd)));
            yield* untilWaiting(io, 1);
            io.poll(0);
            const calls = model.log.length;
            scope.cancel();
            nursery.startSoon(function* () {
              yield* io.waitReadable(fd);
              woken = true;
            });
            yield* untilWaiting(io, 1);
            shown = model.log.length === calls;
            descriptor.readable = 1;
            if (!shown) return;
            // This call fetches the event before it makes the changes, as if they had come a moment later.
            model.fetchFirst();
            expect(io.poll(0)).toBe(0);
            expect(model.log.at(-1)!.events[0]).toMatchObject({ ident: fd, filter: EVFILT_READ, data: 1n });
            expect(woken).toBe(false);
          });
          expect(woken).toBe(true);
        }
      });
    });

    test("notifyClosing takes the registration back before the number is closed", () => {
      withModel(function* (io, model) {
        model.open(7);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            expect(yield* errorOf(io.waitReadable(7))).toBeInstanceOf(ClosedResourceError);
          });
          yield* untilWaiting(io, 1);
          io.poll(0);
          expect(model.registered).toEqual(["-1 7"]);
          const before = model.log.length;
          io.notifyClosing(7);
          expect(changesOf(model, before)).toEqual([{ ident: 7, filter: EVFILT_READ, flags: EV_DELETE }]);
        });
      });
    });

    test("notifyClosing of a wait that no call has seen registers nothing", () => {
      withModel(function* (io, model) {
        const errors: unknown[] = [];
        yield* openNursery(function* (nursery) {
          const [fd] = yield* unseen(nursery, io, model, 7, function* (number) {
            errors.push(yield* errorOf(io.waitWritable(number)));
          });
          io.notifyClosing(fd);
          const before = model.log.length;
          io.poll(0);
          expect(changesOf(model, before)).toEqual([]);
        });
        expect(errors.at(-1)).toBeInstanceOf(ClosedResourceError);
      });
    });

    test("more events than one call takes are told by the next ones, and then there is room for all", () => {
      withModel(function* (io, model) {
        for (const round of [1, 2]) {
          const woken = new Set<number>();
          const before = model.log.length;
          yield* openNursery(function* (nursery) {
            const descriptors: { readable: number }[] = [];
            for (let fd = 10; fd < 1_010; fd++) {
              descriptors.push(model.open(fd));
              nursery.startSoon(function* () {
                yield* io.waitReadable(fd);
                woken.add(fd);
              });
              if (fd % 50 > 0) continue;
              yield* untilWaiting(io, descriptors.length);
              io.poll(0);
            }
            yield* untilWaiting(io, descriptors.length);
            io.poll(0);
            for (const descriptor of descriptors) descriptor.readable = 1;
          });
          expect(woken.size).toBe(1_000);
          const largest = Math.max(...model.log.slice(before).map(({ events }) => events.length));
          if (round === 2) expect(largest).toBe(1_000);
        }
      });
    });

    test("as many changes as there are may fail, and each is told", () => {
      withModel(function* (io, model) {
        let told = 0;
        let failed = 0;
        // Until the run itself makes no call, which would register them before they are closed.
        for (let first = 10, shown = false; !shown; first += 300) {
          told = 0;
          yield* openNursery(function* (nursery) {
            const calls = model.log.length;
            for (let fd = first; fd < first + 300; fd++) {
              model.open(fd);
              nursery.startSoon(function* () {
                if (((yield* errorOf(io.waitWritable(fd))) as SystemError).code === "EBADF") told++;
              });
            }
            yield* untilWaiting(io, 300);
            for (let fd = first; fd < first + 300; fd++) model.closeDescriptor(fd);
            shown = model.log.length === calls;
            io.poll(0);
            failed = model.log.at(-1)!.events.length;
            nursery.cancelScope.cancel();
          });
        }
        expect([failed, told]).toEqual([300, 300]);
      });
    });

    test("the timeout is told to the nanosecond, rounded up; for ever is no timeout", () => {
      const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      const io = new ModelIoManager(model);
      for (const timeout of [0, 0.3, 1, 1_999.999_999_9, 86_400_000.25]) {
        io.poll(timeout);
        const { timeout: told } = model.log.at(-1)!;
        expect(told).toBeGreaterThanOrEqual(timeout);
        expect(told).toBeLessThan(timeout + 0.000_002);
      }
      model.after(5, () => io.wake());
      expect(io.poll(Infinity)).toBe(0);
      expect(model.log.findLast(({ events }) => events.length > 0)!.timeout).toBe(Infinity);
      io.close();
    });

    test("an interrupted call counts as one that found nothing, and its changes are made", () => {
      withModel(function* (io, model) {
        const descriptor = model.open(7);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(7));
          yield* untilWaiting(io, 1);
          model.interrupt();
          expect(io.poll(Infinity)).toBe(0);
          expect(model.registered).toEqual(["-1 7"]);
          descriptor.readable = 1;
        });
      });
    });

    test("a call that fails throws a SystemError", () => {
      const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      const io = new ModelIoManager(model);
      model.close(io.fd);
      expect(() => io.poll(0)).toThrow("kevent: EBADF");
    });

    test("a kqueue that cannot be had, or not be prepared, is a SystemError, and leaves nothing open", () => {
      const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      model.kqueue = () => -ERRNO.EMFILE;
      expect(() => new KqueueIoManager(model)).toThrow("kqueue: EMFILE");
      const other = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      other.kevent = () => -ERRNO.ENOMEM;
      expect(() => new KqueueIoManager(other)).toThrow("kevent: ENOMEM");
      expect(other.kqueuesOpen).toBe(0);
    });

    for (const swallowed of ["an event", "a wake-up"]) {
      test(`what handing over to a poll set swallows is seen by the next poll all the same: ${swallowed}`, () => {
        withModel(function* (io, model) {
          yield* openNursery(function* (nursery) {
            // A change, so that handing over makes a call.
            const [fd] = yield* unseen(nursery, io, model, 7, (number) => io.waitReadable(number));
            if (swallowed === "an event") model.open(fd, { readable: 1 });
            else io.wake();
            io.pollSet();
            expect(io.waiting).toBe(swallowed === "an event" ? 0 : 1);
            const { now } = model;
            expect(io.poll(1_000)).toBe(0);
            expect(model.now).toBe(now); // woken at once
            expect(io.poll(1_000)).toBe(0);
            expect(model.now).toBe(now + 1_000);
            nursery.cancelScope.cancel();
          });
        });
      });
    }

    test("a leaked wake address keeps the kqueue open, and the manager no longer uses it", () => {
      const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      const io = new ModelIoManager(model);
      io.leakWakeAddress();
      io.close();
      expect(model.kqueuesOpen).toBe(1);
      const before = model.log.length;
      io.wake();
      expect(model.log.length).toBe(before);
    });

    test("one direction refused leaves the other waiting", () => {
      withModel(function* (io, model) {
        const descriptor = model.open(7);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(7));
          yield* untilWaiting(io, 1);
          io.poll(0);
          nursery.startSoon(function* () {
            expect(yield* errorOf(io.waitWritable(7))).toMatchObject({ code: "EINVAL", syscall: "kevent" });
          });
          yield* untilWaiting(io, 2);
          // As a device would that can be read and not be written.
          model.refuseNext(EVFILT_WRITE, ERRNO.EINVAL);
          io.poll(0);
          expect(io.statistics()).toEqual({ backend: "kqueue", tasksWaitingRead: 1, tasksWaitingWrite: 0 });
          descriptor.readable = 1;
        });
      });
    });
  });
}
