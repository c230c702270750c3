/**
 * A lock, twice: the manual's NotVeryGoodLock, built on `yieldIndefinitely`, and one done right, on a ParkingLot.
 *
 *     bun examples/lock.ts
 */
import { UsageError, moveOnAfter, openNursery, run, sleep, type Task } from "tribun";
import {
  Abort,
  ParkingLot,
  addParkingLotBreaker,
  currentTask,
  removeParkingLotBreaker,
  reschedule,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
} from "tribun/hazmat";

/**
 * How blocking and waking by hand goes: leave word for somebody, go to sleep, be rescheduled; and when cancelled, see to
 * it that nobody will. As a lock it is not very good, as the manual says:
 *
 * - It is unfair: between a waiter's waking and its next step anybody may take the lock, so it has to ask again, and
 *   stands at the end of the queue then.
 * - Cancelling a waiter searches the queue.
 * - Anybody may release it, also if it is not held.
 * - Where the lock is free, `acquire` is no checkpoint: a loop around it may never let anybody else run.
 */
class NotVeryGoodLock {
  readonly #blockedTasks: Task[] = [];
  #held = false;

  *acquire() {
    while (this.#held) {
      const task = currentTask();
      this.#blockedTasks.push(task);
      yield* yieldIndefinitely(() => {
        this.#blockedTasks.splice(this.#blockedTasks.indexOf(task), 1);
        return Abort.SUCCEEDED;
      });
    }
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    const task = this.#blockedTasks.shift();
    if (task !== undefined) reschedule(task);
  }
}

/**
 * The same, done right. The lot keeps the queue, and takes out whoever is cancelled. The lock is handed on and never
 * free in between, so nobody pushes in. It knows its owner; should the owner end without releasing it, the waiters get a
 * BrokenResourceError instead of waiting for ever. `acquire` is always a checkpoint, and if it throws Cancelled, the
 * lock was not taken. What it gives releases it, for `using`.
 */
class GoodLock {
  readonly #lot = new ParkingLot();
  #owner: Task | null = null;

  *acquire() {
    const task = currentTask();
    if (this.#owner === task) throw new UsageError("acquire(): this task holds the lock already");
    // The two halves of a checkpoint, so that Cancelled is thrown only where nothing has happened yet.
    yield* yieldIfCancelled();
    if (this.#owner === null) {
      this.#handTo(task);
      yield* yieldBrieflyNoCancel();
    } else {
      yield* this.#lot.park();
    }
    return { [Symbol.dispose]: () => this.release() };
  }

  release(): void {
    const task = currentTask();
    if (this.#owner !== task) throw new UsageError("release(): this task does not hold the lock");
    removeParkingLotBreaker(task, this.#lot);
    const [next] = this.#lot.unpark();
    this.#handTo(next ?? null);
  }

  #handTo(task: Task | null): void {
    this.#owner = task;
    if (task !== null) addParkingLotBreaker(task, this.#lot);
  }
}

/** Three tasks take the lock three times each, all at once. Gives the order in which they had it. */
async function* threeTurnsEach(lock: NotVeryGoodLock | GoodLock) {
  const turns: string[] = [];
  yield* openNursery(async function* (nursery) {
    for (const name of ["a", "b", "c"]) {
      nursery.startSoon(async function* () {
        for (let turn = 0; turn < 3; turn++) {
          yield* lock.acquire();
          turns.push(name);
          yield* yieldBriefly(); // and the others queue up
          lock.release();
        }
      });
    }
  });
  return turns.join(" ");
}

/** One holds the lock, a second waits and gives up, a third waits and gets it. */
async function* oneGivesUp(lock: GoodLock) {
  yield* openNursery(async function* (nursery) {
    using _held = yield* lock.acquire();
    nursery.startSoon(async function* () {
      const got = yield* moveOnAfter(10, () => lock.acquire());
      console.log(got === undefined ? "the second gave up" : "the second got it");
    });
    nursery.startSoon(async function* () {
      using _held = yield* lock.acquire();
      console.log("the third got it");
    });
    yield* sleep(50);
    console.log("the first releases it");
  });
}

await run(async function* () {
  console.log(`NotVeryGoodLock: ${yield* threeTurnsEach(new NotVeryGoodLock())}`);
  console.log(`GoodLock:        ${yield* threeTurnsEach(new GoodLock())}`);
  yield* oneGivesUp(new GoodLock());
});
