import { waitReadable, waitWritable, type Operation } from "../hazmat.ts";
import { Attempt } from "../kernel/attempt.ts";

/** What a {@link TryOnce} waits for before it tries again. */
export type Direction = "readable" | "writable";

/** Anything with a descriptor. */
interface Descriptor {
  readonly fd: number;
}

/** A non-blocking call of a descriptor's: tried, and where it would block tried again whenever the descriptor is ready. */
export class TryOnce<T> extends Attempt<T> {
  override readonly operationName: string;
  readonly #descriptor: Descriptor;
  readonly #direction: Direction;
  readonly #call: () => T | undefined;
  #value: T | undefined = undefined;

  /**
   * @param name how messages call the operation: `"Socket.recv()"`
   * @param call the non-blocking call; undefined says that it would have blocked, and a throw is the operation's
   */
  constructor(name: string, descriptor: Descriptor, direction: Direction, call: () => T | undefined) {
    super();
    this.operationName = name;
    this.#descriptor = descriptor;
    this.#direction = direction;
    this.#call = call;
  }

  protected attempt(): boolean {
    this.#value = this.#call();
    return this.#value !== undefined;
  }

  protected wait(): Operation<void> {
    const { fd } = this.#descriptor;
    return this.#direction === "readable" ? waitReadable(fd) : waitWritable(fd);
  }

  protected override waited(): boolean {
    return this.attempt();
  }

  protected result(): T {
    return this.#value as T;
  }
}
