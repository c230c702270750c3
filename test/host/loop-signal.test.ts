/** Bun's loop watches an epoll instance, and tells the run: what that rests on, and what happens where it fails. */
import { describe, expect, test } from "bun:test";
import { waitReadable } from "../../src/hazmat.ts";
import { openNursery, run, sleep } from "../../src/index.ts";
import { LoopSignal } from "../../src/host/loop-signal.ts";
import { EpollIoManager } from "../../src/io/epoll.ts";
import { Descriptors, openDescriptors, signal } from "../io/descriptors.ts";
import { programPath, runCommand, runProgram } from "./children.ts";
import { whyNot } from "../platform.ts";

const why = whyNot("linux");

/** The signal comes within one turn of the loop; that it does not come is seen after some. */
async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** An instance, and a signal that counts. `io.wake()` makes the instance ready, `io.poll(0)` unready. */
class Watched implements Disposable {
  readonly io: EpollIoManager = new EpollIoManager();
  calls = 0;
  readonly signal: LoopSignal = new LoopSignal(() => this.calls++);
  [Symbol.dispose](): void {
    this.signal.disarm();
    this.io.close();
  }
}

describe.skipIf(why !== "")(`a loop signal${why}`, () => {
  test("comes once for each time it is armed, when the instance has events", async () => {
    using watched = new Watched();
    const { io, signal } = watched;
    for (let round = 1; round <= 3; round++) {
      expect(signal.arm(io.pollSet())).toBe(true);
      await turns();
      expect(watched.calls).toBe(round - 1);
      io.wake();
      await turns();
      expect(watched.calls).toBe(round);
      await turns();
      expect(watched.calls).toBe(round);
      io.poll(0);
    }
  });

  test("comes for what was there before it was armed, and never from within the arming", async () => {
    using watched = new Watched();
    watched.io.wake();
    watched.signal.arm(watched.io.pollSet());
    expect(watched.calls).toBe(0);
    await turns();
    expect(watched.calls).toBe(1);
  });

  test("armed twice, comes once", async () => {
    using watched = new Watched();
    watched.signal.arm(watched.io.pollSet());
    watched.signal.arm(watched.io.pollSet());
    watched.io.wake();
    await turns();
    expect(watched.calls).toBe(1);
  });

  test("does not come once it is disarmed, and can be armed again", async () => {
    using watched = new Watched();
    const { io, signal } = watched;
    signal.arm(io.pollSet());
    io.wake();
    signal.disarm();
    await turns();
    expect(watched.calls).toBe(0);
    signal.arm(io.pollSet());
    await turns();
    expect(watched.calls).toBe(1);
  });

  test("armed for another instance, forgets the first", async () => {
    using watched = new Watched();
    using other = new Watched();
    watched.signal.arm(watched.io.pollSet());
    watched.signal.arm(other.io.pollSet());
    watched.io.wake();
    await turns();
    expect(watched.calls).toBe(0);
    other.io.wake();
    await turns();
    expect(watched.calls).toBe(1);
  });

  test("leaves no descriptor", async () => {
    await turns();
    const before = openDescriptors().size;
    for (let round = 0; round < 10; round++) {
      using watched = new Watched();
      for (let i = 0; i < round; i++) {
        watched.signal.arm(watched.io.pollSet());
        if (i % 2 === 0) watched.io.wake();
        await turns(i);
      }
    }
    expect(openDescriptors().size).toBe(before);
  });
});

describe.skipIf(why !== "")(`a run${why}`, () => {
  test("starts no thread where Bun's loop can watch", async () => {
    using descriptors = new Descriptors();
    const RealWorker = globalThis.Worker;
    globalThis.Worker = function () {
      throw new Error("a thread was started");
    } as unknown as typeof Worker;
    try {
      await run(function* () {
        for (let round = 0; round < 10; round++) {
          const fd = descriptors.eventfd();
          setTimeout(() => signal(fd), 1);
          yield* waitReadable(fd);
        }
      });
    } finally {
      globalThis.Worker = RealWorker;
    }
  });

  test("that ends while the first signal is being proved leaves nothing of that", async () => {
    const { said, end } = await runProgram("without-loop-signals", ["ends at once"]);
    expect({ said, end }).toEqual({ said: ["ended", "descriptors left: 0"], end: 0 });
  });

  for (const [way, workers] of Object.entries({
    "works as it should": 0,
    throws: 1,
    rejects: 1,
    "opens later": 1,
    "is never closed": 1,
    "is closed at once": 1,
    "is closed too early": 1,
  })) {
    test(`hears of everything, with ${workers === 0 ? "no" : "a"} helper thread, where Bun's socket ${way}`, async () => {
      const { said, end } = await runProgram("without-loop-signals", [way]);
      expect({ said, end }).toEqual({ said: ["heard 20", "ended", `helper threads: ${workers}`], end: 0 });
    });
  }

  test("goes on hearing while the process has no descriptors left, and afterwards", async () => {
    const command = `ulimit -n 64; exec "${process.execPath}" "${programPath("few-descriptors")}"`;
    expect(await runCommand(["sh", "-c", command])).toEqual({
      said: ["heard 10 with all descriptors taken", "heard 10 afterwards", "ended"],
      end: 0,
    });
  });

  test("hears of descriptors beside a task that keeps it busy", async () => {
    using descriptors = new Descriptors();
    const fd = descriptors.eventfd();
    await run(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          for (;;) yield* sleep(0);
        });
        setTimeout(() => signal(fd), 2);
        yield* waitReadable(fd);
        nursery.cancelScope.cancel();
      }),
    );
  });
});
