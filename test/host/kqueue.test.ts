/**
 * Both hosts on kqueue, which on Linux is libkqueue's: the same tests that they pass on the platform's own backend, and
 * are skipped where there is none.
 */
import { plugin } from "bun";
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { currentStatistics } from "../../src/hazmat.ts";
import { whyNoKqueue } from "../io/libkqueue.ts";
import type { Order, Report } from "./programs/run-in-worker.ts";
import { runProgram } from "./children.ts";

plugin({
  name: "on kqueue",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts\?kqueue$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path.replace(/\?kqueue$/, ""), "utf8")
        .replaceAll('"../../src/index.ts"', '"./programs/run-on-kqueue.ts"')
        .replaceAll("program, scenario, host]", 'program, scenario, host, "kqueue"]'),
    }));
  },
});

/** Entry from everywhere, also while the run ends; wake-ups at the worst of moments; signals. */
const FILES = ["entry.test.ts", "waking.test.ts", "run.test.ts", "run-sync.test.ts", "ctrl-c.test.ts"];

for (const file of FILES) {
  describe.skipIf(whyNoKqueue !== "")(`on kqueue: ${file}${whyNoKqueue}`, () => {
    if (whyNoKqueue === "") require(`${join(import.meta.dir, file)}?kqueue`);
    else test("all of it", () => {});
  });
}

describe.skipIf(whyNoKqueue !== "")(`on kqueue${whyNoKqueue}`, () => {
  test("the runs of those files are on kqueue", async () => {
    const { run, runSync } = await import("./programs/run-on-kqueue.ts");
    const backend = function* (): Generator<never, string, any> {
      return currentStatistics().io.backend;
    };
    expect([await run(backend), runSync(backend, {})]).toEqual(["kqueue", "kqueue"]);
  });

  test("signals that interrupt the system's wait, in a storm, lose no deadline and no descriptor", async () => {
    const signals = ["SIGWINCH", "SIGCHLD", "SIGUSR2"] as const;
    let storm: Timer | undefined;
    const { said, end } = await runProgram("waits-sync", ["storm", "kqueue"], (line, child) => {
      if (line !== "ready") return;
      let sent = 0;
      storm = setInterval(() => child.kill(signals[sent++ % signals.length]!), 1);
    });
    clearInterval(storm);
    expect({ said, end }).toEqual({ said: ["ready", "20 deadlines, none early", "20 descriptors"], end: 0 });
  });

  for (const host of ["run", "runSync"] as const) {
    for (const ending of ["success", "throws", "crash", "interrupt"]) {
      test(`${host}: nothing is left: ${ending}`, async () => {
        const { said, end } = await runProgram("leftovers", [host, ending, "kqueue"]);
        expect([said[1], said[2], end]).toEqual(["no more than before", "threads: ; handler: false; listeners: 0", 0]);
      }, 30_000);
    }
  }

  const workers: Worker[] = [];
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.terminate();
  });
  test("runs of both hosts in four Workers at once, each on a kqueue of its own", async () => {
    const reports = (["run", "runSync", "run", "runSync"] as const).map((host) => {
      const worker = new Worker(new URL("./programs/run-in-worker.ts", import.meta.url));
      workers.push(worker);
      const { promise, resolve, reject } = Promise.withResolvers<[string, Report]>();
      worker.addEventListener("message", ({ data }: MessageEvent<Report>) => resolve([host, data]));
      worker.addEventListener("error", ({ message }) => reject(new Error(message)));
      worker.postMessage({ host, io: "kqueue", rounds: 5 } satisfies Order);
      return promise;
    });
    for (const [host, report] of await Promise.all(reports)) {
      const outcome = host === "run" ? "read 3, timer" : "read 3";
      expect(report).toEqual({ outcomes: Array(5).fill(outcome), nested: "UsageError" });
    }
  }, 30_000);
});
