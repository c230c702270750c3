/** Runs a program of `program.ts` here, in virtual time. Its twin is `in_trio.py`: they must read the same. */
import {
  CancelScope,
  Cancelled,
  CapacityLimiter,
  Condition,
  Event,
  ExceptionGroup,
  Lock,
  Semaphore,
  currentTime,
  failAfter,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  runSync,
  sleep,
  type Nursery,
  type Operation,
  type TaskStatus,
} from "../../src/index.ts";
import { ParkingLot, yieldBriefly } from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { END, type Action, type Body, type Happening, type Outcome, type Program } from "./program.ts";

class World {
  readonly happenings: Happening[] = [];
  readonly scopes: CancelScope[] = [];
  /** Those of them that have a deadline: only these are shielded, or a program might never end. */
  readonly timed: CancelScope[] = [];
  readonly lots = [new ParkingLot(), new ParkingLot()];
  readonly events = [new Event(), new Event()];
  readonly locks = [new Lock(), new Lock()];
  readonly semaphore = new Semaphore(2);
  readonly limiter = new CapacityLimiter(2);
  readonly condition = new Condition();
  readonly channels;
  /** The nursery that `start` starts its tasks in. */
  outermost: Nursery | null = null;

  constructor({ capacities }: Program) {
    this.channels = capacities.map((capacity) => openMemoryChannel<string>(capacity < 0 ? Infinity : capacity));
  }

  note(step: string, what: string): void {
    this.happenings.push([step, what, currentTime()]);
  }

  *body(steps: Body, path: string): Generator<any, void, any> {
    for (const [index, step] of steps.entries()) {
      const here = `${path}.${index}`;
      yield* sleep(step.sleep);
      this.note(here, "begins");
      try {
        yield* this.act(step.action, here);
      } catch (error) {
        this.note(here, nameOf(error));
        throw error;
      }
      this.note(here, "ends");
    }
  }

  *act(action: Action, here: string): Generator<any, void, any> {
    switch (action.do) {
      case "nothing":
        return;
      case "checkpoint":
        return yield* yieldBriefly();
      case "throw":
        throw new Error(here);
      case "cancel":
        return this.scopes[action.scope]?.cancel();
      case "move": {
        const scope = this.scopes[action.scope];
        if (scope !== undefined) scope.deadline = currentTime() + action.by;
        return;
      }
      case "shield": {
        const scope = this.timed[action.scope];
        if (scope !== undefined) scope.shield = action.to;
        return;
      }
      case "park":
        return yield* this.lots[action.lot]!.park();
      case "unparkAll":
        return void this.note(here, `unparked ${this.lots[action.lot]!.unparkAll().length}`);
      case "unpark":
        return void this.note(here, `unparked ${this.lots[action.lot]!.unpark(action.count).length}`);
      case "repark":
        return this.lots[action.lot]!.repark(this.lots[1 - action.lot]!, action.count);
      case "wait":
        return yield* this.events[action.event]!.wait();
      case "set":
        return this.events[action.event]!.set();
      case "lock": {
        const lock = this.locks[action.lock]!;
        yield* lock.acquire();
        this.note(here, "acquired");
        try {
          yield* this.body(action.body, `${here}.b`);
        } finally {
          lock.release();
        }
        return;
      }
      case "semaphore":
        yield* this.semaphore.acquire();
        this.note(here, "acquired");
        try {
          yield* this.body(action.body, `${here}.b`);
        } finally {
          this.semaphore.release();
        }
        return;
      case "limiter":
        yield* this.limiter.acquireOnBehalfOf(here);
        this.note(here, "acquired");
        try {
          yield* this.body(action.body, `${here}.b`);
        } finally {
          this.limiter.releaseOnBehalfOf(here);
        }
        return;
      case "tokens":
        this.limiter.totalTokens = action.total;
        return;
      case "condition":
        yield* this.condition.acquire();
        try {
          if (action.notify > 0) this.condition.notify(action.notify);
          else yield* this.condition.wait();
          this.note(here, "holds");
        } finally {
          this.condition.release();
        }
        return;
      case "send":
        return yield* this.channels[action.channel]![0].send(here);
      case "receive":
        return this.note(here, `got ${yield* this.channels[action.channel]![1].receive()}`);
      case "closeSend":
        return this.channels[action.channel]![0].close();
      case "closeReceive":
        return this.channels[action.channel]![1].close();
      case "scope": {
        const scope = new CancelScope({ timeout: action.timeout, shield: action.shield });
        this.scopes.push(scope);
        this.timed.push(scope);
        yield* scope.run(() => this.body(action.body, `${here}.b`));
        return this.note(here, scope.cancelledCaught ? "caught" : "not caught");
      }
      case "failAfter":
        return yield* failAfter(action.timeout, () => this.body(action.body, `${here}.b`)) as Operation<void>;
      case "nursery":
        yield* openNursery((nursery) => {
          this.scopes.push(nursery.cancelScope);
          for (const [index, child] of action.children.entries()) {
            nursery.startSoon(() => this.body(child, `${here}.c${index}`));
          }
          return this.body(action.body, `${here}.b`);
        });
        // Leaving a nursery was a cancel point in Trio until 0.23 (gh trio #1457): so it is one here, too.
        return yield* yieldBriefly();
      case "start":
        yield* this.outermost!.start((status: TaskStatus) => this.#service(action.before, action.after, here, status));
        return yield* yieldBriefly(); // as after a nursery: there is one in it
      case "try":
        try {
          yield* this.body(action.body, `${here}.b`);
        } finally {
          yield* new CancelScope({ shield: true, timeout: 30e6 }).run(() => this.body(action.cleanup, `${here}.f`));
        }
        return;
      case "catch":
        try {
          yield* this.body(action.body, `${here}.b`);
        } catch (error) {
          const [cancelled] = parted(error);
          this.note(here, `caught ${leavesOf(error).join(" ")}`);
          if (cancelled !== null) throw cancelled;
          yield* yieldBriefly(); // and so is this, where the Cancelled of a nursery would have come along
        }
    }
  }

  *#service(before: Body, after: Body, here: string, status: TaskStatus): Generator<any, void, any> {
    yield* this.body(before, `${here}.b`);
    status.started();
    this.note(here, "started");
    yield* this.body(after, `${here}.a`);
  }
}

/** What of an error is Cancelled. */
function parted(error: unknown): readonly [unknown] {
  if (error instanceof Cancelled) return [error];
  return [error instanceof ExceptionGroup ? error.subgroup(Cancelled) : null];
}

/** The names of its leaves that are not Cancelled, sorted. */
function leavesOf(error: unknown): string[] {
  const leaves = error instanceof ExceptionGroup ? error.leaves() : [error];
  return leaves
    .filter((leaf) => !(leaf instanceof Cancelled))
    .map(nameOf)
    .toSorted();
}

/** The program's own errors by their step, the library's by their class; what is used wrongly is one class in Trio. */
function nameOf(error: unknown): string {
  if (error instanceof ExceptionGroup) return leavesOf(error).join(" ") || "Cancelled";
  const { name, message } = error as Error;
  return name === "Error" ? message : name;
}

/** @param seed of the run: the order of tasks in one pass */
export function inTribun(program: Program, seed?: number): Outcome {
  const world = new World(program);
  let errors: string[] = [];
  runSync(
    function* () {
      try {
        yield* moveOnAfter(END, () =>
          openNursery((nursery) => {
            world.outermost = nursery;
            return world.body(program.main, "");
          }),
        );
      } catch (error) {
        errors = leavesOf(error);
      }
    },
    { clock: new MockClock({ autojumpThreshold: 0 }), ...(seed === undefined ? {} : { seed }) },
  );
  return { happenings: inOrder(world.happenings), errors };
}

function inOrder(happenings: readonly Happening[]): Happening[] {
  // A stable sort: what happened in one step stays in its order.
  return happenings.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
