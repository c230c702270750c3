/** What `completion-thread.test.ts` runs in a process of its own. */
import { CompletionThread } from "../../../ffi/completion-thread.ts";
import { FIRST_USER_KEY, OVERLAPPED_ENTRY, completionPortCalls } from "../../../ffi/completion-port.ts";

const { createPort, post } = completionPortCalls();
const port = createPort();
const OVERLAPPED_WORD = OVERLAPPED_ENTRY.fields.lpOverlapped.offset / 4;

let ready = Promise.withResolvers<void>();
const thread = new CompletionThread(
  port,
  () => ready.resolve(),
  (error) => ready.reject(error),
);

const scenarios = {
  /** Ends by itself, though the thread waits for ever. */
  async lonely() {
    thread.wait();
    await Bun.sleep(50);
  },
  exit() {
    thread.wait();
    setTimeout(() => process.exit(7), 50);
  },
  async waits() {
    const alive = setInterval(() => {}, 1 << 30);
    for (const number of [1, 2]) {
      ready = Promise.withResolvers();
      thread.wait();
      post(port, FIRST_USER_KEY, number, 0);
      await ready.promise;
      const { entries, count } = thread.take();
      process.stdout.write(`${count * entries[OVERLAPPED_WORD]!}\n`);
    }
    await thread.close();
    clearInterval(alive);
  },
};

await scenarios[process.argv[2] as keyof typeof scenarios]();
