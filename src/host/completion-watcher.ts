import { CompletionThread } from "../../ffi/completion-thread.ts";
import type { IocpIoManager } from "../io/iocp.ts";
import type { Watcher } from "./watcher.ts";

/**
 * A helper thread that waits on the run's completion port, and posts a message to Bun's loop. What it took the I/O manager
 * takes over by itself, before it asks the port.
 */
export class CompletionWatcher implements Watcher {
  readonly #thread: CompletionThread;

  constructor(io: IocpIoManager, onReady: () => void, onError: (error: unknown) => void) {
    this.#thread = new CompletionThread(io.port, onReady, onError);
    io.waitElsewhere = this.#thread;
  }

  watch(): boolean {
    this.#thread.wait();
    return true;
  }

  /** The I/O manager has ended the wait when it last polled, and there was no other since. */
  rest(): void {}

  close(): Promise<void> {
    return this.#thread.close();
  }
}
