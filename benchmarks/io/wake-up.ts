/** Wakes another process by a byte on a socket, and measures how long its answer takes. */
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { AF_UNIX, SOCK_STREAM } from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { expectCount } from "../harness/expect.ts";

/** Milliseconds before each wake-up, in which the other process goes to sleep. */
const PAUSE = 0.3;
/** Nanoseconds after which an answer will not come any more. */
const PATIENCE = 20e9;
/** Wake-ups that do not count. */
const WARM_UP = process.argv.includes("--quick") ? 20 : 200;

/** Never notified: to sleep on, for less than a millisecond, too. */
const clock = new Int32Array(new SharedArrayBuffer(4));

export class OtherProcess {
  readonly #child: Bun.Subprocess;
  readonly #fd: number;
  readonly #byte = new Uint8Array(new ArrayBuffer(1));
  readonly #received = new Uint8Array(new ArrayBuffer(2));
  #isReady = false;

  /** @param command a program that answers each byte of its standard input by one, on the same socket */
  constructor(command: readonly string[]) {
    const pair = new Int32Array(new ArrayBuffer(8));
    const result = socketCalls().socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    if (result < 0) throw systemError(-result, "socketpair");
    this.#fd = pair[0]!;
    this.#child = Bun.spawn([...command], { stdin: pair[1]!, stdout: "inherit", stderr: "inherit" });
    descriptorCalls().close(pair[1]!);
  }

  /** @returns for each of so many wake-ups the µs from the byte to its answer */
  wakeUps(count: number): number[] {
    if (!this.#isReady) {
      // While it starts, it can do with this thread's core.
      this.#wakeUp(() => Atomics.wait(clock, 0, 0, 1));
      for (let i = 0; i < WARM_UP; i++) this.#wakeUp(() => {});
      this.#isReady = true;
    }
    // This thread stays awake, so that what is measured is the other's waking.
    return Array.from({ length: count }, () => this.#wakeUp(() => {}));
  }

  #wakeUp(beforeLooking: () => void): number {
    Atomics.wait(clock, 0, 0, PAUSE);
    const began = Bun.nanoseconds();
    socketCalls().send(this.#fd, this.#byte);
    let answered: number;
    do {
      beforeLooking();
      answered = socketCalls().recv(this.#fd, this.#received, 2);
    } while (answered === -ERRNO.EAGAIN && Bun.nanoseconds() - began < PATIENCE);
    const took = Bun.nanoseconds() - began;
    expectCount("bytes that answer one", answered, 1);
    return took / 1_000;
  }

  /** @returns its exit code */
  end(): Promise<number> {
    descriptorCalls().close(this.#fd);
    return this.#child.exited;
  }
}
