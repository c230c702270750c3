/**
 * Real descriptors of every kind, made by the system's own calls, for tests. All are non-blocking. On Windows they are
 * sockets, which are the only ones there that can be waited for.
 */
import { constants, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventfd } from "../../ffi/eventfd.ts";
import { bindLibc, check, errno } from "../../ffi/libc.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { addressOf } from "../../ffi/memory.ts";
import { SockaddrStorage, encodeSockaddrIn } from "../../ffi/sockaddr.ts";
import { AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";

const onWindows = process.platform === "win32";

/** What tests need beyond sockets of IPv4. */
export type Kind =
  | "pipe"
  | "UNIX socket pair"
  | "pseudo-terminal"
  | "eventfd"
  | "timerfd"
  | "inotify"
  | "file"
  | "directory"
  | "duplicate of a socket"
  // one that was closed, and is the next one's
  | "number that comes again at once"
  // a wait that goes on when its number is closed and becomes another file
  | "wait that outlives its number"
  // what stands for the backend's own wait
  | "poll set";

const NONE: ReadonlySet<string> = new Set<Kind>(
  process.platform === "win32"
    ? [
        "pipe",
        "UNIX socket pair",
        "pseudo-terminal",
        "eventfd",
        "timerfd",
        "inotify",
        "file",
        "directory",
        "duplicate of a socket",
        "number that comes again at once",
        "wait that outlives its number",
        "poll set",
      ]
    : [],
);

/** Why a test that needs these cannot run here, for its name; empty when it can. */
export function whyNone(...kinds: string[]): string {
  const lacking = kinds.filter((kind) => NONE.has(kind));
  return lacking.length === 0 ? "" : ` (skipped: no ${lacking.join(", no ")} for a backend on ${process.platform})`;
}

function bindC() {
  return bindLibc({
    pipe2: { args: ["u64", "i32"], returns: "i32" },
    dup: { args: ["i32"], returns: "i32" },
    dup2: { args: ["i32", "i32"], returns: "i32" },
    grantpt: { args: ["i32"], returns: "i32" },
    unlockpt: { args: ["i32"], returns: "i32" },
    ptsname_r: { args: ["i32", "u64", "u64"], returns: "i32" },
    timerfd_create: { args: ["i32", "i32"], returns: "i32" },
    timerfd_settime: { args: ["i32", "i32", "u64", "u64"], returns: "i32" },
    inotify_init1: { args: ["i32"], returns: "i32" },
    inotify_add_watch: { args: ["i32", "cstring", "u32"], returns: "i32" },
    getrlimit: { args: ["i32", "u64"], returns: "i32" },
    setrlimit: { args: ["i32", "u64"], returns: "i32" },
  });
}

let bound: ReturnType<typeof bindC> | undefined;
const libc = (): ReturnType<typeof bindC> => (bound ??= bindC());

const O_NONBLOCK = constants.O_NONBLOCK;
const O_CLOEXEC = 0x80000;
const CLOCK_MONOTONIC = 1;
const IN_CREATE = 0x100;
const RLIMIT_NOFILE = 7;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** The descriptors of one test, all closed when it is over, and its folder. */
export class Descriptors implements Disposable {
  readonly #open = new Set<number>();
  #folder: string | null = null;

  /** A pipe: its reading and its writing end. */
  pipe(): [number, number] {
    const pair = new Int32Array(new ArrayBuffer(8));
    check(libc().pipe2(addressOf(pair.buffer), O_NONBLOCK | O_CLOEXEC), "pipe2");
    return [this.#keep(pair[0]), this.#keep(pair[1])];
  }

  /** Two UNIX sockets connected to each other. */
  unixPair(): [number, number] {
    const pair = new Int32Array(new ArrayBuffer(8));
    ok(socketCalls().socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    return [this.#keep(pair[0]), this.#keep(pair[1])];
  }

  /** Two ends, each written to and read from: UNIX sockets, or where there are none, a TCP connection. */
  pair(): [number, number] {
    return onWindows ? this.tcpPair() : this.unixPair();
  }

  /** What is written to the second can be read from the first: a pipe, or where there is none, a TCP connection. */
  oneWay(): [reader: number, writer: number] {
    return onWindows ? this.tcpPair() : this.pipe();
  }

  /** Writable always, and readable after {@link signal}: an eventfd, or where there is none, a UDP socket of its own peer. */
  bell(): number {
    if (!onWindows) return this.eventfd();
    const fd = this.#keep(ok(socketCalls().socket(AF_INET, SOCK_DGRAM, 0), "socket"));
    ok(socketCalls().bind(fd, encodeSockaddrIn(0, LOOPBACK)), "bind");
    ok(socketCalls().connect(fd, addressOfSocket(fd)), "connect");
    return fd;
  }

  /** A {@link bell} with the number of one that was closed, which the system gives out again, soon. */
  bellNumbered(fd: number): number {
    for (let tries = 0; tries < 1_000; tries++) if (this.bell() === fd) return fd;
    throw new Error(`the number ${fd} does not come again`);
  }

  /**
   * Makes the number `fd` the reading end of a new {@link oneWay}, and gives the writing end. What `fd` was is closed
   * without a word.
   */
  becomesAnother(fd: number): number {
    const [reader, writer] = this.oneWay();
    this.replace(fd, reader);
    return writer;
  }

  /** Two TCP sockets connected over loopback. */
  tcpPair(): [number, number] {
    if (onWindows) {
      const pair = new Int32Array(new ArrayBuffer(8));
      ok(socketCalls().socketpair(AF_INET, SOCK_STREAM, 0, pair), "socketpair");
      return [this.#keep(pair[0]), this.#keep(pair[1])];
    }
    const listener = this.tcpListener();
    const client = this.connectTo(listener);
    // Over loopback the connection is in the listener's queue when connect() returns.
    const server = this.#keep(ok(socketCalls().accept(listener, new SockaddrStorage()), "accept"));
    this.close(listener);
    return [client, server];
  }

  /** A TCP socket listening on a free port of 127.0.0.1. */
  tcpListener(): number {
    const fd = this.#keep(ok(socketCalls().socket(AF_INET, SOCK_STREAM, 0), "socket"));
    ok(socketCalls().bind(fd, encodeSockaddrIn(0, LOOPBACK)), "bind");
    ok(socketCalls().listen(fd, 16), "listen");
    return fd;
  }

  /** A TCP socket that is connecting to a listener. */
  connectTo(listener: number): number {
    const fd = this.#keep(ok(socketCalls().socket(AF_INET, SOCK_STREAM, 0), "socket"));
    const result = socketCalls().connect(fd, addressOfSocket(listener));
    if (result !== -ERRNO.EINPROGRESS) ok(result, "connect");
    return fd;
  }

  /** Two UDP sockets connected to each other over loopback. */
  udpPair(): [number, number] {
    const pair = [0, 0].map(() => {
      const fd = this.#keep(ok(socketCalls().socket(AF_INET, SOCK_DGRAM, 0), "socket"));
      ok(socketCalls().bind(fd, encodeSockaddrIn(0, LOOPBACK)), "bind");
      return fd;
    }) as [number, number];
    ok(socketCalls().connect(pair[0], addressOfSocket(pair[1])), "connect");
    ok(socketCalls().connect(pair[1], addressOfSocket(pair[0])), "connect");
    return pair;
  }

  /** A pseudo-terminal: the controlling side and the terminal. */
  pseudoTerminal(): [number, number] {
    const flags = constants.O_RDWR | constants.O_NOCTTY | O_NONBLOCK;
    const controller = this.#keep(openSync("/dev/ptmx", flags));
    check(libc().grantpt(controller), "grantpt");
    check(libc().unlockpt(controller), "unlockpt");
    const name = new Uint8Array(new ArrayBuffer(64));
    check(libc().ptsname_r(controller, addressOf(name.buffer), name.length), "ptsname_r");
    const path = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
    return [controller, this.#keep(openSync(path, flags))];
  }

  eventfd(): number {
    return this.#keep(eventfd());
  }

  /** A timer that becomes readable once, after `ms` real milliseconds. */
  timerfd(ms: number): number {
    const fd = this.#keep(check(libc().timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC), "timerfd_create"));
    // struct itimerspec: an interval and a first time, each in seconds and nanoseconds.
    const times = BigInt64Array.of(0n, 0n, BigInt(Math.floor(ms / 1_000)), BigInt((ms % 1_000) * 1e6)).buffer;
    check(libc().timerfd_settime(fd, 0, addressOf(times), 0), "timerfd_settime");
    return fd;
  }

  /** Becomes readable when a file is created in `path`. */
  inotify(path: string): number {
    const fd = this.#keep(check(libc().inotify_init1(O_NONBLOCK | O_CLOEXEC), "inotify_init1"));
    const name = new TextEncoder().encode(`${path}\0`);
    check(libc().inotify_add_watch(fd, name, IN_CREATE), "inotify_add_watch");
    return fd;
  }

  /** A regular file. */
  file(): number {
    return this.#keep(openSync(join(this.folder(), "file"), "w+"));
  }

  directory(): number {
    return this.#keep(openSync(this.folder(), "r"));
  }

  /** An empty folder of the test's own. */
  folder(): string {
    return (this.#folder ??= mkdtempSync(join(tmpdir(), "tribun-io-")));
  }

  /** Another number for the same open file. */
  duplicate(fd: number): number {
    return this.#keep(check(libc().dup(fd), "dup"));
  }

  /** Makes the number `fd` the file that `source` is. What `fd` was is closed without a word. */
  replace(fd: number, source: number): void {
    check(libc().dup2(source, fd), "dup2");
    this.#keep(fd);
  }

  close(fd: number): void {
    this.#open.delete(fd);
    if (onWindows) ok(socketCalls().close(fd), "closesocket");
    else check(descriptorCalls().close(fd), "close");
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#open]) this.close(fd);
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true });
  }

  #keep(fd: number): number {
    this.#open.add(fd);
    return fd;
  }
}

/** Writes, and answers how many bytes were taken; -1 when there is no room (EAGAIN). */
export function write(fd: number, data: Uint8Array | string = "x"): number {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  if (onWindows) return triedOnSocket(socketCalls().send(fd, copy), "send");
  return tried(descriptorCalls().write(fd, addressOf(copy.buffer), copy.length), "write");
}

/** Makes a {@link Descriptors.bell} readable: adds 1 to an eventfd. */
export function signal(fd: number): void {
  write(fd, new Uint8Array(BigUint64Array.of(1n).buffer));
}

/** Writes until there is no more room; how many bytes that was. */
export function fill(fd: number): number {
  const block = new Uint8Array(65_536);
  let total = 0;
  for (let size = block.length; size > 0;) {
    const taken = write(fd, block.subarray(0, size));
    if (taken < 0) size >>= 1;
    else total += taken;
  }
  return total;
}

/** What can be read, at most `size` bytes; null when there is nothing (EAGAIN), empty at the end. */
export function read(fd: number, size = 65_536): Uint8Array | null {
  const buffer = new ArrayBuffer(size);
  const count = onWindows
    ? triedOnSocket(socketCalls().recv(fd, new Uint8Array(buffer), size), "recv")
    : tried(descriptorCalls().read(fd, addressOf(buffer), size), "read");
  return count < 0 ? null : new Uint8Array(buffer, 0, count);
}

/** Reads until there is nothing more; how many bytes that was. */
export function drain(fd: number): number {
  let total = 0;
  for (;;) {
    const bytes = read(fd);
    if (bytes === null || bytes.length === 0) return total;
    total += bytes.length;
  }
}

/** What is open in this process, by its number. Threads that are ending may close theirs at any time. */
export function openDescriptors(): Map<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      open.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // The folder that was being read, itself.
    }
  }
  return open;
}

/** Raises this process's limit so that `count` descriptors can be open; whether it could. */
export function allowDescriptors(count: number): boolean {
  const limits = new BigUint64Array(new ArrayBuffer(16)); // struct rlimit: now, at most
  check(libc().getrlimit(RLIMIT_NOFILE, addressOf(limits.buffer)), "getrlimit");
  if (limits[0] >= BigInt(count)) return true;
  limits[0] = BigInt(count);
  if (limits[1] < limits[0]) limits[1] = limits[0];
  return libc().setrlimit(RLIMIT_NOFILE, addressOf(limits.buffer)) === 0;
}

function tried(result: number, syscall: string): number {
  if (result === -1 && errno() === ERRNO.EAGAIN) return -1;
  return check(result, syscall);
}

function triedOnSocket(result: number, syscall: string): number {
  return result === -ERRNO.EAGAIN ? -1 : ok(result, syscall);
}

function ok(result: number, syscall: string): number {
  if (result < 0) throw new Error(`${syscall}: errno ${-result}`);
  return result;
}

/** Where a socket of IPv4 is bound, as connect(2) takes it. */
function addressOfSocket(fd: number): Uint8Array {
  const address = new SockaddrStorage();
  ok(socketCalls().getsockname(fd, address), "getsockname");
  return encodeSockaddrIn(address.port, LOOPBACK);
}
