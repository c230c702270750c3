/**
 * kqueue(2): the event queue of macOS and FreeBSD, and on Linux of the library libkqueue, which makes one of epoll and
 * its relatives.
 *
 * The three differ in the layout of `struct kevent` and in the number of EVFILT_USER. What is written here once is the
 * same in the headers of all three.
 */
import { closeOnExec } from "./close-on-exec.ts";
import { bindLibc, negateErrno } from "./libc.ts";
import { LibKqueue } from "./libkqueue.ts";
import type { Struct } from "./struct.ts";
import { descriptorCalls } from "./unistd.ts";

/** Filters: what an event is about. `ident` is a descriptor, for the next two a process and a signal. */
export const EVFILT_READ: number = -1;
export const EVFILT_WRITE: number = -2;
export const EVFILT_VNODE: number = -4;
export const EVFILT_PROC: number = -5;
export const EVFILT_SIGNAL: number = -6;

/** Actions and flags. */
export const EV_ADD: number = 0x1;
export const EV_DELETE: number = 0x2;
export const EV_ENABLE: number = 0x4;
export const EV_DISABLE: number = 0x8;
export const EV_ONESHOT: number = 0x10;
export const EV_CLEAR: number = 0x20;
export const EV_RECEIPT: number = 0x40;
export const EV_DISPATCH: number = 0x80;
/** In what comes back: `data` is the errno of a change that failed; the other end is gone. */
export const EV_ERROR: number = 0x4000;
export const EV_EOF: number = 0x8000;

/** Of EVFILT_USER: it happens now. */
export const NOTE_TRIGGER: number = 0x01000000;
/** Of EVFILT_PROC: the process has ended. */
export const NOTE_EXIT: number = 0x80000000;
/** Of EVFILT_VNODE. */
export const NOTE_DELETE: number = 0x1;
export const NOTE_WRITE: number = 0x2;
export const NOTE_EXTEND: number = 0x4;
export const NOTE_ATTRIB: number = 0x8;
export const NOTE_LINK: number = 0x10;
export const NOTE_RENAME: number = 0x20;

export type KeventStruct = Struct<"ident" | "filter" | "flags" | "fflags" | "data" | "udata">;

/** macOS on 64-bit processors, and libkqueue on Linux. */
const KEVENT_32_BYTES: KeventStruct = {
  tag: "kevent",
  size: 32,
  fields: {
    ident: { offset: 0, size: 8 },
    filter: { offset: 8, size: 2 },
    flags: { offset: 10, size: 2 },
    fflags: { offset: 12, size: 4 },
    data: { offset: 16, size: 8 },
    udata: { offset: 24, size: 8 },
  },
};

/** FreeBSD 12 and later: four words of extensions (`ext`) follow, which are 0 here. */
const KEVENT_64_BYTES: KeventStruct = { ...KEVENT_32_BYTES, size: 64 };

/** timespec(3type): of a 64-bit system. */
export const TIMESPEC: Struct<"tv_sec" | "tv_nsec"> = {
  tag: "timespec",
  size: 16,
  fields: { tv_sec: { offset: 0, size: 8 }, tv_nsec: { offset: 8, size: 8 } },
};

/** In what the systems differ. */
export interface KqueueSystem {
  readonly kevent: KeventStruct;
  readonly EVFILT_USER: number;
  /** The filters whose `ident` is a descriptor. */
  readonly descriptorFilters: readonly number[];
}

const ON_ALL = [EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE];

export const KQUEUE_SYSTEMS: { readonly [platform in "darwin" | "freebsd" | "linux"]: KqueueSystem } = {
  // And EVFILT_EXCEPT.
  darwin: { kevent: KEVENT_32_BYTES, EVFILT_USER: -10, descriptorFilters: [...ON_ALL, -15] },
  // And EVFILT_PROCDESC, EVFILT_EMPTY.
  freebsd: { kevent: KEVENT_64_BYTES, EVFILT_USER: -11, descriptorFilters: [...ON_ALL, -8, -13] },
  linux: { kevent: KEVENT_32_BYTES, EVFILT_USER: -11, descriptorFilters: ON_ALL },
};

/** One event of a kqueue: `struct kevent`. */
export interface Kevent {
  readonly ident: number;
  readonly filter: number;
  readonly flags: number;
  readonly fflags: number;
  readonly data: bigint;
  readonly udata: bigint;
}

/** Writes a `struct kevent` at byte `at` of `view`. Its extensions stay as they are. */
export function encodeKevent(view: DataView, at: number, { fields }: KeventStruct, kevent: Kevent): void {
  view.setBigUint64(at + fields.ident.offset, BigInt(kevent.ident), true);
  view.setInt16(at + fields.filter.offset, kevent.filter, true);
  view.setUint16(at + fields.flags.offset, kevent.flags, true);
  view.setUint32(at + fields.fflags.offset, kevent.fflags, true);
  view.setBigInt64(at + fields.data.offset, kevent.data, true);
  view.setBigUint64(at + fields.udata.offset, kevent.udata, true);
}

/** Reads the `struct kevent` at byte `at` of `view`. */
export function decodeKevent(view: DataView, at: number, { fields }: KeventStruct): Kevent {
  return {
    ident: Number(view.getBigUint64(at + fields.ident.offset, true)),
    filter: view.getInt16(at + fields.filter.offset, true),
    flags: view.getUint16(at + fields.flags.offset, true),
    fflags: view.getUint32(at + fields.fflags.offset, true),
    data: view.getBigInt64(at + fields.data.offset, true),
    udata: view.getBigUint64(at + fields.udata.offset, true),
  };
}

/** The calls, each answering as the kernel does: a result of 0 or more, or `-errno`. A test may put others in their place. */
export interface KqueueCalls {
  readonly system: KqueueSystem;
  /** kqueue(2): a descriptor, which no child process inherits. */
  kqueue(): number;
  /**
   * kevent(2): makes `changeCount` changes, then waits for events: how many it wrote to the address `events`. With room
   * for none it does not wait. Changes that fail are told first, as events with EV_ERROR, and then nothing is waited for;
   * without room for one, it is the call that fails.
   *
   * @param timeout the address of a {@link TIMESPEC}, 0 for ever.
   */
  kevent(
    kqueue: number,
    changes: number,
    changeCount: number,
    events: number,
    capacity: number,
    timeout: number,
  ): number;
  /** A descriptor that poll(2) finds readable while the kqueue has events. */
  pollable(kqueue: number): number;
  close(kqueue: number): void;
}

let calls: KqueueCalls | undefined;

/** @throws {UnsupportedError} where there is no kqueue: on Linux, when libkqueue does not load. */
export function kqueueCalls(): KqueueCalls {
  return (calls ??= process.platform === "linux" ? new LibKqueue(KQUEUE_SYSTEMS.linux) : bind());
}

function bind(): KqueueCalls {
  // By this name FreeBSD's C library gives the version of FreeBSD 12, with the longer structure.
  const { kqueue, kevent } = bindLibc({
    kqueue: { args: [], returns: "i32" },
    kevent: { args: ["i32", "u64", "i32", "u64", "i32", "u64"], returns: "i32" },
  });
  const { close } = descriptorCalls();
  return {
    system: process.platform === "freebsd" ? KQUEUE_SYSTEMS.freebsd : KQUEUE_SYSTEMS.darwin,
    kqueue() {
      const fd = negateErrno(kqueue());
      if (fd >= 0) closeOnExec(fd);
      return fd;
    },
    kevent: (fd, changes, changeCount, events, capacity, timeout) =>
      negateErrno(kevent(fd, changes, changeCount, events, capacity, timeout)),
    pollable: (fd) => fd,
    close: (fd) => void close(fd),
  };
}
