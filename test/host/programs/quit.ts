/**
 * Programs that get SIGQUIT from `tree-on-quit.test.ts`, by name; the second argument is the host, the third the backend.
 * What they say on stdout, a line at a time, the test answers: to "ready" by one SIGQUIT, and by a line on stdin when a tree
 * stands on stderr.
 */
import { readFileSync, readSync, writeSync } from "node:fs";
import { waitReadable, yieldBriefly } from "../../../src/hazmat.ts";
import {
  type Coroutine,
  type RunOptions,
  fromPromise,
  moveOnAfter,
  named,
  openNursery,
  run,
  runSync,
  sleep,
} from "../../../src/index.ts";

const [scenario = "", host = "", io = "auto"] = process.argv.slice(2);

const say = (line: string): void => void writeSync(1, `${line}\n`);

/** What SIGQUIT does, by the kernel's own account. */
function disposition(): string {
  const status = readFileSync("/proc/self/status", "utf8");
  const has = (mask: string): boolean =>
    (BigInt(`0x${new RegExp(`^${mask}:\\s*(\\w+)`, "m").exec(status)![1]}`) & 4n) !== 0n;
  if (has("SigIgn")) return "ignored";
  return has("SigCgt") ? "caught" : "default";
}

function heard(): void {
  readSync(0, new Uint8Array(1));
}

async function* untilHeard(): AsyncGenerator<any, void, any> {
  yield* waitReadable(0);
  heard();
}

function* untilHeardPlainly(): Generator<any, void, any> {
  yield* waitReadable(0);
  heard();
}

async function* busy(until: { over: boolean }): AsyncGenerator<any, void, any> {
  yield* sleep(1);
  say("ready");
  while (!until.over) yield* yieldBriefly();
}

function* busyPlainly(until: { over: boolean }): Generator<any, void, any> {
  yield* sleep(1);
  say("ready");
  while (!until.over) yield* yieldBriefly();
}

const programs: Record<string, () => Coroutine<unknown>> = {
  async *waiting() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(named("reader", untilHeard));
      nursery.startSoon(async function* () {
        say("ready");
      });
    });
  },

  *waitingPlainly() {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(named("reader", untilHeardPlainly));
      nursery.startSoon(function* () {
        say("ready");
      });
    });
  },

  /** Nothing but a deadline: the wait is ended for the signal alone, and goes on for what is left of it. */
  async *sleeping() {
    const began = performance.now();
    say("ready");
    yield* moveOnAfter(1_000, () => sleep(1_000_000));
    say(performance.now() - began >= 999 ? "the whole second" : "early");
  },

  async *busy() {
    const until = { over: false };
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(busy, until);
      yield* untilHeard();
      until.over = true;
    });
  },

  *busyPlainly() {
    const until = { over: false };
    yield* openNursery(function* (nursery) {
      nursery.startSoon(busyPlainly, until);
      yield* untilHeardPlainly();
      until.over = true;
    });
  },

  /** A step that lasts until the signal has come: the tree is printed when it is over. */
  *oneStep() {
    say("ready");
    const end = performance.now() + 200;
    while (performance.now() < end);
    yield* untilHeardPlainly();
  },

  async *promise() {
    say("ready");
    yield* fromPromise(new Promise((resolve) => process.stdin.once("data", resolve)));
  },

  *nothing() {
    say(`in the run SIGQUIT is ${disposition()}`);
    yield* sleep(1);
  },
};

const options: RunOptions = {
  taskTreeOnQuit: scenario !== "unasked",
  io: io as RunOptions["io"],
};
const main = named("main", scenario === "unasked" ? programs["waiting"]! : programs[scenario]!);
if (scenario === "nothing") say(`before the run SIGQUIT is ${disposition()}`);
if (host === "run") await run(main, options);
else runSync(main, options);
if (scenario === "nothing") say(`after the run SIGQUIT is ${disposition()}`);
say(`ended, ${process.listenerCount("SIGQUIT")} listeners`);
process.exit();
