import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Watchdog, named, openNursery, run, runSync, sleep, type Task } from "../../src/index.ts";
import { addInstrument, currentCallSoonThreadAndSignalSafe, yieldBriefly } from "../../src/hazmat.ts";
import { MockClock } from "../../src/testing.ts";
import { thrownBy } from "../kernel/programs.ts";

/** The time that the watchdog sees: it goes by in holds and waits alone, so that a machine that is busy spoils nothing. */
let time = 0;
let clockHand: { mockRestore(): void };
beforeEach(() => (clockHand = spyOn(performance, "now").mockImplementation(() => time)));
afterEach(() => clockHand.mockRestore());

/** Keeps the thread for so many milliseconds. */
function hold(ms: number): void {
  time += ms;
}

/** Deadlines come at once. */
const virtually = (): { clock: MockClock } => ({ clock: new MockClock({ autojumpThreshold: 0 }) });

/** A watchdog that writes down whom it caught. */
function listing(threshold: number): { watchdog: Watchdog; held: [name: string, ms: number][] } {
  const held: [string, number][] = [];
  return { watchdog: new Watchdog({ threshold, onHold: (task, ms) => held.push([task.name, ms]) }), held };
}

test("a task that holds the thread for longer than the threshold is named, with how long", () => {
  const { watchdog, held } = listing(200);
  runSync(
    () =>
      openNursery(function* (nursery) {
        nursery.startSoon(
          named("quick", function* () {
            for (let i = 0; i < 10; i++) yield* sleep(1);
          }),
        );
        nursery.startSoon(
          named("hog", function* () {
            yield* yieldBriefly();
            hold(250);
            yield* yieldBriefly();
          }),
        );
      }),
    { ...virtually(), instruments: [watchdog] },
  );
  expect(held).toEqual([["hog", 250]]);
});

test("a wait is no hold, however long it lasts", () => {
  const { watchdog, held } = listing(200);
  const begin = time;
  const waits = { beforeIoWait: () => void (time += 250) };
  runSync(() => sleep(250), { ...virtually(), instruments: [watchdog, waits] });
  expect(time - begin).toBeGreaterThanOrEqual(250);
  expect(held).toEqual([]);
});

test("each step that is too long is named, the last one of a task and a call-soon callback as well", () => {
  const { watchdog, held } = listing(200);
  runSync(
    named("hog", function* () {
      currentCallSoonThreadAndSignalSafe()(hold, 210);
      hold(210);
      yield* sleep(1);
      hold(210);
    }),
    { ...virtually(), instruments: [watchdog] },
  );
  expect(held.map(([name]) => name)).toEqual(["hog", "<call-soon task>", "hog"]);
});

test("onHold may ask where the task is now", () => {
  let now: string[] = [];
  const onHold = (task: Task): void => void (now = [task.status(), ...task.stack()]);
  runSync(
    function* main() {
      yield* yieldBriefly();
      hold(110);
      yield* sleep(1);
    },
    { ...virtually(), instruments: [new Watchdog({ onHold })] },
  );
  expect(now[0]).toStartWith("sleep(), ");
  expect(now[1]).toMatch(/^at main \(.*watchdog\.test\.ts/);
});

describe("without onHold it is a process warning", () => {
  test("with a code, the name, the time and the place", async () => {
    const { promise, resolve } = Promise.withResolvers<Error & { code?: string }>();
    process.once("warning", resolve);
    await run(
      named("hog", function* () {
        yield* yieldBriefly();
        hold(60);
        yield* sleep(1);
      }),
      { ...virtually(), instruments: [new Watchdog({ threshold: 50 })] },
    );
    const warning = await promise;
    expect(warning.code).toBe("TRIBUN_WATCHDOG");
    expect(warning.message).toMatch(
      /^task hog held the thread for 60 ms, and nothing else could run; now: sleep\(\), 1 ms left at .*watchdog\.test\.ts/,
    );
    expect(warning.stack).toContain("watchdog.test.ts");
  });
});

test("one that is added while the run goes on begins with the next step", () => {
  const { watchdog, held } = listing(200);
  runSync(
    named("main", function* () {
      addInstrument(watchdog);
      hold(210);
      yield* yieldBriefly();
      expect(held).toEqual([]);
      hold(210);
      yield* yieldBriefly();
      expect(held).toHaveLength(1);
    }),
  );
});

test("bad options are refused", () => {
  expect(thrownBy(() => new Watchdog(5 as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new Watchdog({ threshold: "5" as never }))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new Watchdog({ onHold: 5 as never }))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new Watchdog({ threshold: -1 }))).toBeInstanceOf(RangeError);
  expect(thrownBy(() => new Watchdog({ threshold: Number.NaN }))).toBeInstanceOf(RangeError);
});
