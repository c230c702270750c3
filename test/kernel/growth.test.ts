/** What has to hold however many there are and however deep. Nothing here is timed: `benchmarks/` does that. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import {
  CancelScope,
  Cancelled,
  call,
  openNursery,
  runSync,
  sleepForever,
  type Coroutine,
  type Operation,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import { runCommand } from "../host/children.ts";

/** A process with a million of them takes its gigabytes, and five seconds. */
const MANY = 300_000;
const TASKS = 100_000;
const DEPTH = 5_000;

/** Whether these tests run in asynchronous generators this time. */
const again = function* () {}.constructor.name === "AsyncGeneratorFunction";

// In a process of its own, for its gigabyte; it has both kinds of tasks, so that once is enough.
test.skipIf(again)(
  "300,000 tasks can be blocked at once, and all still run and end",
  async () => {
    const program = fileURLToPath(new URL("./blocked-tasks.ts", import.meta.url));
    const { said, end } = await runCommand([process.execPath, program, `${MANY}`]);
    expect(said).toEqual([`blocked ${MANY}`, `woken ${MANY} blocked again ${MANY}`, `ended ${MANY}`]);
    expect(end).toBe(0);
  },
  30_000,
);

test("100,000 tasks that are cancelled at once see one Cancelled each, and end", () => {
  const caught = new Uint8Array(TASKS);
  let others = 0;
  let ended = 0;
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      const task = function* (index: number) {
        try {
          yield* sleepForever();
        } catch (error) {
          caught[index]!++;
          if (!(error instanceof Cancelled)) others++;
          throw error;
        } finally {
          ended++;
        }
      };
      for (let index = 0; index < TASKS; index++) nursery.startSoon(task, index);
      yield* yieldBriefly();
      nursery.cancelScope.cancel();
    });
    expect(ended).toBe(TASKS);
  });
  expect(caught.every((times) => times === 1)).toBe(true);
  expect(others).toBe(0);
}, 30_000);

describe("cancelling 5,000 levels does not overflow the stack, and leaves them from the innermost outwards", () => {
  type Nest = (level: number) => Coroutine<void>;
  const around: Record<string, (nest: Nest, level: number) => Operation<unknown>> = {
    "nested scopes": (nest, level) => new CancelScope().run(() => nest(level)),
    "nested nurseries": (nest, level) => openNursery(() => nest(level)),
    "nested nurseries, each in a task of the one around it": (nest, level) =>
      openNursery(function* (nursery) {
        nursery.startSoon(nest, level);
      }),
    frames: (nest, level) => call(nest, level),
  };
  for (const [what, enter] of Object.entries(around)) {
    test(
      what,
      () => {
        const left: number[] = [];
        const scope = new CancelScope();
        runSync(function* () {
          const nest: Nest = function* (level) {
            try {
              if (level === DEPTH) {
                scope.cancel();
                yield* sleepForever();
              }
              yield* enter(nest, level + 1);
            } finally {
              left.push(level);
            }
          };
          yield* scope.run(() => nest(1));
        });
        expect(scope.cancelledCaught).toBe(true);
        expect(left).toEqual(Array.from({ length: DEPTH }, (_, index) => DEPTH - index));
      },
      30_000,
    );
  }
});
