/** What may be relied on: the orders and atomicities of section 2i, the checkpoints of section 2j, over every primitive. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  type Cancelled,
  CapacityLimiter,
  Condition,
  type Coroutine,
  call,
  Event,
  Lock,
  Semaphore,
  KeyboardInterrupt,
  TooSlowError,
  currentTime,
  failAfter,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  select,
  sleep,
  sleepUntil,
  untilStopRequested,
} from "../../src/index.ts";
import { ParkingLot, currentTask, yieldBriefly, yieldBrieflyNoCancel, yieldIfCancelled } from "../../src/hazmat.ts";
import { assertCheckpoints, assertNoCheckpoints, waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, virtual } from "../kernel/programs.ts";
import { waiter } from "./waiters.ts";

/** Things that a task waits for until another one gives: how to wait, how to give one, and how much is left ungiven. */
const GRANTS: {
  readonly [name: string]: () => {
    /** Nothing can be had. */
    readonly wait: () => Coroutine<unknown>;
    readonly give: () => void;
    /** Of what was given, how much nobody has. */
    readonly left: () => number;
  };
} = {
  "Lock.acquire()": () => {
    const lock = new Lock();
    lock.acquireNoWait();
    return { wait: () => lock.acquire(), give: () => lock.release(), left: () => (lock.locked ? 0 : 1) };
  },
  "Semaphore.acquire()": () => {
    const semaphore = new Semaphore(0);
    return { wait: () => semaphore.acquire(), give: () => semaphore.release(), left: () => semaphore.value };
  },
  "CapacityLimiter.acquire()": () => {
    const limiter = new CapacityLimiter(0);
    let borrower = 0;
    return {
      wait: () => limiter.acquireOnBehalfOf(borrower++),
      give: () => void limiter.totalTokens++,
      left: () => limiter.availableTokens,
    };
  },
  "ReceiveChannel.receive()": () => {
    const [send, receive] = openMemoryChannel<number>(Infinity);
    return {
      wait: () => receive.receive(),
      give: () => send.sendNoWait(1),
      left: () => send.statistics().currentBufferUsed,
    };
  },
  "SendChannel.send()": () => {
    const [send, receive] = openMemoryChannel<number>(1);
    send.sendNoWait(0);
    return {
      wait: () => send.send(1),
      give: () => void receive.receiveNoWait(),
      left: () => 1 - send.statistics().currentBufferUsed,
    };
  },
  "select() of a receive": () => {
    const [send, receive] = openMemoryChannel<number>(Infinity);
    const [, other] = openMemoryChannel<number>(0);
    return {
      wait: () => select([other.receive(), receive.receive()]),
      give: () => send.sendNoWait(1),
      left: () => send.statistics().currentBufferUsed,
    };
  },
  "ParkingLot.park()": () => {
    const lot = new ParkingLot();
    let unclaimed = 0;
    return {
      wait: () => lot.park(),
      give: () => void (unclaimed += lot.unpark().length === 0 ? 1 : 0),
      left: () => unclaimed,
    };
  },
};

describe.each(Object.keys(GRANTS))("%s", (name) => {
  const { [name]: make } = GRANTS;

  test("grants go strictly in order of arrival, decided when they are given, so run order does not matter", () => {
    for (const seed of [1, 2, 3, 4]) {
      virtual(
        function* () {
          const { wait, give } = make!();
          const granted: number[] = [];
          yield* openNursery(function* (nursery) {
            const scopes: CancelScope[] = [];
            for (let i = 0; i < 6; i++) {
              scopes.push(waiter(nursery, [], `${i}`, wait, () => granted.push(i)));
              yield* waitAllTasksBlocked();
            }
            if (name === "Lock.acquire()") {
              // It has to be given back by who has it, so one grant is all that can be seen here.
              give();
              yield* waitAllTasksBlocked();
              expect(granted).toEqual([0]);
              nursery.cancelScope.cancel();
              return;
            }
            for (let i = 0; i < 3; i++) give();
            for (const scope of scopes) scope.cancel();
          });
          if (name !== "Lock.acquire()") expect(granted.toSorted()).toEqual([0, 1, 2]);
        },
        { seed },
      );
    }
  });

  test("wake then cancel in one step: the wake wins, and Cancelled comes at the next checkpoint", () => {
    virtual(function* () {
      const { wait, give, left } = make!();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const scope = new CancelScope();
        nursery.startSoon(() =>
          scope.run(function* () {
            yield* wait() as Generator<any, unknown, any>;
            log.push("had it");
            yield* yieldBriefly();
            log.push("never");
          }),
        );
        yield* waitAllTasksBlocked();
        give();
        scope.cancel();
        yield* waitAllTasksBlocked();
        expect(scope.cancelledCaught).toBe(true);
      });
      expect(log).toEqual(["had it"]);
      expect(left()).toBe(0);
    });
  });

  test("cancel then wake in one step: the cancel wins, the grant goes to the next waiter, nothing is lost", () => {
    virtual(function* () {
      const { wait, give, left } = make!();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        const first = waiter(nursery, log, "first", wait);
        yield* waitAllTasksBlocked();
        waiter(nursery, log, "second", wait);
        yield* waitAllTasksBlocked();
        first.cancel();
        give();
      });
      expect(log.toSorted()).toEqual(["first cancelled", "second"]);
      expect(left()).toBe(0);
    });
  });

  test("KeyboardInterrupt in the wait, then wake: the grant goes to the next waiter, nothing is left behind", () => {
    virtual(function* () {
      if (name === "Lock.acquire()") return; // the main task, which alone gets it, holds that one
      const { wait, give, left } = make!();
      const { runner } = currentTask();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitAllTasksBlocked();
          waiter(nursery, log, "second", wait);
          yield* waitAllTasksBlocked();
          runner.interrupt();
          give();
        });
        expect(yield* errorOf(call(wait))).toBeInstanceOf(KeyboardInterrupt);
      });
      expect(log).toEqual(["second"]);
      expect(left()).toBe(0);
    });
  });

  test("possible, and the scope already cancelled: Cancelled, and it did not happen", () => {
    virtual(function* () {
      const { wait, give, left } = make!();
      if (name === "ParkingLot.park()") return; // never possible at once
      give();
      expect(left()).toBe(1);
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(wait);
      expect(scope.cancelledCaught).toBe(true);
      expect(left()).toBe(1);
    });
  });
});

test("failAfter(0): no error where the body has no checkpoint, TooSlowError where it has one", () => {
  virtual(function* () {
    // oxlint-disable-next-line require-yield
    expect(
      yield* failAfter(0, function* () {
        return "done";
      }),
    ).toBe("done");
    expect(yield* errorOf(failAfter(0, () => yieldBriefly()))).toBeInstanceOf(TooSlowError);
  });
});

test("several deadlines due in one pass: all have expired, and the outermost that the task can see catches", () => {
  virtual(function* () {
    const scopes = [10, 10, 10].map((timeout) => new CancelScope({ timeout }));
    yield* scopes[0]!.run(() => scopes[1]!.run(() => scopes[2]!.run(() => sleep(10))));
    expect(scopes.map((scope) => scope.cancelCalled)).toEqual([true, true, true]);
    expect(scopes.map((scope) => scope.cancelledCaught)).toEqual([true, false, false]);
    expect(currentTime()).toBe(10);
  });
});

test("errors of a nursery: the body's first, then the children's in order of exit", () => {
  virtual(function* () {
    const error = yield* errorOf(
      openNursery(function* (nursery) {
        for (const [name, ms] of [
          ["late", 20],
          ["early", 10],
        ] as const) {
          nursery.startSoon(function* () {
            try {
              yield* sleep(1_000);
            } catch (error) {
              if (!isCancelled(error)) throw error;
              yield* new CancelScope({ shield: true }).run(() => sleep(ms));
              throw new Error(name, { cause: error });
            }
          });
        }
        yield* sleep(1);
        throw new Error("body");
      }),
    );
    expect(error.errors.map((one: Error) => one.message)).toEqual(["body", "early", "late"]);
  });
});

test("a sender that waits is served before a newcomer, and who sends through a closed clone hears of it", () => {
  virtual(function* () {
    const [send, receive] = openMemoryChannel<string>(1);
    const other = send.clone();
    send.sendNoWait("first");
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      waiter(nursery, log, "sent", () => send.send("waited"));
      waiter(nursery, log, "sent by the clone", () => other.send("never"));
      yield* waitAllTasksBlocked();
      other.close();
      expect(receive.receiveNoWait()).toBe("first");
      expect(send.statistics().currentBufferUsed).toBe(1); // the waiting one's, already
      expect(() => send.sendNoWait("newcomer")).toThrow("full");
    });
    expect(log.toSorted()).toEqual(["sent", "sent by the clone: ClosedResourceError"]);
    expect(receive.receiveNoWait()).toBe("waited");
    expect(receive.statistics()).toMatchObject({ currentBufferUsed: 0, peakBufferUsed: 1 });
  });
});

/** Every operation of this folder, where it need not wait. */
const READY: { readonly [name: string]: () => Coroutine<unknown> } = {
  "Event.wait()": () => {
    const event = new Event();
    event.set();
    return event.wait();
  },
  "Lock.acquire()": () => new Lock().acquire(),
  "Condition.acquire()": () => new Condition().acquire(),
  "Semaphore.acquire()": () => new Semaphore(1).acquire(),
  "CapacityLimiter.acquire()": () => new CapacityLimiter(1).acquire(),
  "CapacityLimiter.acquireOnBehalfOf(borrower)": () => new CapacityLimiter(1).acquireOnBehalfOf("me"),
  "SendChannel.send(value)": () => openMemoryChannel<number>(1)[0].send(1),
  "ReceiveChannel.receive()": () => {
    const [send, receive] = openMemoryChannel<number>(1);
    send.sendNoWait(1);
    return receive.receive();
  },
  "ReceiveChannel.forEach(body), for a value": () => {
    const [send, receive] = openMemoryChannel<number>(1);
    send.sendNoWait(1);
    send.close();
    return receive.forEach(() => {});
  },
  "select(cases)": () => select([openMemoryChannel<number>(1)[0].send(1)]),
  "sleep(0)": () => sleep(0),
  "sleepUntil(the past)": () => sleepUntil(-1),
};

test.each(Object.keys(READY))("%s is a full checkpoint, though it need not wait", (name) => {
  virtual(function* () {
    yield* assertCheckpoints(READY[name]!);
  });
});

test.each(Object.keys(READY).filter((name) => !/sleep|forEach/.test(name)))(
  "%s that is cancelled at its schedule point has happened, and says so; Cancelled comes at the next checkpoint",
  (name) => {
    virtual(function* () {
      const scope = new CancelScope();
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        // oxlint-disable-next-line require-yield
        nursery.startSoon(function* () {
          scope.cancel();
        });
        yield* scope.run(function* () {
          yield* call(READY[name]!);
          log.push(`cancelled: ${scope.cancelCalled}`);
          yield* yieldBriefly();
          log.push("never");
        });
      });
      expect(log).toEqual(["cancelled: true"]);
    });
  },
);

test("untilStopRequested() is a full checkpoint, though it was asked already", () => {
  virtual(function* () {
    const scope = new CancelScope();
    yield* scope.run(function* () {
      scope.cancel({ grace: 1_000 });
      yield* assertCheckpoints(() => untilStopRequested());
    });
  });
});

test("schedule points only: a nursery's exit and yieldBrieflyNoCancel(), also in a cancelled scope", () => {
  virtual(function* () {
    const scope = new CancelScope();
    let others = 0;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        for (let i = 0; i < 2; i++) {
          others++;
          yield* yieldBrieflyNoCancel();
        }
      });
      yield* scope.run(function* () {
        scope.cancel();
        yield* openNursery(function* () {});
        expect(others).toBe(1);
        yield* yieldBrieflyNoCancel();
        expect(others).toBe(2);
      });
    });
    expect(scope.cancelledCaught).toBe(false);
  });
});

test("a cancel point only: yieldIfCancelled(), which does nothing when not cancelled", () => {
  virtual(function* () {
    let others = 0;
    yield* openNursery(function* (nursery) {
      // oxlint-disable-next-line require-yield
      nursery.startSoon(function* () {
        others++;
      });
      yield* yieldIfCancelled();
      expect(others).toBe(0);
    });
  });
});

test("no checkpoint: every synchronous call, and the end of a block that holds something", () => {
  virtual(function* () {
    const lot = new ParkingLot();
    const event = new Event();
    const [lock, semaphore, limiter] = [new Lock(), new Semaphore(1), new CapacityLimiter(1)];
    const condition = new Condition();
    const [send, receive] = openMemoryChannel<number>(1);
    // oxlint-disable-next-line require-yield
    yield* assertNoCheckpoints(function* () {
      event.set();
      lot.unpark();
      lot.unparkAll();
      new CancelScope().cancel();
      {
        using _lock = lock.acquireNoWait();
        using _semaphore = semaphore.acquireNoWait();
        using _limiter = limiter.acquireNoWait();
        using _condition = condition.acquireNoWait();
      }
      lock.acquireNoWait();
      lock.release();
      semaphore.acquireNoWait();
      semaphore.release();
      limiter.acquireNoWait();
      limiter.release();
      limiter.acquireOnBehalfOfNoWait("x");
      limiter.releaseOnBehalfOf("x");
      limiter.totalTokens = 2;
      condition.acquireNoWait();
      condition.notify();
      condition.notifyAll();
      condition.release();
      send.sendNoWait(1);
      receive.receiveNoWait();
      send.clone().close();
      receive.close();
      for (const one of [event, lock, semaphore, limiter, condition, send, receive, lot]) one.statistics();
    });
  });
});

test("a cancelled wait tells by whom and why", () => {
  virtual(function* () {
    let caught: Cancelled | undefined;
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* canceller() {
        yield* sleep(1);
        scope.cancel("no longer wanted");
      });
      yield* scope.run(function* () {
        try {
          yield* new Event().wait();
        } catch (error) {
          caught = error as Cancelled;
          throw error;
        }
      });
    });
    expect(caught).toMatchObject({ source: "explicit", sourceTask: "canceller", reason: "no longer wanted" });
    expect(yield* moveOnAfter(1, () => new Event().wait())).toBeUndefined();
  });
});
