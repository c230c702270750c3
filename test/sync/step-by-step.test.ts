/**
 * Random programs, one step after the other, against a model that knows all that must come of each: who gets what, who goes
 * on waiting, what the statistics say. A step is what one task does at one go, cancelling among it, so that wake-ups and
 * cancellations meet in every order; a wait may be its end.
 */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CancelScope,
  CapacityLimiter,
  Condition,
  Event,
  type Held,
  Lock,
  type Nursery,
  type Operation,
  type ReceiveChannel,
  Semaphore,
  type SendChannel,
  StrictFIFOLock,
  openMemoryChannel,
  openNursery,
  select,
} from "../../src/index.ts";
import { ParkingLot, type Task, currentTask, yieldBriefly } from "../../src/hazmat.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { virtual } from "../kernel/programs.ts";
import { ChannelsModel, EventModel, LimiterModel, LockModel, type Model, SemaphoreModel } from "./models.ts";

interface Step {
  /** Which task; task 0 in its place if that one waits. */
  readonly task: number;
  readonly does: readonly string[];
  /** What it waits for in the end. Task 0 never waits. */
  readonly waits?: string | undefined;
  /** It is cancelled in the pass in which it has come to that, be it to wait or to go on at once; not with a seed. */
  readonly cut?: boolean;
}

/** The real thing, in the model's words. */
interface Thing {
  act(what: string, who: number): unknown;
  wait(what: string, who: number): Operation<unknown>;
  /** @param who is the number of a task */
  state(who: (task: Task) => number | "gone"): unknown;
}

interface Subject {
  readonly acts: readonly string[];
  /** What many steps begin with, so that they come to something. */
  readonly begins?: readonly (readonly string[])[];
  readonly waits: readonly string[];
  /** With a seed, the tasks that one step has woken may go on in any order: not where that matters. */
  readonly seeded?: false;
  make(): { readonly thing: Thing; readonly model: Model };
}

const TASKS = 4;

const SENDS_AND_RECEIVES = Array.from({ length: 4 }, () => onChannels(["sendNoWait", "receiveNoWait"])).flat();

const SUBJECTS: { readonly [name: string]: Subject } = {
  Event: {
    acts: ["set"],
    waits: ["wait"],
    make() {
      const event = new Event();
      const thing: Thing = {
        act: () => event.set(),
        wait: () => event.wait(),
        state: () => ({ isSet: event.isSet, ...event.statistics() }),
      };
      return { thing, model: new EventModel() };
    },
  },
  Lock: lockLike(() => new Lock()),
  StrictFIFOLock: lockLike(() => new StrictFIFOLock()),
  Semaphore: {
    acts: ["acquireNoWait", "release"],
    waits: ["acquire"],
    make() {
      const semaphore = new Semaphore(1, { maxValue: 2 });
      const thing: Thing = {
        act: (what) => semaphore[what as "acquireNoWait" | "release"](),
        wait: () => semaphore.acquire(),
        state: () => semaphore.statistics(),
      };
      return { thing, model: new SemaphoreModel() };
    },
  },
  CapacityLimiter: {
    acts: [
      ...["acquireNoWait", "acquireNoWait x", "release", "release x", "release y"],
      ...["tokens 0", "tokens 1", "tokens 2", "tokens 3", "tokens Infinity"],
    ],
    waits: ["acquire", "acquire", "acquire x", "acquire y"],
    make() {
      const limiter = new CapacityLimiter(1);
      const thing: Thing = {
        act(what) {
          const [verb, name] = what.split(" ");
          if (verb === "tokens") limiter.totalTokens = Number(name);
          else if (name === undefined) limiter[verb as "acquireNoWait" | "release"]();
          else if (verb === "release") limiter.releaseOnBehalfOf(name);
          else limiter.acquireOnBehalfOfNoWait(name);
        },
        wait(what) {
          const name = what.split(" ")[1];
          return name === undefined ? limiter.acquire() : limiter.acquireOnBehalfOf(name);
        },
        state(who) {
          const { borrowers, ...rest } = limiter.statistics();
          const named = borrowers.map((one) => (typeof one === "string" ? one : who(one as Task)));
          return { ...rest, availableTokens: limiter.availableTokens, borrowers: named };
        },
      };
      return { thing, model: new LimiterModel() };
    },
  },
  Condition: {
    acts: ["acquireNoWait", "release", "dispose", "notify 0", "notify 1", "notify 2", "notify Infinity"],
    begins: [
      ["acquireNoWait"],
      ["acquireNoWait"],
      ["acquireNoWait", "notify 1", "release"],
      ["acquireNoWait", "notify Infinity", "release"],
    ],
    waits: ["acquire", "wait", "wait", "wait"],
    seeded: false, // two that are cancelled at once take the lock again as they come to run
    make() {
      const condition = new Condition();
      const helds = new Map<number, Held>();
      const thing: Thing = {
        act(what, who) {
          const [verb, count] = what.split(" ");
          if (count === "Infinity") condition.notifyAll();
          else if (verb === "notify") condition.notify(Number(count));
          else if (verb === "dispose") helds.get(who)?.[Symbol.dispose]();
          else if (verb === "release") condition.release();
          else helds.set(who, condition.acquireNoWait());
        },
        wait: (what, who) => (what === "wait" ? condition.wait() : kept(condition.acquire(), helds, who)),
        state(who) {
          const { lock, tasksWaiting } = condition.statistics();
          return { ...lock, owner: lock.owner === null ? null : who(lock.owner), tasksInRoom: tasksWaiting };
        },
      };
      return { thing, model: new LockModel() };
    },
  },
  "memory channels": {
    acts: [...SENDS_AND_RECEIVES, ...onChannels(["closeSend", "closeReceive"])],
    waits: onChannels(["send", "receive"]),
    make: () => channels([0, 2]),
  },
  "memory channels of 1 and Infinity": {
    acts: [...SENDS_AND_RECEIVES, ...onChannels(["closeSend", "closeReceive"])],
    waits: onChannels(["send", "receive"]),
    make: () => channels([1, Infinity]),
  },
  "select among others": {
    acts: [...SENDS_AND_RECEIVES, "closeSend Pa", "closeSend Pb", "closeReceive Pa", "closeReceive Pb"],
    waits: [
      ...["send Pa", "receive Pa", "receive Pa, receive Qa", "send Pa, send Qa", "receive Pa, receive Pb"],
      ...["send Pa, receive Qa", "send Qa, receive Pa", "send Pa, receive Pa", "receive Qa, send Qb, receive Pb"],
    ],
    make: () => channels([0, 1]),
  },
};

function lockLike(makeLock: () => Lock): Subject {
  return {
    acts: ["acquireNoWait", "release", "dispose"],
    begins: [["acquireNoWait"]],
    waits: ["acquire"],
    make() {
      const lock = makeLock();
      const helds = new Map<number, Held>();
      const thing: Thing = {
        act(what, who) {
          if (what === "dispose") helds.get(who)?.[Symbol.dispose]();
          else if (what === "release") lock.release();
          else helds.set(who, lock.acquireNoWait());
        },
        wait: (_what, who) => kept(lock.acquire(), helds, who),
        state(who) {
          const { owner, ...rest } = lock.statistics();
          return { ...rest, owner: owner === null ? null : who(owner), tasksInRoom: 0 };
        },
      };
      return { thing, model: new LockModel() };
    },
  };
}

function onChannels(verbs: readonly string[]): string[] {
  return verbs.flatMap((verb) => ["Pa", "Pb", "Qa"].map((end) => `${verb} ${end}`));
}

function channels(capacities: readonly [number, number]): { thing: Thing; model: Model } {
  const ends = new Map<string, readonly [SendChannel<string>, ReceiveChannel<string>]>();
  for (const [index, name] of ["P", "Q"].entries()) {
    const [send, receive] = openMemoryChannel<string>(capacities[index]!);
    ends.set(`${name}a`, [send, receive]);
    ends.set(`${name}b`, [send.clone(), receive.clone()]);
  }
  const parse = (what: string): readonly [string, SendChannel<string>, ReceiveChannel<string>, string] => {
    const [verb, end, stamp] = what.split(" ") as [string, string, string];
    return [verb, ...ends.get(end)!, stamp];
  };
  const operation = (what: string): Operation<unknown> => {
    const [verb, send, receive, stamp] = parse(what);
    return verb === "send" ? send.send(stamp) : receive.receive();
  };
  const thing: Thing = {
    act(what) {
      const [verb, send, receive, stamp] = parse(what);
      if (verb === "sendNoWait") return send.sendNoWait(stamp);
      if (verb === "receiveNoWait") return receive.receiveNoWait();
      if (verb === "closeSend") send.close();
      else receive.close();
      return undefined;
    },
    wait(what) {
      const cases = what.split(", ");
      return cases.length === 1 ? operation(what) : select(cases.map(operation));
    },
    state: () => ["Pa", "Qa"].map((end) => ends.get(end)![0].statistics()),
  };
  return { thing, model: new ChannelsModel(capacities) };
}

/** The operation, which keeps what it gave as that of task `who`. */
function kept(operation: Operation<Held>, helds: Map<number, Held>, who: number): Operation<void> {
  return (function* (): Generator<any, void, any> {
    const held: Held = yield* operation;
    helds.set(who, held);
  })();
}

/** A channel's values are the numbers of the steps in which they were sent; a select gives an index, too. */
function outcomeOf(value: unknown): string {
  if (Array.isArray(value)) return `${value[0]}: ${outcomeOf(value[1])}`;
  return typeof value === "string" ? value : "ok";
}

const steps = ({ acts, begins, waits }: Subject): fc.Arbitrary<Step[]> => {
  const cancels = Array.from({ length: TASKS - 1 }, (_, index) => `cancel ${index + 1}`);
  const act = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...acts) },
    { weight: 2, arbitrary: fc.constantFrom(...cancels) },
  );
  const more = fc.array(act, { maxLength: 3 });
  const begun = fc.tuple(fc.constantFrom(...(begins ?? [[]])), more).map(([first, others]) => first.concat(others));
  const does = fc.oneof(more, begun);
  const ends = does.map((all) => all.concat("end"));
  const cut = fc.constantFrom(false, false, false, true);
  const task = fc.nat({ max: TASKS - 1 });
  return fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ task, does, waits: fc.constantFrom(...waits), cut }) },
      { weight: 3, arbitrary: fc.record({ task, does }) },
      { weight: 1, arbitrary: fc.record({ task, does: ends }) },
    ),
    { maxLength: 20, size: "max" },
  );
};

/** Has the thing and the model do the same, and compares what comes of it after every step. */
function play({ thing, model }: ReturnType<Subject["make"]>, program: readonly Step[], seed: number | undefined): void {
  const log: string[] = [];
  const scopes: CancelScope[] = [];
  const jobs: { readonly does: readonly string[]; readonly waits: string | undefined }[] = [];
  const lots = Array.from({ length: TASKS }, () => new ParkingLot());
  const tasks: Task[] = [];

  const attempted = (who: number, act: () => unknown): void => {
    try {
      log.push(`${who} ${outcomeOf(act())}`);
    } catch (error) {
      log.push(`${who} ${(error as Error).name}`);
    }
  };

  const start = (nursery: Nursery, who: number): void => {
    nursery.startSoon(function* () {
      tasks[who] = currentTask();
      for (;;) {
        yield* lots[who]!.park();
        const { does, waits } = jobs[who]!;
        for (const what of does) {
          if (what === "end") {
            start(nursery, who);
            return;
          }
          const [verb, other] = what.split(" ");
          if (verb === "cancel") scopes[Number(other)]?.cancel();
          else attempted(who, () => thing.act(what, who));
        }
        if (waits === undefined) continue;
        const scope = new CancelScope();
        scopes[who] = scope;
        try {
          yield* scope.run(function* () {
            const value: unknown = yield* thing.wait(waits, who) as Generator<any, unknown, any>;
            log.push(`${who} ${outcomeOf(value)}`);
          });
          if (scope.cancelledCaught) log.push(`${who} cancelled`);
        } catch (error) {
          log.push(`${who} ${(error as Error).name}`);
        }
      }
    });
  };

  const foretell = (who: number, does: readonly string[], waits: string | undefined, cut: boolean): string[] => {
    const expected: string[] = [];
    for (const what of does) {
      const [verb, other] = what.split(" ");
      if (verb === "end") model.end(who);
      else if (verb === "cancel") model.cancel(Number(other));
      else expected.push(`${who} ${model.act(who, what)}`);
    }
    if (waits !== undefined) model.wait(who, waits);
    if (cut) model.cancel(who);
    model.settle();
    return [...expected, ...model.woken().map(([waiter, outcome]) => `${waiter} ${outcome}`)];
  };

  virtual(
    () =>
      openNursery(function* (nursery) {
        for (let who = 0; who < TASKS; who++) start(nursery, who);
        yield* waitAllTasksBlocked();
        for (const [number, step] of program.entries()) {
          const busy = model.waiting.has(step.task);
          const who = busy ? 0 : step.task;
          const stamped = (what: string): string => what.replaceAll(/(send|receive)\w* \w+/g, `$& ${number}`);
          const does = step.does.map(stamped);
          const waits = who === 0 || step.waits === undefined ? undefined : stamped(step.waits);
          const cut = waits !== undefined && step.cut === true && seed === undefined;
          const expected = foretell(who, does, waits, cut);
          jobs[who] = { does, waits };
          lots[who]!.unpark();
          if (cut) {
            yield* yieldBriefly();
            scopes[who]!.cancel();
          }
          yield* waitAllTasksBlocked();
          expect(log.splice(0).toSorted(), `step ${number}`).toEqual(expected.toSorted());
          const numberOf = (task: Task): number | "gone" => {
            const index = tasks.indexOf(task);
            return index < 0 ? "gone" : index;
          };
          expect(thing.state(numberOf), `after step ${number}`).toEqual(model.state() as any);
        }
        nursery.cancelScope.cancel();
      }),
    seed === undefined ? {} : { seed },
  );
}

describe.each(Object.keys(SUBJECTS))("%s", (name) => {
  const { [name]: subject } = SUBJECTS;

  test("what comes of every step is what the model says", () => {
    const seeds = subject!.seeded === false ? fc.constant(undefined) : fc.option(fc.nat(), { nil: undefined });
    fc.assert(
      fc.property(steps(subject!), seeds, (program, seed) => play(subject!.make(), program, seed)),
      { numRuns: 300 },
    );
  });
});
