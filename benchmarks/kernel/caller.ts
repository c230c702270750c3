/** A Worker that calls into the main thread as it is told, through a call-soon handle or by messages. */
import { connectCallSoon } from "tribun/hazmat";

declare const self: Worker;

export interface Order {
  /** Without one, the calls are messages. */
  readonly handle?: object;
  readonly count: number;
  /** Milliseconds from one call to the next. */
  readonly pause: number;
}

/**
 * Each thread's clock begins when the thread does. The Worker asks for the main thread's time, which answers at once, and
 * keeps the offset that it learned in the shortest exchange.
 */
const ASKED = 1;
const ANSWERED = 0;
const LEARNED = 2;

/** On the main thread: answers until the Worker has learned the time. */
export function tellTime(shared: SharedArrayBuffer): void {
  const { turn, time } = views(shared);
  for (;;) {
    const state = Atomics.load(turn, 0);
    if (state === LEARNED) return;
    if (state === ANSWERED) continue;
    time[0] = Bun.nanoseconds();
    Atomics.store(turn, 0, ANSWERED);
  }
}

function learnTime(shared: SharedArrayBuffer): number {
  const { turn, time } = views(shared);
  let shortest = Infinity;
  let offset = 0;
  for (let i = 0; i < 200; i++) {
    const asked = Bun.nanoseconds();
    Atomics.store(turn, 0, ASKED);
    while (Atomics.load(turn, 0) === ASKED);
    const answered = Bun.nanoseconds();
    if (answered - asked >= shortest) continue;
    shortest = answered - asked;
    offset = time[0]! - (asked + answered) / 2;
  }
  Atomics.store(turn, 0, LEARNED);
  return offset;
}

function views(shared: SharedArrayBuffer): { turn: Int32Array; time: Float64Array } {
  return { turn: new Int32Array(shared, 0, 1), time: new Float64Array(shared, 8, 1) };
}

if (!Bun.isMainThread) {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  let offset = 0;
  self.onmessage = ({ data }: MessageEvent<Order | SharedArrayBuffer>): void => {
    if (data instanceof SharedArrayBuffer) {
      offset = learnTime(data);
      return;
    }
    const { handle, count, pause } = data;
    const call = handle === undefined ? (time: number) => self.postMessage(time) : connectCallSoon(handle);
    for (let i = 0; i < count; i++) {
      if (pause > 0) Atomics.wait(nothing, 0, 0, pause);
      call(Bun.nanoseconds() + offset);
    }
  };
}
