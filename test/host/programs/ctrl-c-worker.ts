/** A run in a Worker, unrestricted, on the host that the argument names; the main thread has none. */
import { readFileSync, writeSync } from "node:fs";
import { isMainThread, workerData } from "node:worker_threads";
import { run, runSync, sleep } from "../../../src/index.ts";

function sayDisposition(): void {
  const mask = /^SigCgt:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  writeSync(1, `SIGINT is ${(BigInt(`0x${mask}`) & 2n) === 0n ? "default" : "caught"}\n`);
}

if (isMainThread) {
  sayDisposition();
  new Worker(import.meta.url, { workerData: process.argv[2] } as WorkerOptions);
} else {
  const main = async function* () {
    yield* sleep(1);
    sayDisposition();
    writeSync(1, "ready\n");
    yield* sleep(1_000_000);
  };
  const options = { restrictKeyboardInterruptToCheckpoints: false };
  if (workerData === "run") await run(main, options);
  else runSync(main, options);
}
