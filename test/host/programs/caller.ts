/** A Worker that makes calls into a queue as `worker-calls.test.ts` tells it. */
import { connectCallSoon } from "../../../src/host/worker-calls.ts";
import type { WorkerHandle } from "../../../src/host/worker-calls.ts";

export interface Order {
  readonly handle: WorkerHandle;
  /** The caller's number, the first argument of each of its calls; the second one counts them. */
  readonly caller: number;
  readonly count: number;
  /** With it the callers take turns: a call is made when the word at 0 modulo `callers` is the caller's number. */
  readonly turns?: { readonly words: Int32Array; readonly callers: number };
}

export interface Report {
  /** The numbers of the calls that returned are below it, those of the calls that threw are not. */
  readonly accepted: number;
  /** What the calls threw, without repetition. */
  readonly errors: string[];
  /** Calls that returned after one had thrown. */
  readonly late: number;
}

addEventListener("message", ({ data }: MessageEvent<Order>) => postMessage(obey(data)));

function obey({ handle, caller, count, turns }: Order): Report {
  const call = connectCallSoon(handle);
  const errors = new Set<string>();
  let accepted = 0;
  let late = 0;
  for (let number = 0; number < count; number++) {
    if (turns !== undefined) awaitTurn(turns.words, turns.callers, caller);
    try {
      call(caller, number);
      if (errors.size === 0) accepted++;
      else late++;
    } catch (error) {
      errors.add((error as Error).name);
    }
    if (turns !== undefined) {
      Atomics.add(turns.words, 0, 1);
      Atomics.notify(turns.words, 0);
    }
  }
  return { accepted, errors: [...errors], late };
}

function awaitTurn(words: Int32Array, callers: number, caller: number): void {
  for (;;) {
    const turn = Atomics.load(words, 0);
    if (turn % callers === caller) return;
    Atomics.wait(words, 0, turn);
  }
}
