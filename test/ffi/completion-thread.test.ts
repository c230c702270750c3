import { FFIType } from "bun:ffi";
import { afterEach, describe, expect, test } from "bun:test";
import { unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CompletionThread } from "../../ffi/completion-thread.ts";
import { FIRST_USER_KEY, OVERLAPPED_ENTRY, completionPortCalls } from "../../ffi/completion-port.ts";
import { bindKernel32, handleCalls } from "../../ffi/kernel32.ts";
import { addressOf } from "../../ffi/memory.ts";

const WHY = process.platform === "win32" ? "" : " (skipped: Windows' completion ports)";
const program = fileURLToPath(new URL("./programs/completion-thread.ts", import.meta.url));

const WORDS = OVERLAPPED_ENTRY.size / 4;
const KEY_WORD = OVERLAPPED_ENTRY.fields.lpCompletionKey.offset / 4;
const OVERLAPPED_WORD = OVERLAPPED_ENTRY.fields.lpOverlapped.offset / 4;

/** The numbers that a test posted, out of packets. */
function numbers(entries: Uint32Array<ArrayBufferLike>, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    expect(entries[index * WORDS + KEY_WORD]).toBe(FIRST_USER_KEY);
    return entries[index * WORDS + OVERLAPPED_WORD]!;
  });
}

/** A port, and a thread on it whose calls of onReady can be counted and awaited. */
class Rig {
  readonly port: number = completionPortCalls().createPort();
  readonly thread: CompletionThread;
  calls = 0;
  #next = Promise.withResolvers<void>();
  readonly #own = new Uint32Array(new ArrayBuffer(64 * OVERLAPPED_ENTRY.size));

  constructor() {
    this.thread = new CompletionThread(
      this.port,
      () => {
        this.calls++;
        this.#next.resolve();
        this.#next = Promise.withResolvers();
      },
      (error) => this.#next.reject(error),
    );
  }

  get next(): Promise<void> {
    return this.#next.promise;
  }

  post(number: number): void {
    expect(completionPortCalls().post(this.port, FIRST_USER_KEY, number, 0)).toBe(0);
  }

  take(): number[] {
    const { entries, count } = this.thread.take();
    return numbers(entries, count);
  }

  /** As a poll that does not wait: what the thread took, and then what is in the port. */
  poll(): number[] {
    const all = this.take();
    for (;;) {
      const count = completionPortCalls().getMany(this.port, addressOf(this.#own.buffer), 64, 0);
      for (let index = 0; index < count; index++) {
        const word = index * WORDS;
        // A handover that came too late for its wait is nobody's.
        if (this.#own[word + KEY_WORD] === FIRST_USER_KEY) all.push(this.#own[word + OVERLAPPED_WORD]!);
      }
      if (count < 64) return all;
    }
  }

  async close(): Promise<void> {
    await this.thread.close();
    completionPortCalls().close(this.port);
  }
}

describe.skipIf(WHY !== "")(`CompletionThread${WHY}`, () => {
  const rigs: Rig[] = [];
  const rig = (): Rig => {
    const made = new Rig();
    rigs.push(made);
    return made;
  };
  afterEach(async () => {
    for (const made of rigs.splice(0)) await made.close();
  });

  test("a wait ends when a packet comes, and not before; the packet is given once", async () => {
    const one = rig();
    const { next } = one;
    one.thread.wait();
    expect(one.calls).toBe(0);
    one.post(7);
    await next;
    expect(one.calls).toBe(1);
    expect(one.take()).toEqual([7]);
    expect(one.take()).toEqual([]);
  });

  test("a wait that was asked for again is one wait", async () => {
    const one = rig();
    const { next } = one;
    for (let times = 0; times < 5; times++) one.thread.wait();
    one.post(1);
    await next;
    for (let times = 0; times < 5; times++) one.thread.wait(); // nothing, until the first one is taken
    expect(one.take()).toEqual([1]);
    expect(one.calls).toBe(1);
  });

  test("take before the Worker has started takes the wait back, and leaves the port alone", async () => {
    const one = rig();
    one.thread.wait();
    one.post(1);
    expect(one.take()).toEqual([]);
    expect(one.poll()).toEqual([1]);
    const { next } = one;
    one.thread.wait();
    one.post(2);
    await next;
    expect(one.take()).toEqual([2]);
    expect(one.calls).toBe(1);
  });

  test("take ends a wait in which nothing came, without a call", async () => {
    const one = rig();
    const { next } = one;
    one.thread.wait();
    one.post(0);
    await next; // the thread is there
    one.take();
    for (let round = 1; round <= 20; round++) {
      one.thread.wait();
      if (round % 2 === 0) await Bun.sleep(1); // it is inside the system's wait
      expect(one.take()).toEqual([]);
    }
    const again = one.next;
    one.thread.wait();
    one.post(1);
    await again;
    expect(one.calls).toBeLessThanOrEqual(3); // a handover that came too late may have ended one more wait
    expect(one.poll()).toEqual([1]);
  });

  test("more packets than it takes at once stay in the port, in order", async () => {
    const one = rig();
    const all = Array.from({ length: 300 }, (_, number) => number);
    const { next } = one;
    for (const number of all) one.post(number);
    one.thread.wait();
    await next;
    expect(one.poll()).toEqual(all);
  });

  test("takes that race with packets lose none, double none, and keep their order", async () => {
    const one = rig();
    let random = 1;
    const below = (n: number): number => (random = (random * 48271) % 0x7fffffff) % n;
    const got: number[] = [];
    let posted = 0;
    for (let round = 0; round < 300; round++) {
      one.thread.wait();
      for (let turns = below(4); turns > 0; turns--) await new Promise(setImmediate);
      for (let times = below(4); times > 0; times--) one.post(posted++);
      for (let turns = below(4); turns > 0; turns--) await new Promise(setImmediate);
      got.push(...one.poll());
    }
    got.push(...one.poll());
    expect(got).toEqual(Array.from({ length: posted }, (_, number) => number));
  });

  test("what the thread took and nobody asked for is given after close", async () => {
    const one = rig();
    const { next } = one;
    one.thread.wait();
    one.post(5);
    await next;
    await one.thread.close();
    expect(one.take()).toEqual([5]);
    expect(one.take()).toEqual([]);
  });

  test("a port that is closed under the wait is an error, told once", async () => {
    const one = rig();
    const { next } = one;
    one.thread.wait();
    one.post(1);
    await next;
    one.take();
    const failure = one.next.catch((error: unknown) => error);
    completionPortCalls().close(one.port);
    one.thread.wait();
    expect(await failure).toMatchObject({ name: "SystemError", syscall: "GetQueuedCompletionStatusEx" });
    expect(one.take()).toEqual([]);
  });

  test("a thread that waits uses no CPU, nor does one that has nothing to do", async () => {
    const one = rig();
    const { next } = one;
    one.thread.wait();
    one.post(0);
    await next;
    one.take();
    for (const waits of [false, true]) {
      if (waits) one.thread.wait();
      const before = process.cpuUsage();
      await Bun.sleep(300);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(60); // of 300 ms
    }
  });

  test("close leaves no thread and no handle, whatever the thread was doing", async () => {
    const { GetProcessHandleCount, GetCurrentProcess } = bindKernel32({
      GetProcessHandleCount: { args: ["u64", "u64"], returns: "i32" },
      GetCurrentProcess: { args: [], returns: "u64" },
    });
    const count = new Uint32Array(new ArrayBuffer(4));
    const handles = (): number => {
      GetProcessHandleCount(GetCurrentProcess(), addressOf(count.buffer));
      return count[0]!;
    };
    const round = async (): Promise<void> => {
      const acts: ((one: Rig) => unknown)[] = [
        () => {},
        (one) => one.thread.wait(),
        (one) => (one.post(1), one.thread.wait()),
        async (one) => {
          const { next } = one;
          one.post(1);
          one.thread.wait();
          await next;
        },
        async (one) => {
          const { next } = one;
          one.post(1);
          one.thread.wait();
          await next;
          one.take();
          one.thread.wait();
          await Bun.sleep(1);
        },
      ];
      for (const act of acts) {
        const one = new Rig();
        await act(one);
        const closing = one.thread.close();
        expect(one.thread.close()).toBe(closing);
        await one.close();
        expect(() => one.thread.wait()).toThrow("has ended");
      }
    };
    for (let warm = 0; warm < 2; warm++) await round();
    const before = { handles: handles(), threads: threads() };
    for (let times = 0; times < 3; times++) await round();
    expect(threads()).toBeLessThanOrEqual(before.threads);
    expect(handles()).toBeLessThanOrEqual(before.handles);
  }, 60_000);

  test("an error in the thread is reported, and ends it", async () => {
    const create = URL.createObjectURL;
    URL.createObjectURL = () => create(new Blob([`throw new RangeError("boom");`]));
    const one = new Rig();
    const { next } = one;
    try {
      one.thread.wait();
    } finally {
      URL.createObjectURL = create;
    }
    expect(String(await next.catch((error: unknown) => error))).toContain("boom");
    await one.close();
    expect(() => one.thread.wait()).toThrow("has ended");
  });
});

/** How many threads this process has, by the system's own account. */
function threads(): number {
  const { CreateToolhelp32Snapshot, Thread32First, Thread32Next } = bindKernel32({
    CreateToolhelp32Snapshot: { args: ["u32", "u32"], returns: FFIType.i64_fast },
    Thread32First: { args: ["u64", "u64"], returns: "i32" },
    Thread32Next: { args: ["u64", "u64"], returns: "i32" },
  });
  const TH32CS_SNAPTHREAD = 4;
  const snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) as number;
  // THREADENTRY32: dwSize, cntUsage, th32ThreadID, th32OwnerProcessID, and three more.
  const entry = new Uint32Array(new ArrayBuffer(28));
  entry[0] = 28;
  let count = 0;
  for (let more = Thread32First(snapshot, addressOf(entry.buffer)); more !== 0;) {
    if (entry[3] === process.pid) count++;
    more = Thread32Next(snapshot, addressOf(entry.buffer));
  }
  handleCalls().close(snapshot);
  return count;
}

describe.skipIf(WHY !== "")(`a process with a CompletionThread${WHY}`, () => {
  async function run(command: string[]): Promise<{ said: string; code: number }> {
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit", timeout: 20_000 });
    const said = await new Response(child.stdout).text();
    return { said, code: await child.exited };
  }

  test("ends when nothing else keeps it alive", async () => {
    expect(await run([process.execPath, program, "lonely"])).toEqual({ said: "", code: 0 });
  });

  test("ends by process.exit while the thread waits", async () => {
    expect(await run([process.execPath, program, "exit"])).toEqual({ said: "", code: 7 });
  });

  test("may be a bundle", async () => {
    // To its output: under Wine `bun build` cannot write a file.
    const built = await run([process.execPath, "build", "--target=bun", "--minify", program]);
    expect(built.code).toBe(0);
    const bundle = join(tmpdir(), `tribun-${crypto.randomUUID()}.js`);
    writeFileSync(bundle, built.said);
    try {
      expect(await run([process.execPath, bundle, "waits"])).toEqual({ said: "1\n2\n", code: 0 });
    } finally {
      unlinkSync(bundle);
    }
  });
});
