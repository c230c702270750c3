/** What is no descriptor, or no longer one. */
import { closeSync, openSync } from "node:fs";
import { expect, test } from "bun:test";
import {
  notifyClosing,
  waitReadable,
  waitSocketReadable,
  waitSocketWritable,
  waitWritable,
  type Operation,
} from "../../src/hazmat.ts";
import { SystemError, UsageError, UnsupportedError, runSync } from "../../src/index.ts";
import { socketpair } from "../../src/socket.ts";
import { BACKENDS } from "../backends.ts";
import { Handles } from "../io/windows-handles.ts";
import { errorOf, expectError, stillSound, survived, thrownBy, wrong } from "./soundness.ts";

const WAITS: readonly (readonly [name: string, wait: (fd: any) => Operation<void>])[] = [
  ["waitReadable(fd): fd", waitReadable],
  ["waitWritable(fd): fd", waitWritable],
  ["waitSocketReadable(sock): sock", waitSocketReadable],
  ["waitSocketWritable(sock): sock", waitSocketWritable],
];

const NO_DESCRIPTORS: readonly (readonly [value: unknown, shown: string])[] = [
  ["0", '"0"'],
  [undefined, "undefined"],
  [null, "null"],
  [true, "boolean"],
  [1n, "bigint"],
  [Symbol("fd"), "symbol"],
  [{}, "an object whose fd is undefined"],
  [{ fd: "3" }, 'an object whose fd is "3"'],
  [{ fd: null }, "an object whose fd is null"],
  [Object.create(null), "an object whose fd is undefined"],
  [[3], "an object whose fd is undefined"],
  [() => 3, "function"],
];
const onWindows = process.platform === "win32";
/** The largest `int`; on Windows the largest handle. */
const MAX_DESCRIPTOR = onWindows ? 2 ** 32 - 1 : 2 ** 31 - 1;
const OUT_OF_RANGE: readonly (readonly [value: unknown, shown: string])[] = [
  [-1, "-1 is what is left of a closed one"],
  [{ fd: -1 }, "-1 is what is left of a closed one"],
  [-2, "not -2"],
  [1.5, "not 1.5"],
  [NaN, "not NaN"],
  [Infinity, "not Infinity"],
  [MAX_DESCRIPTOR + 1, `not ${MAX_DESCRIPTOR + 1}`],
  [2 ** 53, "not 9007199254740992"],
];

for (const io of BACKENDS) {
  for (const [name, wait] of WAITS) {
    test(`${io}: ${name}: what is no descriptor is refused by the call`, () => {
      runSync(
        function* () {
          for (const [value, shown] of NO_DESCRIPTORS) {
            expectError(
              thrownBy(() => wait(value)),
              TypeError,
              name,
              "must be a file descriptor (a number) or",
              shown,
            );
          }
          for (const [value, shown] of OUT_OF_RANGE) {
            expectError(
              thrownBy(() => wait(value)),
              RangeError,
              name,
              `whole number from 0 to ${MAX_DESCRIPTOR}`,
              shown,
            );
          }
          yield* stillSound();
        },
        { io },
      );
    });

    test(`${io}: ${name}: a descriptor that is closed, or that nobody ever had`, () => {
      runSync(
        function* () {
          // Here and not before: a descriptor of the run's own would take the number.
          const closed = socketpair().map((socket) => {
            const { fd } = socket;
            socket.close();
            return fd;
          });
          for (const fd of [...closed, 1_000_000, MAX_DESCRIPTOR]) {
            const error = yield* survived(() => wait(fd));
            if (onWindows) expectError(error, SystemError, `${fd} is no open socket`);
            else expectError(error, SystemError, `fd ${fd}`, "is not open");
            expect(error.code).toBe(onWindows ? "ENOTSOCK" : "EBADF");
          }
        },
        { io },
      );
    });

    test(`${io}: ${name}: a regular file`, () => {
      using handles = new Handles();
      const fd = onWindows ? handles.file() : openSync(import.meta.path, "r");
      try {
        runSync(
          function* () {
            const error = yield* survived(() => wait(fd));
            if (onWindows) expectError(error, SystemError, "ENOTSOCK", `${fd} is no open socket`);
            else expectError(error, SystemError, "EPERM", `fd ${fd}`, "always ready, so there is nothing to wait for");
          },
          { io },
        );
      } finally {
        if (!onWindows) closeSync(fd);
      }
    });
  }

  test(`${io}: a Socket that was closed is refused as what it is`, () => {
    const [a, b] = socketpair();
    a.close();
    b.close();
    runSync(
      function* () {
        expectError(
          thrownBy(() => waitReadable(a)),
          RangeError,
          "-1 is what is left of a closed one",
        );
        yield* stillSound();
      },
      { io },
    );
  });
}

test("notifyClosing() judges its argument, and does nothing for a descriptor nobody waits for", () => {
  runSync(function* () {
    for (const [value, shown] of NO_DESCRIPTORS) {
      expectError(
        thrownBy(() => notifyClosing(wrong(value))),
        TypeError,
        "notifyClosing(fd): fd",
        shown,
      );
    }
    for (const [value, shown] of OUT_OF_RANGE) {
      expectError(
        thrownBy(() => notifyClosing(wrong(value))),
        RangeError,
        "notifyClosing(fd): fd",
        shown,
      );
    }
    notifyClosing(1_000_000);
    yield* stillSound();
  });
});

test("outside a run a wait for a descriptor is refused, by its name", () => {
  for (const [name, wait] of WAITS) {
    expectError(
      thrownBy(() => wait(0)),
      UsageError,
      name.replace(/:.*/, ""),
      "needs a run",
    );
  }
});

test("on a backend without descriptors the wait says what would serve it", () => {
  const nowhere = {
    backend: "nowhere",
    waiting: 0,
    poll: () => 0,
    wake() {},
    close() {},
    statistics: () => ({ backend: "nowhere", tasksWaitingRead: 0, tasksWaitingWrite: 0 }),
  };
  runSync(
    function* () {
      expectError(
        thrownBy(() => waitReadable(0)),
        UnsupportedError,
        "waitReadable(fd)",
        "nowhere",
        '"epoll" or "poll"',
      );
      yield* errorOf(stillSoundOnSpin());
    },
    { io: () => nowhere },
  );
  function* stillSoundOnSpin(): Generator<any, void> {
    yield* stillSound();
  }
});
