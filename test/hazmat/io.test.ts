/** S1 to S8: waiting for descriptors, as programs do it. The backends' own contract is tested in `test/io`. */
import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import * as hazmat from "../../src/hazmat.ts";
import {
  type Operation,
  currentStatistics,
  notifyClosing,
  waitReadable,
  waitSocketReadable,
  waitSocketWritable,
  waitWritable,
  yieldBriefly,
} from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  Cancelled,
  ClosedResourceError,
  type Nursery,
  SystemError,
  UsageError,
  openNursery,
  runSync,
} from "../../src/index.ts";
import { socketpair } from "../../src/socket.ts";
import { BACKENDS } from "../backends.ts";
import { Descriptors, drain, fill, read, whyNone, write } from "../io/descriptors.ts";
import { type Script, forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";
import { withoutWineNoise } from "../wine-noise.ts";

const page = new URL("../../src/hazmat.ts", import.meta.url).href;

const onWindows = process.platform === "win32";
/** What the system says of a number that is none of its descriptors: Windows, that it is no socket of its. */
const notOpen = onWindows ? "ENOTSOCK" : "EBADF";
const noFiles = whyNone("file", "directory");
const noDuplicates = whyNone("duplicate of a socket");

const readableOnes = { waitReadable, waitSocketReadable };
const writableOnes = { waitWritable, waitSocketWritable };
const all = { ...readableOnes, ...writableOnes };

for (const platform of ["darwin", "freebsd", "win32"]) {
  test(`S1 importing works on ${platform}, and gives the same names as here`, () => {
    // What is asked of the system is asked when a run begins; so here a process can pretend to be elsewhere.
    const program = `
      Object.defineProperty(process, "platform", { value: ${JSON.stringify(platform)} });
      console.log(Object.keys(await import(${JSON.stringify(page)})).toSorted().join(" "));
    `;
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
    expect(withoutWineNoise(stderr.toString())).toBe("");
    expect(exitCode).toBe(0);
    expect(stdout.toString().trim()).toBe(Object.keys(hazmat).toSorted().join(" "));
  });
}

test("S4 outside a run there is nothing to wait in", () => {
  for (const wait of Object.values(all)) expect(thrown(() => wait(0))).toBeInstanceOf(UsageError);
});

for (const backend of BACKENDS) {
  describe(backend, () => {
    forBothKinds((kind) => {
      function inRun(script: Script<[Descriptors, Nursery], void>): void {
        using fds = new Descriptors();
        let ended = false;
        runSync(
          kind.task(function* () {
            yield openNursery(
              kind.task(function* (nursery: Nursery) {
                yield* script(fds, nursery);
                ended = true;
              }),
            );
          }),
          { io: backend },
        );
        expect(ended).toBe(true);
      }

      /** Starts a task that drives `operation`, in a scope of its own, and notes how it ended. */
      function waiter(nursery: Nursery, operation: () => Operation<void>, name: string, log: string[]): CancelScope {
        const scope = new CancelScope();
        nursery.startSoon(
          kind.task(function* () {
            yield scope.run(
              kind.task(function* () {
                try {
                  yield operation();
                  log.push(name);
                } catch (error) {
                  log.push(`${name}: ${(error as Error).name}`);
                  if (error instanceof Cancelled) throw error;
                }
              }),
            );
          }),
        );
        return scope;
      }

      /** Returns when so many waits are pending. */
      function* untilWaiting(count: number): Generator<Operation<any>, void, any> {
        while (waiting() !== count) yield yieldBriefly();
      }

      function waiting(): number {
        const { io } = currentStatistics();
        return io.tasksWaitingRead + io.tasksWaitingWrite;
      }

      /** Returns when the system was asked and all it had to say was handed out. */
      function* polled(fds: Descriptors): Generator<Operation<any>, void, any> {
        yield waitWritable(fds.bell()); // which it is
      }

      test("S2 waitSocketReadable returns when a socket has something to read, and reads nothing", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = socketpair();
          using _near = near;
          using _far = far;
          for (const sock of [near, near.fd, { fd: near.fd }]) {
            const log: string[] = [];
            waiter(nursery, () => waitSocketReadable(sock), "readable", log);
            yield* untilWaiting(1);
            yield* polled(fds);
            expect(log).toEqual([]);
            expect(far.trySend(new Uint8Array([7]))).toBe(1);
            yield* untilWaiting(0);
            yield yieldBriefly();
            expect(log).toEqual(["readable"]);
            expect([...near.tryRecv(9)]).toEqual([7]);
          }
        });
      });

      test("S3 waitSocketWritable returns when a socket has room again", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = socketpair();
          using _near = near;
          using _far = far;
          for (const sock of [near, near.fd, { fd: near.fd }]) {
            const log: string[] = [];
            fill(near.fd);
            waiter(nursery, () => waitSocketWritable(sock), "writable", log);
            yield* untilWaiting(1);
            yield* polled(fds);
            expect(log).toEqual([]);
            drain(far.fd);
            yield* untilWaiting(0);
            yield yieldBriefly();
            expect(log).toEqual(["writable"]);
            expect(near.trySend(new Uint8Array(1))).toBe(1);
            drain(far.fd);
          }
        });
      });

      test("S4 waitReadable takes a number or an object with one, and returns when there is something to read", () => {
        inRun(function* (fds, nursery) {
          const [reader, writer] = fds.oneWay();
          for (const fd of [reader, { fd: reader }]) {
            const log: string[] = [];
            waiter(nursery, () => waitReadable(fd), "readable", log);
            yield* untilWaiting(1);
            expect(currentStatistics().io).toEqual({ backend, tasksWaitingRead: 1, tasksWaitingWrite: 0 });
            yield* polled(fds);
            expect(log).toEqual([]);
            write(writer, "now");
            yield* untilWaiting(0);
            yield yieldBriefly();
            expect(log).toEqual(["readable"]);
            expect(read(reader)).toHaveLength(3);
          }
        });
      });

      for (const [name, wait] of Object.entries(all)) {
        const readable = name in readableOnes;
        const row = readable ? "S4" : "S5";
        /** A descriptor for which the wait is over already. */
        const ready = (fds: Descriptors): number => {
          const [near, far] = fds.pair();
          if (readable) write(far);
          return near;
        };
        /** One for which it is not, and what ends it. */
        const unready = (fds: Descriptors): [fd: number, makeReady: () => void] => {
          const [near, far] = fds.pair();
          if (!readable) fill(near);
          return [near, readable ? () => void write(far) : () => void drain(far)];
        };

        describe(name, () => {
          test(`${row} is a schedule point though it is ready`, () => {
            inRun(function* (fds, nursery) {
              const fd = ready(fds);
              let others = 0;
              nursery.startSoon(function* () {
                others++;
              });
              expect(yield wait(fd)).toBeUndefined();
              expect(others).toBe(1);
            });
          });

          test(`${row} is a cancel point though it is ready`, () => {
            inRun(function* (fds) {
              const fd = ready(fds);
              const scope = new CancelScope();
              scope.cancel();
              yield scope.run(
                kind.task(function* () {
                  expect(yield kind.errorOf(wait(fd))).toBeInstanceOf(Cancelled);
                }),
              );
              expect(waiting()).toBe(0);
            });
          });

          test.skipIf(noFiles !== "")(`${row} refuses a regular file and a directory: EPERM${noFiles}`, () => {
            inRun(function* (fds) {
              for (const fd of [fds.file(), fds.directory()]) {
                const problem: any = yield kind.errorOf(wait(fd));
                expect(problem).toBeInstanceOf(SystemError);
                expect(problem.code).toBe("EPERM");
                expect(problem.message).toContain(`fd ${fd}`);
                expect(waiting()).toBe(0);
              }
            });
          });

          test("S6 refuses a second task with BusyResourceError; the first waits on", () => {
            inRun(function* (fds, nursery) {
              const [fd, makeReady] = unready(fds);
              const log: string[] = [];
              nursery.startSoon(
                kind.task(function* theFirst() {
                  yield wait(fd);
                  log.push("first");
                }),
              );
              yield* untilWaiting(1);
              const problem: any = yield kind.errorOf(wait(fd));
              expect(problem).toBeInstanceOf(BusyResourceError);
              expect(problem).not.toBeInstanceOf(UsageError);
              expect(problem.message).toContain("theFirst");
              expect(problem.message).toContain(`fd ${fd}`);
              yield* polled(fds);
              expect(log).toEqual([]);
              expect(waiting()).toBe(1);
              makeReady();
              yield* untilWaiting(0);
              yield wait(fd); // and who comes after is welcome
              expect(log).toEqual(["first"]);
            });
          });

          test(`S7 throws SystemError ${notOpen} for a descriptor that is not open, and the run goes on`, () => {
            inRun(function* (fds) {
              const [reader, writer] = fds.oneWay();
              fds.close(reader);
              fds.close(writer);
              for (const fd of [writer, 0x7fff_fff0]) {
                const problem: any = yield kind.errorOf(wait(fd));
                expect(problem).toBeInstanceOf(SystemError);
                expect(problem.code).toBe(notOpen);
                expect(problem.errno).toBe(ERRNO[notOpen]);
                expect(problem.message).toContain(onWindows ? `${fd} is no open socket` : `fd ${fd}`);
                expect(waiting()).toBe(0);
              }
              yield wait(ready(fds));
            });
          });

          test("S7 throws at the call for what can be no descriptor", () => {
            inRun(function* () {
              for (const [wrong, type] of [
                [-1, RangeError],
                [{ fd: -1 }, RangeError],
                [1.5, RangeError],
                [Number.NaN, RangeError],
                [onWindows ? 2 ** 32 : 2 ** 31, RangeError],
                ["0", TypeError],
                [undefined, TypeError],
                [null, TypeError],
                [{}, TypeError],
                [0n, TypeError],
              ] as const) {
                const problem = thrown(() => wait(wrong as number));
                expect(problem).toBeInstanceOf(type);
                expect(problem.message).toContain(name);
              }
            });
          });

          test("S8 a cancelled wait is over at once: its place is free in the same step", () => {
            inRun(function* (fds, nursery) {
              const [fd, makeReady] = unready(fds);
              const log: string[] = [];
              const scope = waiter(nursery, () => wait(fd), "first", log);
              yield* untilWaiting(1);
              scope.cancel();
              expect(waiting()).toBe(0);
              expect(log).toEqual([]);
              makeReady();
              yield wait(fd);
              expect(log).toEqual(["first: Cancelled"]);
              expect(scope.cancelledCaught).toBe(true);
            });
          });

          test("S8 a wait is cancelled though its descriptor was closed without notice", () => {
            inRun(function* (fds, nursery) {
              const [fd] = unready(fds);
              const log: string[] = [];
              const scope = waiter(nursery, () => wait(fd), "wait", log);
              yield* untilWaiting(1);
              fds.close(fd);
              scope.cancel();
              yield* polled(fds);
              expect(log).toEqual(["wait: Cancelled"]);
              expect(waiting()).toBe(0);
            });
          });

          test("notifyClosing ends the wait with ClosedResourceError", () => {
            inRun(function* (fds, nursery) {
              const [fd] = unready(fds);
              const log: string[] = [];
              waiter(nursery, () => wait(fd), "wait", log);
              yield* untilWaiting(1);
              notifyClosing({ fd });
              fds.close(fd);
              expect(waiting()).toBe(0);
              yield yieldBriefly();
              expect(log).toEqual([`wait: ${ClosedResourceError.name}`]);
            });
          });
        });
      }

      test.skipIf(noDuplicates !== "")(`S4 a wake-up is a hint: who finds nothing waits again${noDuplicates}`, () => {
        inRun(function* (fds, nursery) {
          const [reader, writer] = fds.oneWay();
          const got: string[] = [];
          let wakeUps = 0;
          for (const fd of [reader, fds.duplicate(reader)]) {
            nursery.startSoon(
              kind.task(function* () {
                for (;;) {
                  yield waitReadable(fd);
                  wakeUps++;
                  const bytes = read(fd, 1);
                  if (bytes === null) continue;
                  got.push(new TextDecoder().decode(bytes));
                  return;
                }
              }),
            );
          }
          yield* untilWaiting(2);
          write(writer, "a");
          while (got.length === 0) yield yieldBriefly();
          yield* untilWaiting(1);
          yield* polled(fds);
          expect(got).toEqual(["a"]);
          expect(waiting()).toBe(1);
          write(writer, "b");
          yield* untilWaiting(0);
          while (got.length < 2) yield yieldBriefly();
          expect(got).toEqual(["a", "b"]);
          expect(wakeUps).toBeGreaterThanOrEqual(2);
        });
      });

      test("S4 a hang-up wakes reader and writer alike", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = fds.pair();
          fill(near);
          const log: string[] = [];
          waiter(nursery, () => waitReadable(near), "reader", log);
          waiter(nursery, () => waitWritable(near), "writer", log);
          yield* untilWaiting(2);
          yield* polled(fds);
          expect(log).toEqual([]);
          fds.close(far);
          yield* untilWaiting(0);
          yield yieldBriefly();
          expect(log.toSorted()).toEqual(["reader", "writer"]);
        });
      });

      test("S4 an error wakes the writer: the reader is gone", () => {
        inRun(function* (fds, nursery) {
          const [reader, writer] = fds.oneWay();
          fill(writer);
          const log: string[] = [];
          waiter(nursery, () => waitWritable(writer), "writer", log);
          yield* untilWaiting(1);
          fds.close(reader);
          yield* untilWaiting(0);
          yield yieldBriefly();
          expect(log).toEqual(["writer"]);
        });
      });

      test("S5 waitWritable takes a number or an object with one, and returns when there is room", () => {
        inRun(function* (fds, nursery) {
          const [reader, writer] = fds.oneWay();
          for (const fd of [writer, { fd: writer }]) {
            const log: string[] = [];
            fill(writer);
            waiter(nursery, () => waitWritable(fd), "writable", log);
            yield* untilWaiting(1);
            expect(currentStatistics().io).toEqual({ backend, tasksWaitingRead: 0, tasksWaitingWrite: 1 });
            yield* polled(fds);
            expect(log).toEqual([]);
            drain(reader);
            yield* untilWaiting(0);
            yield yieldBriefly();
            expect(log).toEqual(["writable"]);
          }
        });
      });

      test("S5 reader and writer of one descriptor wait side by side, and neither wakes the other", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = fds.pair();
          fill(near);
          const log: string[] = [];
          waiter(nursery, () => waitReadable(near), "reader", log);
          waiter(nursery, () => waitWritable(near), "writer", log);
          yield* untilWaiting(2);
          expect(currentStatistics().io).toEqual({ backend, tasksWaitingRead: 1, tasksWaitingWrite: 1 });
          write(far);
          yield* untilWaiting(1);
          yield* polled(fds);
          expect(log).toEqual(["reader"]);
          read(near);
          const again = waiter(nursery, () => waitReadable(near), "reader again", log);
          yield* untilWaiting(2);
          drain(far);
          yield* untilWaiting(1);
          yield* polled(fds);
          expect(log).toEqual(["reader", "writer"]);
          again.cancel();
        });
      });

      test("S6 a second wait for the other direction is no second wait", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = fds.pair();
          const log: string[] = [];
          waiter(nursery, () => waitReadable(near), "reader", log);
          yield* untilWaiting(1);
          yield waitWritable(near);
          expect(waiting()).toBe(1);
          write(far);
        });
      });

      test("S8 an event that comes with the cancellation is not lost: it is there for the next wait", () => {
        inRun(function* (fds, nursery) {
          const [reader, writer] = fds.oneWay();
          const log: string[] = [];
          const scope = waiter(nursery, () => waitReadable(reader), "first", log);
          yield* untilWaiting(1);
          write(writer, "kept");
          scope.cancel();
          yield waitReadable(reader);
          expect(log).toEqual(["first: Cancelled"]);
          expect(new TextDecoder().decode(read(reader)!)).toBe("kept");
        });
      });

      test("S8 cancelling the reader leaves the writer waiting", () => {
        inRun(function* (fds, nursery) {
          const [near, far] = fds.pair();
          fill(near);
          const log: string[] = [];
          const scope = waiter(nursery, () => waitReadable(near), "reader", log);
          waiter(nursery, () => waitWritable(near), "writer", log);
          yield* untilWaiting(2);
          scope.cancel();
          yield* polled(fds);
          expect(log).toEqual(["reader: Cancelled"]);
          expect(waiting()).toBe(1);
          drain(far);
          yield* untilWaiting(0);
          yield yieldBriefly();
          expect(log).toEqual(["reader: Cancelled", "writer"]);
        });
      });
    });
  });
}
