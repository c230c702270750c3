import { expect, test } from "bun:test";
import { bindDll } from "../../ffi/dll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { bindLibc, negateErrno } from "../../ffi/libc.ts";
import { type LoopbackCalls, pairOverLoopback } from "../../ffi/loopback-pair.ts";
import { SockaddrStorage } from "../../ffi/sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_STREAM,
  SO_EXCLUSIVEADDRUSE,
} from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";
import { FIONBIO } from "../../ffi/winsock.ts";
import { whyNoIPv6 } from "../net/sockets.ts";

/** This platform's calls, and what POSIX has no need of. */
const calls: LoopbackCalls = {
  ...socketCalls(),
  setsockopt: (fd, level, name, value) =>
    // Which is how an address is had on POSIX anyway.
    name === -1 && name === SO_EXCLUSIVEADDRUSE ? 0 : socketCalls().setsockopt(fd, level, name, value),
  setBlocking: bindSetBlocking(),
};

function bindSetBlocking(): LoopbackCalls["setBlocking"] {
  if (process.platform === "win32") {
    const { ioctlsocket } = bindDll("ws2_32.dll", { ioctlsocket: { args: ["u64", "u32", "buffer"], returns: "i32" } });
    return (fd, blocking) => ioctlsocket(fd, FIONBIO, Uint32Array.of(blocking ? 0 : 1));
  }
  const { ioctl } = bindLibc({ ioctl: { args: ["i32", "u64", "buffer"], returns: "i32" } });
  return (fd, blocking) => negateErrno(ioctl(fd, 0x5421, Int32Array.of(blocking ? 0 : 1)));
}

function closePair(pair: Int32Array): void {
  for (const fd of pair) calls.close(fd);
}

const newPair = (): Int32Array => new Int32Array(new ArrayBuffer(8));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What is there to be received, waited for by asking again. */
function receive(fd: number): string {
  const buffer = new Uint8Array(new ArrayBuffer(100));
  let count: number;
  do count = calls.recv(fd, buffer, buffer.length);
  while (count === -ERRNO.EAGAIN);
  return new TextDecoder().decode(buffer.subarray(0, count));
}

function nameOf(call: "getsockname" | "getpeername", fd: number): number[] {
  const storage = new SockaddrStorage();
  expect(calls[call](fd, storage)).toBe(0);
  return [...storage.bytes.subarray(0, storage.length[0])];
}

for (const [family, name, why] of [
  [AF_INET, "AF_INET", ""],
  [AF_INET6, "AF_INET6", whyNoIPv6],
] as const) {
  test.skipIf(why !== "")(`two sockets of ${name} are connected to each other and do not block${why}`, () => {
    const pair = newPair();
    expect(pairOverLoopback(calls, family, SOCK_STREAM, 0, pair)).toBe(0);
    const [a, b] = [pair[0]!, pair[1]!];
    const buffer = new Uint8Array(new ArrayBuffer(1));
    for (const fd of pair) expect(calls.recv(fd, buffer, 1)).toBe(-ERRNO.EAGAIN);
    expect(calls.send(a, bytes("to b"))).toBe(4);
    expect(calls.send(b, bytes("to a"))).toBe(4);
    expect([receive(a), receive(b)]).toEqual(["to a", "to b"]);
    closePair(pair);
  });
}

test("anything but streams of the internet's families is EOPNOTSUPP", () => {
  for (const [family, type] of [
    [AF_UNIX, SOCK_STREAM],
    [AF_INET, SOCK_DGRAM],
  ] as const) {
    expect(pairOverLoopback(calls, family, type, 0, newPair())).toBe(-ERRNO.EOPNOTSUPP);
  }
});

test("a stranger who connects first is hung up on", () => {
  const stranger = calls.socket(AF_INET, SOCK_STREAM, 0);
  const pair = newPair();
  const listenToStrangers: LoopbackCalls = {
    ...calls,
    getsockname(fd, address) {
      const result = calls.getsockname(fd, address);
      // The first name asked for is the listener's.
      if (calls.getpeername(stranger, new SockaddrStorage()) !== 0) {
        calls.setBlocking(stranger, true);
        expect(calls.connect(stranger, address.bytes.slice(0, address.length[0]))).toBe(0);
      }
      return result;
    },
  };
  expect(pairOverLoopback(listenToStrangers, AF_INET, SOCK_STREAM, 0, pair)).toBe(0);
  expect(nameOf("getpeername", pair[1]!)).toEqual(nameOf("getsockname", pair[0]!));
  // The stranger's blocks until it is told.
  expect(receive(stranger)).toBe("");
  calls.send(pair[0]!, bytes("ours"));
  expect(receive(pair[1]!)).toBe("ours");
  closePair(pair);
  calls.close(stranger);
});

test("whichever call fails, its errno is the answer and nothing is left open", () => {
  let made = 0;
  for (let failing = 0; ; failing++) {
    const open = new Set<number>();
    let count = 0;
    /** The call that is `failing`th fails before it does anything. */
    const failed = (): boolean => count++ === failing;
    const opening = (fd: number): number => {
      if (fd >= 0) open.add(fd);
      return fd;
    };
    const broken = { ...calls } as Record<string, unknown> & LoopbackCalls;
    for (const name of ["bind", "listen", "connect", "setsockopt", "getsockname", "setBlocking"] as const) {
      const call = calls[name] as (...args: unknown[]) => number;
      broken[name] = ((...args: unknown[]) => (failed() ? -ERRNO.ENOBUFS : call(...args))) as never;
    }
    broken.socket = (...args) => (failed() ? -ERRNO.ENOBUFS : opening(calls.socket(...args)));
    broken.accept = (...args) => (failed() ? -ERRNO.ENOBUFS : opening(calls.accept(...args)));
    broken.close = (fd) => {
      expect(open.delete(fd)).toBe(true);
      return calls.close(fd);
    };
    const pair = newPair();
    const result = pairOverLoopback(broken, AF_INET, SOCK_STREAM, 0, pair);
    if (result === 0) {
      expect([...open].toSorted()).toEqual([...pair].toSorted());
      closePair(pair);
      made = failing;
      break;
    }
    expect([failing, result, [...open]]).toEqual([failing, -ERRNO.ENOBUFS, []]);
  }
  expect(made).toBeGreaterThan(10);
});
