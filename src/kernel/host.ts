/** What the kernel asks of whoever gives it the thread. */
export interface Host {
  /** Runs every pending microtask, so that an async generator that was resumed comes back with its trap. */
  drainMicrotasks(): void;
  /** Something became runnable, or a deadline moved, while the run was asleep: make another pass soon. */
  wake(): void;
  /** Tells the user of a mistake that does not end the run. `stack` is where it was made, if that is known. */
  warn(message: string, code: string, stack: string | null): void;
  /** Opens the door for other threads, when it is first asked for. @throws UnsupportedError where there is none. */
  openThreadCalls(): ThreadCalls;
}

/** Calls that other threads queued: the host's part of the entry queue. */
export interface ThreadCalls {
  /** Cheap: whether anything may be queued. */
  readonly pending: boolean;
  /** Whether another thread may still call: whether a handle was given out. */
  readonly open: boolean;
  /** A handle for another thread, which will queue calls of `callId`. Can be posted without a transfer list. */
  handleFor(callId: number): object;
  /** Takes what is queued, oldest first. */
  drain(): ThreadCall[];
  /** Decides the end: a call made from now on throws RunFinishedError in its thread. Gives those that did not. */
  close(): ThreadCall[];
}

export interface ThreadCall {
  readonly callId: number;
  readonly args: unknown[];
}
