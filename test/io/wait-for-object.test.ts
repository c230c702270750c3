/** waitForSingleObject, on objects of Windows' own. */
import { describe, expect, test } from "bun:test";
import { FFIType } from "bun:ffi";
import { compileC } from "../../ffi/compile-c.ts";
import { handleCalls } from "../../ffi/kernel32.ts";
import { OBJECTS_A_WATCHER, bindObjectWatcher } from "../../ffi/object-watcher.ts";
import { STATUS_TIMEOUT, STATUS_WAIT_0, waitableObjectCalls } from "../../ffi/waitable-object.ts";
import { type Handle, currentIocp, notifyClosing, waitForSingleObject, yieldBriefly } from "../../src/hazmat.ts";
import {
  CancelScope,
  Cancelled,
  ClosedResourceError,
  type Operation,
  SystemError,
  UnsupportedError,
  openNursery,
  run,
  runSync,
} from "../../src/index.ts";
import { IocpIoManager } from "../../src/io/iocp.ts";
import { ObjectWait, ObjectWaits } from "../../src/io/object-waits.ts";
import { Handles, openHandles, releaseMutex, releaseSemaphore, setEvent } from "./windows-handles.ts";

const WHY_NOT =
  process.platform === "win32" ? "" : ` (skipped: objects to wait for are Windows', this is ${process.platform})`;

/** Real milliseconds after which a test is taken to hang. */
const HANGS = 20_000;

type Body = (handles: Handles) => Generator<any, void, any>;

/** Declares a test for `runSync`, and for `run`. */
function inRuns(name: string, body: Body): void {
  test.skipIf(WHY_NOT !== "")(`runSync: ${name}${WHY_NOT}`, () => {
    using handles = new Handles();
    const scope = new CancelScope({ timeout: HANGS });
    runSync(() => scope.run(() => body(handles)));
    expect(scope.cancelledCaught).toBe(false);
  });
  test.skipIf(WHY_NOT !== "")(`run: ${name}${WHY_NOT}`, async () => {
    using handles = new Handles();
    const scope = new CancelScope({ timeout: HANGS });
    await run(() => scope.run(() => body(handles)));
    expect(scope.cancelledCaught).toBe(false);
  });
}

function* errorOf(operation: Operation<unknown>): Generator<any, unknown, any> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Lets tasks that are to begin to wait do so. */
function* begun(): Generator<any, void, any> {
  for (let i = 0; i < 5; i++) yield* yieldBriefly();
}

const isSignalled = (handle: number): boolean => {
  const status = waitableObjectCalls().take(handle);
  expect([STATUS_WAIT_0, STATUS_TIMEOUT]).toContain(status);
  return status === STATUS_WAIT_0;
};

describe("events", () => {
  for (const resetsItself of [false, true]) {
    const kind = resetsItself ? "an event that resets itself" : "an event that stays set";

    inRuns(`${kind}, set later, ends the wait`, function* (handles) {
      const event = handles.event({ resetsItself });
      const log: string[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitForSingleObject(event);
          log.push("over");
        });
        yield* begun();
        log.push("set");
        setEvent(event);
      });
      expect(log).toEqual(["set", "over"]);
      expect(isSignalled(event)).toBe(!resetsItself);
    });

    inRuns(`${kind}, set before, ends the wait, which is a checkpoint all the same`, function* (handles) {
      const event = handles.event({ resetsItself });
      setEvent(event);
      let others = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          others++;
          yield* yieldBriefly();
        });
        yield* waitForSingleObject(BigInt(event));
        expect(others).toBe(1);
      });
      expect(isSignalled(event)).toBe(!resetsItself);
    });
  }

  inRuns("in a cancelled scope nothing is taken", function* (handles) {
    const event = handles.event({ resetsItself: true });
    setEvent(event);
    const scope = new CancelScope();
    scope.cancel();
    yield* scope.run(function* () {
      expect(yield* errorOf(waitForSingleObject(event))).toBeInstanceOf(Cancelled);
    });
    expect(isSignalled(event)).toBe(true);
  });

  inRuns("a wait that was cancelled takes nothing, and the next one gets it", function* (handles) {
    const event = handles.event({ resetsItself: true });
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => scope.run(() => waitForSingleObject(event)));
      yield* begun();
      scope.cancel();
    });
    expect(scope.cancelledCaught).toBe(true);
    setEvent(event);
    yield* waitForSingleObject(event);
    expect(isSignalled(event)).toBe(false);
  });

  for (const seed of [1, 2, 3]) {
    inRuns(`a cancel that races with setting it loses nothing (seed ${seed})`, function* (handles) {
      const event = handles.event({ resetsItself: true });
      let state = seed;
      // Marsaglia's xorshift.
      const random = (below: number): number => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) % below;
      };
      const came = [0, 0];
      for (let round = 0; round < 200; round++) {
        const scope = new CancelScope();
        let happened = false;
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() =>
            scope.run(function* () {
              yield* waitForSingleObject(event);
              happened = true;
            }),
          );
          yield* begun();
          const spins = random(3_000);
          const setFirst = random(4) > 0;
          if (setFirst) setEvent(event);
          for (let spin = 0; spin < spins; spin++) performance.now();
          scope.cancel();
          if (!setFirst) setEvent(event);
          if (!setFirst) expect(happened).toBe(false);
        });
        expect(scope.cancelledCaught).toBe(!happened);
        // It was either waited for or is there still.
        expect(isSignalled(event)).toBe(!happened);
        came[happened ? 1 : 0]!++;
      }
      expect(came[0]).toBeGreaterThan(0);
      expect(came[1]).toBeGreaterThan(0);
    });
  }

  inRuns("a cancel that comes too late leaves the wait done", function* (handles) {
    const event = handles.event({ resetsItself: true });
    const scope = new CancelScope();
    let happened = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() =>
        scope.run(function* () {
          yield* waitForSingleObject(event);
          happened = true;
        }),
      );
      yield* begun();
      setEvent(event);
      // Until the wait has taken it. It is not to be taken here: a second event tells nothing of the first.
      while (isSignalled(event)) setEvent(event);
      scope.cancel();
      expect(happened).toBe(false);
    });
    expect(happened).toBe(true);
    expect(scope.cancelledCaught).toBe(false);
  });

  inRuns("two tasks wait for one object: one that stays set ends both waits", function* (handles) {
    const event = handles.event();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(waitForSingleObject, event);
      nursery.startSoon(waitForSingleObject, event);
      yield* begun();
      setEvent(event);
    });
  });

  inRuns(
    "two tasks wait for one object: one that resets itself ends one wait each time, in order",
    function* (handles) {
      const event = handles.event({ resetsItself: true });
      const log: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const task of [1, 2]) {
          nursery.startSoon(function* () {
            yield* waitForSingleObject(event);
            log.push(task);
            if (log.length === 1) setEvent(event);
          });
          yield* begun();
        }
        setEvent(event);
      });
      expect(log).toEqual([1, 2]);
      expect(isSignalled(event)).toBe(false);
    },
  );

  inRuns("200 waits at once, and handles and threads are given back", function* (handles) {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(waitForSingleObject, handles.event());
      yield* begun();
      const events = Array.from({ length: 3 * OBJECTS_A_WATCHER }, () => handles.event());
      const before = openHandles().length;
      for (let round = 0; round < 3; round++) {
        const done = new Set<number>();
        yield* openNursery(function* (inner) {
          for (const event of events) {
            inner.startSoon(function* () {
              yield* waitForSingleObject(event);
              done.add(event);
            });
          }
          yield* begun();
          expect(openHandles().length).toBeGreaterThanOrEqual(before + events.length);
          expect(done.size).toBe(0);
          if (round === 2) inner.cancelScope.cancel();
          else for (const event of events) setEvent(event);
        });
        expect(done.size).toBe(round === 2 ? 0 : events.length);
        for (const event of events) handles.reset(event);
      }
      // Beside a run the engine's own come and go, a few at a time.
      expect(openHandles().length).toBeLessThan(before + 20);
      nursery.cancelScope.cancel();
    });
  });
});

describe("other objects", () => {
  inRuns("the end of a process", function* (handles) {
    const child = Bun.spawn([process.execPath, "-e", "await Bun.stdin.text()"], { stdin: "pipe" });
    const ended = handles.process(child.pid);
    const log: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitForSingleObject(ended);
        log.push("over");
      });
      yield* begun();
      log.push("end");
      child.kill();
    });
    expect(log).toEqual(["end", "over"]);
    yield* waitForSingleObject(ended); // it stays so
  });

  inRuns("a semaphore lets as many through as it counts", function* (handles) {
    const semaphore = handles.semaphore(1);
    let through = 0;
    yield* openNursery(function* (nursery) {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(function* () {
          yield* waitForSingleObject(semaphore);
          through++;
        });
      }
      yield* begun();
      expect(through).toBe(1);
      releaseSemaphore(semaphore, 3);
      while (through < 4) yield* yieldBriefly();
      yield* begun();
      expect(through).toBe(4);
      expect(isSignalled(semaphore)).toBe(false);
      nursery.cancelScope.cancel();
    });
  });

  inRuns("a timer", function* (handles) {
    const before = performance.now();
    yield* waitForSingleObject(handles.timer(30));
    expect(performance.now() - before).toBeGreaterThanOrEqual(28);
  });

  inRuns(
    "a mutex that another thread releases is this thread's, and so is the end of that thread",
    function* (handles) {
      const mutex = handles.mutex();
      const release = handles.event();
      const holder = mutexHolder(mutex, release);
      expect(isSignalled(mutex)).toBe(false);
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          yield* waitForSingleObject(mutex);
          expect(releaseMutex(mutex)).toBe(true);
          expect(releaseMutex(mutex)).toBe(false);
        });
        yield* begun();
        setEvent(release);
      });
      yield* waitForSingleObject(holder);
      handleCalls().close(holder);
    },
  );

  inRuns("a mutex whose wait is cancelled while it becomes free is left free", function* (handles) {
    for (let round = 0; round < 20; round++) {
      const mutex = handles.mutex();
      const release = handles.event();
      const holder = mutexHolder(mutex, release);
      const scope = new CancelScope();
      let happened = false;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            yield* waitForSingleObject(mutex);
            happened = true;
          }),
        );
        yield* begun();
        setEvent(release);
        while (waitableObjectCalls().take(holder) === STATUS_TIMEOUT);
        scope.cancel();
      });
      expect(happened).toBe(false);
      expect(scope.cancelledCaught).toBe(true);
      expect(isSignalled(mutex)).toBe(true);
      expect(releaseMutex(mutex)).toBe(true);
      handleCalls().close(holder);
    }
  });

  inRuns("a mutex that somebody else takes before the run does is waited for still", function* (handles) {
    const mutex = handles.mutex();
    const first = handles.event();
    const second = handles.event();
    const holder = mutexHolder(mutex, first);
    let happened = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* waitForSingleObject(mutex);
        happened = true;
        expect(releaseMutex(mutex)).toBe(true);
      });
      yield* begun();
      setEvent(first);
      while (waitableObjectCalls().take(holder) === STATUS_TIMEOUT);
      // The packet that it is free is in the port, or soon will be, and this thread has not looked.
      const next = mutexHolder(mutex, second);
      const event = handles.event({ resetsItself: true });
      for (let i = 0; i < 3; i++) {
        nursery.startSoon(waitForSingleObject, event);
        yield* begun();
        setEvent(event);
        while (isSignalled(event)) setEvent(event);
        yield* begun();
      }
      expect(happened).toBe(false);
      setEvent(second);
      yield* waitForSingleObject(next);
      handleCalls().close(next);
    });
    expect(happened).toBe(true);
    handleCalls().close(holder);
  });

  inRuns("a mutex whose owner ended without releasing it is taken all the same", function* (handles) {
    const mutex = handles.mutex();
    const end = handles.event();
    const holder = mutexHolder(mutex, end, { releases: false });
    yield* openNursery(function* (nursery) {
      nursery.startSoon(waitForSingleObject, mutex);
      yield* begun();
      setEvent(end);
    });
    expect(releaseMutex(mutex)).toBe(true);
    handleCalls().close(holder);
  });
});

describe("errors", () => {
  inRuns("a handle that is not open is ERROR_INVALID_HANDLE, out of the operation", function* (handles) {
    const event = handles.event();
    handles.close(event);
    const operation = waitForSingleObject(event);
    const error = yield* errorOf(operation);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: "ERROR_INVALID_HANDLE", errno: 6, syscall: "waitForSingleObject()" });
    expect((error as Error).message).toContain(`handle ${event}`);
  });

  inRuns("a handle that is closed meanwhile makes no difference: the wait is for the object", function* (handles) {
    const event = handles.event();
    const other = handles.duplicate(event);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(waitForSingleObject, event);
      yield* begun();
      handles.close(event);
      setEvent(other);
    });
  });

  inRuns(
    "notifyClosing is a ClosedResourceError for who waits for the handle, and for nobody else",
    function* (handles) {
      const event = handles.event({ resetsItself: true });
      const other = handles.duplicate(event);
      const errors: unknown[] = [];
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          errors.push(yield* errorOf(waitForSingleObject(event)));
        });
        nursery.startSoon(function* () {
          errors.push(yield* errorOf(waitForSingleObject(other)));
        });
        yield* begun();
        notifyClosing(event);
        handles.close(event);
        yield* begun();
        expect(errors).toHaveLength(1);
        setEvent(other);
      });
      expect(errors[0]).toBeInstanceOf(ClosedResourceError);
      expect(errors[1]).toBeUndefined();
    },
  );

  inRuns("our own handle closed by somebody else is an error for that wait, and the others go on", function* (handles) {
    const spare = handles.event();
    const event = handles.event();
    let error: unknown;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(waitForSingleObject, event);
      yield* begun();
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => waitForSingleObject(event)));
      yield* begun();
      const before = new Set(openHandles());
      nursery.startSoon(function* () {
        error = yield* errorOf(waitForSingleObject(spare));
      });
      yield* begun();
      const [ours, ...more] = openHandles().filter((handle) => !before.has(handle));
      expect(more).toEqual([]);
      handleCalls().close(ours!);
      // The watcher finds out when it begins to wait anew: after each request.
      scope.cancel();
      while (error === undefined) yield* yieldBriefly();
      setEvent(event);
    });
    expect(error).toMatchObject({ code: "ERROR_INVALID_HANDLE" });
  });

  inRuns("what is no handle is a TypeError or a RangeError at once", function* () {
    for (const handle of ["7", null, undefined, {}]) {
      expect(() => waitForSingleObject(handle as unknown as Handle)).toThrow(TypeError);
    }
    for (const handle of [0, -1, 0n, -1n, 1.5, 2 ** 40]) {
      expect(() => waitForSingleObject(handle)).toThrow(RangeError);
    }
  });

  inRuns(
    "without a C compiler it is an UnsupportedError that says so, and nothing is left behind",
    function* (handles) {
      const waits = new ObjectWaits(Number(currentIocp()), () =>
        bindObjectWatcher(() => {
          throw new Error("no TinyCC");
        }),
      );
      const event = handles.event();
      const before = openHandles().length;
      const wait: Operation<void> = new ObjectWait(waits, event);
      const error = yield* errorOf(wait);
      expect(error).toBeInstanceOf(UnsupportedError);
      expect((error as Error).message).toContain("C compiler");
      expect(((error as Error).cause as Error).message).toBe("no TinyCC");
      expect(openHandles().length).toBe(before);
      expect(waits.size).toBe(0);
    },
  );
});

describe("the run", () => {
  test.skipIf(WHY_NOT !== "")(`that waits for an object is not deadlocked${WHY_NOT}`, async () => {
    using handles = new Handles();
    const main = () => waitForSingleObject(handles.timer(30));
    runSync(main);
    await run(main, { deadlockDetection: true });
  });

  test.skipIf(WHY_NOT !== "")(`has no thread and no handle left at its end${WHY_NOT}`, async () => {
    using handles = new Handles();
    const event = handles.event();
    const main = function* () {
      yield* openNursery(function* (nursery) {
        for (let i = 0; i < 100; i++) nursery.startSoon(waitForSingleObject, event);
        yield* begun();
        setEvent(event);
      });
      handles.reset(event);
    };
    runSync(main); // what is made once is made
    const before = openHandles().length;
    for (let i = 0; i < 5; i++) runSync(main);
    expect(openHandles().length).toBe(before);
    await run(main);
    const withLoop = openHandles().length;
    for (let i = 0; i < 5; i++) await run(main);
    expect(openHandles().length).toBeLessThanOrEqual(withLoop);
  });

  test.skipIf(WHY_NOT !== "")(`that is given up with waits begun ends them${WHY_NOT}`, () => {
    using handles = new Handles();
    const event = handles.event({ resetsItself: true });
    runSync(() => waitForSingleObject(handles.timer(1)));
    const before = openHandles().length;
    const io = new IocpIoManager();
    for (let i = 0; i < 100; i++) io.objects.begin(new ObjectWait(io.objects, event));
    expect(io.waiting).toBe(100);
    io.close();
    expect(openHandles().length).toBe(before);
    setEvent(event);
    expect(isSignalled(event)).toBe(true);
  });
});

let holders: ((mutex: number, end: number, releases: number, held: number) => number) | undefined;

/** A thread that has the mutex until `end` is set, and ends then. The handle of the thread. */
function mutexHolder(mutex: number, end: number, { releases = true }: { releases?: boolean } = {}): number {
  holders ??= compileC(HOLDER, { hold: { args: ["u64", "u64", "i32", "u64"], returns: FFIType.i64_fast } })
    .hold as never;
  using handles = new Handles();
  const held = handles.event();
  const thread = holders!(mutex, end, releases ? 1 : 0, held);
  expect(thread).toBeGreaterThan(0);
  while (waitableObjectCalls().take(held) === STATUS_TIMEOUT);
  return thread;
}

const HOLDER = `
void *CreateThread(void *security, unsigned long long stack, unsigned (*start)(void *), void *argument, unsigned flags, void *id);
unsigned WaitForSingleObject(void *object, unsigned ms);
int ReleaseMutex(void *mutex);
int SetEvent(void *event);
void *LocalAlloc(unsigned flags, unsigned long long size);
void *LocalFree(void *memory);

struct holder { void *mutex, *end, *held; int releases; };

static unsigned holder(void *argument) {
  struct holder *h = argument;
  WaitForSingleObject(h->mutex, 0xffffffffu);
  SetEvent(h->held);
  WaitForSingleObject(h->end, 0xffffffffu);
  if (h->releases) ReleaseMutex(h->mutex);
  LocalFree(h);
  return 0;
}

void *hold(void *mutex, void *end, int releases, void *held) {
  struct holder *h = LocalAlloc(0x40, sizeof *h);
  h->mutex = mutex;
  h->end = end;
  h->held = held;
  h->releases = releases;
  return CreateThread(0, 0, holder, h, 0, 0);
}
`;
