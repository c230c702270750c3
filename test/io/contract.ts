/** What every backend for descriptors keeps (`src/io/fd-io-manager.ts`), tested on real descriptors in real runs. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERRNO } from "../../ffi/errno.ts";
import { pollCalls } from "../../ffi/poll.ts";
import { yieldBriefly, yieldIfCancelled } from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  Cancelled,
  ClosedResourceError,
  SystemError,
  openNursery,
  runSync,
  sleep,
  type Nursery,
} from "../../src/index.ts";
import type { FdIoManager, PollSetIo } from "../../src/io/fd-io-manager.ts";
import type { WakeableIo } from "../../src/io/wakeable.ts";
import type { Coroutine, Operation } from "../../src/kernel/operation.ts";
import { Descriptors, type Kind, drain, fill, openDescriptors, read, signal, whyNone, write } from "./descriptors.ts";

export type Io = FdIoManager & WakeableIo;

/** A wait takes Wine, with which Windows' backend is tested, a thousand times as long. */
const ROUNDS = process.platform === "win32" ? 1_000 : 5_000;

/** What the system says of a number that names nothing that it could wait for. */
const GONE = process.platform === "win32" ? "ENOTSOCK" : "EBADF";

/** Real milliseconds after which a test is taken to hang. Nothing here needs a tenth of it. */
const HANGS = 10_000;

/** Runs `main` with an I/O manager made by `make`; one that hangs fails. */
export function inRun<I extends Io>(make: () => I, main: (io: I) => Coroutine<void>): void {
  let io: I;
  const scope = new CancelScope({ timeout: HANGS });
  runSync(() => scope.run(() => main(io)), { io: () => (io = make()) });
  expect(scope.cancelledCaught).toBe(false);
}

/** Lets the other tasks run until `count` waits are pending. */
export function* untilWaiting(io: Io, count: number): Generator<any, void, any> {
  while (io.waiting !== count) yield* yieldBriefly();
}

/** Returns when the kernel has been asked, and every event that was there has been handed out. */
export function* polled(io: Io, fds: Descriptors): Generator<any, void, any> {
  yield* io.waitWritable(fds.bell()); // which it is already
}

/** What an operation throws. */
export function* errorOf(operation: Operation<unknown>): Generator<any, unknown, any> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Runs `body` beside the tasks it starts, and cancels those when it is done. */
function serving(body: (nursery: Nursery) => Generator<any, void, any>): Operation<unknown> {
  return openNursery(function* (nursery) {
    yield* body(nursery);
    nursery.cancelScope.cancel();
  });
}

/** The eventfd, or the kqueue, by which a poll is ended. */
export function eventfdOf({ wakeAddress }: Io): number {
  if (wakeAddress.kind === "iocp") throw new Error(`woken by ${wakeAddress.kind}`);
  return wakeAddress.fd;
}

function codeOf(error: unknown): string {
  expect(error).toBeInstanceOf(SystemError);
  return (error as SystemError).code;
}

/** Ways from one descriptor to another: what is written to the first can be read from the second. */
const WAYS: { readonly [kind: string]: (fds: Descriptors) => [writer: number, reader: number] } = {
  pipe: (fds) => fds.pipe().reverse() as [number, number],
  "TCP connection": (fds) => fds.tcpPair(),
  "TCP connection, from the server": (fds) => fds.tcpPair().reverse() as [number, number],
  "UDP socket": (fds) => fds.udpPair(),
  "UNIX socket pair": (fds) => fds.unixPair(),
  "pseudo-terminal": (fds) => fds.pseudoTerminal().reverse() as [number, number],
};

/** A test that needs these kinds of descriptors: where there are none it is skipped, and its name says why. */
function testOf(...kinds: Kind[]): (name: string, body: () => void) => void {
  const why = whyNone(...kinds);
  return (name, body) => test.skipIf(why !== "")(`${name}${why}`, body);
}

/** A test for each of the ways, some of which go by the name of a kind. */
function testOfEach<W extends string>(ways: readonly W[]): (name: string, body: (way: W) => void) => void {
  return (name, body) => {
    for (const way of ways) testOf(way as Kind)(name.replace("%s", way), () => body(way));
  };
}

/** UDP drops what does not fit: its sender is always writable. */
const CAN_BE_FULL = Object.keys(WAYS).filter((kind) => kind !== "UDP socket");

export function ioContract(name: string, make: () => Io): void {
  const inThisRun = (main: (io: Io, fds: Descriptors) => Coroutine<void>): void => {
    using fds = new Descriptors();
    inRun(make, (io) => main(io, fds));
  };

  describe(`${name}: readiness`, () => {
    testOfEach(Object.keys(WAYS))("a %s becomes readable when something is written", (kind) => {
      inThisRun(function* (io, fds) {
        const [writer, reader] = WAYS[kind](fds);
        const log: string[] = [];
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* io.waitReadable(reader);
            log.push("readable");
          });
          yield* untilWaiting(io, 1);
          yield* polled(io, fds);
          log.push("written");
          write(writer, "hello\n");
        });
        expect(log).toEqual(["written", "readable"]);
        expect(read(reader)!.length).toBeGreaterThan(0);
      });
    });

    testOfEach(Object.keys(WAYS))("a %s with room is writable", (kind) => {
      inThisRun(function* (io, fds) {
        const [writer] = WAYS[kind](fds);
        yield* io.waitWritable(writer);
        expect(write(writer)).toBe(1);
      });
    });

    testOfEach(CAN_BE_FULL)("a full %s becomes writable when something is read", (kind) => {
      inThisRun(function* (io, fds) {
        const [writer, reader] = WAYS[kind](fds);
        let reading = false;
        let filled = 0;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            do {
              // What was taken moves on in the kernel's own time, and may make room once or twice.
              fill(writer);
              filled++;
              yield* io.waitWritable(writer);
            } while (!reading);
            expect(write(writer)).toBe(1);
            reading = false;
          });
          yield* untilWaiting(io, 1);
          for (let i = 0; i < 10; i++) yield* polled(io, fds);
          reading = true;
          while (reading) {
            drain(reader);
            yield* yieldBriefly();
          }
        });
        expect(filled).toBeLessThan(10);
      });
    });

    testOf("pseudo-terminal")("a pseudo-terminal becomes readable when its controller writes a line", () => {
      inThisRun(function* (io, fds) {
        const [controller, terminal] = fds.pseudoTerminal();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(terminal));
          yield* untilWaiting(io, 1);
          write(controller, "a line\n");
        });
        expect(new TextDecoder().decode(read(terminal)!)).toBe("a line\n");
      });
    });

    test("a listening socket becomes readable when somebody connects", () => {
      inThisRun(function* (io, fds) {
        const listener = fds.tcpListener();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(listener));
          yield* untilWaiting(io, 1);
          fds.connectTo(listener);
        });
      });
    });

    testOf("eventfd")("an eventfd becomes readable when its counter does, writable when there is room", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.eventfd();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(fd));
          yield* untilWaiting(io, 1);
          signal(fd);
        });
        write(fd, new Uint8Array(BigUint64Array.of(2n ** 64n - 3n).buffer)); // the most it can hold
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitWritable(fd));
          yield* untilWaiting(io, 1);
          yield* polled(io, fds);
          expect(io.waiting).toBe(1);
          drain(fd);
        });
      });
    });

    testOf("timerfd")("a timerfd becomes readable when its time has come", () => {
      inThisRun(function* (io, fds) {
        const start = performance.now();
        const fd = fds.timerfd(30);
        yield* io.waitReadable(fd);
        expect(performance.now() - start).toBeGreaterThanOrEqual(29.9);
        expect(read(fd)!.length).toBe(8);
      });
    });

    testOf("inotify")("an inotify descriptor becomes readable when something happens in its folder", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.inotify(fds.folder());
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(fd));
          yield* untilWaiting(io, 1);
          writeFileSync(join(fds.folder(), "news"), "");
        });
        expect(Buffer.from(read(fd)!).toString()).toContain("news");
      });
    });

    test("reader and writer of one descriptor are independent", () => {
      inThisRun(function* (io, fds) {
        const [near, far] = fds.pair();
        const woken: string[] = [];
        fill(near);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* io.waitReadable(near);
            woken.push("reader");
            drain(far);
          });
          nursery.startSoon(function* () {
            yield* io.waitWritable(near);
            woken.push("writer");
          });
          yield* untilWaiting(io, 2);
          expect(io.statistics()).toEqual({ backend: io.backend, tasksWaitingRead: 1, tasksWaitingWrite: 1 });
          write(far);
        });
        expect(woken).toEqual(["reader", "writer"]);
        expect(io.statistics()).toEqual({ backend: io.backend, tasksWaitingRead: 0, tasksWaitingWrite: 0 });
      });
    });

    test("a descriptor stays usable, for thousands of waits", () => {
      inThisRun(function* (io, fds) {
        const [a, b] = fds.pair();
        function* player(fd: number, rounds: number): Generator<any, void, any> {
          for (let i = 0; i < rounds; i++) {
            while (read(fd) === null) yield* io.waitReadable(fd);
            write(fd);
          }
        }
        write(a);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(player, a, ROUNDS);
          nursery.startSoon(player, b, ROUNDS);
        });
        expect(io.waiting).toBe(0);
      });
    });

    test("1,000 descriptors are waited for at once, each waking its own task", () => {
      inThisRun(function* (io, fds) {
        const woken: number[] = [];
        const all = Array.from({ length: 1_000 }, () => fds.bell());
        yield* openNursery(function* (nursery) {
          for (const fd of all) {
            nursery.startSoon(function* () {
              yield* io.waitReadable(fd);
              woken.push(fd);
            });
          }
          yield* untilWaiting(io, all.length);
          const odd = all.filter((_, i) => i % 2 === 1);
          for (const fd of odd) signal(fd);
          yield* untilWaiting(io, all.length - odd.length);
          yield* polled(io, fds);
          expect(woken.toSorted((x, y) => x - y)).toEqual(odd);
          for (const fd of all) signal(fd);
        });
        expect(woken.toSorted((x, y) => x - y)).toEqual(all);
      });
    });
  });

  describe(`${name}: hang-up and error`, () => {
    test("a hang-up wakes reader and writer", () => {
      inThisRun(function* (io, fds) {
        const [near, far] = fds.pair();
        fill(near);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(near));
          nursery.startSoon(() => io.waitWritable(near));
          yield* untilWaiting(io, 2);
          fds.close(far);
        });
      });
    });

    test("an error wakes reader and writer", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        fill(writer);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(writer)); // which it never becomes
          nursery.startSoon(() => io.waitWritable(writer));
          yield* untilWaiting(io, 2);
          fds.close(reader);
        });
      });
    });

    test("the end of a pipe wakes its reader, each time it waits", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        fds.close(writer);
        for (let i = 0; i < 3; i++) {
          yield* io.waitReadable(reader);
          expect(read(reader)!.length).toBe(0);
        }
      });
    });

    testOf("pseudo-terminal")("a terminal that is given up wakes its controller", () => {
      inThisRun(function* (io, fds) {
        const [controller, terminal] = fds.pseudoTerminal();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(controller));
          yield* untilWaiting(io, 1);
          fds.close(terminal);
        });
      });
    });

    test("a hung-up descriptor that nobody waits for does not keep the run busy", () => {
      using fds = new Descriptors();
      const [reader, writer] = fds.oneWay();
      let polls = 0;
      const counted = (): Io => {
        const io = make();
        const poll = io.poll.bind(io);
        io.poll = (timeout) => {
          polls++;
          return poll(timeout);
        };
        return io;
      };
      inRun(counted, function* (io) {
        write(writer);
        yield* io.waitReadable(reader);
        fds.close(writer);
        polls = 0;
        yield* sleep(100);
      });
      expect(polls).toBeLessThan(10);
    });
  });

  describe(`${name}: refusals`, () => {
    testOfEach(["file", "directory"])("a %s is refused with EPERM, and nothing is left behind", (kind) => {
      inThisRun(function* (io, fds) {
        const fd = fds[kind]();
        expect(codeOf(yield* errorOf(io.waitReadable(fd)))).toBe("EPERM");
        expect(codeOf(yield* errorOf(io.waitWritable(fd)))).toBe("EPERM");
        expect(io.waiting).toBe(0);
      });
    });

    test("a number that no open descriptor has is refused, and nothing is left behind", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.bell();
        yield* io.waitWritable(fd); // so that whatever the backend opens is open before the number is free
        fds.close(fd);
        const error = yield* errorOf(io.waitReadable(fd));
        expect(codeOf(error)).toBe(GONE);
        expect((error as SystemError).errno).toBe(ERRNO[GONE]);
        expect((error as SystemError).message).toContain(`fd ${fd}`);
        expect(io.waiting).toBe(0);
        // The number serves as soon as it is one.
        yield* io.waitWritable(fds.bellNumbered(fd));
      });
    });

    test("a second waiter is Busy, and the first waits on", () => {
      inThisRun(function* (io, fds) {
        const [near, far] = fds.pair();
        fill(near);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* theReader() {
            yield* io.waitReadable(near);
          });
          nursery.startSoon(function* theWriter() {
            yield* io.waitWritable(near);
          });
          yield* untilWaiting(io, 2);
          const reading = yield* errorOf(io.waitReadable(near));
          expect(reading).toBeInstanceOf(BusyResourceError);
          expect(String(reading)).toMatch(new RegExp(`theReader.*fd ${near} is readable`));
          const writing = yield* errorOf(io.waitWritable(near));
          expect(writing).toBeInstanceOf(BusyResourceError);
          expect(String(writing)).toMatch(new RegExp(`theWriter.*fd ${near} is writable`));
          expect(io.waiting).toBe(2);
          drain(far);
          write(far);
        });
      });
    });
  });

  describe(`${name}: checkpoints and cancellation`, () => {
    test("a wait for what is ready lets the other tasks run", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.bell();
        let ran = false;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            ran = true;
            yield* yieldBriefly();
          });
          yield* io.waitWritable(fd);
          expect(ran).toBe(true);
        });
      });
    });

    test("a wait for what is ready throws Cancelled in a cancelled scope", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.bell();
        const scope = new CancelScope();
        scope.cancel();
        let caught: unknown;
        yield* scope.run(function* () {
          try {
            yield* io.waitWritable(fd);
          } catch (error) {
            caught = error;
            throw error;
          }
        });
        expect(caught).toBeInstanceOf(Cancelled);
        expect(io.waiting).toBe(0);
      });
    });

    test("a cancelled wait is over at once, and its place is free", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => io.waitReadable(reader)));
          yield* untilWaiting(io, 1);
          scope.cancel();
          expect(io.waiting).toBe(0);
          nursery.startSoon(() => io.waitReadable(reader));
          yield* untilWaiting(io, 1);
          write(writer);
        });
        expect(scope.cancelledCaught).toBe(true);
      });
    });

    test("cancelling one direction leaves the other waiting", () => {
      inThisRun(function* (io, fds) {
        const [near, far] = fds.pair();
        fill(near);
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => io.waitWritable(near)));
          nursery.startSoon(() => io.waitReadable(near));
          yield* untilWaiting(io, 2);
          scope.cancel();
          expect(io.statistics()).toMatchObject({ tasksWaitingRead: 1, tasksWaitingWrite: 0 });
          write(far);
        });
      });
    });

    test("what an event finds after a cancellation wakes nobody", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => io.waitReadable(reader)));
          yield* untilWaiting(io, 1);
          write(writer);
          scope.cancel();
          yield* polled(io, fds);
        });
        expect(scope.cancelledCaught).toBe(true);
        yield* io.waitReadable(reader);
      });
    });
  });

  describe(`${name}: closing`, () => {
    test("notifyClosing wakes reader and writer with ClosedResourceError", () => {
      inThisRun(function* (io, fds) {
        const [near] = fds.pair();
        fill(near);
        const errors: unknown[] = [];
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            errors.push(yield* errorOf(io.waitReadable(near)));
          });
          nursery.startSoon(function* () {
            errors.push(yield* errorOf(io.waitWritable(near)));
          });
          yield* untilWaiting(io, 2);
          io.notifyClosing(near);
          fds.close(near);
          expect(io.waiting).toBe(0);
        });
        expect(errors.map((error) => error instanceof ClosedResourceError)).toEqual([true, true]);
        expect(errors[0]).not.toBe(errors[1]);
      });
    });

    test("notifyClosing of what nobody waits for, or of no descriptor, does nothing", () => {
      inThisRun(function* (io, fds) {
        const fd = fds.bell();
        io.notifyClosing(fd);
        yield* io.waitWritable(fd);
        io.notifyClosing(fd);
        io.notifyClosing(fd);
        io.notifyClosing(123_456);
        yield* io.waitWritable(fd);
      });
    });

    testOf("number that comes again at once")("after notifyClosing the number serves another file", () => {
      inThisRun(function* (io, fds) {
        const [first, firstWriter] = fds.oneWay();
        write(firstWriter);
        yield* io.waitReadable(first);
        io.notifyClosing(first);
        const writer = fds.becomesAnother(first);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(first));
          yield* untilWaiting(io, 1);
          write(writer);
        });
      });
    });

    test("a wait for a number that was closed without a word, after an earlier wait, is told so", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        write(writer);
        yield* io.waitReadable(reader);
        fds.close(reader);
        expect(codeOf(yield* errorOf(io.waitReadable(reader)))).toBe(GONE);
        expect(io.waiting).toBe(0);
      });
    });

    testOf("number that comes again at once")(
      "a wait for a number that became another file, after an earlier wait, is for that file",
      () => {
        inThisRun(function* (io, fds) {
          const [first, firstWriter] = fds.oneWay();
          write(firstWriter);
          yield* io.waitReadable(first);
          drain(first);
          const secondWriter = fds.becomesAnother(first);
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() => io.waitReadable(first));
            yield* untilWaiting(io, 1);
            write(secondWriter);
          });
          expect(read(first)!.length).toBe(1);
        });
      },
    );

    testOf("number that comes again at once")(
      "a wait that is over does not disturb the file its number becomes",
      () => {
        inThisRun(function* (io, fds) {
          const [first, firstWriter] = fds.oneWay();
          write(firstWriter);
          yield* io.waitReadable(first); // and leaves it readable
          const kept = fds.duplicate(first);
          const secondWriter = fds.becomesAnother(first);
          const log: string[] = [];
          yield* openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              while (read(first) === null) yield* io.waitReadable(first);
              log.push("read");
            });
            yield* untilWaiting(io, 1);
            yield* polled(io, fds);
            log.push("written");
            write(secondWriter);
          });
          expect(log).toEqual(["written", "read"]);
          expect(drain(kept)).toBe(1);
        });
      },
    );

    testOf("wait that outlives its number")(
      "while a wait is pending on what was another file, a newcomer is Busy until it is cancelled",
      () => {
        inThisRun(function* (io, fds) {
          const [first] = fds.oneWay();
          const [second, secondWriter] = fds.oneWay();
          const scope = new CancelScope();
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() => scope.run(() => io.waitReadable(first)));
            yield* untilWaiting(io, 1);
            fds.replace(first, second);
            expect(yield* errorOf(io.waitReadable(first))).toBeInstanceOf(BusyResourceError);
            scope.cancel();
            nursery.startSoon(() => io.waitReadable(first));
            yield* untilWaiting(io, 1);
            write(secondWriter);
          });
          expect(scope.cancelledCaught).toBe(true);
        });
      },
    );

    test("a wait pending on a number that was closed without a word can be cancelled, and notified", () => {
      inThisRun(function* (io, fds) {
        for (const end of ["cancel", "notify"]) {
          const [reader] = fds.oneWay();
          const scope = new CancelScope();
          let error: unknown;
          yield* openNursery(function* (nursery) {
            nursery.startSoon(() =>
              scope.run(function* () {
                try {
                  yield* io.waitReadable(reader);
                } catch (thrown) {
                  error = thrown;
                  yield* yieldIfCancelled();
                }
              }),
            );
            yield* untilWaiting(io, 1);
            fds.close(reader);
            if (end === "cancel") scope.cancel();
            else io.notifyClosing(reader);
          });
          expect(error).toBeInstanceOf(end === "cancel" ? Cancelled : ClosedResourceError);
        }
      });
    });

    testOf("duplicate of a socket")("duplicates of one file are waited for each by its own number", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        const twin = fds.duplicate(reader);
        const woken: number[] = [];
        yield* openNursery(function* (nursery) {
          for (const fd of [reader, twin]) {
            nursery.startSoon(function* () {
              yield* io.waitReadable(fd);
              woken.push(fd);
            });
          }
          yield* untilWaiting(io, 2);
          write(writer);
        });
        expect(woken.toSorted((x, y) => x - y)).toEqual([reader, twin]);
      });
    });

    testOf("duplicate of a socket")("closing one duplicate leaves the wait on the other alone", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        const twin = fds.duplicate(reader);
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            expect(yield* errorOf(io.waitReadable(twin))).toBeInstanceOf(ClosedResourceError);
          });
          nursery.startSoon(() => io.waitReadable(reader));
          yield* untilWaiting(io, 2);
          io.notifyClosing(twin);
          fds.close(twin);
          expect(io.waiting).toBe(1);
          write(writer);
        });
      });
    });

    testOf("duplicate of a socket")(
      "a closed number whose file lives on, and is ready, does not keep the run busy",
      () => {
        using fds = new Descriptors();
        let polls = 0;
        const counted = (): Io => {
          const io = make();
          const poll = io.poll.bind(io);
          io.poll = (timeout) => {
            polls++;
            return poll(timeout);
          };
          return io;
        };
        inRun(counted, function* (io) {
          const [reader, writer] = fds.oneWay();
          write(writer);
          yield* io.waitReadable(reader);
          fds.duplicate(reader);
          fds.close(reader);
          polls = 0;
          yield* sleep(100);
        });
        expect(polls).toBeLessThan(10);
      },
    );
  });

  describe(`${name}: polling`, () => {
    /** With an I/O manager outside a run. */
    const withIo = (body: (io: Io) => void): void => {
      const io = make();
      try {
        body(io);
      } finally {
        io.close();
      }
    };

    test("a poll of nothing lasts as long as it was asked to, and no less", () => {
      withIo((io) => {
        for (const timeout of [0, 0.3, 20]) {
          const start = performance.now();
          expect(io.poll(timeout)).toBe(0);
          // The kernel's clock and ours may differ in the last microseconds.
          expect(performance.now() - start).toBeGreaterThan(timeout * 0.99 - 0.01);
        }
      });
    });

    test("wake() ends the next poll at once, and that one alone", () => {
      withIo((io) => {
        for (let round = 0; round < 3; round++) {
          io.wake();
          io.wake();
          const start = performance.now();
          expect(io.poll(HANGS)).toBe(0);
          const woken = performance.now();
          expect(woken - start).toBeLessThan(HANGS);
          expect(io.poll(5)).toBe(0);
          expect(performance.now() - woken).toBeGreaterThan(4.9);
        }
      });
    });

    test("a thread that uses the wake address ends a poll", async () => {
      const io = make();
      const shared = new Int32Array(new SharedArrayBuffer(8));
      const wakeAddress = new URL("../../ffi/wake-address.ts", import.meta.url).href;
      const source = `
        const { wakerFor } = await import(${JSON.stringify(wakeAddress)});
        self.onmessage = ({ data: { shared, address, rounds } }) => {
          const wake = wakerFor(address);
          for (let round = 0; round < rounds; round++) {
            Atomics.wait(shared, 0, round); // until main is about to poll
            wake();
          }
          postMessage("done");
        };
        postMessage("ready");
      `;
      const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      const next = (): Promise<unknown> =>
        new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = reject;
        });
      expect(await next()).toBe("ready");
      worker.postMessage({ shared, address: io.wakeAddress, rounds: 200 });
      for (let round = 0; round < 200; round++) {
        Atomics.store(shared, 0, round + 1);
        Atomics.notify(shared, 0);
        const start = performance.now();
        expect(io.poll(HANGS)).toBe(0);
        expect(performance.now() - start).toBeLessThan(HANGS);
      }
      expect(await next()).toBe("done");
      worker.terminate();
      io.close();
    });

    const isReady = (io: Io): boolean => {
      const set = (io as Io & PollSetIo).pollSet();
      return pollCalls().poll(set.address, set.count, 0) > 0;
    };

    testOf("poll set")("the poll set is ready when there is something to do, and only then", () => {
      inThisRun(function* (io, fds) {
        const [reader, writer] = fds.oneWay();
        yield* serving(function* (nursery) {
          nursery.startSoon(function* () {
            for (;;) {
              yield* io.waitReadable(reader);
              drain(reader);
            }
          });
          yield* untilWaiting(io, 1);
          for (let round = 0; round < 3; round++) {
            expect(isReady(io)).toBe(false);
            write(writer);
            expect(isReady(io)).toBe(true);
            yield* untilWaiting(io, 0);
            yield* untilWaiting(io, 1);
          }
        });
      });
    });

    testOf("poll set")("the poll set is ready after wake(), until a poll", () => {
      withIo((io) => {
        expect(isReady(io)).toBe(false);
        io.wake();
        expect(isReady(io)).toBe(true);
        io.poll(0);
        expect(isReady(io)).toBe(false);
      });
    });

    testOf("poll set")("the poll set holds waits that no poll has seen yet, in both directions", () => {
      inThisRun(function* (io, fds) {
        const [near, far] = fds.pair();
        fill(near);
        write(far);
        yield* io.waitReadable(near);
        drain(near);
        yield* serving(function* (nursery) {
          nursery.startSoon(() => io.waitReadable(near));
          nursery.startSoon(() => io.waitWritable(near));
          yield* untilWaiting(io, 2);
          expect(isReady(io)).toBe(false);
          drain(far);
          expect(isReady(io)).toBe(true);
        });
      });
    });

    testOf("eventfd")("a closed I/O manager leaves no descriptor behind, and ignores wake()", () => {
      const before = openDescriptors();
      const io = make();
      const made = [...openDescriptors().keys()].filter((fd) => !before.has(fd));
      expect(made).toContain(eventfdOf(io));
      io.close();
      const after = openDescriptors();
      expect(made.filter((fd) => after.has(fd))).toEqual([]);
      // Not even when another file has the waker's number.
      using fds = new Descriptors();
      const others = made.map(() => fds.eventfd());
      expect(others).toContain(eventfdOf(io));
      io.wake();
      expect(others.map((fd) => read(fd))).toEqual(others.map(() => null));
    });
  });
}
