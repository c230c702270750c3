/** S11, S12: overlapped operations and completion keys, on real handles of Windows'. */
import { describe, expect, test } from "bun:test";
import { completionPortCalls } from "../../ffi/completion-port.ts";
import {
  type CompletionEvent,
  type EventQueue,
  type Handle,
  currentIocp,
  currentStatistics,
  monitorCompletionKey,
  notifyClosing,
  readIntoOverlapped,
  registerWithIocp,
  waitOverlapped,
  writeOverlapped,
  yieldBriefly,
} from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  Cancelled,
  ClosedResourceError,
  DeadlockError,
  type Operation,
  SystemError,
  UsageError,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { Handles, OwnOperation } from "./windows-handles.ts";

const WHY_NOT =
  process.platform === "win32" ? "" : ` (skipped: completion ports are Windows', this is ${process.platform})`;

/** Real milliseconds after which a test is taken to hang. */
const HANGS = 10_000;

type Body = (handles: Handles) => Generator<any, void, any>;

function inRun(name: string, body: Body): void {
  test.skipIf(WHY_NOT !== "")(`${name}${WHY_NOT}`, () => {
    using handles = new Handles();
    const scope = new CancelScope({ timeout: HANGS });
    runSync(() => scope.run(() => body(handles)));
    expect(scope.cancelledCaught).toBe(false);
  });
}

/** A pipe with both ends tied to the run's port. */
function registeredPipe(handles: Handles, options?: { messages: boolean }): [number, number] {
  const pipe = handles.pipe(options);
  pipe.forEach(registerWithIocp);
  return pipe;
}

/** What an operation throws. */
function* errorOf(operation: Operation<unknown>): Generator<any, unknown, any> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Returns when the port has been asked once more, and everything that was in it has been handed out. */
function* polled(): Generator<any, void, any> {
  yield* monitorCompletionKey(function* (key, queue) {
    post(key, 0n, 0);
    yield* queue.get();
  });
}

function post(key: number, lpOverlapped: bigint, bytes: number): void {
  expect(completionPortCalls().post(Number(currentIocp()), key, lpOverlapped, bytes)).toBe(0);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);

describe("readIntoOverlapped and writeOverlapped", () => {
  inRun("what is written to one end of a pipe is read from the other", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const buffer = new Uint8Array(100);
    expect(yield* writeOverlapped(server, bytes("hello"))).toBe(5);
    expect(yield* readIntoOverlapped(client, buffer)).toBe(5);
    expect(text(buffer.subarray(0, 5))).toBe("hello");
    expect(yield* writeOverlapped(BigInt(client), bytes("answer"))).toBe(6);
    expect(yield* readIntoOverlapped(BigInt(server), buffer)).toBe(6);
    expect(text(buffer.subarray(0, 6))).toBe("answer");
  });

  inRun("a read waits until something is written", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        const buffer = new Uint8Array(10);
        log.push(text(buffer.subarray(0, yield* readIntoOverlapped(client, buffer))));
      });
      yield* polled();
      log.push("written");
      yield* writeOverlapped(server, bytes("late"));
    });
    expect(log).toEqual(["written", "late"]);
  });

  inRun("only the given view of a buffer is written to, and only when the read is over", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const memory = new Uint8Array(20).fill(1);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* readIntoOverlapped(client, memory.subarray(5, 8))).toBe(3);
      });
      yield* polled();
      expect([...memory]).toEqual(new Array(20).fill(1));
      yield* writeOverlapped(server, Uint8Array.of(7, 8, 9, 10));
    });
    expect([...memory]).toEqual([1, 1, 1, 1, 1, 7, 8, 9, ...new Array(12).fill(1)]);
  });

  inRun("data is written as it was when the write began", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const data = bytes("x".repeat(50_000));
    let read = 0;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* writeOverlapped(server, data)).toBe(50_000);
      });
      yield* polled();
      data.fill(0);
      const buffer = new Uint8Array(10_000);
      while (read < 50_000) {
        const count = yield* readIntoOverlapped(client, buffer);
        expect(buffer.subarray(0, count).every((byte) => byte === 120)).toBe(true);
        read += count;
      }
    });
    expect(read).toBe(50_000);
  });

  inRun("the offset is a place in the file", function* (handles) {
    const file = handles.file();
    registerWithIocp(file);
    expect(yield* writeOverlapped(file, bytes("0123456789"))).toBe(10);
    expect(yield* writeOverlapped(file, bytes("ab"), 4)).toBe(2);
    const buffer = new Uint8Array(20);
    expect(yield* readIntoOverlapped(file, buffer, 3)).toBe(7);
    expect(text(buffer.subarray(0, 7))).toBe("3ab6789");
    const error = yield* errorOf(readIntoOverlapped(file, buffer, 10));
    expect(error).toMatchObject({ code: "ERROR_HANDLE_EOF", errno: 38 });
  });

  inRun("a read is a checkpoint, also when there is something to be read already", function* (handles) {
    const [server, client] = registeredPipe(handles);
    yield* writeOverlapped(server, bytes("there"));
    let others = 0;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        others++;
        yield* yieldBriefly();
      });
      yield* readIntoOverlapped(client, new Uint8Array(10));
      expect(others).toBe(1);
    });
  });

  inRun("in a cancelled scope nothing is read, and nothing written", function* (handles) {
    const [server, client] = registeredPipe(handles);
    yield* writeOverlapped(server, bytes("kept"));
    const buffer = new Uint8Array(10);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(function* () {
      expect(yield* errorOf(readIntoOverlapped(client, buffer))).toBeInstanceOf(Cancelled);
      expect(yield* errorOf(writeOverlapped(client, bytes("no")))).toBeInstanceOf(Cancelled);
    });
    expect(yield* readIntoOverlapped(client, buffer)).toBe(4);
    expect(yield* writeOverlapped(client, bytes("yes"))).toBe(3);
    expect(yield* readIntoOverlapped(server, buffer)).toBe(3);
  });

  inRun("a cancelled read has read nothing, and the pipe goes on", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const buffer = new Uint8Array(10);
    for (let round = 0; round < 20; round++) {
      const scope = yield* moveOnAfter(round % 3, function* (scope) {
        yield* readIntoOverlapped(client, buffer);
        return scope;
      });
      expect(scope).toBeUndefined();
    }
    expect([...buffer]).toEqual(new Array(10).fill(0));
    yield* writeOverlapped(server, bytes("all"));
    expect(yield* readIntoOverlapped(client, buffer)).toBe(3);
  });

  inRun("a cancelled write that waits for room ends with Cancelled", function* (handles) {
    const [server] = registeredPipe(handles);
    const scope = new CancelScope();
    let error: unknown;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() =>
        scope.run(function* () {
          error = yield* errorOf(writeOverlapped(server, new Uint8Array(1_000_000)));
        }),
      );
      yield* polled();
      scope.cancel();
    });
    expect(error).toBeInstanceOf(Cancelled);
  });

  inRun("a message that does not fit is read in pieces", function* (handles) {
    const [server, client] = registeredPipe(handles, { messages: true });
    const buffer = new Uint8Array(3);
    yield* writeOverlapped(server, bytes("abcde"));
    expect(yield* readIntoOverlapped(client, buffer)).toBe(3);
    expect(text(buffer)).toBe("abc");
    expect(yield* readIntoOverlapped(client, buffer)).toBe(2);
    expect(text(buffer)).toBe("dec");
  });

  inRun("when the other end is closed the read fails with ERROR_BROKEN_PIPE", function* (handles) {
    const [server, client] = registeredPipe(handles);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        const error = yield* errorOf(readIntoOverlapped(client, new Uint8Array(10)));
        expect(error).toBeInstanceOf(SystemError);
        expect(error).toMatchObject({ code: "ERROR_BROKEN_PIPE", errno: 109, syscall: "readIntoOverlapped()" });
      });
      yield* polled();
      handles.close(server);
    });
    expect(yield* errorOf(readIntoOverlapped(client, new Uint8Array(10)))).toMatchObject({ code: "ERROR_BROKEN_PIPE" });
  });

  inRun("a handle that is closed under a read is a ClosedResourceError there", function* (handles) {
    const [, client] = registeredPipe(handles);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* errorOf(readIntoOverlapped(client, new Uint8Array(10)))).toBeInstanceOf(ClosedResourceError);
      });
      yield* polled();
      handles.close(client);
    });
  });

  inRun("notifyClosing ends all that is under way on a handle with ClosedResourceError", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const errors: unknown[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        errors.push(yield* errorOf(readIntoOverlapped(client, new Uint8Array(10))));
      });
      nursery.startSoon(function* () {
        errors.push(yield* errorOf(writeOverlapped(client, new Uint8Array(1_000_000))));
      });
      nursery.startSoon(function* () {
        errors.push((yield* readIntoOverlapped(server, new Uint8Array(1))) === 1);
      });
      yield* polled();
      yield* polled();
      notifyClosing(client);
      handles.close(client);
    });
    expect(errors.filter((error) => error instanceof ClosedResourceError)).toHaveLength(2);
    expect(errors).toContain(true);
  });

  inRun("a handle that was not registered is a UsageError that says so, and nothing was begun", function* (handles) {
    const [server, client] = handles.pipe();
    for (const operation of [readIntoOverlapped(client, new Uint8Array(1)), writeOverlapped(client, bytes("x"))]) {
      const error = yield* errorOf(operation);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as Error).message).toContain("registerWithIocp(handle)");
    }
    registerWithIocp(client);
    registerWithIocp(server);
    yield* writeOverlapped(server, bytes("only this"));
    expect(yield* readIntoOverlapped(client, new Uint8Array(20))).toBe(9);
  });

  for (const [what, call] of [
    ["a handle", () => readIntoOverlapped("7" as unknown as Handle, new Uint8Array(1))],
    ["a buffer", () => readIntoOverlapped(8, [1] as unknown as Uint8Array)],
    ["data", () => writeOverlapped(8, "text" as unknown as Uint8Array)],
    ["an offset", () => writeOverlapped(8, bytes("x"), "1" as unknown as number)],
  ] as const) {
    inRun(`what is not ${what} is a TypeError at once`, function* () {
      expect(call).toThrow(TypeError);
    });
  }

  for (const handle of [0, -1, 0n, -1n, 1.5, 2 ** 40, 0xffff_ffff_ffff_ffffn]) {
    inRun(`the handle ${handle} is a RangeError at once`, function* () {
      expect(() => readIntoOverlapped(handle, new Uint8Array(1))).toThrow(RangeError);
    });
  }

  inRun("an offset that is no place is a RangeError at once", function* () {
    for (const offset of [-1, 1.5, Infinity]) expect(() => writeOverlapped(8, bytes("x"), offset)).toThrow(RangeError);
  });
});

describe("registerWithIocp", () => {
  inRun("a handle that is tied already is refused, and goes on serving", function* (handles) {
    const [server, client] = registeredPipe(handles);
    expect(() => registerWithIocp(server)).toThrow("ERROR_INVALID_PARAMETER");
    yield* writeOverlapped(server, bytes("x"));
    expect(yield* readIntoOverlapped(client, new Uint8Array(1))).toBe(1);
  });

  inRun("what is not open is refused with ERROR_INVALID_HANDLE", function* (handles) {
    const [server] = handles.pipe();
    handles.close(server);
    expect(() => registerWithIocp(server)).toThrow("ERROR_INVALID_HANDLE");
  });

  inRun("a file that was opened without FILE_FLAG_OVERLAPPED is refused", function* (handles) {
    expect(() => registerWithIocp(handles.file({ overlapped: false }))).toThrow("ERROR_INVALID_PARAMETER");
  });
});

describe("waitOverlapped", () => {
  inRun("returns when the operation is over, whose OVERLAPPED has the result", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitOverlapped(client, read.lpOverlapped);
        expect(read.bytesMoved).toBe(4);
        expect(text(read.data.subarray(0, 4))).toBe("four");
      });
      yield* polled();
      yield* writeOverlapped(server, bytes("four"));
    });
  });

  inRun("operations on one handle are waited for each by its own task", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const reads = [1, 2, 3].map(() => new OwnOperation(1).read(client));
    const got: string[] = [];
    yield* openNursery(function* (nursery) {
      for (const read of reads) {
        nursery.startSoon(function* () {
          yield* waitOverlapped(client, read.lpOverlapped);
          got.push(text(read.data));
        });
      }
      yield* polled();
      yield* writeOverlapped(server, bytes("abc"));
    });
    expect(got).toEqual(["a", "b", "c"]);
  });

  inRun("a second task that waits for one operation is Busy, and the first waits on", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    let over = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitOverlapped(client, read.lpOverlapped);
        over = true;
      });
      yield* polled();
      expect(yield* errorOf(waitOverlapped(client, read.lpOverlapped))).toBeInstanceOf(BusyResourceError);
      expect(over).toBe(false);
      yield* writeOverlapped(server, bytes("x"));
    });
    expect(over).toBe(true);
  });

  inRun("cancelled, it ends the operation, and the task gets Cancelled once that is over", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    const scope = new CancelScope();
    let over = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() =>
        scope.run(function* () {
          const error = yield* errorOf(waitOverlapped(client, read.lpOverlapped));
          expect(error).toBeInstanceOf(Cancelled);
          over = true;
          throw error;
        }),
      );
      yield* polled();
      scope.cancel();
      expect(over).toBe(false);
      expect(currentStatistics().io).toMatchObject({ backend: "iocp" });
    });
    expect(scope.cancelledCaught).toBe(true);
    // The operation is gone: what is written is for the next one.
    yield* writeOverlapped(server, bytes("x"));
    expect(yield* readIntoOverlapped(client, new Uint8Array(10))).toBe(1);
  });

  inRun("a cancel that comes too late leaves the result", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    const scope = new CancelScope();
    let over = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() =>
        scope.run(function* () {
          yield* waitOverlapped(client, read.lpOverlapped);
          over = true;
        }),
      );
      yield* polled();
      // The write completes the read: its completion is in the port when the scope is cancelled.
      new OwnOperation(3).write(server);
      scope.cancel();
    });
    expect(over).toBe(true);
    expect(scope.cancelledCaught).toBe(false);
    expect(read.bytesMoved).toBe(3);
  });

  inRun("an operation that has ended, completion and all, before anybody waited for it is over", function* (handles) {
    const [server, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    yield* writeOverlapped(server, bytes("abc"));
    yield* polled(); // the read's completion has come, to nobody
    yield* waitOverlapped(client, read.lpOverlapped);
    expect(read.bytesMoved).toBe(3);
  });

  inRun(
    "a completion of an earlier operation in the same OVERLAPPED does not end the wait for a later one",
    function* (handles) {
      const [server, client] = registeredPipe(handles);
      const read = new OwnOperation(10).read(client);
      new OwnOperation(3).write(server); // the first read is over, and its completion in the port
      read.read(client);
      let over = false;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitOverlapped(client, read.lpOverlapped);
          over = true;
        });
        yield* polled();
        yield* polled();
        expect(over).toBe(false);
        yield* writeOverlapped(server, bytes("xy"));
      });
      expect(read.bytesMoved).toBe(2);
    },
  );

  inRun("in a scope that is cancelled already the operation is cancelled all the same", function* (handles) {
    const [, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(() => waitOverlapped(client, read.lpOverlapped));
    expect(scope.cancelledCaught).toBe(true);
  });

  inRun("what its handle's own closing ends is a ClosedResourceError", function* (handles) {
    const [, client] = registeredPipe(handles);
    const read = new OwnOperation(10).read(client);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* errorOf(waitOverlapped(client, read.lpOverlapped))).toBeInstanceOf(ClosedResourceError);
      });
      yield* polled();
      handles.close(client);
    });
  });

  describe("a forgotten registration is a UsageError that says so", () => {
    const saysSo = (error: unknown): void => {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as Error).message).toContain("registerWithIocp(handle)");
    };

    inRun("when the operation is over already", function* (handles) {
      const [server, client] = handles.pipe();
      const write = new OwnOperation(5).write(server);
      saysSo(yield* errorOf(waitOverlapped(server, write.lpOverlapped)));
      registerWithIocp(server); // which is not too late for the next one
      registerWithIocp(client);
      expect(yield* writeOverlapped(server, bytes("x"))).toBe(1);
    });

    inRun("when the operation ends, and not before", function* (handles) {
      const [server, client] = handles.pipe();
      registerWithIocp(server);
      const read = new OwnOperation(5).read(client);
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          error = yield* errorOf(waitOverlapped(client, read.lpOverlapped));
        });
        yield* polled();
        expect(error).toBeUndefined();
        yield* writeOverlapped(server, bytes("x"));
      });
      saysSo(error);
    });

    inRun("when it is cancelled", function* (handles) {
      const [, client] = handles.pipe();
      const read = new OwnOperation(5).read(client);
      const scope = new CancelScope();
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            error = yield* errorOf(waitOverlapped(client, read.lpOverlapped));
          }),
        );
        yield* polled();
        scope.cancel();
      });
      saysSo(error);
    });

    inRun("when the number was another handle's, which was registered", function* (handles) {
      const [first] = registeredPipe(handles);
      handles.close(first);
      let unregistered = 0;
      for (let pipes = 0; unregistered !== first && pipes < 1_000; pipes++) {
        unregistered = handles.pipe().find((handle) => handle === first) ?? 0;
      }
      expect(unregistered).toBe(first);
      const read = new OwnOperation(5).read(unregistered);
      const scope = new CancelScope();
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            error = yield* errorOf(waitOverlapped(unregistered, read.lpOverlapped));
          }),
        );
        yield* polled();
        scope.cancel();
      });
      saysSo(error);
    });

    inRun("when the handle is tied to another port, and the wait is cancelled", function* (handles) {
      const [, client] = handles.pipe();
      const calls = completionPortCalls();
      const port = calls.createPort();
      expect(calls.associate(client, port, 1)).toBe(0);
      const read = new OwnOperation(5).read(client);
      const scope = new CancelScope();
      let error: unknown;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            error = yield* errorOf(waitOverlapped(client, read.lpOverlapped));
          }),
        );
        yield* polled();
        scope.cancel();
      });
      saysSo(error);
      calls.close(port);
    });
  });

  inRun("what is no address is a TypeError or a RangeError at once", function* () {
    expect(() => waitOverlapped(8, "x" as unknown as bigint)).toThrow(TypeError);
    for (const address of [0, 0n, -1n, 1.5, 2n ** 60n]) expect(() => waitOverlapped(8, address)).toThrow(RangeError);
  });

  inRun("a run that waits for an operation is not deadlocked", function* (handles) {
    const [server, client] = registeredPipe(handles);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => readIntoOverlapped(client, new Uint8Array(1)));
      yield* sleep(20);
      yield* writeOverlapped(server, bytes("x"));
    });
  });
});

describe("monitorCompletionKey", () => {
  inRun("what is posted with its key comes in order, as it was posted", function* () {
    const posted = [
      { lpOverlapped: 0n, bytesTransferred: 1 },
      { lpOverlapped: 0xffff_ffff_ffff_ffffn, bytesTransferred: 0xffff_ffff },
      ...Array.from({ length: 1_000 }, (_, i) => ({ lpOverlapped: BigInt(i), bytesTransferred: i })),
    ];
    const got: CompletionEvent[] = [];
    const result = yield* monitorCompletionKey(function* (key, queue) {
      for (const { lpOverlapped, bytesTransferred } of posted) post(key, lpOverlapped, bytesTransferred);
      while (got.length < posted.length) got.push(...(yield* queue.get()));
      return "done";
    });
    expect(result).toBe("done");
    expect(got).toEqual(posted);
  });

  inRun("each has a key of its own", function* () {
    const keys = new Set<number>();
    for (let i = 0; i < 3; i++) {
      yield* monitorCompletionKey(function* (outer, outerQueue) {
        keys.add(outer);
        yield* monitorCompletionKey(function* (inner, innerQueue) {
          keys.add(inner);
          post(inner, 2n, 0);
          post(outer, 1n, 0);
          expect(yield* innerQueue.get()).toEqual([{ lpOverlapped: 2n, bytesTransferred: 0 }]);
          expect(yield* outerQueue.get()).toEqual([{ lpOverlapped: 1n, bytesTransferred: 0 }]);
        });
      });
    }
    expect(keys.size).toBe(6);
  });

  inRun("what is posted with a key that nobody monitors is nobody's", function* () {
    let old = 0;
    yield* monitorCompletionKey(function* (key) {
      old = key;
      yield* yieldBriefly();
    });
    post(old, 1n, 1);
    post(0, 1n, 1);
    yield* polled();
  });

  inRun("its queue ends with its body", function* () {
    let left: EventQueue<CompletionEvent>;
    yield* monitorCompletionKey(function* (key, queue) {
      left = queue;
      post(key, 5n, 5);
      yield* polled();
    });
    expect(yield* left!.get()).toEqual([{ lpOverlapped: 5n, bytesTransferred: 5 }]);
    expect(yield* errorOf(left!.get())).toBeInstanceOf(ClosedResourceError);
  });

  inRun("the body's error comes out, and its body may be asynchronous", function* () {
    const error = new Error("mine");
    const thrown = yield* errorOf(
      monitorCompletionKey(async function* (key, queue) {
        post(key, 1n, 1);
        yield* queue.get();
        await Promise.resolve();
        throw error;
      }),
    );
    expect(thrown).toBe(error);
  });

  inRun("a completion of an operation comes to its handle's own key", function* (handles) {
    const [server, client] = handles.pipe();
    registerWithIocp(server);
    yield* monitorCompletionKey(function* (key, queue) {
      expect(completionPortCalls().associate(client, Number(currentIocp()), key)).toBe(0);
      const read = new OwnOperation(10).read(client);
      yield* writeOverlapped(server, bytes("abc"));
      expect(yield* queue.get()).toEqual([{ lpOverlapped: read.lpOverlapped, bytesTransferred: 3 }]);
    });
  });

  test.skipIf(WHY_NOT !== "")(
    `a task that waits for events is not deadlocked while its key is monitored${WHY_NOT}`,
    () => {
      runSync(function* () {
        yield* monitorCompletionKey(function* (_key, queue) {
          expect(yield* moveOnAfter(20, () => queue.get())).toBeUndefined();
        });
      });
      // And is, once it is not.
      expect(() =>
        runSync(function* () {
          yield* monitorCompletionKey(() => yieldBriefly());
          yield* sleepForever();
        }),
      ).toThrow(DeadlockError);
    },
  );

  inRun("what is no function is a TypeError at once", function* () {
    expect(() => monitorCompletionKey(5 as never)).toThrow(TypeError);
  });
});

test.skipIf(WHY_NOT !== "")(`all of it works beside Bun's loop${WHY_NOT}`, async () => {
  using handles = new Handles();
  let turned = 0;
  const timer = setInterval(() => turned++, 1);
  await run(async function* () {
    const [server, client] = registeredPipe(handles);
    const buffer = new Uint8Array(10);
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* () {
        for (let i = 0; i < 10; i++) expect(yield* readIntoOverlapped(client, buffer)).toBe(1);
      });
      for (let i = 0; i < 10; i++) {
        yield* sleep(2);
        yield* writeOverlapped(server, bytes("x"));
      }
    });
  });
  clearInterval(timer);
  expect(turned).toBeGreaterThan(2);
});
