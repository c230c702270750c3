/** Descriptor waits in `run`: Bun's loop or a helper thread watches for it, and what they watch may change at any time. */
import { describe, expect, test } from "bun:test";
import { notifyClosing, waitReadable, waitWritable } from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  moveOnAfter,
  openNursery,
  run,
  sleep,
} from "../../src/index.ts";
import { Descriptors, drain, fill, read, signal, write } from "../io/descriptors.ts";
import { BACKENDS } from "../backends.ts";

/** Some turns of the loop, in which the run falls asleep and its helper thread, if it has one, with it. */
const asleep = (): Promise<void> => Bun.sleep(5);

describe.each(BACKENDS)("run on %s", (io) => {
  test("a descriptor made ready by the host's code wakes the run, again and again", async () => {
    using descriptors = new Descriptors();
    const [reading, writing] = descriptors.oneWay();
    const heard: number[] = [];
    const running = run(
      function* () {
        while (heard.length < 50) {
          yield* waitReadable(reading);
          heard.push(drain(reading));
        }
      },
      { io },
    );
    let left = 50;
    while (left > 0) {
      if (left % 10 === 0) await asleep();
      const before = heard.length;
      write(writing);
      while (heard.length === before) await new Promise(setImmediate);
      left--;
    }
    await running;
    expect(heard).toEqual(Array.from({ length: 50 }, () => 1));
  });

  test("a wait added while the run sleeps is heard of, and so is the one it slept on", async () => {
    using descriptors = new Descriptors();
    const fds = Array.from({ length: 20 }, () => descriptors.bell());
    const trail: number[] = [];
    await run(
      () =>
        openNursery(function* (nursery) {
          const wait = (index: number): void =>
            nursery.startSoon(function* () {
              yield* waitReadable(fds[index]!);
              trail.push(index);
            });
          wait(0);
          for (let index = 1; index < fds.length; index++) {
            yield* sleep(2); // the thread is asleep by now, on all but the one that follows
            wait(index);
            yield* sleep(2);
            signal(fds[index]!);
            while (trail.at(-1) !== index) yield* sleep(1);
          }
          signal(fds[0]!);
        }),
      { io },
    );
    expect(trail).toEqual([...fds.keys()].slice(1).concat(0));
  });

  test("the other direction of a descriptor that is waited for", async () => {
    using descriptors = new Descriptors();
    const [one, other] = descriptors.pair();
    fill(one);
    const trail: string[] = [];
    await run(
      () =>
        openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* waitReadable(one);
            trail.push("readable");
          });
          yield* sleep(3);
          nursery.startSoon(function* () {
            yield* waitWritable(one);
            trail.push("writable");
            write(other);
          });
          setTimeout(() => drain(other), 5);
        }),
      { io },
    );
    expect(trail).toEqual(["writable", "readable"]);
  });

  test("a wait that was cancelled while the thread slept on it disturbs nobody, ready or not", async () => {
    using descriptors = new Descriptors();
    const given = descriptors.bell();
    const [wanted, writing] = descriptors.oneWay();
    await run(
      function* () {
        for (let round = 0; round < 10; round++) {
          yield* moveOnAfter(3, () => waitReadable(given));
          if (round === 5) signal(given); // readable from here on, and nobody cares
          const start = setTimeout(() => write(writing), 3);
          yield* waitReadable(wanted);
          expect(drain(wanted)).toBe(1);
          clearTimeout(start);
          if (round >= 5) yield* waitReadable(given);
        }
      },
      { io },
    );
  });

  test("closing, announced by the host's code, wakes the waiter; the number can be used again", async () => {
    using descriptors = new Descriptors();
    const trail: string[] = [];
    await run(
      function* () {
        for (let round = 0; round < 10; round++) {
          const fd = descriptors.bell();
          setTimeout(() => {
            notifyClosing(fd);
            descriptors.close(fd);
          }, 3);
          try {
            yield* waitReadable(fd);
          } catch (error) {
            trail.push((error as Error).name);
            expect(error).toBeInstanceOf(ClosedResourceError);
          }
          const again = descriptors.bell(); // the lowest free number: nearly always the same one
          setTimeout(() => signal(again), 3);
          yield* waitReadable(again);
          descriptors.close(again);
        }
      },
      { io },
    );
    expect(trail).toHaveLength(10);
  });

  test("closing without a word, while the thread sleeps on it: the wait can be cancelled, and others go on", async () => {
    using descriptors = new Descriptors();
    const lost = descriptors.bell();
    const good = descriptors.bell();
    await run(
      () =>
        openNursery(function* (nursery) {
          const scope = new CancelScope();
          nursery.startSoon(() =>
            scope.run(function* () {
              try {
                yield* waitReadable(lost);
              } catch (error) {
                // The backend may find out by itself.
                if ((error as { code?: string }).code !== "EBADF") throw error;
              }
            }),
          );
          yield* sleep(5);
          descriptors.close(lost);
          setTimeout(() => signal(good), 5);
          yield* waitReadable(good);
          scope.cancel();
        }),
      { io },
    );
  });

  test("the first waiter waits on when a second one is refused", async () => {
    using descriptors = new Descriptors();
    const fd = descriptors.bell();
    await run(
      () =>
        openNursery(function* (nursery) {
          nursery.startSoon(() => waitReadable(fd));
          yield* sleep(3);
          let refused: unknown;
          try {
            yield* waitReadable(fd);
          } catch (error) {
            refused = error;
          }
          expect(refused).toBeInstanceOf(BusyResourceError);
          setTimeout(() => signal(fd), 3);
        }),
      { io },
    );
  });

  test("the loop's timers go on meanwhile, on time", async () => {
    using descriptors = new Descriptors();
    const [reading, writing] = descriptors.oneWay();
    const trail: string[] = [];
    const running = run(
      function* () {
        yield* waitReadable(reading);
        trail.push("readable");
      },
      { io },
    );
    for (const name of ["one", "two", "three"]) {
      await Bun.sleep(5);
      trail.push(name);
    }
    write(writing);
    await running;
    expect(trail).toEqual(["one", "two", "three", "readable"]);
  });

  test("waits that are ready, waits that become so, deadlines and the loop, all at once", async () => {
    using descriptors = new Descriptors();
    const pairs = Array.from({ length: 8 }, () => descriptors.pair());
    let echoed = 0;
    let expired = 0;
    await run(
      () =>
        openNursery(function* (nursery) {
          for (const [, server] of pairs) {
            nursery.startSoon(function* () {
              for (;;) {
                yield* waitReadable(server);
                const bytes = read(server);
                if (bytes !== null) write(server, bytes);
              }
            });
          }
          yield* openNursery(function* (clients) {
            for (const [index, [client]] of pairs.entries()) {
              clients.startSoon(function* () {
                for (let round = 0; round < 50; round++) {
                  if (round % 10 === index) yield* sleep(1);
                  if (round % 8 === 0) setTimeout(() => write(client, "ping"), 1);
                  else write(client, "ping");
                  for (let got = 0; got < 4;) {
                    const heard = yield* moveOnAfter(round % 5 === 0 ? 0.2 : 1000, function* () {
                      yield* waitReadable(client);
                      return true;
                    });
                    if (heard === undefined) expired++;
                    else got += read(client)?.length ?? 0;
                  }
                  echoed++;
                }
              });
            }
          });
          nursery.cancelScope.cancel();
        }),
      { io },
    );
    expect(echoed).toBe(400);
    expect(expired).toBeGreaterThan(0);
  });
});
