/** poll(2). */
import { bindLibc, negateErrno } from "./libc.ts";
import type { Struct } from "./struct.ts";

export const POLLIN: number = 0x1;
export const POLLOUT: number = 0x4;
export const POLLERR: number = 0x8;
export const POLLHUP: number = 0x10;
export const POLLNVAL: number = 0x20;

export const POLLFD: Struct<"fd" | "events" | "revents"> = {
  tag: "pollfd",
  size: 8,
  fields: { fd: { offset: 0, size: 4 }, events: { offset: 4, size: 2 }, revents: { offset: 6, size: 2 } },
};

/** Answers as the kernel does: a result of 0 or more, or `-errno`. An object, so that a test can take its place. */
export interface PollCalls {
  /** poll(2): how many of the `count` {@link POLLFD}s at `fds` have something. `timeout` in whole ms, -1 for ever. */
  poll(fds: number, count: number, timeout: number): number;
}

let calls: PollCalls | undefined;

export function pollCalls(): PollCalls {
  return (calls ??= bind());
}

function bind(): PollCalls {
  const { poll } = bindLibc({ poll: { args: ["u64", "u64", "i32"], returns: "i32" } });
  return { poll: (fds, count, timeout) => negateErrno(poll(fds, count, timeout)) };
}
