import { expect, test } from "bun:test";
import { type AfdCalls, afdCalls } from "../../ffi/afd.ts";
import { type AskSocket, SIO_BASE_HANDLE, baseSocket } from "../../ffi/base-socket.ts";
import { openNursery } from "../../src/index.ts";
import { POLLS_A_HELPER } from "../../src/io/afd-polls.ts";
import { IocpIoManager } from "../../src/io/iocp.ts";
import { inRun, ioContract, untilWaiting } from "./contract.ts";
import { Descriptors, drain, signal } from "./descriptors.ts";

const WHY_NOT =
  process.platform === "win32" ? "" : ` (skipped: completion ports are Windows', this is ${process.platform})`;

if (WHY_NOT === "") ioContract("iocp", () => new IocpIoManager());

test.skipIf(WHY_NOT !== "")(
  `a helper handle serves so many polls and no more, whether they complete or are cancelled, and none is left${WHY_NOT}`,
  () => {
    using fds = new Descriptors();
    const system = afdCalls();
    const open = new Set<number>();
    const counted: AfdCalls = {
      ...system,
      open() {
        const helper = system.open();
        open.add(helper);
        return helper;
      },
      close(helper) {
        open.delete(helper);
        system.close(helper);
      },
    };
    inRun(
      () => new IocpIoManager(counted),
      function* (io) {
        const all = Array.from({ length: 4 * POLLS_A_HELPER }, () => fds.bell());
        for (let round = 0; round < 5; round++) {
          yield* openNursery(function* (nursery) {
            for (const fd of all) nursery.startSoon(() => io.waitReadable(fd));
            yield* untilWaiting(io, all.length);
            expect(open.size).toBeLessThanOrEqual(5);
            for (const fd of all.slice(0, all.length / 2)) signal(fd);
            yield* untilWaiting(io, all.length / 2);
            nursery.cancelScope.cancel();
          });
          for (const fd of all) drain(fd);
        }
        // Those cancelled last have completed by now, or do so while this one is waited for.
        yield* io.waitWritable(all[0]);
        expect(open.size).toBeLessThanOrEqual(5);
      },
    );
    expect(open.size).toBe(0);
  },
);

test("the base of a layered socket is asked for layer by layer, where the layers refuse to name it", () => {
  const layers: AskSocket = (socket, question) => {
    if (question === SIO_BASE_HANDLE) return socket === 30 ? 40 : -10022;
    return socket + 10;
  };
  expect(baseSocket(10, layers)).toBe(40);
  const stubborn: AskSocket = (socket, question) => (question === SIO_BASE_HANDLE ? -10038 : socket);
  expect(baseSocket(10, stubborn)).toBe(-10038);
});
