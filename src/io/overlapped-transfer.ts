import { addressOf } from "../../ffi/memory.ts";
import { isRefused, STATUS_BUFFER_OVERFLOW, STATUS_PENDING, statusError } from "../../ffi/ntdll.ts";
import { OVERLAPPED } from "../../ffi/overlapped.ts";
import { type OverlappedOperations, OverlappedWait } from "./overlapped-operations.ts";

/** What one operation moves at most: its length is a 32-bit number. */
const MOST = 0x7fff_ffff;

/**
 * An operation that this library begins itself. Its OVERLAPPED and a copy of the data are its own, in memory that does not
 * move and is kept until the completion has come: a view of the program's may be moved, detached or shrunk meanwhile.
 */
abstract class Transfer extends OverlappedWait<number> {
  protected readonly length: number;
  protected readonly memory: ArrayBuffer;
  readonly address: number;

  constructor(operations: OverlappedOperations, handle: number, byteLength: number, offset: number) {
    super(operations, handle);
    this.length = Math.min(byteLength, MOST);
    this.memory = new ArrayBuffer(OVERLAPPED.size + this.length);
    this.address = addressOf(this.memory);
    const { Internal, Offset } = OVERLAPPED.fields;
    const overlapped = new DataView(this.memory);
    overlapped.setUint32(Internal.offset, STATUS_PENDING, true);
    overlapped.setBigUint64(Offset.offset, BigInt(offset), true);
  }

  /** The part that is data. */
  protected get data(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory, OVERLAPPED.size, this.length);
  }

  protected submit(status: number): void {
    if (isRefused(status)) throw statusError(status, this.operationName, `handle ${this.handle}`);
    this.operations.add(this);
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

  constructor(operations: OverlappedOperations, handle: number, data: ArrayBufferView, offset: number) {
    super(operations, handle, data.byteLength, offset);
    this.data.set(new Uint8Array(data.buffer, data.byteOffset, this.length));
  }

  protected begin(): void {
    const { operations, handle, address, length } = this;
    this.submit(operations.calls.write(handle, address, address + OVERLAPPED.size, length));
  }

  protected result(bytes: number): number {
    return bytes;
  }
}
