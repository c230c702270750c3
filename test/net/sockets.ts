/** Sockets to test with, and small things to do with them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { bindKernel32 } from "../../ffi/kernel32.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type Address,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  type Socket,
  socket,
  socketpair,
} from "../../src/socket.ts";
import type { Operation } from "../../src/hazmat.ts";
import { WouldBlock, call } from "../../src/index.ts";

/** A TCP socket that listens on the loopback interface, at an address the kernel chose. */
export function listenTcp(family: number = AF_INET, backlog?: number): { listener: Socket; address: Address } {
  const listener = socket(family);
  listener.bind({ host: "localhost", port: 0 });
  listener.listen(backlog);
  return { listener, address: listener.getsockname() };
}

/** Two TCP sockets connected to each other over loopback: the one that connected, the one that was accepted. */
export function* tcpPair(family: number = AF_INET): Generator<any, [Socket, Socket]> {
  const { listener, address } = listenTcp(family);
  using _ = listener;
  const client = socket(family);
  yield* client.connect(address);
  const [server] = yield* listener.accept();
  return [client, server];
}

export function* sendAll(to: Socket, data: Uint8Array): Generator<any, void> {
  for (let sent = 0; sent < data.length;) sent += yield* to.send(data.subarray(sent));
}

export function* receiveExactly(from: Socket, size: number): Generator<any, Uint8Array> {
  const data = new Uint8Array(size);
  for (let received = 0; received < size;) {
    const count = yield* from.recvInto(data.subarray(received));
    if (count === 0) throw new Error(`the stream ended after ${received} of ${size} bytes`);
    received += count;
  }
  return data;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** What an operation throws; fails when it throws nothing. */
export function* thrownBy(operation: Operation<unknown>): Generator<any, any> {
  let value: unknown;
  try {
    value = yield* operation;
  } catch (error) {
    return error;
  }
  throw new Error(`it threw nothing, and gave ${Bun.inspect(value)}`);
}

/** What a call throws; fails when it throws nothing. */
export function thrown(call: () => unknown): any {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("it threw nothing");
}

/** A folder for UNIX sockets, removed when disposed. */
export function scratchFolder(): Disposable & { path(name: string): string } {
  const folder = mkdtempSync(join(tmpdir(), "tribun-net-"));
  return {
    path: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** Sends until the kernel takes no more. How many bytes it took. */
export function fill(to: Socket): number {
  const chunk = new Uint8Array(65_536);
  for (let total = 0; ;) {
    try {
      total += to.trySend(chunk);
    } catch (error) {
      expect(error).toBeInstanceOf(WouldBlock);
      return total;
    }
  }
}

/** Goes on sending, for as long as there is room: over TCP a full buffer has some again when a part of it arrives. */
export function sendForEver(from: Socket, sent: (count: number) => void = () => {}): Operation<never> {
  return call(function* (): Generator<any, never> {
    for (;;) sent(yield* from.send(bytes("more")));
  });
}

/**
 * What a try call gives once there is something. Between two UNIX sockets what was sent is there at once; over TCP it
 * takes the system a moment, now and then a longer one.
 */
export function onceThere<T>(attempt: () => T): T {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
    }
  }
}

/** A UDP socket at an address of the loopback interface that the kernel chose. */
export function udp(family: number = AF_INET): Socket {
  const made = socket(family, SOCK_DGRAM);
  made.bind({ host: "localhost", port: 0 });
  return made;
}

/** How many descriptors, or handles, this process has open. */
export const openDescriptors: () => number =
  process.platform === "win32" ? handleCount : () => [...new Bun.Glob("*").scanSync(DESCRIPTORS)].length;
const DESCRIPTORS = { cwd: "/proc/self/fd", onlyFiles: false };

function handleCount(): number {
  const { GetCurrentProcess, GetProcessHandleCount } = bindKernel32({
    GetCurrentProcess: { args: [], returns: "u64" },
    GetProcessHandleCount: { args: ["u64", "buffer"], returns: "i32" },
  });
  const count = new Uint32Array(1);
  if (GetProcessHandleCount(GetCurrentProcess(), count) === 0) throw new Error("the handles cannot be counted");
  return count[0]!;
}

/**
 * Why a test cannot run where `make` fails, for the end of its name; empty where it does not. Each is found by trying,
 * since a system may have some of a family's sockets and not the others.
 */
function whyNone(what: string, make: () => Disposable[]): string {
  try {
    for (const made of make()) made[Symbol.dispose]();
    return "";
  } catch (error) {
    return ` (skipped: no ${what} on ${process.platform}: ${(error as Error).message})`;
  }
}

export const whyNoUnixStreams: string = whyNone("AF_UNIX streams", () => [socket(AF_UNIX)]);
export const whyNoUnixDatagrams: string = whyNone("AF_UNIX datagrams", () => [socket(AF_UNIX, SOCK_DGRAM)]);
export const whyNoUnixPairs: string = whyNone("pairs of AF_UNIX", () => socketpair(AF_UNIX));
export const whyNoSequencedPackets: string = whyNone("SOCK_SEQPACKET", () => socketpair(AF_UNIX, SOCK_SEQPACKET));
export const whyNoAbstractNames: string = whyNone("abstract names of AF_UNIX sockets", () => {
  const made = socket(AF_UNIX);
  made.bind({ path: "" });
  return [made];
});
export const whyNoIPv6: string = whyNone("IPv6 loopback", () => [udp(AF_INET6)]);
