/**
 * On the system's clock, which is spared where it can be: what becomes due in a step that is suddenly long is seen at the next
 * checkpoint all the same, however far off it was. Nothing here waits for the time: a step that lasts until then makes it come.
 */
import { describe, expect, test } from "bun:test";
import { CancelScope, currentTime, openNursery, runSync, sleep } from "../../src/index.ts";
import { yieldBriefly, yieldIfCancelled } from "../../src/hazmat.ts";

/** As many as make the time slice take steps for short. */
const SHORT_STEPS = 500;
/** One within what an operation looks for before it begins, and one beyond. */
const [NEAR, FAR] = [20, 150];

function burn(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

describe.each([NEAR, FAR])("%p ms off", (off) => {
  test.each([1, 2, 5])(
    "among %p busy tasks a sleeper whose time comes in a long step wakes in the next few",
    (tasks) => {
      let stepsAfter = 0;
      runSync(function* () {
        let isOver = false;
        let hasCome = false;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            yield* sleep(off);
            isOver = true;
          });
          for (let task = 0; task < tasks; task++) {
            nursery.startSoon(function* () {
              for (let step = 0; !isOver; step++) {
                if (hasCome) stepsAfter++;
                else if (step === SHORT_STEPS) {
                  burn(off + 1);
                  hasCome = true;
                }
                yield* yieldBriefly();
              }
            });
          }
        });
      });
      expect(stepsAfter).toBeLessThan(6 + 2 * tasks);
    },
  );

  test("so does a deadline that is moved nearer", () => {
    let stepsAfter = 0;
    runSync(function* () {
      const scope = new CancelScope({ timeout: 1e6 });
      yield* scope.run(function* () {
        for (let step = 0; ; step++) {
          if (step === SHORT_STEPS) scope.deadline = currentTime() + off;
          if (step === 2 * SHORT_STEPS) burn(off + 1);
          if (step > 2 * SHORT_STEPS) stepsAfter++;
          yield* yieldBriefly();
        }
      });
      expect(scope.cancelledCaught).toBe(true);
    });
    expect(stepsAfter).toBe(0);
  });
});

test("yieldIfCancelled() sees a deadline that has passed since in the same step", () => {
  let checks = 0;
  runSync(function* () {
    const scope = new CancelScope({ timeout: 1e6 });
    yield* scope.run(function* () {
      for (let step = 0; step < SHORT_STEPS; step++) yield* yieldBriefly();
      scope.deadline = currentTime() + FAR;
      burn(FAR + 1);
      checks++;
      yield* yieldIfCancelled();
      checks++;
    });
  });
  expect(checks).toBe(1);
});
