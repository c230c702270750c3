import { EpollIoManager } from "../io/epoll.ts";
import type { PollSetIo } from "../io/index.ts";
import { LoopSignal } from "./loop-signal.ts";
import type { Watcher } from "./watcher.ts";

/** The proof waits for the signal through so many turns of the loop; one should do. */
const TURNS = 10;

/** Whether {@link LoopSignal} was seen to work, in this thread. Null while nobody knows. */
let works: boolean | null = null;

/**
 * Bun's loop watches the epoll instance itself ({@link LoopSignal}).
 *
 * That rests on something that Bun does and does not promise. So the first one in a thread proves it, on an instance
 * made for that: no signal comes while the instance has no events, and one does when it has. If it is not so, the
 * helper thread takes over.
 */
export class LoopWatcher implements Watcher {
  readonly #io: PollSetIo;
  readonly #signal: LoopSignal;
  readonly #onUseless: () => void;
  #proof: Proof | null = null;

  /** Whether it may be tried for `io`. */
  static suits(io: PollSetIo): boolean {
    return works !== false && io.pollSet().instance !== -1;
  }

  /** @param onUseless called from Bun's loop when it turned out not to work. */
  constructor(io: PollSetIo, onReady: () => void, onUseless: () => void) {
    this.#io = io;
    this.#signal = new LoopSignal(onReady);
    this.#onUseless = onUseless;
  }

  watch(): boolean {
    const watched = this.#signal.arm(this.#io.pollSet());
    if (works === null && this.#proof === null) this.#prove();
    return watched;
  }

  /** The instance goes on being watched: that holds on to no task's descriptor, and a signal too many costs little. */
  rest(): void {}

  close(): Promise<void> {
    this.#signal.disarm();
    this.#proof?.close();
    return Promise.resolve();
  }

  #prove(): void {
    let io: EpollIoManager;
    try {
      io = new EpollIoManager();
    } catch {
      return; // no descriptors left: next time
    }
    this.#proof = new Proof(io, (result) => {
      this.#proof = null;
      works = result;
      if (!result) this.#onUseless();
    });
  }
}

class Proof {
  readonly #io: EpollIoManager;
  readonly #done: (works: boolean) => void;
  readonly #signal: LoopSignal;
  #immediate: NodeJS.Immediate;
  #turnsLeft = TURNS;

  constructor(io: EpollIoManager, done: (works: boolean) => void) {
    this.#io = io;
    this.#done = done;
    let expected = false;
    this.#signal = new LoopSignal(() => this.#end(expected));
    this.#signal.arm(io.pollSet());
    this.#immediate = setImmediate(() => {
      expected = true;
      io.wake();
      this.#wait();
    });
  }

  #wait(): void {
    this.#immediate = setImmediate(() => {
      if (this.#turnsLeft-- > 0) this.#wait();
      else this.#end(false);
    });
  }

  #end(result: boolean): void {
    this.close();
    this.#done(result);
  }

  close(): void {
    clearImmediate(this.#immediate);
    this.#signal.disarm();
    this.#io.close();
  }
}
