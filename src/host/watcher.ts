/** Tells a run on Bun's loop when its I/O manager would find something to do. It is called back from that loop. */
export interface Watcher {
  /**
   * The run goes to sleep: from here on the watcher calls back once, when its I/O manager would find something, or at
   * any time before. What is being watched already goes on being watched.
   *
   * @returns false when it cannot be watched for now.
   */
  watch(): boolean;
  /** Nobody waits for descriptors or calls of other threads for now. */
  rest(): void;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}
