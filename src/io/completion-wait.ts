/**
 * A wait on a run's completion port that is going on in another thread, while Bun's loop turns.
 *
 * Only one thread asks a port at a time, so that packets keep their order: the I/O manager ends this wait, and hands
 * out what it took, before it asks the port itself.
 */
export interface CompletionWait {
  /**
   * Ends the wait, if one is in force, and gives what it took from the port. Each packet is given once; when this returns
   * the other thread asks the port no more.
   */
  take(): TakenCompletions;
}

export interface TakenCompletions {
  /** `OVERLAPPED_ENTRY`s one after the other, as 32-bit words. Good until the next wait begins. */
  readonly entries: Uint32Array<ArrayBufferLike>;
  readonly count: number;
}
