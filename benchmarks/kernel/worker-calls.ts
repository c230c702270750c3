/** Calls from a Worker into a run, and messages from one: what `call-soon.ts` and `call-soon-latency.ts` have in common. */
import { currentCallSoonThreadAndSignalSafe, ParkingLot } from "tribun/hazmat";
import { tellTime, type Order } from "./caller.ts";

/** When each call was made and when it came: nanoseconds. */
export interface Calls {
  readonly made: readonly number[];
  readonly came: readonly number[];
}

let thread: Worker | undefined;

/** One for all cases, which does not keep the process from ending. */
function worker(): Worker {
  if (thread === undefined) {
    thread = new Worker(new URL("./caller.ts", import.meta.url));
    thread.unref();
    const shared = new SharedArrayBuffer(16);
    thread.postMessage(shared);
    tellTime(shared);
  }
  return thread;
}

/** Has the Worker call so often, and waits for the last. */
export function* callsInRun(order: Omit<Order, "handle">): Generator<any, Calls, any> {
  const all = new ParkingLot();
  const made: number[] = [];
  const came: number[] = [];
  const handle = currentCallSoonThreadAndSignalSafe().forThread((time: number) => {
    made.push(time);
    if (came.push(Bun.nanoseconds()) === order.count) all.unpark();
  });
  worker().postMessage({ ...order, handle });
  yield* all.park();
  return { made, came };
}

/** The same with messages. */
export function messages(order: Omit<Order, "handle">): Promise<Calls> {
  const { promise, resolve } = Promise.withResolvers<Calls>();
  const made: number[] = [];
  const came: number[] = [];
  // What listens is what keeps the loop going.
  worker().ref();
  worker().onmessage = ({ data }: MessageEvent<number>): void => {
    made.push(data);
    if (came.push(Bun.nanoseconds()) < order.count) return;
    worker().unref();
    resolve({ made, came });
  };
  worker().postMessage(order);
  return promise;
}
