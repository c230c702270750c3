import { duplicate } from "../../ffi/duplicate.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import type { PollSet } from "../io/index.ts";

/**
 * A call from Bun's loop when an epoll instance has events: the loop itself watches the instance, whose descriptor is
 * readable then. So that wait takes no thread, no time of the CPU, and a wake-up costs what one of Bun's own sockets
 * costs.
 *
 * Bun has no call that watches a descriptor without reading from it. But it makes a socket of any descriptor
 * (`Bun.connect({ fd })`), and when that is readable and cannot be read from, as no epoll instance can, the socket is
 * closed with the error (ENOTSOCK) like any socket whose connection broke. That closing is the call. It takes the
 * descriptor with it, so each time a duplicate of the instance's is given away.
 */
export class LoopSignal {
  readonly #handlers: Bun.SocketHandler;
  #socket: Bun.Socket<unknown> | null = null;
  /** The socket that is being made, within the call that makes it. */
  #opening: Bun.Socket<unknown> | null = null;
  #isArming = false;
  /** The poll set whose instance is watched, or was last. */
  #set: PollSet | null = null;
  /** The next duplicate of its instance's descriptor; -1 when there is none. */
  #spare = -1;

  /** @param onReady called from Bun's loop, once each time that it is armed; never from within a call of this class. */
  constructor(onReady: () => void) {
    this.#handlers = {
      data() {},
      error() {},
      // Called before `Bun.connect` returns, since there is nothing to connect.
      open: (socket) => {
        if (this.#isArming) this.#opening = socket;
        else socket.terminate();
      },
      close: (socket) => {
        if (socket === this.#opening) this.#opening = null;
        if (socket !== this.#socket) return;
        this.#socket = null;
        // Its descriptor has just become free: now there is one to be had, even if the process has as many as it may.
        this.#reserve();
        onReady();
      },
    };
  }

  /**
   * Watches the instance of `set`, in place of another one if need be.
   *
   * @returns whether it is watched: not when Bun refuses, or there are no descriptors left.
   */
  arm(set: PollSet): boolean {
    if (this.#socket !== null) {
      if (set === this.#set) return true;
      this.disarm();
    }
    if (set !== this.#set) {
      this.#release();
      this.#set = set;
    }
    if (this.#spare === -1) this.#reserve();
    if (this.#spare === -1) return false;
    const options: Bun.FdSocketOptions = { fd: this.#spare, socket: this.#handlers };
    this.#isArming = true;
    try {
      // Bun's types have these options, and lack the overload that takes them.
      Bun.connect(options as unknown as Bun.UnixSocketOptions).catch(() => {});
    } catch {
      return false;
    } finally {
      this.#isArming = false;
    }
    this.#spare = -1; // Bun's now
    this.#socket = this.#opening;
    this.#opening = null;
    return this.#socket !== null;
  }

  /** It calls no more until it is armed again, and holds no descriptor. */
  disarm(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    this.#release();
    this.#set = null;
  }

  #reserve(): void {
    this.#spare = Math.max(-1, duplicate((this.#set as PollSet).instance));
  }

  #release(): void {
    if (this.#spare !== -1) descriptorCalls().close(this.#spare);
    this.#spare = -1;
  }
}
