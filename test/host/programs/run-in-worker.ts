/** A Worker that makes runs as it is told, and says how they went. */
import { type WorkerHandle, ParkingLot, connectCallSoon, waitReadable, yieldBriefly } from "../../../src/hazmat.ts";
import { fromPromise, openNursery, run, runSync, sleep } from "../../../src/index.ts";
import type { IoBackend } from "../../../src/io/index.ts";
import { Descriptors, drain, write } from "../../io/descriptors.ts";

export interface Order {
  readonly host: "run" | "runSync";
  readonly io: IoBackend;
  readonly rounds: number;
  /** A function of the parent's run, called once a round. */
  readonly handle?: WorkerHandle;
}

export interface Report {
  /** One line for each round: what it came to. */
  readonly outcomes: string[];
  /** What a nested run got. */
  readonly nested: string;
}

let nested = "";

function* main({ host, handle }: Order): Generator<any, string, any> {
  using descriptors = new Descriptors();
  const [reading, writing] = descriptors.oneWay();
  const lot = new ParkingLot();
  const trail: string[] = [];
  const call = handle === undefined ? null : connectCallSoon(handle);
  yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      yield* waitReadable(reading);
      trail.push(`read ${drain(reading)}`);
      lot.unpark();
    });
    nursery.startSoon(async function* () {
      yield* sleep(2);
      write(writing, "abc");
      await Promise.resolve();
    });
    yield* lot.park();
    for (let i = 0; i < 100; i++) yield* yieldBriefly();
  });
  if (host === "run") trail.push(yield* fromPromise(new Promise((resolve) => setTimeout(resolve, 1, "timer"))));
  call?.();
  try {
    runSync(function* () {});
  } catch (error) {
    nested = (error as Error).name;
  }
  return trail.join(", ");
}

addEventListener("message", async ({ data: order }: MessageEvent<Order>) => {
  const outcomes: string[] = [];
  for (let round = 0; round < order.rounds; round++) {
    const { host, io } = order;
    try {
      outcomes.push(host === "run" ? await run(() => main(order), { io }) : runSync(() => main(order), { io }));
    } catch (error) {
      outcomes.push(String(error));
    }
  }
  postMessage({ outcomes, nested } satisfies Report);
});
