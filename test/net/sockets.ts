/** Sockets to test with, and small things to do with them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { AF_INET, AF_INET6, type Address, type Socket, socket } from "../../src/socket.ts";
import type { Operation } from "../../src/hazmat.ts";

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
      expect((error as Error).name).toBe("WouldBlock");
      return total;
    }
  }
}

/** Whether this machine has an IPv6 loopback interface. */
export const hasIPv6: boolean = (() => {
  try {
    using probe = socket(AF_INET6);
    probe.bind({ host: "::1", port: 0 });
    return true;
  } catch {
    return false;
  }
})();
