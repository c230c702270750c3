/** What `poll-thread.test.ts` runs in a process of its own, as a source, a bundle and a compiled binary. */
import { eventfd } from "../../../ffi/eventfd.ts";
import { addressOf } from "../../../ffi/memory.ts";
import { PollThread } from "../../../ffi/poll-thread.ts";
import { POLLIN } from "../../../ffi/poll.ts";

const set = (count: number, fd: number): ArrayBuffer =>
  new Int32Array(Array.from({ length: count }, () => [fd, POLLIN]).flat()).buffer;

/** Prints what the wait ended with. */
function waitAndSay(fds: ArrayBuffer, timeout: number): { thread: PollThread; over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const say = (word: string): void => {
    process.stdout.write(`${word}\n`);
    resolve();
  };
  const thread = new PollThread(
    () => say("ready"),
    (error) => say(String(error)),
  );
  thread.wait({ address: addressOf(fds), count: fds.byteLength / 8 }, timeout);
  return { thread, over: promise };
}

const scenarios = {
  /** Ends by itself, though the thread waits for ever. */
  lonely() {
    waitAndSay(set(1, eventfd()), Infinity);
  },
  exit() {
    waitAndSay(set(1, eventfd()), Infinity);
    setTimeout(() => process.exit(7), 10);
  },
  /** Two waits, the first of which fails where the process may open fewer than 200 descriptors. */
  async waits() {
    const alive = setInterval(() => {}, 1 << 30);
    const fds = set(200, -1);
    const { thread, over } = waitAndSay(fds, 1);
    await over;
    await thread.close();
    const second = waitAndSay(set(1, -1), 1);
    await second.over;
    await second.thread.close();
    clearInterval(alive);
  },
};

await scenarios[process.argv[2] as keyof typeof scenarios]();
