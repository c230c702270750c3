/** The end of a run on a completion port, with operations that are under way still. */
import { expect, test } from "bun:test";
import { completionPortCalls } from "../../ffi/completion-port.ts";
import { handleCalls } from "../../ffi/kernel32.ts";
import { STATUS_CANCELLED, STATUS_PENDING } from "../../ffi/ntdll.ts";
import { statusAt } from "../../ffi/overlapped.ts";
import { IocpIoManager } from "../../src/io/iocp.ts";
import { OverlappedRead } from "../../src/io/overlapped-transfer.ts";
import { Handles, openHandles } from "./windows-handles.ts";

const WHY_NOT =
  process.platform === "win32" ? "" : ` (skipped: completion ports are Windows', this is ${process.platform})`;

/** A read that has begun and has nobody who waits: as a run leaves it that has to give up. */
class Stuck extends OverlappedRead {
  start(): this {
    this.begin();
    return this;
  }
}

test.skipIf(WHY_NOT !== "")(
  `close cancels what is under way, waits until it is back, and closes the port${WHY_NOT}`,
  () => {
    using handles = new Handles();
    const [, client] = handles.pipe();
    const before = openHandles().length;
    const io = new IocpIoManager();
    io.overlapped.register(client);
    const reads = [1, 2, 3].map(() => new Stuck(io.overlapped, client, new Uint8Array(10), 0).start());
    expect(reads.map(({ address }) => statusAt(address))).toEqual(reads.map(() => STATUS_PENDING));
    expect(io.waiting).toBe(3);
    io.close();
    expect(reads.map(({ address }) => address)).toEqual([0, 0, 0]); // their memory was given back
    expect(io.overlapped.underWay).toBe(0);
    expect(handleCalls().isOpen(io.port)).toBe(false);
    expect(openHandles().length).toBe(before);
  },
);

test.skipIf(WHY_NOT !== "")(`close gives up what never comes back, and closes the port all the same${WHY_NOT}`, () => {
  using handles = new Handles();
  const [, client] = handles.pipe();
  const calls = completionPortCalls();
  // What the read comes to goes to another port: nothing is ever heard of it.
  const elsewhere = calls.createPort();
  expect(calls.associate(client, elsewhere, 1)).toBe(0);
  const io = new IocpIoManager();
  const read = new Stuck(io.overlapped, client, new Uint8Array(10), 0).start();
  const begun = performance.now();
  io.close();
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(handleCalls().isOpen(io.port)).toBe(false);
  // Its memory was not given back: the system has written there meanwhile.
  expect(statusAt(read.address)).toBe(STATUS_CANCELLED);
  calls.close(elsewhere);
});
