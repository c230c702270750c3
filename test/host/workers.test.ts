/** A run for each thread: in Workers, several at once, and beside one on the main thread. */
import { afterEach, describe, expect, test } from "bun:test";
import { ParkingLot, type WorkerHandle, currentCallSoonThreadAndSignalSafe } from "../../src/hazmat.ts";
import { fromPromise, moveOnAfter, openNursery, run, runSync } from "../../src/index.ts";
import type { Order, Report } from "./programs/run-in-worker.ts";
import { BACKENDS } from "../backends.ts";

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

function inWorker(order: Order): Promise<Report> {
  const worker = new Worker(new URL("./programs/run-in-worker.ts", import.meta.url));
  workers.push(worker);
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  worker.addEventListener("message", ({ data }: MessageEvent<Report>) => resolve(data), { once: true });
  worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
  worker.postMessage(order);
  return promise;
}

function expected({ host, rounds }: Order): Report {
  const outcome = host === "run" ? "read 3, timer" : "read 3";
  return { outcomes: Array.from({ length: rounds }, () => outcome), nested: "UsageError" };
}

describe("in Workers", () => {
  const orders = (["run", "runSync"] as const).flatMap((host) =>
    BACKENDS.map((io): Order => ({ host, io, rounds: 5 })),
  );

  for (const order of orders) {
    test(`${order.host} on ${order.io}, one after the other`, async () => {
      expect(await inWorker(order)).toEqual(expected(order));
    }, 30_000);

    test(`${order.host} on ${order.io}, at once in two`, async () => {
      const reports = await Promise.all([inWorker(order), inWorker(order)]);
      expect(reports).toEqual([expected(order), expected(order)]);
    }, 30_000);
  }

  test("both hosts at once in four, beside a run on this thread that takes their calls", async () => {
    const rounds = 5;
    let calls = 0;
    await run(() =>
      openNursery(function* (nursery) {
        const lot = new ParkingLot();
        const handle = currentCallSoonThreadAndSignalSafe().forThread(() => {
          calls++;
          lot.unpark();
        }) as WorkerHandle;
        for (const order of orders) {
          nursery.startSoon(function* () {
            const report = yield* fromPromise(inWorker({ ...order, handle, rounds }));
            expect(report).toEqual(expected(order));
          });
        }
        while (calls < orders.length * rounds) yield* lot.park();
      }),
    );
    expect(calls).toBe(orders.length * rounds);
  }, 30_000);

  test("beside a runSync on this thread that takes their calls", async () => {
    const order: Order = { host: "run", io: BACKENDS[0]!, rounds: 3 };
    // A Worker is started by the thread that made it, whose loop does not turn in runSync.
    const ready = inWorker({ ...order, rounds: 1 });
    await ready;
    let calls = 0;
    let done!: Promise<Report>;
    runSync(() =>
      openNursery(function* () {
        const lot = new ParkingLot();
        const handle = currentCallSoonThreadAndSignalSafe().forThread(() => {
          calls++;
          lot.unpark();
        }) as WorkerHandle;
        const worker = workers[0]!;
        const { promise, resolve } = Promise.withResolvers<Report>();
        worker.addEventListener("message", ({ data }: MessageEvent<Report>) => resolve(data), { once: true });
        worker.postMessage({ ...order, handle });
        done = promise;
        // This thread is blocked meanwhile: without a deadline a call that is lost would be the end of all tests.
        yield* moveOnAfter(10_000, function* () {
          while (calls < order.rounds) yield* lot.park();
        });
      }),
    );
    expect(calls).toBe(order.rounds);
    expect(await done).toEqual(expected(order));
  }, 30_000);
});
