/** Tests that run into bun:test's timeout, each with one after it: what bun:test makes of them is looked at. */
import { afterEach, describe, test } from "bun:test";
import { CancelScope, Event, openNursery, sleep } from "../../../src/index.ts";
import { yieldBriefly } from "../../../src/hazmat.ts";
import { inRun } from "../../../src/testing.ts";

const SOON = 30;

function* waits() {
  yield* sleep(1e6);
}

test(
  "waits for ever",
  inRun(async function* waitsForEver() {
    const event = new Event();
    try {
      yield* openNursery(async function* (nursery) {
        nursery.startSoon(() => event.wait());
        yield* sleep(1e6);
      });
    } finally {
      yield* new CancelScope({ shield: true }).run(() => sleep(5));
      console.log("cleaned up");
    }
  }),
  SOON,
);
test(
  "after it",
  inRun(() => sleep(1)),
);

test(
  "spins",
  inRun(
    function* spins() {
      for (;;) yield* yieldBriefly();
    },
    { seeds: 9 },
  ),
  SOON,
);
test(
  "after it",
  inRun(() => sleep(1)),
);

const released = Promise.withResolvers<void>();
test(
  "hangs in an await",
  inRun(async function* hangs() {
    await released.promise;
    console.log("went on, as nobody can stop it from doing");
    yield* sleep(0);
    console.log("never written");
  }),
  SOON,
);
test(
  "after it",
  inRun(async function* () {
    released.resolve();
    await released.promise;
    yield* sleep(1);
  }),
);

test(
  "shields itself",
  inRun(function* shields() {
    yield* new CancelScope({ shield: true }).run(() => sleep(1e6));
  }),
  SOON,
);
test(
  "after it",
  inRun(() => sleep(1)),
);

test("does not wait", () => {
  void inRun(function* stray() {
    yield* sleep(1e6);
  })();
});
test(
  "after it",
  inRun(() => sleep(1)),
);

describe("with a hook that makes a run", () => {
  afterEach(inRun(() => sleep(1)));
  test("waits", inRun(waits), SOON);
  test(
    "after it",
    inRun(() => sleep(1)),
  );
});

describe("with a hook that throws", () => {
  afterEach(() => {
    throw new Error("of the hook");
  });
  test("waits", inRun(waits), SOON);
});
test(
  "after it",
  inRun(() => sleep(1)),
);
