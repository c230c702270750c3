import { memoryAt, memoryCalls, newMemory } from "../../ffi/malloc.ts";
import { isRefused, STATUS_BUFFER_OVERFLOW, STATUS_PENDING, statusError } from "../../ffi/ntdll.ts";
import { OVERLAPPED } from "../../ffi/overlapped.ts";
import { type OverlappedOperations, OverlappedWait } from "./overlapped-operations.ts";

/** What one operation moves at most: its length is a 32-bit number. */
const MOST = 0x7fff_ffff;

/**
 * An operation that this library begins itself. Its OVERLAPPED and a copy of the data are its own, in memory that is no
 * heap's and is given back when the completion has come: a view of the program's may be moved, detached or shrunk
 * meanwhile, and a Worker that is terminated takes its heap with it, while the operation goes on.
 */
abstract class Transfer extends OverlappedWait<number> {
  protected readonly length: number;
  /** 0 until it is begun, and when the memory was given back. */
  address = 0;
  readonly #offset: bigint;

  constructor(operations: OverlappedOperations, handle: number, byteLength: number, offset: number) {
    super(operations, handle);
    this.length = Math.min(byteLength, MOST);
    this.#offset = BigInt(offset);
  }

  protected allocate(): void {
    this.address = newMemory(OVERLAPPED.size + this.length);
    const { Internal, Offset } = OVERLAPPED.fields;
    const overlapped = new DataView(memoryAt(this.address, OVERLAPPED.size));
    overlapped.setUint32(Internal.offset, STATUS_PENDING, true);
    overlapped.setBigUint64(Offset.offset, this.#offset, true);
  }

  /** The part that is data. */
  protected get data(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(memoryAt(this.address + OVERLAPPED.size, this.length));
  }

  protected submit(status: number): void {
    if (isRefused(status)) {
      this.release();
      throw statusError(status, this.operationName, `handle ${this.handle}`);
    }
    this.operations.add(this);
  }

  override release(): void {
    memoryCalls().free(this.address);
    this.address = 0;
  }
}

export class OverlappedRead extends Transfer {
  static {
    this.prototype.operationName = "readIntoOverlapped()";
  }
  readonly #buffer: ArrayBufferView;

  constructor(operations: OverlappedOperations, handle: number, buffer: ArrayBufferView, offset: number) {
    super(operations, handle, buffer.byteLength, offset);
    this.#buffer = buffer;
  }

  protected begin(): void {
    this.allocate();
    const { operations, handle, address, length } = this;
    this.submit(operations.calls.read(handle, address, address + OVERLAPPED.size, length));
  }

  /** A message of a pipe that did not fit is no failure: the next read gives the rest. */
  protected override succeeded(status: number): boolean {
    return super.succeeded(status) || status === STATUS_BUFFER_OVERFLOW;
  }

  protected result(bytes: number): number {
    const { buffer, byteOffset, byteLength } = this.#buffer;
    new Uint8Array(buffer, byteOffset, byteLength).set(this.data.subarray(0, bytes));
    return bytes;
  }
}

export class OverlappedWrite extends Transfer {
  static {
    this.prototype.operationName = "writeOverlapped()";
  }

  /** As it was when the operation was made. */
  readonly #bytes: Uint8Array;

  constructor(operations: OverlappedOperations, handle: number, data: ArrayBufferView, offset: number) {
    super(operations, handle, data.byteLength, offset);
    this.#bytes = new Uint8Array(data.buffer, data.byteOffset, this.length).slice();
  }

  protected begin(): void {
    this.allocate();
    this.data.set(this.#bytes);
    const { operations, handle, address, length } = this;
    this.submit(operations.calls.write(handle, address, address + OVERLAPPED.size, length));
  }

  protected result(bytes: number): number {
    return bytes;
  }
}
