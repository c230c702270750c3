/** What `console-control.test.ts` runs, and presses keys of. Says on stdout how far it is, a word a line. */
import { writeSync } from "node:fs";
import vm from "node:vm";
import { INFINITE, OVERLAPPED_ENTRY, WAKE_KEY, completionPortCalls } from "../../../ffi/completion-port.ts";
import { addressOf } from "../../../ffi/memory.ts";
import { type SigintWatch, installSigint } from "../../../ffi/sigint.ts";
import type { WakeAddress } from "../../../ffi/wake-address.ts";

const [scenario, beneath] = process.argv.slice(2) as [keyof typeof scenarios, string?];

const say = (word: string): void => void writeSync(1, `${word}\n`);

function install(wake: WakeAddress | null = null): SigintWatch {
  const watch = installSigint(wake, beneath === "listener" ? () => say("listener") : undefined);
  if (watch === null) throw new Error("no handler");
  return watch;
}

function spinUntilPending(watch: SigintWatch): void {
  while (!watch.pending);
}

/** Waits, asleep in Bun's loop, for something that never comes. */
function sleepInLoop(): Promise<void> {
  setInterval(() => {}, 1 << 30);
  return new Promise(() => {});
}

const scenarios = {
  port() {
    const { createPort, getMany } = completionPortCalls();
    const port = createPort();
    const watch = install({ kind: "iocp", port });
    const entries = new ArrayBuffer(OVERLAPPED_ENTRY.size);
    say("ready");
    const count = getMany(port, addressOf(entries), 1, INFINITE);
    const [key] = new BigUint64Array(entries, OVERLAPPED_ENTRY.fields.lpCompletionKey.offset, 1);
    say(`${count} packet with the ${Number(key) === WAKE_KEY ? "wake" : "wrong"} key`);
    say(watch.pending ? "pending" : "not pending");
  },
  loop() {
    const watch = install();
    say("ready");
    spinUntilPending(watch);
    say("pending");
    for (;;);
  },
  deliver() {
    const watch = install();
    say("ready");
    for (const time of ["once", "twice"]) {
      spinUntilPending(watch);
      watch.delivered();
      say(time);
    }
    watch.uninstall();
  },
  async asleep() {
    const watch = installSigint(null, () => {
      say(watch.pending ? "pending" : "not pending");
      process.exit(0);
    }) as SigintWatch;
    say("ready");
    await sleepInLoop();
  },
  async uninstall() {
    const watch = install();
    watch.uninstall();
    watch.uninstall();
    say("ready");
    await sleepInLoop();
  },
  pendingAfterUninstall() {
    const watch = install();
    say("ready");
    spinUntilPending(watch);
    watch.uninstall();
    say(watch.pending ? "pending" : "not pending");
    const next = install();
    say(next.pending ? "pending" : "not pending");
    next.uninstall();
  },
  refusals() {
    const listener = (): void => {};
    process.on("SIGINT", listener);
    say(installSigint(null) === null ? "refused" : "installed");
    process.off("SIGINT", listener);
    const watch = install();
    watch.uninstall();
    const again = installSigint(null);
    say(again === null ? "refused" : "installed");
    again?.uninstall();
  },
  async takenOver() {
    const watch = install();
    process.on("SIGINT", () => {
      say(watch.pending ? "theirs, pending" : "theirs");
      process.exit(0);
    });
    watch.uninstall();
    say("ready");
    await sleepInLoop();
  },
  async breakListenedTo() {
    process.on("SIGBREAK", () => {
      say(watch.pending ? "theirs, pending" : "theirs");
      process.exit(0);
    });
    const watch = install();
    say("ready");
    await sleepInLoop();
  },
  async breakTakenOver() {
    const watch = install();
    process.on("SIGBREAK", () => {
      say(watch.pending ? "theirs, pending" : "theirs");
      process.exit(0);
    });
    watch.leaveBreak();
    say("ready");
    await sleepInLoop();
  },
  interruptedScript() {
    const watch = install();
    Object.assign(globalThis, {
      spin() {
        say("ready");
        for (;;);
      },
    });
    try {
      new vm.Script("spin()").runInThisContext({ breakOnSigint: true });
    } catch (error) {
      say(String((error as { code?: unknown }).code));
    }
    watch.reinstall();
    say("ready");
    spinUntilPending(watch);
    say("pending");
    watch.uninstall();
  },
};

await scenarios[scenario]();
