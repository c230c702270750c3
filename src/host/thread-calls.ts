import { UnsupportedError } from "../errors.ts";
import type { ThreadCall, ThreadCalls } from "../kernel/host.ts";
import type { Runner } from "../kernel/runner.ts";
import { thread } from "../kernel/thread.ts";
import { WorkerCalls } from "./worker-calls.ts";

/** What a backend needs, beyond the kernel's contract, for other threads to wake it. */
interface WakeableIo {
  /** An eventfd that ends a poll. */
  readonly wakeFd: number;
  /** The wake descriptor is to stay open at the end: another thread may still write to it. */
  leakWakeFd(): void;
}

function wakeable(runner: Runner): WakeableIo | null {
  return "wakeFd" in runner.io ? (runner.io as unknown as WakeableIo) : null;
}

/** The eventfd that ends a poll of the run's I/O manager; -1 when it has none. */
export function wakeFdOf(runner: Runner): number {
  return wakeable(runner)?.wakeFd ?? -1;
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
    this.#calls = new WorkerCalls(io.wakeFd);
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
    if (writersLeft > 0) this.#io.leakWakeFd();
    return calls;
  }
}
