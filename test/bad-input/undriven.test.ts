/** The forgotten yield*: reported with the line that made the operation, once for each line, and nothing else changes. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, spyOn, test, type Mock } from "bun:test";
import {
  ParkingLot,
  spawnSystemTask,
  yieldBriefly,
  yieldIndefinitely,
  Abort,
  type Operation,
} from "../../src/hazmat.ts";
import {
  CancelScope,
  abortable,
  call,
  fromPromise,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
  sleepUntil,
} from "../../src/index.ts";
import { socketpair } from "../../src/socket.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual, wrong } from "./soundness.ts";

type Warning = Error & { code: string };
let emitWarning: Mock<typeof process.emitWarning>;
beforeEach(() => {
  emitWarning = spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  emitWarning.mockRestore();
});

/** The warnings so far. */
function warnings(): Warning[] {
  return emitWarning.mock.calls.map(([warning]) => warning as unknown as Warning);
}

/** The line of this file that says `mark` in a comment. */
function lineOf(mark: string): string {
  const text = readFileSync(import.meta.path, "utf8");
  const index = text.split("\n").findIndex((line) => line.endsWith(`// ${mark}`));
  if (index < 0) throw new Error(`no line is marked ${mark}`);
  return `undriven.test.ts:${index + 1}`;
}

/** There was one warning, of this operation, with the line so marked first in its stack. */
function expectReport(operation: string, mark: string, times?: number): void {
  const all = warnings();
  expect(all.map(({ message }) => message)).toHaveLength(1);
  const [warning] = all as [Warning];
  expect(warning.name).toBe("TribunWarning");
  expect(warning.code).toBe("TRIBUN_UNDRIVEN");
  expect(warning.message).toStartWith(`${operation} was called at `);
  expect(warning.message).toContain("was never driven, so it did nothing: write yield* before the call");
  expect(warning.message).toContain(lineOf(mark));
  expect(warning.stack?.split("\n")[1]).toContain(lineOf(mark));
  if (times === undefined) expect(warning.message).not.toMatch(/ times/);
  else expect(warning.message).toContain(` ${times} times, `);
}

describe("is reported, and the outcome is what it was", () => {
  test("in a plain generator", () => {
    const value = virtual(function* () {
      sleep(1); // plain
      yield* passes(1);
      return 7;
    });
    expect(value).toBe(7);
    expectReport("sleep()", "plain");
  });

  test("as the very last thing that main does", () => {
    virtual(function* () {
      yield* passes(1);
      sleep(1); // last
    });
    expectReport("sleep()", "last");
  });

  test("in an async generator", async () => {
    const value = await run(async function* () {
      sleep(1); // asynchronous
      yield* sleep(1);
      return 7;
    });
    expect(value).toBe(7);
    expectReport("sleep()", "asynchronous");
  });

  test("after a native await", async () => {
    await run(async function* () {
      await Bun.sleep(1);
      sleep(1); // awaited before
      await Bun.sleep(1);
    });
    expectReport("sleep()", "awaited before");
  });

  test("with await where yield* should be", async () => {
    const value = await run(async function* () {
      return await wrong(sleep(1)); // await
    });
    expect(value).toBeDefined(); // the operation itself
    expectReport("sleep()", "await");
    expect(warnings()[0]?.message).toContain("not await");
  });

  test("in a nested call: the line that made it comes first, its callers follow", () => {
    function deeper(): void {
      sleep(1); // deeper
    }
    function* shallow(): Generator<any, void> {
      deeper(); // shallow
    }
    virtual(() => call(shallow));
    expectReport("sleep()", "deeper");
    expect(warnings()[0]?.stack?.split("\n")[2]).toContain(lineOf("shallow"));
  });

  test("in a child task, in a system task, in a body", () => {
    virtual(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          sleep(1);
        });
        spawnSystemTask(function* () {
          sleep(1);
        });
        sleep(1);
        yield* passes(3);
      }),
    );
    expect(warnings()).toHaveLength(3);
  });

  test("when main throws: the error comes out as it is", () => {
    const boom = new Error("boom");
    const error = thrownBy(() =>
      virtual(function* () {
        sleep(1); // before the throw
        throw boom;
      }),
    );
    expect(error).toBe(boom);
    expectReport("sleep()", "before the throw");
  });

  test("when the run dies of an internal error", () => {
    thrownBy(() =>
      virtual(function* () {
        sleep(1); // before the crash
        spawnSystemTask(function* () {
          throw new Error("boom");
        });
        yield* sleepForever();
      }),
    );
    expectReport("sleep()", "before the crash");
  });

  test("whatever operation it is", () => {
    const [a, b] = socketpair();
    const kinds: readonly (() => Operation<unknown>)[] = [
      () => sleep(1),
      () => sleep(0),
      () => sleepUntil(1),
      () => sleepForever(),
      () => yieldBriefly(),
      () => yieldIndefinitely(() => Abort.SUCCEEDED),
      () => new ParkingLot().park(),
      () => fromPromise(Promise.resolve()),
      () => abortable(() => Promise.resolve()),
      () => call(() => sleep(1)),
      () => openNursery(() => sleep(1)),
      () => new CancelScope().run(() => sleep(1)),
      () => moveOnAfter(1, () => sleep(1)),
      () => waitAllTasksBlocked(),
      () => a.recv(10),
      () => b.send(new Uint8Array(10)),
    ];
    for (const make of kinds) {
      emitWarning.mockClear();
      virtual(function* () {
        make();
      });
      expect(warnings().map(({ code }) => code)).toEqual(["TRIBUN_UNDRIVEN"]);
    }
    a.close();
    b.close();
  });

  test("where it was made, cancelled and forgotten between", () => {
    virtual(function* () {
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(function* () {
        const later = sleep(1); // cut off
        yield* yieldBriefly();
        yield* later;
      });
    });
    expectReport("sleep()", "cut off");
  });
});

describe("many", () => {
  test("in a loop: one warning for the line, with the count", () => {
    virtual(function* () {
      for (let i = 0; i < 10; i++) sleep(1); // loop
    });
    expectReport("sleep()", "loop", 10);
  });

  test("lines apart: one each", () => {
    virtual(function* () {
      for (let i = 0; i < 3; i++) {
        sleep(1); // here
        sleep(2); // and here
      }
      sleepForever(); // and there
    });
    const messages = warnings().map(({ message }) => message);
    expect(messages).toHaveLength(3);
    for (const mark of ["here", "and here", "and there"]) {
      expect(messages.filter((message) => message.includes(lineOf(mark)))).toHaveLength(1);
    }
  });

  test("more than are remembered, and than stacks are taken for: one with the line, one for the rest, none left out", () => {
    virtual(function* () {
      for (let i = 0; i < 30_000; i++) {
        sleep(1); // long loop
        if (i % 100 === 0) yield* yieldBriefly();
      }
    });
    const messages = warnings().map(({ message }) => message);
    expect(messages).toHaveLength(2);
    const counts = messages.map((message) => Number(/ (\d+) times/.exec(message)?.[1]));
    expect(counts.reduce((sum, count) => sum + count)).toBe(30_000);
    expect(messages[0]).toContain(lineOf("long loop"));
    expect(messages[1]).toStartWith("sleep() was called 2");
  });

  test("they are let go: memory does not grow with their number", () => {
    virtual(function* () {
      for (let i = 0; i < 20_000; i++) sleep(1);
      Bun.gc(true);
      const before = process.memoryUsage().heapUsed;
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 20_000; i++) sleep(1);
        yield* yieldBriefly();
      }
      Bun.gc(true);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
    });
  });

  test("a program that runs on is told as soon as it is certain that one is lost", async () => {
    const line = lineOf("leak");
    const namesTheLine = ({ message }: Warning): boolean => message.includes(line);
    await run(async function* () {
      (() => {
        for (let i = 0; i < 3_000; i++) sleep(1); // leak
      })();
      // The collector says so in its own time.
      for (let turns = 0; !warnings().some(namesTheLine) && turns < 500; turns++) {
        Bun.gc(true);
        await Bun.sleep(1);
      }
      expect(warnings().some(namesTheLine)).toBe(true);
    });
    expect(warnings().filter(namesTheLine)).toHaveLength(1);
  });

  test("Error.stackTraceLimit of 0: reported by name", () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      virtual(function* () {
        sleep(1);
      });
    } finally {
      Error.stackTraceLimit = limit;
    }
    expect(warnings()[0]?.message).toStartWith("sleep() was called, and the operation it returned was never driven");
  });
});

describe("no report", () => {
  afterEach(() => {
    expect(warnings()).toEqual([]);
  });

  test("for operations that are stored and driven later, in any order", () => {
    virtual(function* () {
      const first = sleep(3);
      const second = sleep(1);
      const third = yieldBriefly();
      yield* passes(3);
      yield* second;
      yield* third;
      yield* first;
    });
  });

  test("for 5,000 that are stored, and driven later", () => {
    virtual(function* () {
      const operations = Array.from({ length: 5_000 }, () => yieldBriefly());
      yield* passes(3);
      for (const operation of operations) yield* operation;
    });
  });

  test("for operations handed to a task, a frame, a scope, a nursery", () => {
    virtual(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(() => sleep(1));
        nursery.startSoon(sleep, 1);
        const made = sleep(1);
        nursery.startSoon(() => made);
        yield* call(() => sleep(1));
        yield* new CancelScope().run(() => sleep(1));
        yield* moveOnAfter(5, () => call(() => sleep(1)));
        spawnSystemTask(() => sleep(1));
        yield* sleep(2);
      }),
    );
  });

  test("for operations made outside a run, and driven or not", () => {
    const driven = sleep(1);
    sleep(1);
    virtual(() => driven);
    sleep(1);
    virtual(() => passes(1));
  });

  test("for operations whose making threw", () => {
    virtual(function* () {
      function* nothing(): Generator<any, void> {}
      for (const make of [
        () => sleep(-1),
        () => sleepUntil(NaN),
        () => moveOnAfter(NaN, nothing),
        () => moveOnAfter(1, wrong(undefined)),
        () => moveOnAfter(1, nothing, wrong({ shield: 1 })),
        () => openNursery(wrong(undefined)),
        () => openNursery(nothing, wrong({ strictExceptionGroups: 1 })),
        () => call(wrong(undefined)),
        () => fromPromise(wrong(undefined)),
        () => abortable(wrong(undefined)),
        () => yieldIndefinitely(wrong(undefined)),
        () => new CancelScope().run(wrong(undefined)),
        () => waitAllTasksBlocked(-1),
      ]) {
        expect(thrownBy(make)).toBeInstanceOf(Error);
      }
      yield* passes(1);
    });
  });

  test("for operations that were driven and threw, or were cancelled", () => {
    virtual(function* () {
      const boom = new Error("boom");
      expect(yield* errorOf(fromPromise(Promise.reject(boom)))).toBe(boom);
      expect(
        yield* errorOf(
          call(() => {
            throw boom;
          }),
        ),
      ).toBe(boom);
      const scope = new CancelScope();
      scope.cancel();
      yield* scope.run(function* () {
        expect(isCancelled(yield* errorOf(sleep(1)))).toBe(true);
        expect(isCancelled(yield* errorOf(moveOnAfter(1, () => sleep(1))))).toBe(true);
      });
      yield* errorOf(
        openNursery(() => {
          throw boom;
        }),
      );
    });
  });

  test("for one that was yielded without the star, which has had its error", () => {
    virtual(function* () {
      let error: unknown;
      try {
        yield sleep(1) as any;
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
    });
  });

  test("for what the library makes for itself, in a run that uses everything", async () => {
    const [a, b] = socketpair();
    const program = async function* (): AsyncGenerator<any, void> {
      const scope = new CancelScope({ timeout: 50 });
      yield* scope.run(async function* () {
        yield* openNursery(async function* (nursery) {
          nursery.startSoon(() => b.recv(10));
          yield* a.send(new Uint8Array(3));
          yield* nursery.start(function* (status: { started(value?: unknown): void }) {
            status.started();
            yield* sleep(1);
          });
          yield* fromPromise(Bun.sleep(1));
          yield* abortable(() => Bun.sleep(1));
          yield* waitAllTasksBlocked();
        });
      });
    };
    await run(program);
    a.close();
    b.close();
  });
});

test("the next run reports nothing of the last one's", () => {
  virtual(function* () {
    sleep(1);
  });
  emitWarning.mockClear();
  runSync(function* () {
    yield* passes(1);
  });
  expect(warnings()).toEqual([]);
});

test("a program that forgets one prints the line, and goes on", async () => {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/programs/forgetful.ts`], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(await child.exited).toBe(0);
  expect(out).toBe("done\n");
  expect(errors).toContain("TRIBUN_UNDRIVEN");
  expect(errors).toMatch(/sleep\(\) was called at main \(.*forgetful\.ts:5:/);
});
