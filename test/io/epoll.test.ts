import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, type EpollCalls, epollCalls } from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { CancelScope, openNursery } from "../../src/index.ts";
import { EpollIoManager } from "../../src/io/epoll.ts";
import { type Io, errorOf, inRun, ioContract, polled, untilWaiting } from "./contract.ts";
import { Descriptors, allowDescriptors, drain, read, signal, write } from "./descriptors.ts";

ioContract("epoll", () => new EpollIoManager());

const OPERATIONS = { [EPOLL_CTL_ADD]: "add", [EPOLL_CTL_MOD]: "modify", [EPOLL_CTL_DEL]: "delete" };

/** The system's calls, counted. */
class CountedCalls implements EpollCalls {
  readonly #calls = epollCalls();
  /** Every epoll_ctl since {@link CountedCalls.reset}, as `"add 7"`. */
  controls: string[] = [];
  waits = 0;
  instances = 0;

  reset(): void {
    this.controls = [];
    this.waits = 0;
    this.instances = 0;
  }
  create(): number {
    this.instances++;
    return this.#calls.create();
  }
  control(epoll: number, operation: number, fd: number, event: number): number {
    this.controls.push(`${OPERATIONS[operation]} ${fd}`);
    return this.#calls.control(epoll, operation, fd, event);
  }
  wait(epoll: number, events: number, capacity: number, timeout: number): number {
    this.waits++;
    return this.#calls.wait(epoll, events, capacity, timeout);
  }
}

/** A run whose system calls are counted, from `main` on. */
function counted(main: (io: Io, calls: CountedCalls, fds: Descriptors) => Generator<any, void, any>): void {
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

/** Waits in the kernel for `ms` real milliseconds, by one registration. */
function* asleep(io: Io, fds: Descriptors, ms: number): Generator<any, void, any> {
  const timer = fds.timerfd(ms);
  yield* io.waitReadable(timer);
  io.notifyClosing(timer);
  fds.close(timer);
}

describe("epoll: what a wait costs", () => {
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
      yield* asleep(io, fds, 1);
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
        calls.reset();
        const timer = fds.timerfd(200);
        yield* io.waitReadable(timer);
        expect(calls.controls).toEqual([`add ${timer}`, `modify ${reader}`]);
        expect(calls.waits).toBeLessThan(6);
        write(writer);
      });
    });
  });

  const enough = allowDescriptors(10_100);
  const why = enough ? "" : " (skipped: the system allows no 10,100 descriptors)";
  test.skipIf(!enough)(`10,000 descriptors are waited for at once, each waking its own task${why}`, () => {
    counted(function* (io, calls, fds) {
      const all = Array.from({ length: 10_000 }, () => fds.eventfd());
      const woken = new Set<number>();
      yield* openNursery(function* (nursery) {
        for (const fd of all) {
          nursery.startSoon(function* () {
            for (let round = 0; round < 2; round++) {
              yield* io.waitReadable(fd);
              drain(fd);
            }
            woken.add(fd);
          });
        }
        yield* untilWaiting(io, all.length);
        signal(all[4_321]);
        yield* untilWaiting(io, all.length - 1);
        yield* untilWaiting(io, all.length);
        signal(all[4_321]);
        yield* untilWaiting(io, all.length - 1);
        yield* polled(io, fds);
        expect([...woken]).toEqual([all[4_321]]);
        calls.reset();
        for (const fd of all) signal(fd);
        for (const fd of all) if (!woken.has(fd)) yield* untilWoken(io, fd);
      });
      expect(woken.size).toBe(all.length);
      function* untilWoken(_io: Io, fd: number): Generator<any, void, any> {
        while (!woken.has(fd)) {
          signal(fd);
          yield* yieldBriefly();
        }
      }
    });
  });
});

describe("epoll: numbers that are closed without a word", () => {
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
        fds.close(reader);
        calls.reset();
        yield* asleep(io, fds, 50);
        expect(calls.instances).toBe(1);
        expect(calls.waits).toBeLessThan(8);
        calls.reset();
        yield* asleep(io, fds, 50);
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
      const timer = fds.timerfd(2_000);
      let spins = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          while (read(first) === null) {
            yield* io.waitReadable(first);
            spins++;
          }
          nursery.cancelScope.cancel();
        });
        // Once found out, the old file is left behind with the instance it was registered in.
        while (calls.instances === 0) yield* yieldBriefly();
        const found = spins;
        yield* asleep(io, fds, 20);
        expect(spins).toBeLessThanOrEqual(found + 1);
        write(secondWriter);
        yield* io.waitReadable(timer);
      });
      expect(spins).toBeGreaterThan(1);
      expect(spins).toBeLessThan(5_000);
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

  test("waits on old registrations are verified for another thread's poll", () => {
    counted(function* (io, calls, fds) {
      const [first, firstWriter] = fds.pipe();
      write(firstWriter);
      yield* io.waitReadable(first);
      const [second] = fds.pipe();
      fds.replace(first, second);
      const scope = new CancelScope();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => scope.run(() => io.waitReadable(first)));
        yield* untilWaiting(io, 1);
        calls.reset();
        io.pollSet();
        expect(calls.controls).toEqual([`modify ${first}`, `add ${first}`]);
        io.pollSet();
        expect(calls.controls.length).toBe(2);
        scope.cancel();
      });
    });
  });
});

describe("epoll: the instance", () => {
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
    const open = (): number => readdirSync("/proc/self/fd").length;
    const before = open();
    expect(() => new EpollIoManager(broken)).toThrow(failing === 0 ? "epoll_create1: EMFILE" : "epoll_ctl: ENOMEM");
    expect(open()).toBe(before);
  });

  test("its own waker cannot be waited for, and goes on waking", () => {
    using fds = new Descriptors();
    inRun(
      () => new EpollIoManager(),
      function* (io) {
        expect(yield* errorOf(io.waitReadable(io.wakeFd))).toMatchObject({ code: "EEXIST" });
        yield* polled(io, fds);
        io.wake();
        expect(io.poll(Infinity)).toBe(0);
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
