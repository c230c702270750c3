import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventfd } from "../../ffi/eventfd.ts";
import { bindLibc } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { PollThread } from "../../ffi/poll-thread.ts";
import { pipe } from "../../ffi/pipe.ts";
import { POLLIN } from "../../ffi/poll.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { whyNot } from "../platform.ts";

const why = whyNot("linux");

const program = new URL("./programs/poll-thread.ts", import.meta.url).pathname;
const value = new BigUint64Array([1n]).buffer;

/** The threads of this process that are Workers. */
function workers(): number[] {
  const named: number[] = [];
  for (const tid of readdirSync("/proc/self/task")) {
    try {
      if (readFileSync(`/proc/self/task/${tid}/comm`, "utf8") === "Worker\n") named.push(Number(tid));
    } catch {
      // It ended in between.
    }
  }
  return named;
}

/** What this process has open, by kind: the numbers themselves are the system's business. */
function descriptors(): string[] {
  const kinds: string[] = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      kinds.push(readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, "N"));
    } catch {
      // The one that listed the directory.
    }
  }
  return kinds.toSorted();
}

function pollfds(...fds: number[]): { memory: ArrayBuffer; address: number; count: number } {
  const memory = new Int32Array(fds.flatMap((fd) => [fd, POLLIN])).buffer;
  return { memory, address: addressOf(memory), count: fds.length };
}

/** An eventfd that can be made ready and unready. */
class Flag {
  readonly fd = eventfd();
  raise(): void {
    descriptorCalls().write(this.fd, addressOf(value), 8);
  }
  lower(): void {
    descriptorCalls().read(this.fd, addressOf(new ArrayBuffer(8)), 8);
  }
  close(): void {
    descriptorCalls().close(this.fd);
  }
}

/** A thread whose calls of onReady can be counted and awaited. */
class Rig {
  calls = 0;
  #next = Promise.withResolvers<void>();
  readonly thread: PollThread;
  constructor(channel?: typeof pipe) {
    this.thread = new PollThread(
      () => {
        this.calls++;
        this.#next.resolve();
        this.#next = Promise.withResolvers();
      },
      (error) => this.#next.reject(error),
      channel,
    );
  }
  get next(): Promise<void> {
    return this.#next.promise;
  }
}

/** The answer to a wait that is ready shows that no answer to an earlier one is still on its way. */
async function flush(rig: Rig): Promise<void> {
  const always = new Flag();
  always.raise();
  const { next } = rig;
  rig.thread.wait(pollfds(always.fd), Infinity);
  await next;
  always.close();
}

/** Systems without an eventfd command it by a pipe. */
const CHANNELS = { "an eventfd": undefined, "a pipe": pipe };

describe.skipIf(why !== "").each(Object.entries(CHANNELS))(`PollThread, commanded by %s${why}`, (_, channel) => {
  const rigs: Rig[] = [];
  const rig = (): Rig => {
    const made = new Rig(channel);
    rigs.push(made);
    return made;
  };
  afterEach(async () => {
    for (const { thread } of rigs.splice(0)) await thread.close();
  });

  test("a wait ends when a descriptor becomes ready, and not before", async () => {
    const { thread, next, ...before } = rig();
    const flag = new Flag();
    thread.wait(pollfds(flag.fd), Infinity);
    expect(before.calls).toBe(0);
    flag.raise();
    await next;
    flag.close();
  });

  test("a wait ends when its time is over, a fraction of a millisecond too", async () => {
    const one = rig();
    const flag = new Flag();
    for (const timeout of [0, 0.3, 1, 5]) {
      const start = performance.now();
      const { next } = one;
      one.thread.wait(pollfds(flag.fd), timeout);
      await next;
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeout);
    }
    expect(one.calls).toBe(4);
    flag.close();
  });

  test("a wait ends once, however long the descriptor stays ready", async () => {
    const one = rig();
    const flag = new Flag();
    flag.raise();
    for (let round = 1; round <= 50; round++) {
      const { next } = one;
      one.thread.wait(pollfds(flag.fd), Infinity);
      await next;
      expect(one.calls).toBe(round);
    }
    await flush(one);
    expect(one.calls).toBe(51);
    flag.close();
  });

  test("an interrupted wait ends silently, ready or not", async () => {
    const one = rig();
    const ready = new Flag();
    ready.raise();
    const never = new Flag();
    for (const flag of [ready, never]) {
      one.thread.wait(pollfds(flag.fd), Infinity);
      one.thread.interrupt();
      one.thread.interrupt();
    }
    await flush(one);
    expect(one.calls).toBe(1);
    ready.close();
    never.close();
  });

  test("interrupts that race with readiness lose no answer and double none", async () => {
    const one = rig();
    const flag = new Flag();
    let random = 1;
    const below = (n: number): number => (random = (random * 48271) % 0x7fffffff) % n;
    let expected = 0;
    for (let round = 0; round < 1500; round++) {
      const readyAtOnce = below(2) === 0;
      if (readyAtOnce) flag.raise();
      const { next } = one;
      const before = one.calls;
      one.thread.wait(pollfds(flag.fd), Infinity);
      // Let the thread come to any point of its work.
      for (let turns = below(4); turns > 0; turns--) await new Promise(setImmediate);
      if (!readyAtOnce) flag.raise();
      switch (below(3)) {
        case 0:
          one.thread.interrupt();
          expected = one.calls; // over before, or never
          expect(one.calls - before).toBeLessThanOrEqual(1);
          break;
        case 1: // replaced by another wait
          if (one.calls === before) one.thread.wait(pollfds(flag.fd), Infinity);
          await (one.calls === before ? next : undefined);
          expected = before + 1;
          break;
        default:
          await (one.calls === before ? next : undefined);
          expected = before + 1;
      }
      expect(one.calls).toBe(expected);
      flag.lower();
    }
    await flush(one);
    expect(one.calls).toBe(expected + 1);
    flag.close();
  });

  test("the array is the caller's again as soon as wait returns", async () => {
    const one = rig();
    const ready = new Flag();
    ready.raise();
    const never = new Flag();
    const set = pollfds(ready.fd);
    for (let round = 0; round < 100; round++) {
      new Int32Array(set.memory)[0] = ready.fd;
      const { next } = one;
      one.thread.wait(set, Infinity);
      new Int32Array(set.memory)[0] = never.fd;
      await next;
    }
    ready.close();
    never.close();
  });

  test("a set that outgrows the memory shared so far works, and a small one after it", async () => {
    const one = rig();
    const flag = new Flag();
    flag.raise();
    for (const silent of [700, 0, 900, 3]) {
      const { next } = one;
      one.thread.wait(pollfds(...Array.from({ length: silent }, () => -1), flag.fd), Infinity);
      await next;
    }
    flag.close();
  });

  test("a signal on the thread leaves the wait in force", async () => {
    const { tgkill } = bindLibc({ tgkill: { args: ["i32", "i32", "i32"], returns: "i32" } });
    const signalled = Promise.withResolvers<void>();
    const listener = (): void => signalled.resolve();
    process.on("SIGUSR2", listener);
    const others = workers();
    const one = rig();
    const flag = new Flag();
    await flush(one);
    const { next } = one;
    one.thread.wait(pollfds(flag.fd), Infinity);
    const SIGUSR2 = 12;
    for (const tid of workers()) if (!others.includes(tid)) tgkill(process.pid, tid, SIGUSR2);
    await signalled.promise;
    expect(one.calls).toBe(1);
    flag.raise();
    await next;
    expect(one.calls).toBe(2);
    process.off("SIGUSR2", listener);
    flag.close();
  });

  test("a thread that waits uses no CPU, nor does one that has nothing to do", async () => {
    const others = workers();
    const one = rig();
    const flag = new Flag();
    await flush(one);
    const tid = workers().find((each) => !others.includes(each));
    const spent = (): number => Number(readFileSync(`/proc/self/task/${tid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
    for (const wait of [false, true]) {
      if (wait) one.thread.wait(pollfds(flag.fd), Infinity);
      const before = spent();
      await Bun.sleep(200);
      expect(spent() - before).toBeLessThan(5);
    }
    flag.close();
  });

  test("close leaves no thread and no descriptor, whatever the thread was doing", async () => {
    await new Rig().thread.close();
    const flag = new Flag();
    const busy = [
      () => {},
      (one: Rig) => one.thread.wait(pollfds(flag.fd), Infinity),
      (one: Rig) => one.thread.wait(pollfds(flag.fd), 0),
      (one: Rig) => flush(one),
      async (one: Rig) => {
        await flush(one);
        one.thread.wait(pollfds(flag.fd), Infinity);
      },
      async (one: Rig) => {
        await flush(one);
        one.thread.wait(pollfds(flag.fd), Infinity);
        one.thread.interrupt();
      },
    ];
    const before = { descriptors: descriptors(), workers: workers() };
    for (const act of [...busy, ...busy, ...busy]) {
      const one = new Rig();
      await act(one);
      const closing = one.thread.close();
      expect(one.thread.close()).toBe(closing);
      await closing;
      expect({ descriptors: descriptors(), workers: workers() }).toEqual(before);
      expect(() => one.thread.wait(pollfds(flag.fd), 0)).toThrow("has ended");
      one.thread.interrupt();
    }
    flag.close();
  });

  test("no answer comes after close was called", async () => {
    const one = new Rig();
    const flag = new Flag();
    flag.raise();
    await flush(one);
    one.thread.wait(pollfds(flag.fd), Infinity);
    await one.thread.close();
    expect(one.calls).toBe(1);
    flag.close();
  });

  test("an error in the thread is reported, and ends it", async () => {
    const create = URL.createObjectURL;
    URL.createObjectURL = () => create(new Blob([`throw new RangeError("boom");`]));
    const { thread, next } = new Rig();
    try {
      thread.wait(pollfds(-1), Infinity);
    } finally {
      URL.createObjectURL = create;
    }
    expect(String(await next.catch((error: unknown) => error))).toContain("boom");
    await thread.close();
    expect(() => thread.wait(pollfds(-1), Infinity)).toThrow("has ended");
  });
});

describe.skipIf(why !== "")(`a process with a PollThread${why}`, () => {
  async function run(command: string[]): Promise<{ said: string; code: number }> {
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    const said = await new Response(child.stdout).text();
    return { said, code: await child.exited };
  }

  test("ends when nothing else keeps it alive", async () => {
    expect(await run([process.execPath, program, "lonely"])).toEqual({ said: "", code: 0 });
  });

  test("ends by process.exit while the thread waits", async () => {
    expect(await run([process.execPath, program, "exit"])).toEqual({ said: "", code: 7 });
  });

  test("is told when poll(2) refuses the set, and can wait again", async () => {
    const limited = ["sh", "-c", `ulimit -n 100 && exec "$@"`, "sh", process.execPath, program, "waits"];
    expect(await run(limited)).toEqual({ said: "SystemError: poll: EINVAL\nready\n", code: 0 });
  });

  test("may be a bundle or a compiled binary", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tribun-"));
    try {
      const bundle = join(folder, "bundle.js");
      const binary = join(folder, "binary");
      const build = [process.execPath, "build", "--target=bun", "--minify", program];
      expect((await run([...build, `--outfile=${bundle}`])).code).toBe(0);
      expect((await run([...build, "--compile", `--outfile=${binary}`])).code).toBe(0);
      expect(await run([process.execPath, bundle, "waits"])).toEqual({ said: "ready\nready\n", code: 0 });
      expect(await run([binary, "waits"])).toEqual({ said: "ready\nready\n", code: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
