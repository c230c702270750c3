/** Memory that the kernel reads and writes by its address. */
import { ptr } from "bun:ffi";

/**
 * The address of `memory`, which stays where it is as long as somebody refers to it.
 *
 * It takes an ArrayBuffer and no view on purpose: a small typed array made on its own lives in the moving part of the
 * heap, and its address goes stale when somebody touches its `buffer`.
 */
export function addressOf(memory: ArrayBufferLike): number {
  return ptr(memory);
}
