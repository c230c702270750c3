import { AssertionError } from "node:assert";
import { closeSync, openSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker as NodeWorker } from "node:worker_threads";
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  DeadlockError,
  Event,
  ExceptionGroup,
  UsageError,
  call,
  currentTime,
  fromPromise,
  named,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { currentTask, spawnSystemTask, yieldBriefly } from "../../src/hazmat.ts";
import { socketpair } from "../../src/socket.ts";
import { MockClock, inRun, type InRunOptions } from "../../src/testing.ts";
import { thrownBy } from "../kernel/programs.ts";
import { whyNot } from "../platform.ts";

/** What is open in a process is looked up in the list that Linux has of it. */
const noList = whyNot("linux");

/** Whether these tests run in asynchronous generators this time. */
const again = function* () {}.constructor.name === "AsyncGeneratorFunction";

test(
  "the body is the main task of a run",
  inRun(async function* () {
    expect(currentTask().parentNursery).not.toBeNull();
    expect(thrownBy(() => runSync(() => sleep(0)))).toBeInstanceOf(UsageError);
    await new Promise((resolve) => setTimeout(resolve, 1));
    yield* sleep(1);
  }),
);

test(
  "plain generators, and operations, will do",
  inRun(() =>
    new CancelScope({ timeout: 1 }).run(function* () {
      yield* sleep(1000);
    }),
  ),
);

test(
  "options are the run's",
  inRun(
    function* () {
      yield* sleep(1e6);
      expect(currentTime()).toBe(1e6);
    },
    { clock: new MockClock({ autojumpThreshold: 0 }) },
  ),
);

test("a test in which nothing can wake anything ends with DeadlockError, and does not hang", async () => {
  const hung = inRun(sleepForever, { clock: new MockClock({ autojumpThreshold: 0 }) });
  expect(await hung().catch((error: unknown) => error)).toBeInstanceOf(DeadlockError);
});

test("a run in a run is refused with the name of the one under way", async () => {
  const error = await inRun(async function* outer() {
    yield* fromPromise(run(() => sleep(0)));
  })().catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("a run is under way on this thread already (main task ");
});

test("so is a test in a test, which goes on", async () => {
  const trail: string[] = [];
  await inRun(async function* outer() {
    try {
      yield* fromPromise(inRun(() => sleep(0))());
    } catch (error) {
      trail.push(String(error));
    }
    yield* sleep(0);
    trail.push("outer went on");
  })();
  expect(trail).toEqual([expect.stringContaining("(main task outer: "), "outer went on"]);
});

describe("what test.each gives is handed on", () => {
  test.each([
    [1, "one"],
    [2, "two"],
  ])(
    "%i %s",
    inRun(function* (number: number, name: string) {
      yield* sleep(0);
      expect([undefined, "one", "two"][number]).toBe(name);
    }),
  );
});

test("the test fails with what the body throws", async () => {
  const error = new Error("mine");
  const fails = inRun(function* () {
    yield* sleep(0);
    throw error;
  });
  expect(await fails().catch((thrown) => thrown)).toBe(error);
});

test("what the body returns is not the test's affair", async () => {
  expect(
    await inRun(function* () {
      return 5;
    })(),
  ).toBeUndefined();
});

test("a function without the star fails the test, and no function is refused at once", async () => {
  expect(await inRun((async () => {}) as never)().catch((thrown) => thrown)).toBeInstanceOf(TypeError);
  expect(thrownBy(() => inRun(5 as never))).toBeInstanceOf(TypeError);
});

describe("the clock", () => {
  const clocks: MockClock[] = [];
  test.each([1, 2])(
    "can be a function, which makes each run one of its own (%i)",
    inRun(
      function* (time: number) {
        expect(currentTime()).toBe(0);
        yield* sleep(time);
        expect(new Set(clocks).size).toBe(time);
      },
      {
        clock() {
          const clock = new MockClock({ autojumpThreshold: 0 });
          clocks.push(clock);
          return clock;
        },
      },
    ),
  );

  test("one that is given serves every run", async () => {
    const clock = new MockClock({ autojumpThreshold: 0 });
    await inRun(() => sleep(10), { clock, seeds: 3 })();
    expect(clock.currentTime()).toBe(30);
  });

  test("a wrong one fails the test", async () => {
    expect(await failure(inRun(() => sleep(1), { clock: 5 as never }))).toBeInstanceOf(TypeError);
    expect(await failure(inRun(() => sleep(1), { clock: () => 5 as never }))).toBeInstanceOf(TypeError);
  });
});

describe("seeds", () => {
  /** Gives the order in which five tasks of one pass ran. */
  function* order(): Generator<any, string, any> {
    const ran: number[] = [];
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(function* () {
          ran.push(i);
        });
      }
    });
    return ran.join("");
  }

  async function ordersOf(options: InRunOptions, times = 1): Promise<string[]> {
    const orders: string[] = [];
    const runs = inRun(function* () {
      orders.push(yield* call(order));
    }, options);
    for (let i = 0; i < times; i++) await runs();
    return orders;
  }

  test("without one tasks run first in, first out", async () => {
    expect(await ordersOf({}, 3)).toEqual(["01234", "01234", "01234"]);
  });

  test("a number makes the same order each time, as it does in run", async () => {
    const [first, second] = await ordersOf({ seed: 7 }, 2);
    expect(first).not.toBe("01234");
    expect(second).toBe(first!);
    expect(await run(order, { seed: 7 })).toBe(first!);
  });

  test("so many of them are 1, 2, 3 and so on, each in a run of its own", async () => {
    const orders = await ordersOf({ seeds: 4 });
    const expected: string[] = [];
    for (const seed of [1, 2, 3, 4]) expected.push(await run(order, { seed }));
    expect(orders).toEqual(expected);
    expect(new Set(orders).size).toBeGreaterThan(1);
  });

  test('"random" is another order each time, and so many of them if seeds says how many', async () => {
    expect(new Set(await ordersOf({ seed: "random" }, 20)).size).toBeGreaterThan(1);
    const orders = await ordersOf({ seed: "random", seeds: 20 });
    expect(orders).toHaveLength(20);
    expect(new Set(orders).size).toBeGreaterThan(1);
  });

  test("the message of what fails names the seed, which fails again", async () => {
    const runs: string[] = [];
    const fails = (options: InRunOptions): Promise<any> =>
      failure(
        inRun(function* () {
          runs.push(yield* call(order));
          expect(runs.at(-1)).not.toStartWith("4");
        }, options),
      );
    for (const options of [{ seeds: 100 }, { seed: "random", seeds: 1000 }] as const) {
      const error = await fails(options);
      expect(error.message).toContain("Expected to not start with");
      const seed = Number(/\(with the seed (\d+): inRun\(body, \{ seed: \1 \}\)/.exec(error.message)![1]);
      const order = runs.at(-1)!;
      runs.length = 0;
      const again = await fails({ seed });
      expect(again.message).toContain(`with the seed ${seed}:`);
      expect(runs).toEqual([order]);
    }
  });

  test("bun:test prints it, also where it prints the errors of a group and not the group", () => {
    const { output } = printedOf("seeded-failure.ts");
    const notes = output.matchAll(/\(with the seed (\d+): inRun\(body, \{ seed: \1 \}\) makes the same order again\)/g);
    expect([...notes]).toHaveLength(2);
  });

  test("what fails is the error itself, of its own class", async () => {
    const mine = new RangeError("mine");
    const fails = inRun(
      function* () {
        throw mine;
      },
      { seed: 5 },
    );
    expect(await failure(fails)).toBe(mine);
    expect(mine.message).toBe("mine\n\n(with the seed 5: inRun(body, { seed: 5 }) makes the same order again)");
  });

  test.each([
    ["a text", "mine"],
    ["nothing", undefined],
    ["a group of nothing that can be written", new ExceptionGroup(["mine"], "group")],
    ["a frozen error", Object.freeze(new Error("mine"))],
  ])("%s, whose message cannot be written, becomes the cause of one that names the seed", async (_, thrown) => {
    const fails = inRun(
      function* () {
        throw thrown;
      },
      { seeds: 2 },
    );
    const error = await failure(fails);
    expect(error.cause).toBe(thrown);
    expect(error.message).toContain(thrown instanceof Error ? thrown.message : String(thrown));
    expect(error.message.match(/with the seed 1:/g)).toHaveLength(1);
  });

  test("of a group, an error that can be written has it as well, since bun:test prints the errors and not the group", async () => {
    const mine = [
      Object.freeze(new Error("frozen")),
      new ExceptionGroup(["text", new Error("mine")], "inner"),
      new Error("last"),
    ];
    const group = new ExceptionGroup(mine, "outer");
    const fails = inRun(
      function* () {
        throw group;
      },
      { seed: 5 },
    );
    expect(await failure(fails)).toBe(group);
    const noted = (error: any): boolean => error.message.endsWith("makes the same order again)");
    expect([group, ...group.leaves()].map((error) => error instanceof Error && noted(error))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  test("wrong ones are refused at once, but for a number, which run judges", async () => {
    const refused = (options: object): unknown => thrownBy(() => inRun(order, options));
    for (const seeds of [0, -1, 1.5, Number.NaN, Infinity]) expect(refused({ seeds })).toBeInstanceOf(RangeError);
    for (const seeds of ["2", null, true]) expect(refused({ seeds })).toBeInstanceOf(TypeError);
    expect(refused({ seed: "fifo" })).toBeInstanceOf(TypeError);
    expect(refused({ seed: 1, seeds: 2 })).toBeInstanceOf(TypeError);
    expect(await failure(inRun(order, { seed: 1.5 }))).toBeInstanceOf(RangeError);
    expect(await failure(inRun(order, { seed: null as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => inRun(order, null as never))).toBeInstanceOf(TypeError);
  });
});

describe("a test that bun:test does not wait for any longer", () => {
  const { output, results } = printedOf("timed-out.ts");
  /** What was printed for the nth of them. */
  const printed = (n: number): string => output.split(/^\(pass\) .*$/m)[n]!;
  const cancelled = "The run was cancelled. It stood here:\n";
  const givenUp = "It did not end within 1000 ms of that, and was given up";

  test("fails, and leaves the thread free for the one after it", () => {
    expect(results).toEqual([
      "fail waits for ever",
      "pass after it",
      "fail spins",
      "pass after it",
      "fail hangs in an await",
      "pass after it",
      "fail shields itself",
      "pass after it",
      "fail does not wait",
      "pass after it",
      "fail with a hook that makes a run > waits",
      "pass with a hook that makes a run > after it",
      "fail with a hook that throws > waits",
      "pass after it",
    ]);
    expect(output).not.toContain("Unhandled error");
  });

  test("has its run cancelled, so that it cleans up, and shows where it stood", () => {
    expect(output).toContain("cleaned up");
    expect(printed(0)).toContain(`${cancelled}waitsForEver: `);
    expect(printed(0)).toContain("failAfter(ms, body)");
  });

  test("names the seed of the run, and begins no other", () => {
    expect(printed(1)).toContain(`${cancelled}spins: `);
    expect(printed(1)).toContain("(with the seed 1: ");
  });

  test("is given up if that does not end it; what cannot be stopped disturbs nobody", () => {
    expect(printed(2)).toContain(`${cancelled}hangs: `);
    expect(printed(2)).toContain(givenUp);
    expect(output).toContain("went on");
    expect(output).not.toContain("never written");
    expect(printed(3)).toContain(`${cancelled}shields: `);
    expect(printed(3)).toContain(givenUp);
  });

  test("may just not have waited for its run", () => {
    expect(printed(4)).toContain(`${cancelled}stray: `);
  });

  test("has its run cancelled by a run of its hooks, and is told nevertheless", () => {
    expect(printed(5)).toContain(`${cancelled}waits: `);
  });
});

// Each waits for what may still end by itself; that is the same in both kinds.
describe.skipIf(again)("a test fails that leaves behind", () => {
  test("a system task", async () => {
    const error = await failure(
      inRun(function* () {
        spawnSystemTask(named("watcher", sleepForever));
        spawnSystemTask(function* spinner() {
          for (;;) yield* yieldBriefly();
        });
        yield* sleep(1);
      }),
    );
    expect(error).toBeInstanceOf(AssertionError);
    expect(error.message).toMatch(
      /^the test left behind: system task watcher, in sleep\(\) at .*in-run.*; system task spinner, in a schedule point.*\n\n\(/,
    );
    expect(error.message).toContain("{ checkLeftovers: false }");
  });

  test.skipIf(noList !== "")(`a descriptor${noList}`, async () => {
    const path = process.execPath;
    let fd = -1;
    const error = await failure(
      inRun(function* () {
        fd = openSync(path, "r");
        yield* sleep(0);
      }),
    );
    closeSync(fd);
    expect(error).toBeInstanceOf(AssertionError);
    expect(error.message).toStartWith(`the test left behind: descriptor ${fd}, ${realpathSync(path)}\n\n`);
  });

  test.skipIf(noList !== "")(`one that has the number of another, which it closed${noList}`, async () => {
    const before = openSync(process.execPath, "r");
    const error = await failure(
      inRun(function* () {
        closeSync(before);
        expect(openSync("/proc/self/status", "r")).toBe(before);
      }),
    );
    closeSync(before);
    expect(error.message).toContain(`descriptor ${before}, /proc/`);
  });

  test.each([
    ["Worker of the web's", "", (code: string) => new Worker(URL.createObjectURL(new Blob([code])))],
    ["Worker of Node's", ", named mine", (code: string) => new NodeWorker(code, { eval: true, name: "mine" })],
  ])("a %s", async (_, named, make) => {
    const workers: { terminate(): unknown }[] = [];
    const error = await failure(
      inRun(function* () {
        workers.push(make("setInterval(() => {}, 1000);"));
      }),
    );
    expect(error.message).toMatch(new RegExp(`^the test left behind: a Worker, thread \\d+${named}\n`));
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  test("an operation that nobody drove", async () => {
    const forgets = (options: InRunOptions = {}): (() => Promise<void>) =>
      inRun(function* () {
        sleep(1); // oxlint-disable-line tribun/undriven
        yield* sleep(0);
      }, options);
    const error = await failure(forgets());
    expect(error).toBeInstanceOf(AssertionError);
    expect(error.message).toMatch(
      /^sleep\(\) was called at .*in-run.*, and the operation it returned was never driven/,
    );
    expect(error.message).toContain("{ checkLeftovers: false }");
    expect(await failure(forgets({ checkLeftovers: false }))).toBeUndefined();
    // Another run's, of which the process is told later, is not this one's.
    runSync(function* () {
      sleep(1); // oxlint-disable-line tribun/undriven
    });
    expect(await failure(inRun(() => sleep(0)))).toBeUndefined();
  });

  test("with its seed, if it has one; but not if it failed by itself", async () => {
    const mine = new Error("mine");
    const leaves = (fails: boolean): (() => Promise<void>) =>
      inRun(
        function* () {
          spawnSystemTask(sleepForever);
          if (fails) throw mine;
        },
        { seed: 3 },
      );
    expect((await failure(leaves(false))).message).toContain("with the seed 3");
    expect(await failure(leaves(true))).toBe(mine);
  });
});

describe("a test passes that leaves nothing behind", () => {
  test(
    "of its system tasks, though they end a moment after it",
    inRun(function* () {
      const event = new Event();
      spawnSystemTask(function* () {
        yield* event.wait();
        for (let i = 0; i < 3; i++) yield* yieldBriefly();
      });
      yield* sleep(0);
      event.set();
    }),
  );

  test(
    "of its sockets and Workers, though they take their time to go",
    inRun(async function* () {
      const [left, right] = socketpair();
      using _left = left;
      using _right = right;
      const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(1); setInterval(() => {}, 1000);"])));
      yield* fromPromise(new Promise((resolve) => (worker.onmessage = resolve)));
      worker.terminate();
    }),
  );

  test(
    "though Bun itself keeps something from then on",
    inRun(function* () {
      Bun.spawnSync([process.execPath, "--version"]);
      yield* sleep(0);
    }),
  );

  test(
    "or says that it does not care",
    inRun(
      function* () {
        spawnSystemTask(sleepForever);
      },
      { checkLeftovers: false },
    ),
  );

  test("checkLeftovers must be true or false", () => {
    expect(thrownBy(() => inRun(sleepForever, { checkLeftovers: 1 as never }))).toBeInstanceOf(TypeError);
  });

  test("and listens to nothing afterwards", async () => {
    const before = process.listenerCount("worker");
    await inRun(() => sleep(0))();
    await failure(inRun(() => sleep(0), { seed: 0.5 }));
    expect(process.listenerCount("worker")).toBe(before);
  });
});

/** What bun:test makes of one of the programs beside this. */
function printedOf(program: string): { output: string; results: string[] } {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "test", `./test/testing/programs/${program}`], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, NO_COLOR: "1" },
  });
  const output = stdout.toString() + stderr.toString();
  return {
    output,
    results: [...output.matchAll(/^\((pass|fail)\) (.*) \[.*$/gm)].map(([, how, name]) => `${how} ${name}`),
  };
}

/** What the test that `inRun` made fails with. */
async function failure(test: () => Promise<void>): Promise<any> {
  try {
    await test();
  } catch (error) {
    return error;
  }
  return undefined;
}
