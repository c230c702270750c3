/** Entering a run from outside: whatever calls, on both hosts, and while the run ends. */
import { JSCallback, linkSymbols, type Pointer } from "bun:ffi";
import { afterAll, describe, expect, test } from "bun:test";
import {
  type CallSoon,
  ParkingLot,
  type WorkerHandle,
  connectCallSoon,
  currentCallSoonThreadAndSignalSafe,
  yieldBriefly,
} from "../../src/hazmat.ts";
import { RunFinishedError, TrioInternalError, run, runSync, sleep } from "../../src/index.ts";
import type { Order, Report } from "./programs/caller.ts";
import { ConsoleKeys } from "../console-keys.ts";
import { runProgram } from "./children.ts";

const hosts: Record<string, typeof run> = { run, runSync: async (main, options) => runSync(main, options) };

/** A Worker of `programs/caller.ts`. */
class Caller {
  readonly worker = new Worker(new URL("./programs/caller.ts", import.meta.url));
  order(order: Omit<Order, "handle"> & { handle: object }): Promise<Report> {
    const { promise, resolve, reject } = Promise.withResolvers<Report>();
    this.worker.addEventListener("message", ({ data }: MessageEvent<Report>) => resolve(data), { once: true });
    this.worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
    this.worker.postMessage({ ...order, handle: order.handle as WorkerHandle });
    return promise;
  }
}

const callers: Caller[] = [];
function workers(count: number): Caller[] {
  while (callers.length < count) callers.push(new Caller());
  return callers.slice(0, count);
}
afterAll(() => {
  for (const { worker } of callers) worker.terminate();
});

/** What calls a function from Bun's event loop, once `arrange` was called. */
const sources: Record<string, (call: () => void) => void> = {
  setTimeout: (call) => void setTimeout(call, 1),
  setImmediate: (call) => void setImmediate(call),
  setInterval(call) {
    const timer = setInterval(() => {
      clearInterval(timer);
      call();
    }, 1);
  },
  "process.nextTick": (call) => process.nextTick(call),
  "a promise's callback": (call) => void Promise.resolve().then(call),
  "the callback of a promise that Bun's loop settles": (call) => void Bun.sleep(1).then(call),
  "a threadsafe JSCallback": (call) => void callInC(call, true),
  "a JSCallback that C calls synchronously": (call) => void setTimeout(() => callInC(call, false), 1),
  "Bun.listen's and Bun.connect's callbacks"(call) {
    let heard = 0;
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, data) {
          socket.end(data);
        },
      },
    });
    void Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        open: (socket) => void socket.write("x"),
        data() {
          if (heard++ > 0) return;
          server.stop();
          call();
        },
      },
    });
  },
};

/** Has C call a function pointer of ours. */
function callInC(fn: () => void, threadsafe: boolean): void {
  const callback = new JSCallback(
    () => {
      fn();
      setImmediate(() => callback.close());
    },
    { args: [], returns: "void", threadsafe },
  );
  const { symbols } = linkSymbols({ call: { ptr: callback.ptr as Pointer, args: [], returns: "void" } });
  symbols.call();
}

for (const [name, arrange] of Object.entries(sources)) {
  test(`run is entered from ${name}`, async () => {
    await run(async function* () {
      const callSoon = currentCallSoonThreadAndSignalSafe();
      const lot = new ParkingLot();
      for (let n = 0; n < 5; n++) {
        arrange(() => callSoon(() => void lot.unpark()));
        yield* lot.park();
      }
    });
  });
}

test("runSync is entered from a JSCallback that C calls synchronously, and from a promise's callback", () => {
  runSync(async function* () {
    const callSoon = currentCallSoonThreadAndSignalSafe();
    const lot = new ParkingLot();
    const log: string[] = [];
    callInC(() => callSoon(() => void log.push("C")), false);
    yield* sleep(1);
    void Promise.resolve().then(() => callSoon(() => void lot.unpark()));
    yield* lot.park();
    expect(log).toEqual(["C"]);
  });
});

test("run is entered from signal handlers, also when the process sleeps", async () => {
  using keys = new ConsoleKeys();
  let woken = 0;
  const { end } = await runProgram("entry", [], async (line, child) => {
    if (line === "woken") woken++;
    if (line !== "ready") return;
    if (process.platform === "win32") await keys.press(child.pid, "SIGBREAK");
    else child.kill("SIGUSR1");
  });
  expect({ woken, end }).toEqual({ woken: 3, end: 0 });
});

for (const [name, runOn] of Object.entries(hosts)) {
  describe(name, () => {
    test("one handle goes to several Workers, and calls are first in, first out over them and this thread", async () => {
      const count = 200;
      const turns = { words: new Int32Array(new SharedArrayBuffer(4)), callers: 4 };
      const log: unknown[][] = [];
      let reports: Promise<Report>[] = [];
      await runOn(async function* () {
        const lot = new ParkingLot();
        const callSoon = currentCallSoonThreadAndSignalSafe();
        const note = (...args: unknown[]): void => {
          log.push(args);
          if (log.length === 4 * count) lot.unpark();
        };
        const handle = callSoon.forThread(note);
        reports = workers(3).map((each, caller) => each.order({ handle, caller, count, turns }));
        for (let number = 0; number < count; number++) {
          // This thread is the fourth, and makes its calls from a task.
          while (Atomics.load(turns.words, 0) % 4 !== 3) yield* yieldBriefly();
          callSoon(note, 3, number);
          Atomics.add(turns.words, 0, 1);
          Atomics.notify(turns.words, 0);
        }
        yield* lot.park();
      });
      expect(log).toEqual(Array.from({ length: 4 * count }, (_, turn) => [turn % 4, Math.floor(turn / 4)]));
      for (const report of await Promise.all(reports)) expect(report).toEqual({ accepted: count, errors: [], late: 0 });
    });

    test("arguments that cannot be cloned throw at the caller, and nothing is queued", async () => {
      const log: unknown[] = [];
      await runOn(async function* () {
        const handle = currentCallSoonThreadAndSignalSafe().forThread((what) => log.push(what));
        const call = connectCallSoon(handle as WorkerHandle);
        for (const wrong of [() => {}, Symbol("s"), new WeakMap()]) {
          expect(() => call(wrong)).toThrow(expect.objectContaining({ name: "DataCloneError" }));
        }
        call("good");
        yield* sleep(1);
      });
      expect(log).toEqual(["good"]);
    });

    for (const endAfter of [1, 5000, 150_000]) {
      test(`the end of a run that 4 Workers call into 100,000 times each, after ${endAfter} calls`, async () => {
        const count = 100_000;
        const next = [0, 0, 0, 0];
        let wrong = 0;
        let total = 0;
        let reports: Promise<Report>[] = [];
        await runOn(async function* () {
          const lot = new ParkingLot();
          const handle = currentCallSoonThreadAndSignalSafe().forThread((caller: number, number: number) => {
            if (next[caller]++ !== number) wrong++;
            if (++total === endAfter) lot.unpark();
          });
          reports = workers(4).map((each, caller) => each.order({ handle, caller, count }));
          yield* lot.park();
        });
        const atTheEnd = [...next];
        const ends = await Promise.all(reports);
        expect(next).toEqual(atTheEnd); // none ran after the run
        expect(wrong).toBe(0); // in order, none twice
        for (const [caller, { accepted, errors, late }] of ends.entries()) {
          expect(accepted).toBe(next[caller]!); // what did not throw ran
          expect(late).toBe(0);
          expect(errors).toEqual(accepted < count ? ["RunFinishedError"] : []);
        }
      });
    }

    test("Workers that are terminated amid their calls do not hold up the end of the run", async () => {
      for (let round = 0; round < 4; round++) {
        const own = [new Caller(), new Caller()];
        const numbers: number[][] = [[], []];
        await runOn(async function* () {
          const lot = new ParkingLot();
          const handle = currentCallSoonThreadAndSignalSafe().forThread((caller: number, number: number) => {
            numbers[caller]!.push(number);
            if (numbers.every(({ length }) => length >= 50)) lot.unpark();
          });
          for (const [caller, each] of own.entries()) void each.order({ handle, caller, count: Infinity });
          yield* lot.park();
          for (const { worker } of own) worker.terminate();
        });
        for (const each of numbers) expect(each).toEqual(Array.from(each.keys()));
      }
    });

    test("a callback that throws ends the run with TrioInternalError, while calls behind it still run", async () => {
      const log: string[] = [];
      const ending = runOn(async function* () {
        const callSoon = currentCallSoonThreadAndSignalSafe();
        const call = connectCallSoon(callSoon.forThread(crash) as WorkerHandle);
        callSoon((what: string) => void log.push(what), "before");
        call("thrown");
        callSoon((what: string) => void log.push(what), "behind");
        yield* sleep(1_000_000);
      });
      const error = await ending.then(
        () => null,
        (problem: unknown) => problem,
      );
      expect(error).toBeInstanceOf(TrioInternalError);
      expect(log).toEqual(["before", "behind"]);
    });

    test("a run that Workers may call sleeps until one does", async () => {
      // The engine's own threads have their work too, at times: a run that does not sleep is busy in every window.
      let least = Infinity;
      await runOn(async function* () {
        currentCallSoonThreadAndSignalSafe().forThread(() => {});
        for (let windows = 0; windows < 10 && least > 40; windows++) {
          const before = process.cpuUsage();
          yield* sleep(200);
          const { user, system } = process.cpuUsage(before);
          least = Math.min(least, (user + system) / 1000);
        }
      });
      expect(least).toBeLessThan(40); // of 200 ms
    });

    test("after the run every way in throws RunFinishedError", async () => {
      let callSoon: CallSoon | undefined;
      let fromThread: (() => void) | undefined;
      await runOn(async function* () {
        callSoon = currentCallSoonThreadAndSignalSafe();
        fromThread = connectCallSoon(callSoon.forThread(() => {}) as WorkerHandle);
        fromThread();
        yield* yieldBriefly();
      });
      expect(() => callSoon!(() => {})).toThrow(RunFinishedError);
      expect(() => callSoon!.idempotent(() => {})).toThrow(RunFinishedError);
      expect(() => callSoon!.forThread(() => {})).toThrow(RunFinishedError);
      expect(fromThread!).toThrow(RunFinishedError);
    });
  });
}

function crash(what: string): void {
  throw new Error(what);
}
