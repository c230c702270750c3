import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, type EpollCalls, epollCalls } from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { CancelScope, moveOnAfter, openNursery } from "../../src/index.ts";
import { EpollIoManager } from "../../src/io/epoll.ts";
import { whyNot } from "../platform.ts";
import { type Io, errorOf, eventfdOf, inRun, ioContract, polled, untilWaiting } from "./contract.ts";
import { Descriptors, allowDescriptors, drain, openDescriptors, read, signal, write } from "./descriptors.ts";

const notLinux = whyNot("linux");

describe.skipIf(notLinux !== "")(`on an epoll instance${notLinux}`, () => {
  ioContract("epoll", () => new EpollIoManager());
});

const OPERATIONS = { [EPOLL_CTL_ADD]: "add", [EPOLL_CTL_MOD]: "modify", [EPOLL_CTL_DEL]: "delete" };

/** The system's calls, counted. */
class CountedCalls implements EpollCalls {
  readonly #calls = epollCalls();
  /** Every epoll_ctl since {@link CountedCalls.reset}, as `"add 7"`. */
  controls: string[] = [];
  waits = 0;
  /** The most epoll_ctl between two waits. */
  mostControls = 0;
  #controlsBefore = 0;
  instances = 0;
  onCreate: () => void = () => {};

  reset(): void {
    this.controls = [];
    this.waits = 0;
    this.mostControls = 0;
    this.#controlsBefore = 0;
    this.instances = 0;
  }
  create(): number {
    this.instances++;
    this.onCreate();
    return this.#calls.create();
  }
  control(epoll: number, operation: number, fd: number, event: number): number {
    this.controls.push(`${OPERATIONS[operation]} ${fd}`);
    return this.#calls.control(epoll, operation, fd, event);
  }
  wait(epoll: number, events: number, capacity: number, timeout: number): number {
    this.waits++;
    this.mostControls = Math.max(this.mostControls, this.controls.length - this.#controlsBefore);
    this.#controlsBefore = this.controls.length;
    return this.#calls.wait(epoll, events, capacity, timeout);
  }
}

/** A run whose system calls are counted, from `main` on. */
function counted(main: (io: EpollIoManager, calls: CountedCalls, fds: Descriptors) => Generator<any, void, any>): void {
  using fds = new Descriptors();
  const calls = new CountedCalls();
  inRun(
    () => new EpollIoManager(calls),
    (io) => {
      calls.reset();
      return main(io, calls, fds);
    },
  );
}

/** Lets the run sleep in the kernel until `timer`, a timerfd, fires. */
function* asleep(io: Io, timer: number): Generator<any, void, any> {
  do yield* io.waitReadable(timer);
  while (read(timer) === null);
}

describe.skipIf(notLinux !== "")(`epoll: what a wait costs${notLinux}`, () => {
  test("a descriptor in steady use costs no epoll_ctl per wait", () => {
    counted(function* (io, calls, fds) {
      const [a, b] = fds.unixPair();
      let waits = 0;
      function* player(fd: number, rounds: number): Generator<any, void, any> {
        for (let i = 0; i < rounds; i++) {
          while (read(fd) === null) {
            waits++;
            yield* io.waitReadable(fd);
          }
          write(fd);
        }
      }
      write(a);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(player, a, 1_000);
        nursery.startSoon(player, b, 1_000);
      });
      expect(waits).toBeGreaterThan(1_000);
      // One for each descriptor, and for a wait that was kept from being heard for VERIFY_AFTER by a busy machine.
      const { length } = calls.controls.filter((control) => control.startsWith("add"));
      expect(length).toBe(2);
      expect(calls.controls.length).toBeLessThan(waits / 100);
    });
  });

  test("a reader that works between reading and waiting costs no epoll_ctl either, if it waits again before the poll", () => {
    counted(function* (io, calls, fds) {
      const fd = fds.eventfd();
      signal(fd); // and it stays readable
      for (let i = 0; i < 100; i++) yield* io.waitReadable(fd);
      expect(calls.controls).toEqual([`add ${fd}`]);
    });
  });

  test("a readable descriptor that nobody waits for any more costs one epoll_ctl, and no more polls", () => {
    counted(function* (io, calls, fds) {
      const [reader, writer] = fds.pipe();
      write(writer);
      yield* io.waitReadable(reader);
      calls.reset();
      const timer = fds.timerfd(50);
      yield* io.waitReadable(timer);
      expect(calls.controls).toEqual([`add ${timer}`, `modify ${reader}`]);
      expect(calls.waits).toBeLessThan(5);
      // The next wait arms it again.
      yield* io.waitReadable(reader);
      expect(calls.controls).toEqual([`add ${timer}`, `modify ${reader}`, `modify ${reader}`]);
    });
  });

  test("a hung-up descriptor that nobody waits for is deregistered, since it cannot be silenced", () => {
    counted(function* (io, calls, fds) {
      const [reader, writer] = fds.pipe();
      write(writer);
      yield* io.waitReadable(reader);
      fds.close(writer);
      calls.reset();
      const timer = fds.timerfd(50);
      yield* io.waitReadable(timer);
      expect(calls.controls).toEqual([`add ${timer}`, `delete ${reader}`]);
      expect(calls.waits).toBeLessThan(5);
    });
  });

  test("changes are put together: a reader and a writer that come in one pass cost one more epoll_ctl", () => {
    counted(function* (io, calls, fds) {
      const [near, far] = fds.unixPair();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => io.waitReadable(near));
        nursery.startSoon(() => io.waitWritable(near));
        yield* untilWaiting(io, 2);
        expect(calls.controls).toEqual([`add ${near}`]);
        yield* untilWaiting(io, 1);
        expect(calls.controls).toEqual([`add ${near}`, `modify ${near}`]);
        write(far);
      });
    });
  });

  test("a wait that is cancelled before the poll costs nothing after the first", () => {
    counted(function* (io, calls, fds) {
      const [near] = fds.unixPair();
      for (const wait of [() => io.waitReadable(near), () => io.waitWritable(near)]) {
        for (let i = 0; i < 10; i++) {
          const scope = new CancelScope();
          scope.cancel();
          yield* scope.run(wait);
        }
      }
      yield* asleep(io, fds.timerfd(1));
      expect(calls.controls.filter((control) => control.endsWith(` ${near}`))).toEqual([`add ${near}`]);
    });
  });

  test("while tasks are runnable the kernel is asked once a time slice, not once a pass", () => {
    counted(function* (_io, calls) {
      for (let i = 0; i < 10_000; i++) yield* yieldBriefly();
      expect(calls.waits).toBeLessThan(1_000);
    });
  });

  test("a wait that has been verified lets the poll sleep", () => {
    counted(function* (io, calls, fds) {
      const [reader, writer] = fds.pipe();
      write(writer);
      yield* io.waitReadable(reader);
      drain(reader);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => io.waitReadable(reader));
        yield* untilWaiting(io, 1);
        const before = calls.waits;
        yield* asleep(io, fds.timerfd(200));
        expect(calls.waits - before).toBeLessThan(6);
        expect(calls.controls.filter((control) => control.endsWith(` ${reader}`))).toEqual([
          `add ${reader}`,
          `modify ${reader}`,
        ]);
        write(writer);
      });
    });
  });

  test("of many waits on old registrations some are verified at a time, and each of them once", () => {
    counted(function* (io, calls, fds) {
      const all = Array.from({ length: 300 }, () => fds.eventfd());
      yield* openNursery(function* (nursery) {
        for (const fd of all) {
          signal(fd);
          nursery.startSoon(function* () {
            yield* io.waitReadable(fd);
            drain(fd);
            yield* io.waitReadable(fd);
          });
        }
        yield* polled(io, fds);
        yield* untilWaiting(io, all.length);
        calls.reset();
        yield* asleep(io, fds.timerfd(300));
        const wanted = all.map((fd) => `modify ${fd}`);
        const verified = calls.controls.filter((control) => wanted.includes(control));
        expect(verified.sort()).toEqual(wanted.sort());
        expect(calls.mostControls).toBeLessThan(all.length / 2);
        nursery.cancelScope.cancel();
      });
    });
  });

  const enough = notLinux === "" && allowDescriptors(10_100);
  const why = enough ? "" : " (skipped: the system allows no 10,100 descriptors)";
  test.skipIf(!enough)(`10,000 descriptors are waited for at once, each waking its own task${why}`, () => {
    counted(function* (io, calls, fds) {
      const all = Array.from({ length: 10_000 }, () => fds.eventfd());
      const woken: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const fd of all) {
          nursery.startSoon(function* () {
            yield* io.waitReadable(fd);
            woken.push(fd);
          });
        }
        yield* untilWaiting(io, all.length);
        signal(all[4_321]);
        yield* polled(io, fds);
        expect(woken).toEqual([all[4_321]]);
        calls.reset();
        for (const fd of all) signal(fd);
        yield* untilWaiting(io, 0);
      });
      expect(new Set(woken).size).toBe(all.length);
      // A full answer doubles what the next one takes.
      expect(calls.waits).toBeLessThan(20);
    });
  });
});

describe.skipIf(notLinux !== "")(`epoll: numbers that are closed without a word${notLinux}`, () => {
  test("a wait on an old registration finds its new file in 20 ms, and the poll sleeps afterwards", () => {
    counted(function* (io, calls, fds) {
      const [first, firstWriter] = fds.pipe();
      write(firstWriter);
      yield* io.waitReadable(first);
      const [second, secondWriter] = fds.pipe();
      fds.replace(first, second);
      write(secondWriter);
      calls.reset();
      yield* io.waitReadable(first);
      expect(calls.controls).toEqual([`modify ${first}`, `add ${first}`]);
      expect(calls.waits).toBeLessThan(6);
    });
  });

  test("a file that lives on under another number spins nobody: the instance is made anew", () => {
    counted(function* (io, calls, fds) {
      const [reader, writer] = fds.pipe();
      const [other, otherWriter] = fds.pipe();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => io.waitReadable(other));
        yield* untilWaiting(io, 1);
        write(writer);
        yield* io.waitReadable(reader);
        fds.duplicate(reader);
        const timers = [fds.timerfd(50), fds.timerfd(100)];
        fds.close(reader);
        calls.reset();
        yield* asleep(io, timers[0]);
        expect(calls.instances).toBe(1);
        expect(calls.waits).toBeLessThan(8);
        calls.reset();
        yield* asleep(io, timers[1]);
        expect([calls.instances, calls.waits]).toEqual([0, 1]);
        // Who was waiting still is.
        write(otherWriter);
      });
    });
  });

  test("a waiter whose number became another file, while the old file lives on and is ready, is not spun for ever", () => {
    counted(function* (io, calls, fds) {
      const [first, firstWriter] = fds.pipe();
      write(firstWriter);
      yield* io.waitReadable(first);
      fds.duplicate(first);
      const [second, secondWriter] = fds.pipe();
      fds.replace(first, second);
      const found = fds.eventfd();
      calls.onCreate = () => signal(found);
      let spins = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          while (read(first) === null) {
            yield* io.waitReadable(first);
            spins++;
          }
        });
        // Once it is found out, the old file is left behind with the instance it was registered in.
        yield* io.waitReadable(found);
        expect(spins).toBeGreaterThan(1);
        expect(spins).toBeLessThan(5_000);
        const before = spins;
        yield* asleep(io, fds.timerfd(30));
        expect(spins).toBe(before);
        write(secondWriter);
      });
      expect(spins).toBeGreaterThan(1);
    });
  });

  test("a number that names its old file again keeps its one registration", () => {
    counted(function* (io, calls, fds) {
      const [reader, writer] = fds.pipe();
      write(writer);
      yield* io.waitReadable(reader);
      drain(reader);
      const twin = fds.duplicate(reader);
      fds.close(reader);
      expect(yield* errorOf(io.waitReadable(reader))).toMatchObject({ code: "EBADF" });
      fds.replace(reader, twin);
      write(writer);
      calls.reset();
      yield* io.waitReadable(reader);
      expect(calls.controls).toEqual([`add ${reader}`, `modify ${reader}`]);
    });
  });

  test("a number that became a regular file is refused, though it was registered before", () => {
    counted(function* (io, _calls, fds) {
      const [reader, writer] = fds.pipe();
      write(writer);
      yield* io.waitReadable(reader);
      fds.replace(reader, fds.file());
      expect(yield* errorOf(io.waitReadable(reader))).toMatchObject({ code: "EPERM" });
      expect(io.waiting).toBe(0);
    });
  });

  test("a waiter is verified though the other direction is waited for again and again", () => {
    counted(function* (io, _calls, fds) {
      const [near] = fds.unixPair();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => io.waitReadable(near));
        yield* io.waitWritable(near);
        nursery.cancelScope.cancel();
      });
      fds.replace(near, fds.unixPair()[0]);
      let over = false;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* io.waitWritable(near); // which the new file is
          over = true;
        });
        while (!over) yield* moveOnAfter(1, () => io.waitReadable(near));
      });
    });
  });

  test("waits on old registrations are verified for another thread's poll", () => {
    counted(function* (io, calls, fds) {
      const [first, firstWriter] = fds.pipe();
      write(firstWriter);
      yield* io.waitReadable(first);
      const [second] = fds.pipe();
      fds.replace(first, second);
      const scope = new CancelScope();
      calls.reset();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => scope.run(() => io.waitReadable(first)));
        yield* untilWaiting(io, 1);
        io.pollSet();
        expect(calls.controls).toEqual([`modify ${first}`, `add ${first}`]);
        io.pollSet();
        expect(calls.controls.length).toBe(2);
        scope.cancel();
      });
    });
  });
});

describe.skipIf(notLinux !== "")(`epoll: the instance${notLinux}`, () => {
  test("an interrupted poll counts as one that found nothing", () => {
    const calls = epollCalls();
    const io = new EpollIoManager({ ...calls, wait: () => -ERRNO.EINTR });
    expect(io.poll(Infinity)).toBe(0);
    io.close();
  });

  test("a poll that fails throws a SystemError", () => {
    const calls = epollCalls();
    const io = new EpollIoManager({ ...calls, wait: () => -ERRNO.EINVAL });
    expect(() => io.poll(0)).toThrow("epoll_wait: EINVAL");
    io.close();
  });

  test.each([0, 1])("a manager that cannot be made (call %i fails) leaves no descriptor behind", (failing) => {
    const calls = epollCalls();
    const broken: EpollCalls =
      failing === 0 ? { ...calls, create: () => -ERRNO.EMFILE } : { ...calls, control: () => -ERRNO.ENOMEM };
    const before = openDescriptors();
    expect(() => new EpollIoManager(broken)).toThrow(failing === 0 ? "epoll_create1: EMFILE" : "epoll_ctl: ENOMEM");
    expect([...openDescriptors()].filter(([fd]) => !before.has(fd))).toEqual([]);
  });

  test("its own waker cannot be waited for, and goes on waking", () => {
    using fds = new Descriptors();
    inRun(
      () => new EpollIoManager(),
      function* (io) {
        expect(yield* errorOf(io.waitReadable(eventfdOf(io)))).toMatchObject({ code: "EEXIST" });
        yield* polled(io, fds);
        const start = performance.now();
        io.wake();
        expect(io.poll(1_000)).toBe(0);
        expect(performance.now() - start).toBeLessThan(1_000);
      },
    );
  });

  test("what was refused is not registered", () => {
    counted(function* (io, _calls, fds) {
      const file = fds.file();
      yield* errorOf(io.waitReadable(file));
      const instances = readdirSync("/proc/self/fdinfo")
        .map((fd) => {
          try {
            return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
          } catch {
            return ""; // the one that readdirSync read
          }
        })
        .join("");
      expect(instances).not.toMatch(new RegExp(`^tfd: +${file} `, "m"));
    });
  });
});
