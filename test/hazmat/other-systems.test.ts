/** S9 to S12, where there is no kqueue and no completion port: everything is there, and refuses with the way out. */
import { describe, expect, test } from "bun:test";
import {
  Abort,
  type CompletionEvent,
  type EventQueue,
  type Handle,
  type Kevent,
  type Kqueue,
  type Operation,
  currentIocp,
  currentKqueue,
  monitorCompletionKey,
  monitorKevent,
  readIntoOverlapped,
  registerWithIocp,
  waitForSingleObject,
  waitKevent,
  waitOverlapped,
  writeOverlapped,
  yieldBriefly,
} from "../../src/hazmat.ts";
import { UnsupportedError, UsageError, runSync } from "../../src/index.ts";
import { forBothKinds } from "./kinds.ts";
import { thrown } from "./thrown.ts";

const ident = 3;
const filter = -1;

/** The calls by their rows, each with what would serve it; that the types fit is for the type checker to see. */
const CALLS: readonly [row: string, name: string, served: RegExp, call: () => unknown][] = [
  ["S9", "currentKqueue", /kqueue/, (): Kqueue => currentKqueue()],
  ["S9", "waitKevent", /kqueue/, (): Operation<Kevent> => waitKevent(ident, filter, () => Abort.SUCCEEDED)],
  [
    "S10",
    "monitorKevent",
    /kqueue/,
    (): Operation<number> =>
      monitorKevent(ident, filter, async function* (queue: EventQueue<Kevent>) {
        return (yield* queue.get()).length;
      }),
  ],
  ["S11", "currentIocp", /iocp/, (): Handle => currentIocp()],
  ["S11", "registerWithIocp", /iocp/, (): void => registerWithIocp(1n)],
  ["S11", "waitOverlapped", /iocp/, (): Operation<void> => waitOverlapped(1n, 2n)],
  ["S11", "readIntoOverlapped", /iocp/, (): Operation<number> => readIntoOverlapped(1n, new Uint8Array(1), 0)],
  ["S11", "waitForSingleObject", /iocp/, (): Operation<void> => waitForSingleObject(1n)],
  ["S11", "writeOverlapped", /iocp/, (): Operation<number> => writeOverlapped(1n, new Uint8Array(1))],
  [
    "S12",
    "monitorCompletionKey",
    /iocp/,
    (): Operation<string> =>
      monitorCompletionKey(function* (key: number, queue: EventQueue<CompletionEvent>) {
        const [event] = yield* queue.get();
        return `${key} ${event!.lpOverlapped} ${event!.bytesTransferred}`;
      }),
  ],
];

function declare(row: string, body: (name: string, served: RegExp, call: () => unknown) => void): void {
  for (const [of, name, served, call] of CALLS) if (of === row) body(name, served, call);
}

const backends = process.platform === "linux" ? (["epoll", "poll"] as const) : [];
for (const backend of backends) {
  describe(backend, () => {
    forBothKinds((kind) => {
      /** The call throws, the error says where it is, what it is and what it wants, and the run is none the worse. */
      function refuses(name: string, served: RegExp, call: () => unknown): void {
        let wentOn = false;
        runSync(
          kind.task(function* () {
            const problem = thrown(call);
            expect(problem).toBeInstanceOf(UnsupportedError);
            expect(problem.message).toStartWith(`${name}(`);
            expect(problem.message).toMatch(served);
            expect(problem.message).toContain(`on ${backend};`);
            expect(problem.message).toContain("waitReadable(fd)");
            yield yieldBriefly();
            wentOn = true;
          }),
          { io: backend },
        );
        expect(wentOn).toBe(true);
      }

      test("S9 waiting for a kevent is refused", () => declare("S9", refuses));
      test("S10 monitoring a kevent is refused", () => declare("S10", refuses));
      test("S11 overlapped I/O is refused", () => declare("S11", refuses));
      test("S12 monitoring a completion key is refused", () => declare("S12", refuses));
    });
  });
}

for (const [row, name, , call] of CALLS) {
  test(`${row} ${name} outside a run is a UsageError`, () => {
    const problem = thrown(call);
    expect(problem).toBeInstanceOf(UsageError);
    expect(problem.message).toContain(name);
  });
}
