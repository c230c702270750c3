/**
 * Runs that end in one of several ways; says how they ended, what they left behind, and then ends by itself, which it can
 * only when nothing of theirs keeps Bun's loop going. The arguments: the host, the ending, the I/O backend, and "press"
 * for a SIGINT that comes after all.
 */
import { readFileSync, readdirSync } from "node:fs";
import { currentCallSoonThreadAndSignalSafe, waitReadable, yieldBriefly } from "../../../src/hazmat.ts";
import { type RunOptions, fromPromise, openNursery, run, runSync, sleep, sleepForever } from "../../../src/index.ts";
import { Descriptors, openDescriptors, signal } from "../../io/descriptors.ts";

const [host, ending, io, press] = process.argv.slice(2);
/** After these the engine has started all the threads it will. */
const ROUNDS = 5;

/** Threads of Bun's and its engine's, which come and go as they like. */
const ENGINES =
  /^(JITWorker|HeapHelper|HeapHelpr|JSCWarmUp|JSC|mi-scavenger|Signal Sender|Bun Pool|HTTP Client|leftovers|bun|main|GC)/;

function threads(): string[] {
  const names: string[] = [];
  for (const tid of readdirSync("/proc/self/task")) {
    try {
      const name = readFileSync(`/proc/self/task/${tid}/comm`, "utf8").trim();
      if (Number(tid) !== process.pid && !ENGINES.test(name)) names.push(name);
    } catch {
      // It ended in between.
    }
  }
  return names.toSorted();
}

/** Signals the process handles, as a mask, without the engine's own. */
function handled(): string {
  return /^SigCgt:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
}

function listeners(): Record<string, number> {
  return Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
}

interface Snapshot {
  readonly threads: string[];
  readonly descriptors: string[];
  readonly interrupt: boolean;
  readonly listeners: Record<string, number>;
}

const snapshot = (): Snapshot => ({
  threads: threads(),
  descriptors: [...openDescriptors().values()].toSorted(),
  interrupt: (BigInt(`0x${handled()}`) & 2n) !== 0n,
  listeners: listeners(),
});

/** Whether all that is there now was there before: a thread of the engine's may well have ended meanwhile. */
function isNoMore(now: Snapshot, before: Snapshot): boolean {
  const within = (some: string[], all: string[]): boolean => {
    const left = [...all];
    return some.every((one) => left.includes(one) && left.splice(left.indexOf(one), 1));
  };
  return (
    within(now.threads, before.threads) &&
    within(now.descriptors, before.descriptors) &&
    now.interrupt === before.interrupt &&
    Bun.deepEquals(now.listeners, before.listeners)
  );
}

/** What every one of them has going: a descriptor wait, a sleep, a promise, a handle for Workers. */
function busy(body: () => Generator<any, unknown, any>): () => Generator<any, unknown, any> {
  return function* main() {
    using descriptors = new Descriptors();
    currentCallSoonThreadAndSignalSafe().forThread(() => {});
    return yield* openNursery(
      function* (nursery) {
        const never = descriptors.bell();
        nursery.startSoon(() => waitReadable(never));
        nursery.startSoon(() => sleep(1e9));
        if (host === "run") nursery.startSoon(() => fromPromise(new Promise(() => {})));
        // One wait that ends: a helper thread, if there is one, is at work then.
        const soon = descriptors.bell();
        nursery.startSoon(function* () {
          yield* sleep(1);
          signal(soon);
        });
        yield* waitReadable(soon);
        const value = yield* body();
        nursery.cancelScope.cancel();
        return value;
      },
      { strictExceptionGroups: false },
    );
  };
}

const controller = (): AbortController => new AbortController();

const endings: Record<string, () => [() => Generator<any, unknown, any>, RunOptions?]> = {
  success: () => [busy(function* () {})],
  nothing: () => [function* () {}],
  throws: () => [
    busy(function* () {
      throw new RangeError("mine");
    }),
  ],
  signal: () => {
    const aborting = controller();
    return [
      busy(function* () {
        aborting.abort(new RangeError("reason"));
        yield* sleepForever();
      }),
      { signal: aborting.signal },
    ];
  },
  deadlock: () => [sleepForever as () => Generator<any, unknown, any>, { deadlockDetection: true }],
  crash: () => [
    busy(function* () {
      currentCallSoonThreadAndSignalSafe()(() => {
        throw new RangeError("in a callback");
      });
      yield* sleepForever();
    }),
  ],
  "wrong option": () => [function* () {}, { signal: {} as AbortSignal }],
  "wrong clock": () => [
    function* () {},
    {
      clock: {
        startClock() {
          throw new RangeError("clock");
        },
        currentTime: () => 0,
        deadlineToSleepTime: () => 0,
      },
    },
  ],
  "no such backend": () => [function* () {}, { io: "iocp" }],
  interrupt: () => [
    busy(function* () {
      process.kill(process.pid, "SIGINT");
      for (;;) yield* yieldBriefly();
    }),
  ],
};

async function once(): Promise<string> {
  const [main, options] = endings[ending]!();
  const all = { io: io as "epoll", ...options };
  try {
    if (host === "run") await run(main, all);
    else runSync(main, all);
    return "ended";
  } catch (error) {
    return (error as Error).name;
  }
}

const outcomes = new Set<string>();
for (let round = 0; round < ROUNDS; round++) outcomes.add(await once());
const before = snapshot();
for (let round = 0; round < ROUNDS; round++) outcomes.add(await once());
const after = snapshot();
process.stdout.write(`${[...outcomes].join(" ")}\n`);
process.stdout.write(`${isNoMore(after, before) ? "no more than before" : JSON.stringify({ before, after })}\n`);
const { threads: left, interrupt } = after;
process.stdout.write(
  `threads: ${left.join(" ")}; handler: ${interrupt}; listeners: ${process.listenerCount("SIGINT")}\n`,
);
if (press === "press") {
  process.kill(process.pid, "SIGINT");
  setTimeout(() => process.stdout.write("still here\n"), 1000);
}
