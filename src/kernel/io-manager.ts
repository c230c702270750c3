/**
 * What the kernel asks of a run's I/O. A backend (`src/io`) implements it over `epoll`, `poll`, `kqueue` or a completion
 * port; tests implement it over nothing at all. The kernel knows no descriptor: the waits themselves
 * (`waitReadable` and the rest) are between the backend and the operations it makes (see `FdIoManager` in `src/io`).
 */
export interface IoManager {
  /** The name statistics show and errors quote: `"epoll"`, `"poll"`, `"kqueue"`, `"iocp"`, or a test's own. */
  readonly backend: string;

  /** How many waits are pending. While it is 0 nothing but {@link IoManager.wake} can end a poll early. */
  readonly waiting: number;

  /**
   * Waits until something is ready, until somebody calls {@link IoManager.wake}, or until `timeout` milliseconds are
   * over, whichever comes first, and hands every event to the operation that waits for it, which reschedules its task.
   *
   * @param timeout real milliseconds, may be fractional; 0 only looks, `Infinity` waits for ever. Never rounded down
   *   to a busy wait: a wait of 0.3 ms may last 1 ms.
   * @returns how many events were handed out. Wake-ups, interrupted calls (EINTR) and events nobody waits for are not counted.
   */
  poll(timeout: number): number;

  /** Ends the poll in progress, or the next one, at once. From any thread that can reach the object; cheap when repeated. */
  wake(): void;

  /** For `currentStatistics().io`. */
  statistics(): IoStatistics;

  /** Gives every descriptor back. Called once, when no task is left. */
  close(): void;
}

export interface IoStatistics {
  readonly backend: string;
  readonly tasksWaitingRead: number;
  readonly tasksWaitingWrite: number;
}
