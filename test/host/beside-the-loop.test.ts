/** `run` shares the thread with Bun's event loop: what goes on beside it, and inside its tasks. */
import { describe, expect, test } from "bun:test";
import {
  abortable,
  currentTime,
  failAfter,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  sleepForever,
  sleepUntil,
  type Operation,
} from "../../src/index.ts";
import { ParkingLot, currentTask, waitReadable, yieldBriefly } from "../../src/hazmat.ts";
import { Descriptors, read, write } from "../io/descriptors.ts";
import { runProgram } from "./children.ts";
import type { IoBackend } from "../../src/io/index.ts";
import { BACKENDS } from "../backends.ts";

/** A server that answers with the path, after as many turns of the loop as it says. */
function echoServer(): Disposable & { url: string } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch({ url }) {
      const { pathname } = new URL(url);
      if (pathname === "/never") return await new Promise<Response>(() => {});
      await Bun.sleep(1);
      return new Response(pathname);
    },
  });
  return { url: server.url.origin, [Symbol.dispose]: () => void server.stop(true) };
}

const LINES = "for (const line of ['one', 'two']) { console.log(line); await Bun.sleep(5); }";

function child(): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, "-e", LINES], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
}

describe("in tasks", () => {
  test("fetch, by fromPromise, abortable and a native await, plain and async", async () => {
    using server = echoServer();
    const got: string[] = [];
    await run(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* plain() {
          const response = yield* fromPromise(fetch(`${server.url}/promise`));
          got.push(yield* fromPromise(response.text()));
        });
        nursery.startSoon(function* plain() {
          got.push(yield* abortable(async (signal) => (await fetch(`${server.url}/abortable`, { signal })).text()));
        });
        nursery.startSoon(async function* asynchronous() {
          const response = yield* fromPromise(fetch(`${server.url}/async`));
          got.push(yield* fromPromise(response.text()));
        });
        nursery.startSoon(async function* awaiting() {
          got.push(await (await fetch(`${server.url}/await`)).text());
          expect(currentTask().name).toBe("awaiting");
        });
      }),
    );
    expect(got.toSorted()).toEqual(["/abortable", "/async", "/await", "/promise"]);
  });

  test("a fetch that is never answered is cut off by a deadline, and its connection is dropped", async () => {
    using server = echoServer();
    await run(function* () {
      let ended: unknown = "nothing yet";
      yield* moveOnAfter(20, () =>
        abortable((signal) => {
          const answer = fetch(`${server.url}/never`, { signal });
          answer.catch((error: unknown) => (ended = (error as Error).name));
          return answer;
        }),
      );
      expect(ended).toBe("AbortError");
    });
  });

  test("a child process: its end and its output", async () => {
    await run(async function* () {
      const one = child();
      expect(yield* fromPromise(new Response(one.stdout).text())).toBe("one\ntwo\n");
      expect(yield* fromPromise(one.exited)).toBe(0);
      const two = child();
      let said = "";
      for await (const chunk of two.stdout.pipeThrough(new TextDecoderStream())) said += chunk;
      expect(said).toBe("one\ntwo\n");
      expect(await two.exited).toBe(0);
      yield* sleep(0);
    });
  });

  test("a timer, an immediate and a file", async () => {
    await run(function* () {
      const timer = new Promise<string>((resolve) => setTimeout(resolve, 5, "timer"));
      const immediate = new Promise<string>((resolve) => setImmediate(resolve, "immediate"));
      expect(yield* fromPromise(immediate)).toBe("immediate");
      expect(yield* fromPromise(timer)).toBe("timer");
      expect(yield* fromPromise(Bun.file(import.meta.path).text())).toContain("and a file");
    });
  });

  test("a server whose handlers wake tasks, and which tasks are clients of", async () => {
    const lot = new ParkingLot();
    const paths: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch({ url }) {
        paths.push(new URL(url).pathname);
        lot.unpark();
        return new Response("taken");
      },
    });
    try {
      await run(() =>
        openNursery(function* (nursery) {
          nursery.startSoon(function* () {
            for (let i = 0; i < 5; i++) {
              while (paths.length <= i) yield* lot.park();
            }
          });
          for (let i = 0; i < 5; i++) {
            expect(yield* abortable(async (signal) => (await fetch(`${server.url}${i}`, { signal })).text())).toBe(
              "taken",
            );
          }
        }),
      );
    } finally {
      void server.stop(true);
    }
    expect(paths).toEqual(["/0", "/1", "/2", "/3", "/4"]);
  });
});

describe("beside a run", () => {
  /** What goes on beside a run that does `body` until it is told to stop. */
  async function beside(body: () => Operation<unknown>, io?: IoBackend): Promise<void> {
    using server = echoServer();
    const controller = new AbortController();
    // A run that took the thread for itself would end by the deadline, and the test fail.
    const main = (): Operation<unknown> => failAfter(10_000, body);
    const running = run(main, { signal: controller.signal, ...(io === undefined ? {} : { io }) });
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 1);
    expect(await (await fetch(`${server.url}/beside`)).text()).toBe("/beside");
    const process = child();
    expect(await new Response(process.stdout).text()).toBe("one\ntwo\n");
    expect(await process.exited).toBe(0);
    await Bun.sleep(5);
    await new Promise(setImmediate);
    expect(ticks).toBeGreaterThan(0);
    clearInterval(ticker);
    controller.abort("stopped");
    expect(await running.catch((error: unknown) => error)).toBe("stopped");
  }

  test("that is idle", () => beside(sleepForever));

  test("that is idle with a deadline", () => beside(() => sleep(1e6)));

  test("that is busy", () =>
    beside(() =>
      openNursery(function* (nursery) {
        for (let i = 0; i < 10; i++) {
          nursery.startSoon(function* () {
            for (;;) yield* yieldBriefly();
          });
        }
        yield* sleepForever();
      }),
    ));

  test("that is busy with async tasks", () =>
    beside(() =>
      openNursery(async function* (nursery) {
        for (let i = 0; i < 10; i++) {
          nursery.startSoon(async function* () {
            for (;;) yield* yieldBriefly();
          });
        }
        yield* sleepForever();
      }),
    ));

  test("that wakes up again and again", () =>
    beside(() =>
      openNursery(function* () {
        for (;;) yield* sleep(0.1);
      }),
    ));

  for (const io of BACKENDS) {
    test(`that waits for descriptors: ${io}`, async () => {
      using descriptors = new Descriptors();
      const [reading, writing] = descriptors.oneWay();
      let heard = 0;
      const writer = setInterval(() => write(writing), 1);
      await beside(
        () =>
          openNursery(function* () {
            for (;;) {
              yield* waitReadable(reading);
              heard += read(reading)?.length ?? 0;
            }
          }),
        io,
      );
      clearInterval(writer);
      expect(heard).toBeGreaterThan(0);
    });
  }
});

describe("a busy run", () => {
  for (const kind of ["plain", "async"]) {
    test(`${kind}: gives Bun's loop a turn again and again`, async () => {
      let ticks = 0;
      let turns = 0;
      const ticker = setInterval(() => ticks++, 1);
      const turn = (): void => void (turns++, (immediate = setImmediate(turn)));
      let immediate = setImmediate(turn);
      let steps = 0;
      const spin = {
        *plain() {
          for (; ticks < 20; steps++) yield* yieldBriefly();
        },
        async *async() {
          for (; ticks < 20; steps++) yield* yieldBriefly();
        },
      }[kind] as () => Operation<void>;
      await run(() => failAfter(10_000, spin)); // it ends only because the ticker goes on
      clearInterval(ticker);
      clearImmediate(immediate);
      // And it is the run that has the most of the thread: many steps go into one turn of the loop.
      expect(turns).toBeGreaterThan(20);
      expect(steps).toBeGreaterThan(turns);
    });
  }

  test("with steps that are long: a turn of the loop after each", async () => {
    let turns = 0;
    const turn = (): void => void (turns++, (immediate = setImmediate(turn)));
    let immediate = setImmediate(turn);
    await run(function* () {
      yield* sleep(1);
      const before = turns;
      for (let i = 0; i < 20; i++) {
        const end = performance.now() + 2;
        while (performance.now() < end);
        yield* yieldBriefly();
      }
      expect(turns - before).toBeGreaterThanOrEqual(19);
    });
    clearImmediate(immediate);
  });

  test("with I/O that is always ready: a turn of the loop again and again", async () => {
    using descriptors = new Descriptors();
    const [reading, writing] = descriptors.oneWay();
    write(writing);
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 1);
    const waits = function* () {
      while (ticks < 20) yield* waitReadable(reading);
    };
    await run(() => failAfter(10_000, waits)); // it ends only because the ticker goes on
    clearInterval(ticker);
  });

  test("a promise callback that keeps the loop of microtasks busy does not keep a deadline away", async () => {
    await run(function* () {
      const scope = yield* moveOnAfter(5, function* (scope) {
        for (;;) yield* fromPromise(Promise.resolve(scope));
      });
      expect(scope).toBeUndefined();
    });
  });
});

describe("the process", () => {
  test("is kept alive by an idle run, and ends by itself when it is over", async () => {
    for (const what of ["sleeps", "waits for ever, and something unreferenced ends it", "descriptor"]) {
      expect([what, await runProgram("alive", [what])]).toEqual([what, { said: ["main", "ended", "exit"], end: 0 }]);
    }
  });

  test("a process.exit() in a task ends it, with a helper thread at work too", async () => {
    expect(await runProgram("alive", ["exits"])).toEqual({ said: ["main", "exit"], end: 7 });
  });

  test("what main throws, and nobody catches, is an unhandled rejection", async () => {
    expect(await runProgram("alive", ["throws"])).toEqual({ said: ["main", "unhandled mine", "exit"], end: 0 });
  });
});

test("a run with a deadline due in every pass, and a busy task, gives the loop its turns", async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  let passes = 0;
  const done = (): boolean => turns === 50 || passes === 50_000;
  await run(() =>
    openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        while (!done()) yield* sleepUntil(currentTime());
      });
      for (; !done(); passes++) yield* yieldBriefly();
    }),
  );
  clearImmediate(immediate);
  expect(turns).toBeGreaterThanOrEqual(50); // those amid which the run ends count, too
});

describe.each([
  ["plain", false],
  ["async", true],
])("a step of a %s task that turns Bun's loop itself, as expect(promise).resolves does", (_, asynchronous) => {
  test("is not interrupted by other tasks, and what happened meanwhile is seen after it", async () => {
    using descriptors = new Descriptors();
    const [reading, writing] = descriptors.oneWay();
    const trail: string[] = [];
    const turns = (): void => {
      trail.push("begins");
      void expect(Bun.sleep(10)).resolves.toBe(undefined);
      trail.push("ends");
    };
    await run(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitReadable(reading);
          trail.push("readable");
        });
        nursery.startSoon(function* () {
          yield* sleep(5);
          trail.push("slept");
        });
        nursery.startSoon(
          asynchronous
            ? async function* () {
                yield* sleep(1);
                write(writing);
                turns();
                yield* yieldBriefly();
              }
            : function* () {
                yield* sleep(1);
                write(writing);
                turns();
                yield* yieldBriefly();
              },
        );
      }),
    );
    expect(trail.slice(0, 2)).toEqual(["begins", "ends"]);
    expect(trail.slice(2).toSorted()).toEqual(["readable", "slept"]);
  });
});
