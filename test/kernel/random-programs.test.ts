/**
 * Random programs of tasks over scopes, nurseries and parking lots, cancelled at random, in random orders. What must
 * hold in each of them is simple: every task ends, no wake-up is lost, every Cancelled is caught by a scope that was
 * cancelled, and the same seed gives the same run. And it goes as the model in `scope-model.ts` says: what is blocked is
 * cut off when its context is cancelled and not otherwise, and who parked first is woken first.
 */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CancelScope,
  Cancelled,
  ExceptionGroup,
  type Nursery,
  UsageError,
  call,
  currentEffectiveDeadline,
  currentTime,
  openNursery,
  sleep,
  type Operation,
  type TaskStatus,
} from "../../src/index.ts";
import {
  ParkingLot,
  currentStatistics,
  currentTask,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  type Task,
} from "../../src/hazmat.ts";
import { virtual } from "./programs.ts";
import { Blocks, Level, LotModel } from "./scope-model.ts";

type Steps = readonly Step[];
interface Body {
  readonly kind: "plain" | "async";
  readonly steps: Steps;
}
type Step =
  | { readonly do: "checkpoint" | "ifCancelled" | "noCancel" | "started" | "throw" }
  | { readonly do: "sleep"; readonly ms: number }
  | { readonly do: "park" | "unparkAll"; readonly lot: number }
  | { readonly do: "unpark" | "repark"; readonly lot: number; readonly count: number }
  | { readonly do: "cancel"; readonly scope: number }
  | { readonly do: "move"; readonly scope: number; readonly ms: number }
  | { readonly do: "shield"; readonly scope: number; readonly to: boolean }
  | { readonly do: "spawn" | "call"; readonly body: Body }
  | { readonly do: "start"; readonly before: Body; readonly after: Body }
  | { readonly do: "scope"; readonly timeout: number; readonly shield: boolean; readonly body: Body }
  | { readonly do: "nursery"; readonly body: Body; readonly children: readonly Body[] }
  | { readonly do: "try"; readonly body: Body; readonly cleanup: Body; readonly swallow: boolean };

const { step } = fc.letrec<{ step: Step; body: Body }>((tie) => {
  const body = tie("body");
  const number = fc.nat({ max: 7 });
  const lot = fc.nat({ max: 1 });
  const leaf = fc.oneof(
    fc.record({ do: fc.constantFrom("checkpoint" as const, "ifCancelled" as const, "noCancel" as const) }),
    fc.record({ do: fc.constant("started" as const) }),
    fc.record({ do: fc.constant("sleep" as const), ms: number }),
    fc.record({ do: fc.constantFrom("park" as const, "unparkAll" as const), lot }),
    fc.record({ do: fc.constantFrom("unpark" as const, "repark" as const), lot, count: fc.nat({ max: 2 }) }),
    fc.record({ do: fc.constant("cancel" as const), scope: number }),
    fc.record({ do: fc.constant("move" as const), scope: number, ms: fc.integer({ min: -1, max: 7 }) }),
    fc.record({ do: fc.constant("shield" as const), scope: number, to: fc.boolean() }),
  );
  return {
    body: fc.record({
      kind: fc.constantFrom("plain" as const, "async" as const),
      steps: fc.array(tie("step"), { maxLength: 5 }),
    }),
    step: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 8, arbitrary: leaf },
      { weight: 1, arbitrary: fc.constant({ do: "throw" as const }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("spawn" as const, "call" as const), body }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("start" as const), before: body, after: body }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("scope" as const),
          timeout: fc.oneof(number, fc.constant(Infinity)),
          shield: fc.boolean(),
          body,
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("nursery" as const),
          body,
          children: fc.array(body, { maxLength: 3 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("try" as const), body, cleanup: body, swallow: fc.boolean() }),
      },
    ),
  };
});

class Thrown extends Error {}

/** Where a step is: its task's nursery, the level of that, and its own. */
interface Place {
  readonly nursery: Nursery;
  readonly home: Level;
  readonly level: Level;
  /** Within what `start()` began: says that it has started, unless that was said. */
  readonly started?: () => void;
}

function leavesOf(error: unknown): unknown[] {
  return error instanceof ExceptionGroup ? error.leaves() : [error];
}

/** One run of a program, and what it notes of itself. */
class Execution {
  readonly trace: string[] = [];
  readonly lots = [new ParkingLot(), new ParkingLot()];
  readonly scopes: { readonly scope: CancelScope; readonly level: Level }[] = [];
  readonly blocks = new Blocks();
  readonly models = [new LotModel<Task>(), new LotModel<Task>()];
  /** What has been thrown, and neither caught nor replaced by what a clean-up threw. */
  readonly errors = new Set<unknown>();
  begun = 0;
  ended = 0;
  /** How often each task was woken from a lot, less how often it came out of one. */
  readonly owed = new Map<Task, number>();

  main(program: Steps): Operation<void> {
    return call(this.#supervise.bind(this), program);
  }

  /** Sees to it that a program has an end: what is still parked is woken from time to time, shielded or not. */
  *#supervise(program: Steps): Generator<any, void, any> {
    let error: unknown;
    yield* openNursery(
      function* (this: Execution, helpers: Nursery): Generator<any, void, any> {
        helpers.startSoon(
          function* (this: Execution): Generator<any, void, any> {
            for (;;) {
              yield* sleep(50);
              for (const lot of [0, 1]) this.#unpark(lot, Infinity);
            }
          }.bind(this),
        );
        const all = new CancelScope({ timeout: 1000 });
        const level = new Level(null);
        level.setDeadline(currentTime() + 1000, currentTime());
        this.scopes.push({ scope: all, level });
        try {
          yield* all.run(() => this.#nursery({ kind: "plain", steps: program }, [], { level }));
        } catch (thrown) {
          error = thrown;
        }
        this.#note("ended");
        helpers.cancelScope.cancel();
      }.bind(this),
    );
    // Only what the program threw comes out: every Cancelled was caught within.
    const leaves = error === undefined ? [] : leavesOf(error);
    expect(leaves.filter((leaf) => !(leaf instanceof Thrown))).toEqual([]);
    expect(leaves.filter((leaf) => !this.errors.has(leaf))).toEqual([]);
    expect(leaves.length).toBe(this.errors.size);
    expect([this.ended, this.lots.map(({ size }) => size)]).toEqual([this.begun, [0, 0]]);
    expect([...this.owed.values()].filter((count) => count !== 0)).toEqual([]);
    expect(currentStatistics().timeToNextDeadline).toBe(Infinity);
    expect(currentStatistics().tasksLiving).toBe(3);
    for (const { scope } of this.scopes) if (scope.cancelledCaught) expect(scope.cancelCalled).toBe(true);
  }

  #note(what: string): void {
    this.trace.push(`${currentTime()} ${currentTask().name} ${what}`);
  }

  /** Something has been done that may cancel what is blocked. */
  #look(): void {
    this.blocks.look(currentTime());
  }

  #unpark(lot: number, count: number): void {
    this.#look();
    const expected = this.models[lot]!.take(count);
    const woken = this.lots[lot]!.unpark(count);
    if (expected === undefined) for (const task of woken) this.models[lot]!.remove(task);
    else expect(woken.map(String)).toEqual(expected.map(({ task }) => String(task)));
    for (const task of woken) this.owed.set(task, (this.owed.get(task) ?? 0) + 1);
  }

  /** An operation that blocks: in a cancelled context it throws at once, and else goes on until it ends or that is cancelled. */
  *#blocking(operation: Operation<void>, level: Level): Generator<any, void, any> {
    const begun = currentTime();
    const block = this.blocks.add(level, begun);
    const task = currentTask();
    const model = operation.toString() === "ParkingLot.park()" ? this.models[this.#parksIn]! : null;
    model?.add(task, block);
    const wasCancelled = block.since <= begun;
    try {
      yield* operation;
    } catch (error) {
      this.blocks.delete(block, currentTime());
      for (const each of this.models) each.remove(task);
      expect(error).toBeInstanceOf(Cancelled);
      expect(block.mayBeCancelled).toBe(true);
      if (wasCancelled) expect(currentTime()).toBe(begun);
      throw error;
    }
    this.blocks.delete(block, currentTime());
    expect(wasCancelled).toBe(false);
    expect(block.since).toBeGreaterThanOrEqual(currentTime());
  }
  #parksIn = 0;

  /** A scope, or a nursery, has been left with `error`: are the Cancelled in it as they should be? */
  #left(scope: CancelScope, level: Level, error: unknown): void {
    const now = currentTime();
    const own = level.isCancelledItself(now);
    const outside = level.shield || level.parent === null ? false : level.parent.isCancelled(now);
    if (own === true && outside === false) {
      expect(leavesOf(error).filter((leaf) => leaf instanceof Cancelled)).toEqual([]);
    }
    if (own === false || outside === true) expect(scope.cancelledCaught).toBe(false);
  }

  /** A body of either kind. */
  #run(body: Body, place: Place): Generator<any, void, any> | AsyncGenerator<any, void, any> {
    return body.kind === "plain" ? this.#steps(body.steps, place) : this.#async(body.steps, place);
  }

  async *#async(steps: Steps, place: Place): AsyncGenerator<any, void, any> {
    await Promise.resolve();
    yield* this.#steps(steps, place);
    await Promise.resolve();
  }

  /** The body of a task, which is counted. */
  #task(bodies: readonly Body[], place: Place): Generator<any, void, any> {
    const execution = this;
    function* task(): Generator<any, void, any> {
      execution.begun++;
      currentTask().name = `${execution.begun}`;
      try {
        for (const [i, body] of bodies.entries()) {
          yield* call(() => execution.#run(body, place));
          if (i === 0) place.started?.();
        }
      } catch (error) {
        // Its nursery is cancelled by that: the one that it has moved to, or the one of the start() that ends with it.
        if (place.level.isUnsure) place.home.isUnsure = true;
        else if (place.level === place.home || place.level.hasMoved) place.home.cancel(currentTime());
        execution.#look();
        throw error;
      } finally {
        execution.ended++;
      }
    }
    return task();
  }

  *#steps(steps: Steps, place: Place): Generator<any, void, any> {
    for (const step of steps) {
      this.#note(step.do);
      this.#look();
      yield* this.#step(step, place);
    }
  }

  /** A nursery with its children. */
  *#nursery(body: Body, children: readonly Body[], outer: Pick<Place, "level" | "started">): Generator<any, void, any> {
    const level = new Level(outer.level);
    let opened: Nursery | undefined;
    let thrown: unknown;
    try {
      yield* openNursery((nursery) => {
        opened = nursery;
        const place: Place = { ...outer, nursery, home: level, level };
        this.scopes.push({ scope: nursery.cancelScope, level });
        for (const child of children) nursery.startSoon(() => this.#task([child], place));
        const execution = this;
        return (function* (): Generator<any, void, any> {
          try {
            yield* call(() => execution.#run(body, place));
          } catch (error) {
            level.cancel(currentTime());
            execution.#look();
            throw error;
          }
        })();
      });
    } catch (error) {
      thrown = error;
      throw error;
    } finally {
      expect(opened!.childTasks.size).toBe(0);
      this.#left(opened!.cancelScope, level, thrown);
    }
  }

  *#step(step: Step, place: Place): Generator<any, void, any> {
    const { nursery, home, level } = place;
    const { scopes, lots, models } = this;
    const scopeAt = (index: number): { scope: CancelScope; level: Level } => scopes[index % scopes.length]!;
    const now = currentTime();
    switch (step.do) {
      case "checkpoint":
      case "ifCancelled":
        try {
          yield* step.do === "checkpoint" ? yieldBriefly() : yieldIfCancelled();
        } catch (error) {
          expect(error).toBeInstanceOf(Cancelled);
          expect(currentEffectiveDeadline()).toBe(-Infinity);
          throw error;
        }
        expect(currentEffectiveDeadline()).not.toBe(-Infinity);
        expect(level.isCancelled(currentTime())).not.toBe(true);
        return;
      case "started":
        return place.started?.();
      case "noCancel":
        return yield* yieldBrieflyNoCancel();
      case "throw":
        throw this.#newError();
      case "sleep":
        if (step.ms === 0) return yield* sleep(0);
        yield* this.#blocking(sleep(step.ms), level);
        expect(currentTime()).toBe(now + step.ms);
        return;
      case "park": {
        this.#parksIn = step.lot;
        yield* this.#blocking(lots[step.lot]!.park(), level);
        const task = currentTask();
        this.owed.set(task, this.owed.get(task)! - 1);
        return;
      }
      case "unpark":
        return this.#unpark(step.lot, step.count);
      case "unparkAll":
        return this.#unpark(step.lot, Infinity);
      case "repark": {
        const before = lots[0]!.size + lots[1]!.size;
        const moved = models[step.lot]!.take(step.count);
        lots[step.lot]!.repark(lots[1 - step.lot]!, step.count);
        expect(lots[0]!.size + lots[1]!.size).toBe(before);
        if (moved === undefined) models[1 - step.lot]!.isUnsure = true;
        else models[1 - step.lot]!.parked.push(...moved);
        return;
      }
      case "cancel": {
        const { scope, level: itsLevel } = scopeAt(step.scope);
        itsLevel.cancel(now);
        scope.cancel();
        expect(scope.cancelCalled).toBe(true);
        return this.#look();
      }
      case "move": {
        const { scope, level: itsLevel } = scopeAt(step.scope);
        const called = scope.cancelCalled;
        itsLevel.setDeadline(now + step.ms, now);
        scope.deadline = now + step.ms;
        if (called) expect(scope.cancelCalled).toBe(true);
        return this.#look();
      }
      case "shield": {
        const { scope, level: itsLevel } = scopeAt(step.scope);
        itsLevel.shield = step.to;
        scope.shield = step.to;
        return this.#look();
      }
      case "call":
        return yield* call(() => this.#run(step.body, place));
      case "spawn":
        return nursery.startSoon(() => this.#task([step.body], { nursery, home, level: home }));
      case "start": {
        const base = new Level(level); // it hangs under the caller's, until the task has started and moves
        let hasStarted = false;
        const started = (status: TaskStatus): void => {
          if (hasStarted) return;
          hasStarted = true;
          const isCancelled = level.isCancelled(currentTime());
          if (isCancelled === undefined) base.isUnsure = true;
          else if (!isCancelled) base.moveTo(home);
          status.started();
          this.#look();
        };
        try {
          yield* nursery.start((status: TaskStatus) =>
            this.#task([step.before, step.after], { nursery, home, level: base, started: () => started(status) }),
          );
        } catch (error) {
          // A shield that is raised around start() after its task ended with a Cancelled from outside: the Cancelled stays
          // in start(), as in Trio, and what is left is a task that never called started().
          throw error instanceof UsageError ? this.#newError() : error;
        }
        return;
      }
      case "scope": {
        const scope = new CancelScope({ timeout: step.timeout, shield: step.shield });
        const inner = new Level(level, step.shield);
        inner.setDeadline(now + step.timeout, now);
        scopes.push({ scope, level: inner });
        let thrown: unknown;
        try {
          yield* scope.run(() => this.#run(step.body, { ...place, level: inner }));
        } catch (error) {
          thrown = error;
          throw error;
        } finally {
          this.#left(scope, inner, thrown);
        }
        return;
      }
      case "nursery":
        return yield* this.#nursery(step.body, step.children, place);
      case "try": {
        let pending: unknown;
        try {
          yield* call(() => this.#run(step.body, place));
        } catch (error) {
          const isOfTheProgram = leavesOf(error).every((leaf) => leaf instanceof Thrown || leaf instanceof Cancelled);
          if (step.swallow && isOfTheProgram) this.#forget(error);
          else {
            pending = error;
            throw error;
          }
        } finally {
          try {
            yield* call(() => this.#run(step.cleanup, place));
          } catch (error) {
            this.#forget(pending);
            throw error;
          }
        }
      }
    }
  }

  #newError(): Thrown {
    const error = new Thrown();
    this.errors.add(error);
    return error;
  }

  #forget(error: unknown): void {
    for (const leaf of leavesOf(error)) this.errors.delete(leaf);
  }
}

test("every task ends, nothing is lost, every Cancelled is caught, it goes as the model says, and a seed reproduces the run", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 6 }),
      fc.option(fc.integer(), { nil: undefined }),
      (program, seed) => {
        const traces = [0, 1].map(() => {
          const execution = new Execution();
          virtual(() => execution.main(program), seed === undefined ? {} : { seed });
          return execution.trace;
        });
        expect(traces[1]).toEqual(traces[0]!);
      },
    ),
    { numRuns: 500 },
  );
});
