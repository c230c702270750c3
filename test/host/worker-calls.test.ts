import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { WakeAddress } from "../../ffi/wake-address.ts";
import { RunFinishedError, UnsupportedError } from "../../src/errors.ts";
import { connectCallSoon, WorkerCalls } from "../../src/host/worker-calls.ts";
import type { WorkerCall, WorkerHandle } from "../../src/host/worker-calls.ts";
import type { Order, Report } from "./programs/caller.ts";
import { type Sleeper, sleeper } from "./sleeper.ts";

/** A Worker that obeys orders. */
class Caller {
  readonly worker = new Worker(new URL("./programs/caller.ts", import.meta.url));
  order(order: Order): Promise<Report> {
    const { promise, resolve, reject } = Promise.withResolvers<Report>();
    this.worker.addEventListener("message", ({ data }: MessageEvent<Report>) => resolve(data), { once: true });
    this.worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
    this.worker.postMessage(order);
    return promise;
  }
}

const calls = (taken: WorkerCall[]): [number, ...unknown[]][] => taken.map(({ callId, args }) => [callId, ...args]);

describe("WorkerCalls", () => {
  let woken: Sleeper;
  let queue: WorkerCalls;
  beforeEach(() => {
    woken = sleeper();
    queue = new WorkerCalls(woken.address);
  });
  afterEach(() => {
    queue.close();
    woken.close();
  });

  /** Sleeps in the kernel until woken, as a run does, and says whether it was within ten seconds. */
  function sleep(timeout = 10_000): boolean {
    return woken.sleep(timeout);
  }

  const workers: Caller[] = [];
  function callers(count: number): Caller[] {
    while (workers.length < count) workers.push(new Caller());
    return workers.slice(0, count);
  }
  afterAll(() => {
    for (const { worker } of workers) worker.terminate();
  });

  test("gives the calls in order, with the ids of their handles and clones of their arguments", () => {
    const one = connectCallSoon(queue.handleFor(1));
    const max = connectCallSoon(queue.handleFor(2 ** 32 - 1));
    const map = new Map([["key", [1n, undefined, new Date(0)]]]);
    one("first", map);
    max();
    one({ text: "é".repeat(100_000) });
    const taken = calls(queue.drain());
    expect(taken).toEqual([[1, "first", map], [2 ** 32 - 1], [1, { text: "é".repeat(100_000) }]]);
    expect(taken[0]![2]).not.toBe(map);
    expect(queue.drain()).toEqual([]);
  });

  test("counts the handles it gave", () => {
    expect(queue.handlesOut).toBe(0);
    queue.handleFor(0);
    queue.handleFor(0);
    expect(queue.handlesOut).toBe(2);
  });

  test("is pending, and wakes the run, from a call to the next drain", () => {
    const call = connectCallSoon(queue.handleFor(0));
    expect(queue.pending).toBe(false);
    for (let round = 0; round < 3; round++) {
      expect(sleep(0)).toBe(false);
      call();
      expect(queue.pending).toBe(true);
      expect(sleep(0)).toBe(true);
      call();
      expect(sleep(0)).toBe(false); // the first wake-up is for both
      expect(queue.drain()).toHaveLength(2);
      expect(queue.pending).toBe(false);
    }
  });

  test("after close every call throws RunFinishedError, and what came before is given", () => {
    const handle = queue.handleFor(7);
    const call = connectCallSoon(handle);
    call("in time");
    const { calls: last, writersLeft } = queue.close();
    expect(calls(last)).toEqual([[7, "in time"]]);
    expect(writersLeft).toBe(0);
    expect(() => call("too late")).toThrow(RunFinishedError);
    expect(() => connectCallSoon(handle)("too late")).toThrow(RunFinishedError);
    expect(queue.drain()).toEqual([]);
    expect(queue.close()).toEqual({ calls: [], writersLeft: 0 });
    expect(() => call("later still")).toThrow(RunFinishedError);
    expect(queue.pending).toBe(false);
  });

  test("a closed queue's wake descriptor is not written to any more", () => {
    const call = connectCallSoon(queue.handleFor(0));
    queue.close();
    expect(() => call()).toThrow(RunFinishedError);
    expect(sleep(0)).toBe(false);
  });

  test("an argument that cannot be cloned throws at the caller and queues nothing", () => {
    const call = connectCallSoon(queue.handleFor(0));
    for (const argument of [() => {}, Symbol("s"), Promise.resolve(), { deep: [new WeakMap()] }]) {
      expect(() => call(1, argument)).toThrow(expect.objectContaining({ name: "DataCloneError" }));
    }
    expect(queue.pending).toBe(false);
    expect(sleep(0)).toBe(false);
    expect(queue.drain()).toEqual([]);
    queue.close();
    expect(() => call(() => {})).toThrow(expect.objectContaining({ name: "DataCloneError" }));
  });

  test("an argument's getter may itself call", () => {
    const call = connectCallSoon(queue.handleFor(0));
    const nosy = {
      get inner() {
        call("inner");
        return 1;
      },
    };
    call(nosy);
    expect(calls(queue.drain())).toEqual([
      [0, "inner"],
      [0, { inner: 1 }],
    ]);
  });

  test("what is no handle is a TypeError that says what one is", () => {
    const handle = queue.handleFor(0);
    for (const wrong of [undefined, null, 5, "handle", {}, () => {}, { ...handle, queue: new ArrayBuffer(16) }]) {
      expect(() => connectCallSoon(wrong as unknown as WorkerHandle)).toThrow(TypeError);
      expect(() => connectCallSoon(wrong as unknown as WorkerHandle)).toThrow("callSoon.forThread(fn)");
    }
    expect(() => connectCallSoon({ ...handle, waker: undefined } as unknown as WorkerHandle)).toThrow(TypeError);
  });

  test("a handle that wakes in another platform's way is refused by that name", () => {
    const elsewhere: WakeAddress =
      process.platform === "win32" ? { kind: "eventfd", fd: 1 } : { kind: "iocp", port: 1 };
    const handle = { ...queue.handleFor(0), waker: elsewhere };
    expect(() => connectCallSoon(handle)).toThrow(UnsupportedError);
    expect(() => connectCallSoon(handle)).toThrow(elsewhere.kind);
  });

  test("calls of several Workers wake a thread that blocks, first in first out over all of them", async () => {
    const turns = { words: new Int32Array(new SharedArrayBuffer(4)), callers: 3 };
    const handle = queue.handleFor(0);
    const reports = callers(3).map((each, caller) => each.order({ handle, caller, count: 500, turns }));
    const taken: unknown[][] = [];
    // No turn of the loop: the Workers' answers cannot come meanwhile, the calls can.
    while (taken.length < 1500) {
      expect(sleep()).toBe(true);
      taken.push(...queue.drain().map(({ args }) => args));
    }
    expect(taken).toEqual(Array.from({ length: 1500 }, (_, turn) => [turn % 3, Math.floor(turn / 3)]));
    for (const report of await Promise.all(reports)) expect(report).toEqual({ accepted: 500, errors: [], late: 0 });
  });

  /** Has four Workers call while the queue is drained and, once `closeAfter` calls came, closed. */
  async function storm(count: number, closeAfter: number): Promise<void> {
    const reports = callers(4).map((each, caller) => each.order({ handle: queue.handleFor(caller), caller, count }));
    const next = [0, 0, 0, 0];
    let wrong = 0;
    let total = 0;
    const check = (taken: WorkerCall[]): void => {
      total += taken.length;
      for (const { callId, args } of taken) {
        const [caller, number] = args as [number, number];
        if (caller !== callId || next[caller]++ !== number) wrong++;
      }
    };
    while (total < closeAfter) {
      if (!queue.pending && !sleep()) throw new Error("a wake-up was lost");
      check(queue.drain());
    }
    const { calls: last, writersLeft } = queue.close();
    check(last);
    expect(writersLeft).toBe(0);
    // Nothing is lost, doubled or out of order: each caller's calls came from the first to the last that returned.
    expect(wrong).toBe(0);
    for (const [caller, { accepted, errors, late }] of (await Promise.all(reports)).entries()) {
      expect(late).toBe(0);
      expect(accepted).toBe(next[caller]!);
      expect(errors).toEqual(accepted < count ? ["RunFinishedError"] : []);
    }
  }

  let random = 1;
  const below = (n: number): number => (random = (random * 48271) % 0x7fffffff) % n;

  test.each(Array.from({ length: 4 }, (_, round) => round))(
    "each of 400,000 calls by four Workers was either taken or threw when the queue closed amid them, round %d",
    () => storm(100_000, below(390_000)),
  );

  test.each(Array.from({ length: 60 }, (_, round) => round))("the same, early, round %d", () =>
    storm(1000, below(3000)),
  );

  test("the nodes are freed", () => {
    const call = connectCallSoon(queue.handleFor(0));
    const payload = new Uint8Array(10_000);
    const fill = (): void => {
      for (let number = 0; number < 10_000; number++) {
        call(payload);
        if (number % 100 === 0) queue.drain();
      }
      queue.drain();
      Bun.gc(true);
    };
    fill();
    const before = process.memoryUsage.rss();
    fill();
    expect(process.memoryUsage.rss() - before).toBeLessThan(50e6); // of 100e6
  });

  // The third word of a queue counts, by fours, the threads that are waking the run.
  const WAKING = 2;
  const PENDING = 1;
  const WRITER = 4;

  test("close waits for a thread that is waking the run", async () => {
    const { queue: shared } = queue.handleFor(0);
    const source = `
      self.onmessage = ({ data: shared }) => {
        const words = new Int32Array(shared);
        Atomics.add(words, ${WAKING}, ${WRITER});
        postMessage("waking");
        while (Atomics.load(new BigInt64Array(shared), 0) !== -1n);
        const end = performance.now() + 20;
        while (performance.now() < end);
        Atomics.sub(words, ${WAKING}, ${WRITER});
        Atomics.notify(words, ${WAKING});
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([source])));
    worker.postMessage(shared);
    await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
    const start = performance.now();
    expect(queue.close()).toEqual({ calls: [], writersLeft: 0 });
    expect(performance.now() - start).toBeGreaterThanOrEqual(20);
    worker.terminate();
  });

  test("a thread that was terminated while it woke the run holds close up for a moment, and is reported", () => {
    Atomics.add(new Int32Array(queue.handleFor(0).queue), WAKING, 2 * WRITER);
    const start = performance.now();
    expect(queue.close()).toEqual({ calls: [], writersLeft: 2 });
    expect(performance.now() - start).toBeGreaterThanOrEqual(99);
  });

  test("a thread that was terminated before it woke the run keeps no other one from doing so", () => {
    const handle = queue.handleFor(0);
    Atomics.add(new Int32Array(handle.queue), WAKING, PENDING + WRITER);
    connectCallSoon(handle)();
    expect(sleep(0)).toBe(true);
    expect(queue.drain()).toHaveLength(1);
  });

  test("a call that was queued just before the end does not wake the run after it", () => {
    const handle = queue.handleFor(0);
    const call = connectCallSoon(handle);
    // As if the thread stood between the two steps of its call while the queue was closed.
    const exchange = Atomics.compareExchange;
    try {
      Atomics.compareExchange = ((...step: Parameters<typeof exchange>) => {
        const found = exchange(...step);
        Atomics.compareExchange = exchange;
        expect(queue.close().calls).toHaveLength(1);
        return found;
      }) as typeof exchange;
      call();
    } finally {
      Atomics.compareExchange = exchange;
    }
    expect(sleep(0)).toBe(false);
  });

  test("what Workers called before they were terminated is taken, from the first call on", async () => {
    for (let round = 0; round < 6; round++) {
      const own = new WorkerCalls(woken.address);
      const pair = [new Caller(), new Caller()];
      for (const [caller, each] of pair.entries()) {
        void each.order({ handle: own.handleFor(caller), caller, count: Infinity });
      }
      const numbers: unknown[][] = [[], []];
      const sort = (taken: WorkerCall[]): void => {
        for (const { callId, args } of taken) numbers[callId]!.push(args[1]);
      };
      while (numbers.some(({ length }) => length < 100)) {
        sleep();
        sort(own.drain());
      }
      const ended = pair.map(
        ({ worker }) => new Promise((resolve) => worker.addEventListener("close", resolve, { once: true })),
      );
      for (const { worker } of pair) worker.terminate();
      await Promise.all(ended);
      sort(own.close().calls);
      for (const each of numbers) expect(each).toEqual(Array.from(each.keys()));
    }
  });
});
