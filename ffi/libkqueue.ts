/**
 * libkqueue: kqueue(2) on Linux, as a library over epoll, signalfd, inotify and pidfds. It is not the system's, so what
 * it does otherwise is put right here:
 *
 * - A kevent() whose changes failed waits nevertheless, and when nothing else happens forgets to tell. So each change is
 *   made by a call of its own, which has no room for events and therefore answers at once, by errno.
 * - A kqueue's descriptor is the end of a pipe, by which the library notices that it is closed; poll(2) never finds it
 *   readable. The epoll instance behind it can be polled, and `/proc` says which one that is. It is closed later.
 *
 * What cannot be put right: it asks a socket for its error (SO_ERROR), which is gone then. So a connection that is
 * refused fails with ECONNABORTED, by the next call, where it would be ECONNREFUSED on other backends.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { UnsupportedError } from "../src/errors.ts";
import { EV_ERROR, type KqueueCalls, type KqueueSystem } from "./kqueue.ts";
import { bindLibrary, negateErrno } from "./libc.ts";
import { memoryCalls } from "./malloc.ts";
import { addressOf } from "./memory.ts";
import { descriptorCalls } from "./unistd.ts";

const LIBRARY = "libkqueue.so.0";

/** It gives no more events at once. */
const CAPACITY = 512;

/** How long, in ms, a closed kqueue may take to let go of its descriptors; 0.05 ms was seen. */
const CLOSING_PATIENCE = 100;

/** Nobody notifies it: to wait for is to sleep. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

type Kevent = KqueueCalls["kevent"];

export class LibKqueue implements KqueueCalls {
  readonly system: KqueueSystem;
  readonly #kqueue: () => number;
  readonly #kevent: Kevent;
  /** Where a change that failed is made an event of. */
  readonly #bytes: ArrayBuffer;
  readonly #view: DataView;

  /** @throws {UnsupportedError} when the library does not load. */
  constructor(system: KqueueSystem) {
    this.system = system;
    const { kqueue, kevent } = load();
    this.#kqueue = kqueue;
    this.#kevent = kevent;
    this.#bytes = new ArrayBuffer(system.kevent.size);
    this.#view = new DataView(this.#bytes);
  }

  kqueue(): number {
    return negateErrno(this.#kqueue());
  }

  kevent(
    kqueue: number,
    changes: number,
    changeCount: number,
    events: number,
    capacity: number,
    timeout: number,
  ): number {
    const { size } = this.system.kevent;
    let failed = 0;
    for (let i = 0; i < changeCount; i++) {
      const result = negateErrno(this.#kevent(kqueue, changes + i * size, 1, 0, 0, 0));
      if (result >= 0) continue;
      if (failed === capacity) return result;
      this.#tell(events + failed++ * size, changes + i * size, -result);
    }
    if (failed > 0 || capacity === 0) return failed;
    return negateErrno(this.#kevent(kqueue, 0, 0, events, Math.min(capacity, CAPACITY), timeout));
  }

  #tell(event: number, change: number, errno: number): void {
    const { size, fields } = this.system.kevent;
    const { memcpy } = memoryCalls();
    memcpy(addressOf(this.#bytes), change, size);
    this.#view.setUint16(fields.flags.offset, EV_ERROR, true);
    this.#view.setBigInt64(fields.data.offset, BigInt(errno), true);
    memcpy(event, addressOf(this.#bytes), size);
  }

  /** The epoll instance that watches the other end of the kqueue's pipe for data, and not for its closing alone. */
  pollable(kqueue: number): number {
    const open = openDescriptors();
    const [end] = otherEnd(kqueue, open);
    for (const [fd, what] of open) {
      if (what === "anon_inode:[eventpoll]" && watches(fd, end)) return fd;
    }
    throw new UnsupportedError(`the epoll instance behind kqueue ${kqueue} of ${LIBRARY} is not to be found in /proc`);
  }

  /** What is behind a kqueue is closed by a thread of the library's, a moment later, and the pipe's end last of all. */
  close(kqueue: number): void {
    const [end, pipe] = otherEnd(kqueue, openDescriptors());
    descriptorCalls().close(kqueue);
    const patience = performance.now() + CLOSING_PATIENCE;
    while (linkOf(end) === pipe && performance.now() < patience) Atomics.wait(NOBODY, 0, 0, 0.05);
  }
}

/** The descriptor of the other end of a kqueue's pipe, and the pipe's name. */
function otherEnd(kqueue: number, open: ReadonlyMap<number, string>): [fd: number, pipe: string] {
  const pipe = open.get(kqueue) ?? "";
  for (const [fd, what] of open) if (fd !== kqueue && what === pipe) return [fd, pipe];
  return [-1, pipe];
}

/** What is open in this process, by its number. */
function openDescriptors(): Map<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync("/proc/self/fd")) {
    const what = linkOf(Number(name));
    if (what !== "") open.set(Number(name), what);
  }
  return open;
}

/** Empty for a number that nothing open has, by now. */
function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

/** By what proc(5) says of an epoll instance: a line for each descriptor in it, with the events in hexadecimal. */
function watches(epoll: number, fd: number): boolean {
  const EPOLLIN = 1;
  let info: string;
  try {
    info = readFileSync(`/proc/self/fdinfo/${epoll}`, "utf8");
  } catch {
    return false; // one of a kqueue that was closed, which the library does a little later
  }
  for (const [, watched, events] of info.matchAll(/^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)/gm)) {
    if (Number(watched) === fd && Number.parseInt(events!, 16) & EPOLLIN) return true;
  }
  return false;
}

function load(): { kqueue: () => number; kevent: Kevent } {
  try {
    return bindLibrary(LIBRARY, {
      kqueue: { args: [], returns: "i32" },
      kevent: { args: ["i32", "u64", "i32", "u64", "i32", "u64"], returns: "i32" },
    });
  } catch (error) {
    throw new UnsupportedError(
      `io: "kqueue" on Linux needs the library libkqueue (${LIBRARY}), which cannot be loaded here; ` +
        'use "epoll" or "poll"',
      { cause: error },
    );
  }
}
