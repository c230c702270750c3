import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Cancelled,
  KeyboardInterrupt,
  currentTime,
  moveOnAfter,
  openNursery,
  runSync,
  sleep,
  type Operation,
} from "../../src/index.ts";
import { ParkingLot, currentTask, yieldBriefly, yieldBrieflyNoCancel, yieldIfCancelled } from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { errorOf, passes, virtual } from "./programs.ts";

/** How many steps a task beside it takes while `operation` goes on. */
function* passesOf(operation: () => Operation<unknown>): Generator<any, number, any> {
  let steps = 0;
  let result = -1;
  yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      for (;;) {
        yield* yieldBriefly();
        steps++;
      }
    });
    yield* passes(3);
    const before = steps;
    yield* errorOf(operation());
    result = steps - before;
    nursery.cancelScope.cancel();
  });
  return result;
}

describe("an operation costs", () => {
  test.each<[string, () => Operation<unknown>, number]>([
    ["yieldBriefly", yieldBriefly, 1],
    ["yieldBrieflyNoCancel", yieldBrieflyNoCancel, 1],
    ["yieldIfCancelled", yieldIfCancelled, 0],
    ["sleep(0)", () => sleep(0), 1],
    ["openNursery of nothing", () => openNursery(function* () {}), 1],
    ["scope.run of nothing", () => new CancelScope().run(function* () {}), 0],
  ])("%s", (_, operation, cost) => {
    virtual(function* () {
      expect(yield* passesOf(operation)).toBe(cost);
    });
  });

  test("a pass to wake from a lot that another task unparks", () => {
    virtual(function* () {
      const trail: string[] = [];
      const lot = new ParkingLot();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* lot.park();
          trail.push("woken");
        });
        nursery.startSoon(function* () {
          lot.unpark();
          trail.push("unparked");
          yield* yieldBriefly();
          trail.push("a pass later");
        });
      });
      expect(trail).toEqual(["unparked", "woken", "a pass later"]);
    });
  });
});

test("yieldBriefly checks after its schedule point: a deadline that passed meanwhile is seen", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const scope = new CancelScope({ timeout: 5 });
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* scope.run(function* () {
            yield* yieldBriefly();
            yield* yieldBriefly();
            throw new Error("not reached");
          });
        });
        yield* passes(1);
        clock.jump(10);
      });
      expect(scope.cancelledCaught).toBe(true);
    },
    { clock },
  );
});

/** Steps so short that the run looks at its clock seldom. */
function* shortSteps(): Generator<any, void, any> {
  for (let step = 0; step < 200; step++) yield* yieldBriefly();
}

function holdThread(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

test("on the system's clock a deadline is kept where steps are suddenly long: the first checkpoint after it throws", () => {
  let steps = 0;
  runSync(function* () {
    yield* shortSteps();
    yield* moveOnAfter(1, function* () {
      while (steps < 10) {
        steps++;
        holdThread(2);
        yield* yieldBriefly();
      }
    });
  });
  expect(steps).toBe(1);
});

test("on the system's clock, whoever has seen that a deadline has passed is cancelled at the next checkpoint", () => {
  const seen: Record<string, (scope: CancelScope) => boolean> = {
    cancelCalled: (scope) => scope.cancelCalled,
    currentTime: (scope) => currentTime() >= scope.deadline,
  };
  runSync(function* () {
    for (const [how, hasPassed] of Object.entries(seen)) {
      yield* shortSteps();
      const scope = new CancelScope({ timeout: 150 }); // so far off that it is looked for seldom
      yield* scope.run(function* () {
        while (!hasPassed(scope));
        yield* yieldBriefly();
        throw new Error(`not reached: ${how}`);
      });
      expect(scope.cancelledCaught).toBe(true);
    }
  });
});

test("yieldBriefly throws when another task cancels between its schedule point and its check", () => {
  virtual(function* () {
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* scope.run(function* () {
          expect(yield* errorOf(yieldBriefly())).toBeInstanceOf(Cancelled);
        });
      });
      nursery.startSoon(function* () {
        scope.cancel();
      });
    });
  });
});

test("yieldIfCancelled lets others run before it throws", () => {
  virtual(function* () {
    const trail: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        const scope = new CancelScope();
        scope.cancel();
        yield* scope.run(function* () {
          trail.push("before");
          yield* errorOf(yieldIfCancelled());
          trail.push("after");
        });
      });
      nursery.startSoon(function* () {
        trail.push("another");
      });
    });
    expect(trail).toEqual(["before", "another", "after"]);
  });
});

test("KeyboardInterrupt comes before Cancelled, once, ignores shields, and not at yieldBrieflyNoCancel", () => {
  virtual(function* () {
    const task = currentTask();
    for (const operation of [yieldBriefly, yieldIfCancelled, () => sleep(5)]) {
      const scope = new CancelScope({ shield: true });
      scope.cancel();
      yield* scope.run(function* () {
        task.runner.interrupt();
        yield* yieldBrieflyNoCancel();
        expect(yield* errorOf(operation())).toBeInstanceOf(KeyboardInterrupt);
        expect(yield* errorOf(operation())).toBeInstanceOf(Cancelled);
      });
    }
  });
});

test("no task is starved: each that is runnable takes one step a pass", () => {
  virtual(function* () {
    const steps = [0, 0, 0, 0];
    yield* openNursery(function* (nursery) {
      for (const i of steps.keys()) {
        nursery.startSoon(function* () {
          for (;;) {
            steps[i]!++;
            yield* yieldBriefly();
          }
        });
      }
      yield* passes(100);
      expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
      expect(steps[0]).toBeGreaterThan(95);
      nursery.cancelScope.cancel();
    });
    expect(currentTime()).toBe(0);
  });
});
