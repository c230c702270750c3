/** What `sigint.test.ts` runs and sends real signals to. Says on stdout how far it is, a word a line. */
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { bindLibc, errno } from "../../../ffi/libc.ts";
import { eventfd } from "../../../ffi/eventfd.ts";
import { pollCalls, POLLIN } from "../../../ffi/poll.ts";
import { addressOf } from "../../../ffi/memory.ts";
import { installSigint } from "../../../ffi/sigint.ts";
import type { SigintWatch } from "../../../ffi/sigint.ts";

const SIGINT = 2;
const [scenario, beneath] = process.argv.slice(2) as [keyof typeof scenarios, string?];

function say(word: string): void {
  process.stdout.write(`${word}\n`);
}

function install(wakeFd = -1): SigintWatch {
  const watch = installSigint(
    wakeFd === -1 ? null : { kind: "eventfd", fd: wakeFd },
    beneath === "listener" ? () => say("listener") : undefined,
  );
  if (watch === null) throw new Error("no handler");
  return watch;
}

function spinUntilPending(watch: SigintWatch): void {
  while (!watch.pending);
}

function pollForEver(fd: number): number {
  const set = new Int32Array([fd, POLLIN]).buffer;
  return pollCalls().poll(addressOf(set), 1, -1);
}

/** Whether SIGINT has a handler, by the kernel's own account. */
function isCaught(): boolean {
  const mask = /^SigCgt:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  return (BigInt(`0x${mask}`) & 2n) !== 0n;
}

/** Waits, asleep in Bun's loop, for something that never comes. */
function sleepInLoop(): Promise<void> {
  setInterval(() => {}, 1 << 30);
  return new Promise(() => {});
}

const scenarios = {
  poll() {
    const fd = eventfd();
    const watch = install(fd);
    say("ready");
    while (pollForEver(fd) !== 1);
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
  async uninstall() {
    const before = isCaught();
    const watch = install();
    say(isCaught() ? "caught" : "not caught");
    watch.uninstall();
    watch.uninstall();
    say(isCaught() === before ? "restored" : "not restored");
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
  refusal() {
    const outcome = installSigint(null);
    say(outcome === null ? "refused" : "installed");
  },
  refusals() {
    const listener = (): void => {};
    process.on("SIGINT", listener);
    say(installSigint(null) === null ? "refused" : "installed");
    process.off("SIGINT", listener);
    const watch = install();
    say(installSigint(null) === null ? "refused" : "installed");
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
    say("reinstalled");
    spinUntilPending(watch);
    say("pending");
    watch.uninstall();
    say(isCaught() ? "caught" : "not caught");
  },
  async otherThread() {
    const watch = install();
    const { tgkill } = bindLibc({ tgkill: { args: ["i32", "i32", "i32"], returns: "i32" } });
    const worker = new Worker(new URL("./tid.ts", import.meta.url));
    const tid = await new Promise<number>((resolve) => {
      worker.addEventListener("message", (event) => resolve(event.data));
    });
    tgkill(process.pid, tid, SIGINT);
    spinUntilPending(watch);
    say("pending");
    tgkill(process.pid, tid, SIGINT);
    for (;;);
  },
  async echo() {
    const watch = install();
    say("ready");
    spinUntilPending(watch);
    watch.delivered();
    say("delivered");
    await Bun.stdin.stream().getReader().read(); // written after the parent's own SIGINT was sent
    say(watch.pending ? "pending" : "not pending");
    process.exit(0);
  },
  keepsErrno() {
    const watch = install(1 << 20); // no such descriptor: the handler's own write fails with EBADF
    const { kill, raise } = bindLibc({
      kill: { args: ["i32", "i32"], returns: "i32" },
      raise: { args: ["i32"], returns: "i32" },
    });
    errno();
    kill(process.pid, 999); // EINVAL
    raise(SIGINT); // the handler runs before it returns
    say(`${watch.pending} ${errno()}`);
  },
};

await scenarios[scenario]();
