import { UnsupportedError } from "../src/errors.ts";
import { WAKE_KEY, completionPortCalls } from "./completion-port.ts";
import { EVENTFD_VALUE_SIZE } from "./eventfd.ts";
import { triggerChange } from "./kqueue-wake.ts";
import { kqueueCalls } from "./kqueue.ts";
import { addressOf } from "./memory.ts";
import { descriptorCalls } from "./unistd.ts";

/**
 * By what any thread of the process ends a poll: plain data, to be posted to a Worker.
 *
 * - `"eventfd"`: a write of 8 bytes with a 64-bit 1 to `fd`.
 * - `"kqueue"`: a change that triggers the user event which the kqueue `fd` keeps for that.
 * - `"iocp"`: a packet with the key {@link WAKE_KEY}, posted to `port`.
 */
export type WakeAddress = EventfdAddress | KqueueAddress | IocpAddress;

export interface EventfdAddress {
  readonly kind: "eventfd";
  readonly fd: number;
}

export interface KqueueAddress {
  readonly kind: "kqueue";
  readonly fd: number;
}

export interface IocpAddress {
  readonly kind: "iocp";
  readonly port: number;
}

/** The ways to wake, by the kind of address. Each answers a function that must make one foreign call and nothing else. */
const WAYS: { readonly [K in WakeAddress["kind"]]: (address: Extract<WakeAddress, { kind: K }>) => () => void } = {
  eventfd({ fd }) {
    const { write } = descriptorCalls();
    const one = new BigUint64Array([1n]).buffer;
    // It fails with EAGAIN when the counter is full: readable then, which is all that is wanted.
    return () => void write(fd, addressOf(one), EVENTFD_VALUE_SIZE);
  },
  kqueue({ fd }) {
    const calls = kqueueCalls();
    const trigger = triggerChange(calls.system);
    return () => void calls.kevent(fd, addressOf(trigger), 1, 0, 0, 0);
  },
  iocp({ port }) {
    const { post } = completionPortCalls();
    return () => void post(port, WAKE_KEY, 0, 0);
  },
};

/**
 * A function that ends the poll at `address`, or the next one.
 *
 * @returns undefined when this platform knows no such way, or `address` is none.
 */
export function wakerFor(address: WakeAddress): (() => void) | undefined {
  const { kind } = address;
  const ways: { readonly [kind: string]: (address: never) => () => void } = WAYS;
  if (!Object.hasOwn(WAYS, kind)) return undefined;
  try {
    return ways[kind]!(address as never);
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined; // another platform's
    throw error;
  }
}
