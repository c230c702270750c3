/**
 * While tasks run, the clock is not read at every step for a deadline that is far off (`Runner.passes`). What becomes due
 * in a long step is seen a few steps later all the same. In real time, since only there the clock is spared; nothing here
 * waits for it: a step that lasts until the time has come makes it come.
 */
import { describe, expect, test } from "bun:test";
import { CancelScope, currentTime, openNursery, runSync, sleep } from "../../src/index.ts";
import { yieldBriefly, yieldIfCancelled } from "../../src/hazmat.ts";

/** As many as make the time slice take steps for short. */
const SHORT_STEPS = 500;
/** One that is looked for at every step, and one for which the clock is spared. */
const [NEAR, FAR] = [20, 150];
/** A few; for what is far off, as many as a time slice takes at most before it looks at the clock. */
const few = (off: number): number => (off === NEAR ? 6 : 22);

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
      expect(stepsAfter).toBeLessThan(few(off) + 2 * tasks);
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
    expect(stepsAfter).toBeLessThan(few(off) + 2);
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
