import { ClosedResourceError, WouldBlock } from "../errors.ts";
import { ParkingLot, yieldBriefly, type Operation, type Trap } from "../hazmat.ts";
import { operation } from "../kernel/operation-of.ts";
import { ConflictDetector } from "../streams/index.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/**
 * Bytes between two sides, without bound. Closing it is the putting side's word: what is there can still be got, and
 * then the end.
 */
export class ByteQueue {
  readonly #buffer = new ByteBuffer();
  readonly #lot = new ParkingLot();
  readonly #getting = new ConflictDetector("another task is getting data from this stream");
  #closed = false;

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#lot.unparkAll();
  }

  closeAndWipe(): void {
    this.#buffer.clear();
    this.close();
  }

  /** @throws ClosedResourceError */
  put(data: Uint8Array): void {
    this.checkOpen();
    this.#buffer.put(data);
    this.#lot.unparkAll();
  }

  /** @throws ClosedResourceError */
  checkOpen(): void {
    if (this.#closed) throw new ClosedResourceError("this stream is closed");
  }

  /** What is there, at most `maxBytes`; empty at the end. @throws WouldBlock, BusyResourceError */
  getNoWait(maxBytes?: number): Uint8Array {
    using _alone = this.#getting.enter();
    if (this.#isWaiting) throw new WouldBlock("there is no data in this stream now");
    return this.#buffer.take(maxBytes);
  }

  /** As {@link ByteQueue.getNoWait}, waiting until there is something. A checkpoint. @throws BusyResourceError */
  get(name: string, maxBytes?: number): Operation<Uint8Array> {
    return operation(name, () => this.#get(maxBytes));
  }

  *#get(maxBytes?: number): Generator<Trap, Uint8Array, any> {
    using _alone = this.#getting.enter();
    if (!this.#isWaiting) yield* yieldBriefly();
    // Nobody else takes anything meanwhile, but an empty put wakes too.
    while (this.#isWaiting) yield* this.#lot.park();
    return this.#buffer.take(maxBytes);
  }

  get #isWaiting(): boolean {
    return this.#buffer.size === 0 && !this.#closed;
  }
}
