import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import { CancelScope, openNursery } from "../../src/index.ts";
import { PollIoManager } from "../../src/io/poll.ts";
import { whyNot } from "../platform.ts";
import { errorOf, inRun, ioContract, untilWaiting } from "./contract.ts";
import { Descriptors, write } from "./descriptors.ts";

const noPoll = whyNot("files");

describe.skipIf(noPoll !== "")(`on poll()${noPoll}`, () => {
  ioContract("poll", () => new PollIoManager());

  test("poll: an interrupted poll counts as one that found nothing", () => {
    const io = new PollIoManager({ poll: () => -ERRNO.EINTR });
    expect(io.poll(Infinity)).toBe(0);
    io.close();
  });

  test("poll: a poll that fails throws a SystemError", () => {
    const io = new PollIoManager({ poll: () => -ERRNO.EINVAL });
    expect(() => io.poll(0)).toThrow("poll: EINVAL");
    io.close();
  });

  test("poll: a wait pending on a number that is closed without a word is told EBADF", () => {
    using fds = new Descriptors();
    inRun(
      () => new PollIoManager(),
      function* (io) {
        const [near] = fds.unixPair();
        const scope = new CancelScope({ timeout: 5_000 });
        yield* scope.run(() =>
          openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              expect(yield* errorOf(io.waitReadable(near))).toMatchObject({ code: "EBADF" });
            });
            yield* untilWaiting(io, 1);
            fds.close(near);
          }),
        );
        expect(scope.cancelledCaught).toBe(false);
      },
    );
  });

  test("poll: all that are ready are woken by one poll", () => {
    using fds = new Descriptors();
    const found: number[] = [];
    inRun(
      () => {
        const io = new PollIoManager();
        const poll = io.poll.bind(io);
        io.poll = (timeout) => {
          const count = poll(timeout);
          if (count > 0) found.push(count);
          return count;
        };
        return io;
      },
      function* (io) {
        const pipes = Array.from({ length: 100 }, () => fds.pipe());
        yield* openNursery(function* (nursery) {
          for (const [reader] of pipes) nursery.startSoon(() => io.waitReadable(reader));
          yield* untilWaiting(io, 100);
          for (const [, writer] of pipes) write(writer);
        });
      },
    );
    expect(found).toEqual([100]);
  });

  test("poll: the set holds who is waiting, whichever of them goes", () => {
    using fds = new Descriptors();
    inRun(
      () => new PollIoManager(),
      function* (io) {
        const pipes = Array.from({ length: 10 }, () => fds.pipe());
        const scopes = pipes.map(() => new CancelScope());
        const woken: number[] = [];
        yield* openNursery(function* (nursery) {
          for (const [i, [reader]] of pipes.entries()) {
            nursery.startSoon(() =>
              scopes[i].run(function* () {
                yield* io.waitReadable(reader);
                woken.push(i);
              }),
            );
          }
          yield* untilWaiting(io, 10);
          expect(io.pollSet().count).toBe(11); // and the waker
          for (const gone of [0, 9, 4]) scopes[gone].cancel();
          expect(io.pollSet().count).toBe(8);
          for (const i of [8, 1, 5]) {
            write(pipes[i][1]);
            yield* untilWaiting(io, io.waiting - 1);
          }
          for (const [, writer] of pipes) write(writer);
        });
        expect(woken.slice(0, 3)).toEqual([8, 1, 5]);
        expect(woken.toSorted()).toEqual([1, 2, 3, 5, 6, 7, 8]);
        expect(io.pollSet().count).toBe(1);
      },
    );
  });
});
