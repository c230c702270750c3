import type { WakeAddress } from "../../ffi/wake-address.ts";
import { UnsupportedError } from "../errors.ts";
import type { ThreadCall, ThreadCalls } from "../kernel/host.ts";
import type { Runner } from "../kernel/runner.ts";
import type { WakeableIo } from "../io/index.ts";
import { thread } from "../kernel/thread.ts";
import { WorkerCalls } from "./worker-calls.ts";

function wakeable(runner: Runner): WakeableIo | null {
  return "wakeAddress" in runner.io ? (runner.io as unknown as WakeableIo) : null;
}

/** By what another thread, or a signal's handler, ends a poll of the run's I/O manager; null when nothing does. */
export function wakeAddressOf(runner: Runner): WakeAddress | null {
  return wakeable(runner)?.wakeAddress ?? null;
}

/**
 * Lets Workers call into this thread's run, which may have got no further than its instruments' `beforeRun`.
 *
 * @throws UnsupportedError when nothing but its own thread can wake it.
 */
export function openThreadCalls(): ThreadCalls {
  const runner = thread.runner as Runner;
  const io = wakeable(runner);
  if (io === null) {
    throw new UnsupportedError(
      `callSoon.forThread(fn): this run's I/O backend, ${runner.io.backend}, cannot be woken by another thread`,
    );
  }
  return new WorkerThreadCalls(io);
}

/** The entry queue's view of {@link WorkerCalls}. */
class WorkerThreadCalls implements ThreadCalls {
  readonly #io: WakeableIo;
  readonly #calls: WorkerCalls;

  constructor(io: WakeableIo) {
    this.#io = io;
    this.#calls = new WorkerCalls(io.wakeAddress);
  }

  get pending(): boolean {
    return this.#calls.pending;
  }

  get open(): boolean {
    return this.#calls.handlesOut > 0;
  }

  handleFor(callId: number): object {
    return this.#calls.handleFor(callId);
  }

  drain(): ThreadCall[] {
    return this.#calls.drain();
  }

  close(): ThreadCall[] {
    const { calls, writersLeft } = this.#calls.close();
    if (writersLeft > 0) this.#io.leakWakeAddress();
    return calls;
  }
}
