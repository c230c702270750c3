/** malloc(3): memory outside every JavaScript heap, which any thread may fill and any other one free. */
import { toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { bindLibc } from "./libc.ts";

export interface MemoryCalls {
  /** The address of `size` new bytes, or 0 when there are none left. */
  malloc(size: number): number;
  free(address: number): void;
  /** The ranges must not overlap. */
  memcpy(to: number, from: number, size: number): void;
}

let calls: MemoryCalls | undefined;

export function memoryCalls(): MemoryCalls {
  return (calls ??= bind());
}

function bind(): MemoryCalls {
  const { malloc, free, memcpy } = bindLibc({
    malloc: { args: ["u64"], returns: "ptr" },
    free: { args: ["u64"], returns: "void" },
    memcpy: { args: ["u64", "u64", "u64"], returns: "ptr" },
  });
  return {
    malloc: (size) => Number(malloc(size) ?? 0),
    free: (address) => free(address),
    memcpy: (to, from, size) => void memcpy(to, from, size),
  };
}

/** The `size` bytes at `address`, not copied: touch them only until they are freed. */
export function memoryAt(address: number, size: number): ArrayBuffer {
  return toArrayBuffer(address as Pointer, 0, size);
}

/**
 * The address of `size` new bytes, all 0, which nobody but `free` gives back: for what the system may write to for longer
 * than a thread lives.
 *
 * @throws {RangeError} when there are none left.
 */
export function newMemory(size: number): number {
  const address = memoryCalls().malloc(size);
  if (address === 0) throw new RangeError(`no memory left for ${size} bytes`);
  new Uint8Array(memoryAt(address, size)).fill(0);
  return address;
}
