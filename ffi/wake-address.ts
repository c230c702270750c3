import { EVENTFD_VALUE_SIZE } from "./eventfd.ts";
import { addressOf } from "./memory.ts";
import { descriptorCalls } from "./unistd.ts";

/**
 * By what any thread of the process ends a poll: plain data, to be posted to a Worker.
 *
 * - `"eventfd"`: a write of 8 bytes with a 64-bit 1 to `fd`.
 */
export type WakeAddress = { readonly kind: "eventfd"; readonly fd: number };

/** The ways to wake, by the kind of address. Each answers a function that must make one foreign call and nothing else. */
const WAYS: { readonly [K in WakeAddress["kind"]]: (address: Extract<WakeAddress, { kind: K }>) => () => void } = {
  eventfd({ fd }) {
    const { write } = descriptorCalls();
    const one = new BigUint64Array([1n]).buffer;
    // It fails with EAGAIN when the counter is full: readable then, which is all that is wanted.
    return () => void write(fd, addressOf(one), EVENTFD_VALUE_SIZE);
  },
};

/**
 * A function that ends the poll at `address`, or the next one.
 *
 * @returns undefined when this platform knows no such way, or `address` is none.
 */
export function wakerFor(address: WakeAddress): (() => void) | undefined {
  const { kind } = address;
  return Object.hasOwn(WAYS, kind) ? WAYS[kind](address) : undefined;
}
