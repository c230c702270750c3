/**
 * Random programs of tasks over each primitive, cancelled at random, in random orders, against a small model: who may be
 * inside, what must come out and in what order, and that nothing is left over.
 */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CancelScope,
  CapacityLimiter,
  Condition,
  EndOfChannel,
  Event,
  Lock,
  Semaphore,
  type Held,
  type Operation,
  openMemoryChannel,
  openNursery,
  select,
  sleep,
} from "../../src/index.ts";
import { virtual } from "../kernel/programs.ts";

const ms = fc.nat({ max: 12 });
const seed = fc.integer({ min: 0, max: 1_000 });
/** One that takes a thing: when it comes, how long it keeps it, and when it is cancelled, if it is. */
const visit = fc.record({ comes: ms, stays: ms, cancelled: fc.option(ms, { nil: undefined }) });
const visits = fc.array(visit, { minLength: 1, maxLength: 8 });

interface Visit {
  readonly comes: number;
  readonly stays: number;
  readonly cancelled: number | undefined;
}

/** What a visitor saw: in the order in which things happened. */
type Happening = readonly [who: number, what: "comes" | "enters" | "leaves" | "cancelled"];

/** Has every visitor come, take the thing by `acquire`, stay and give it back. */
function visited(acquire: () => Operation<Held>, all: readonly Visit[], runSeed: number): Happening[] {
  const log: Happening[] = [];
  virtual(
    () =>
      openNursery(function* (nursery) {
        for (const [who, { comes, stays, cancelled }] of all.entries()) {
          nursery.startSoon(function* () {
            const scope = new CancelScope(cancelled === undefined ? {} : { timeout: cancelled });
            yield* scope.run(function* () {
              yield* sleep(comes);
              log.push([who, "comes"]);
              using _held = yield* acquire();
              log.push([who, "enters"]);
              try {
                yield* sleep(stays);
              } finally {
                log.push([who, "leaves"]);
              }
            });
            if (scope.cancelledCaught) log.push([who, "cancelled"]);
          });
        }
      }),
    { seed: runSeed },
  );
  return log;
}

/**
 * At most `room` are inside at once; whoever is not cancelled gets in; and with room for one, who waits goes in in the
 * order of coming. (Two that were let in at once may run in either order.)
 */
function checkVisits(log: readonly Happening[], all: readonly Visit[], room: number): void {
  let inside = 0;
  const outside: number[] = [];
  for (const [who, what] of log) {
    if (what === "comes") outside.push(who);
    if (what === "enters") {
      expect(++inside).toBeLessThanOrEqual(room);
      // Those before it in the queue have been cancelled, though their tasks may not have come to say so.
      const before = outside.splice(0, outside.indexOf(who) + 1).slice(0, -1);
      if (room === 1) for (const other of before) expect(log).toContainEqual([other, "cancelled"]);
    }
    if (what === "leaves") inside--;
  }
  expect(inside).toBe(0);
  for (const [who, { cancelled }] of all.entries()) {
    if (cancelled === undefined) expect(log).toContainEqual([who, "leaves"]);
  }
}

for (const [name, make] of Object.entries({
  Lock: () => {
    const lock = new Lock();
    return { room: 1, acquire: () => lock.acquire(), idle: () => !lock.locked && lock.statistics().tasksWaiting === 0 };
  },
  "Semaphore of 2": () => {
    const semaphore = new Semaphore(2, { maxValue: 2 });
    return {
      room: 2,
      acquire: () => semaphore.acquire(),
      idle: () => semaphore.value === 2 && semaphore.statistics().tasksWaiting === 0,
    };
  },
  "CapacityLimiter of 3": () => {
    const limiter = new CapacityLimiter(3);
    return {
      room: 3,
      acquire: () => limiter.acquire(),
      idle: () => limiter.borrowedTokens === 0 && limiter.statistics().tasksWaiting === 0,
    };
  },
})) {
  test(`${name}: never too many inside, in order of coming, and nothing left over`, () => {
    fc.assert(
      fc.property(visits, seed, (all, runSeed) => {
        const { room, acquire, idle } = make();
        checkVisits(visited(acquire, all, runSeed), all, room);
        expect(idle()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
}

test("Event: who waits goes on when it is set, unless cancelled before", () => {
  fc.assert(
    fc.property(visits, ms, seed, (all, sets, runSeed) => {
      const event = new Event();
      const woken: number[] = [];
      virtual(
        () =>
          openNursery(function* (nursery) {
            for (const [who, { comes, cancelled }] of all.entries()) {
              nursery.startSoon(function* () {
                yield* new CancelScope(cancelled === undefined ? {} : { timeout: cancelled }).run(function* () {
                  yield* sleep(comes);
                  yield* event.wait();
                  woken.push(who);
                });
              });
            }
            yield* sleep(sets);
            event.set();
          }),
        { seed: runSeed },
      );
      for (const [who, { comes, cancelled }] of all.entries()) {
        if (cancelled === undefined) expect(woken).toContain(who);
        else if (cancelled < Math.max(comes, sets)) expect(woken).not.toContain(who);
      }
      expect(event.statistics().tasksWaiting).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("memory channel: what was sent is received once, in order for each sender, and what was cancelled was not sent", () => {
  const sender = fc.record({ pauses: fc.array(ms, { maxLength: 6 }), cancelled: fc.option(ms, { nil: undefined }) });
  const capacity = fc.constantFrom(0, 1, 2, Infinity);
  fc.assert(
    fc.property(
      capacity,
      fc.array(sender, { minLength: 1, maxLength: 4 }),
      fc.array(sender, { minLength: 1, maxLength: 4 }),
      seed,
      (most, senders, receivers, runSeed) => {
        const [send, receive] = openMemoryChannel<readonly [number, number]>(most);
        const sent: (readonly [number, number])[] = [];
        const received: (readonly [number, number])[] = [];
        virtual(
          () =>
            openNursery(function* (nursery) {
              for (const [who, { pauses, cancelled }] of senders.entries()) {
                const mine = send.clone();
                nursery.startSoon(function* () {
                  using end = mine;
                  yield* new CancelScope(cancelled === undefined ? {} : { timeout: cancelled }).run(function* () {
                    for (const [number, pause] of pauses.entries()) {
                      yield* sleep(pause);
                      yield* end.send([who, number]);
                      sent.push([who, number]);
                    }
                  });
                });
              }
              send.close();
              for (const { pauses, cancelled } of receivers) {
                nursery.startSoon(function* () {
                  yield* new CancelScope(cancelled === undefined ? {} : { timeout: cancelled }).run(function* () {
                    for (const pause of pauses) {
                      yield* sleep(pause);
                      try {
                        received.push(yield* receive.receive());
                      } catch (error) {
                        if (!(error instanceof EndOfChannel)) throw error;
                        return;
                      }
                    }
                  });
                });
              }
              // Then everything that is left.
              yield* sleep(200);
              for (;;) {
                try {
                  received.push(yield* receive.receive());
                } catch (error) {
                  if (!(error instanceof EndOfChannel)) throw error;
                  break;
                }
              }
            }),
          { seed: runSeed },
        );
        expect(received.toSorted()).toEqual(sent.toSorted());
        for (const who of senders.keys()) {
          const numbers = received.filter(([from]) => from === who).map(([, number]) => number);
          expect(new Set(numbers).size).toBe(numbers.length);
          if (receivers.length === 1) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        }
        expect(send.statistics()).toMatchObject({ currentBufferUsed: 0, tasksWaitingSend: 0, tasksWaitingReceive: 0 });
      },
    ),
    { numRuns: 300 },
  );
});

test("select: of the cases of one exactly one happens, and what was sent is received once, whatever is cancelled", () => {
  const cases = fc.uniqueArray(fc.constantFrom("send P", "receive P", "send Q", "receive Q", "receive P again"), {
    minLength: 1,
    maxLength: 4,
  });
  const turn = fc.record({
    pause: fc.nat({ max: 4 }),
    cancelled: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
    cases,
  });
  const task = fc.array(turn, { minLength: 1, maxLength: 5 });
  const capacity = fc.constantFrom(0, 0, 1, 2);
  fc.assert(
    fc.property(capacity, capacity, fc.array(task, { minLength: 1, maxLength: 6 }), seed, (p, q, tasks, runSeed) => {
      const ends = { P: openMemoryChannel<string>(p), Q: openMemoryChannel<string>(q) };
      const sent: string[] = [];
      const received: string[] = [];
      virtual(
        () =>
          openNursery(function* (nursery) {
            for (const [who, turns] of tasks.entries()) {
              nursery.startSoon(function* () {
                for (const [number, { pause, cancelled, cases }] of turns.entries()) {
                  yield* sleep(pause);
                  const value = (index: number): string => `task ${who}, turn ${number}, ${cases[index]}`;
                  const operations = cases.map((one, index): Operation<unknown> => {
                    const [send, receive] = ends[one.split(" ")[1] as "P" | "Q"];
                    return one.startsWith("send") ? send.send(value(index)) : receive.receive();
                  });
                  yield* new CancelScope({ timeout: cancelled ?? 50 }).run(function* () {
                    const [index, got]: readonly [number, unknown] = yield* select(operations);
                    if (cases[index]!.startsWith("send")) sent.push(value(index));
                    else received.push(got as string);
                  });
                }
              });
            }
            yield* sleep(1_000);
            for (const [send, receive] of Object.values(ends)) {
              expect(send.statistics()).toMatchObject({ tasksWaitingSend: 0, tasksWaitingReceive: 0 });
              while (send.statistics().currentBufferUsed > 0) received.push(receive.receiveNoWait());
            }
          }),
        { seed: runSeed },
      );
      expect(received.toSorted()).toEqual(sent.toSorted());
      expect(new Set(received).size).toBe(received.length);
    }),
    { numRuns: 300 },
  );
});

test("Condition: a queue guarded by one loses nothing, and each notified waiter holds the lock", () => {
  fc.assert(
    fc.property(visits, seed, (all, runSeed) => {
      const condition = new Condition();
      const queue: number[] = [];
      const taken: number[] = [];
      let inside = 0;
      virtual(
        () =>
          openNursery(function* (nursery) {
            const consumers = new CancelScope();
            nursery.startSoon(() =>
              consumers.run(() =>
                openNursery(function* (children) {
                  for (const { stays, cancelled } of all) {
                    children.startSoon(function* () {
                      yield* new CancelScope(cancelled === undefined ? {} : { timeout: cancelled }).run(function* () {
                        for (;;) {
                          using _held = yield* condition.acquire();
                          try {
                            while (queue.length === 0) {
                              expect(inside).toBe(0);
                              yield* condition.wait();
                            }
                            inside++;
                            taken.push(queue.shift()!);
                            yield* sleep(stays);
                          } finally {
                            inside = 0;
                          }
                        }
                      });
                    });
                  }
                }),
              ),
            );
            for (const [who, { comes }] of all.entries()) {
              yield* sleep(comes);
              using _held = yield* condition.acquire();
              queue.push(who);
              condition.notify();
            }
            yield* sleep(1_000);
            consumers.cancel();
          }),
        { seed: runSeed },
      );
      expect([...taken, ...queue]).toEqual([...all.keys()]);
      expect(condition.locked).toBe(false);
      if (all.some(({ cancelled }) => cancelled === undefined)) expect(queue).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
