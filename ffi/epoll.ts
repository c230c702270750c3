/** epoll(7): Linux's readiness queue. */
import { bindLibc, negateErrno } from "./libc.ts";
import type { Struct } from "./struct.ts";

export const EPOLL_CTL_ADD: number = 1;
export const EPOLL_CTL_DEL: number = 2;
export const EPOLL_CTL_MOD: number = 3;

export const EPOLLIN: number = 0x1;
export const EPOLLOUT: number = 0x4;
export const EPOLLERR: number = 0x8;
export const EPOLLHUP: number = 0x10;
export const EPOLLET: number = 0x80000000;

const EPOLL_CLOEXEC = 0x80000;

/** epoll_event(3type). Packed on x86-64 only, so that 32-bit programs find it the same there. */
export const EPOLL_EVENT: Struct<"events" | "data"> =
  process.arch === "x64"
    ? { tag: "epoll_event", size: 12, fields: { events: { offset: 0, size: 4 }, data: { offset: 4, size: 8 } } }
    : { tag: "epoll_event", size: 16, fields: { events: { offset: 0, size: 4 }, data: { offset: 8, size: 8 } } };

/**
 * The three calls, each answering as the kernel does: a result of 0 or more, or `-errno`. An object, so that a test can
 * put one in its place that counts.
 */
export interface EpollCalls {
  /** epoll_create1(2), close-on-exec: a descriptor. */
  create(): number;
  /** epoll_ctl(2); `event` is the address of a {@link EPOLL_EVENT}. */
  control(epoll: number, operation: number, fd: number, event: number): number;
  /** epoll_wait(2): how many events it wrote to the address `events`. `timeout` in whole milliseconds, -1 for ever. */
  wait(epoll: number, events: number, capacity: number, timeout: number): number;
}

let calls: EpollCalls | undefined;

/** @throws {UnsupportedError} where there is no epoll. */
export function epollCalls(): EpollCalls {
  return (calls ??= bind());
}

function bind(): EpollCalls {
  const { epoll_create1, epoll_ctl, epoll_wait } = bindLibc({
    epoll_create1: { args: ["i32"], returns: "i32" },
    epoll_ctl: { args: ["i32", "i32", "i32", "u64"], returns: "i32" },
    epoll_wait: { args: ["i32", "u64", "i32", "i32"], returns: "i32" },
  });
  return {
    create: () => negateErrno(epoll_create1(EPOLL_CLOEXEC)),
    control: (epoll, operation, fd, event) => negateErrno(epoll_ctl(epoll, operation, fd, event)),
    wait: (epoll, events, capacity, timeout) => negateErrno(epoll_wait(epoll, events, capacity, timeout)),
  };
}
