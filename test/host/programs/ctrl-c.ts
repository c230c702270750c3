/**
 * Programs that get Ctrl-C from `ctrl-c.test.ts`, by name; the second argument is the host, the third may be a backend.
 * They say on stdout what happens to them, a line at a time. To three of the lines the test answers:
 *
 * - "ready": one SIGINT.
 * - "press": one SIGINT, and then a byte on stdin, so that the program knows that it has had the signal.
 * - "stuck": two SIGINTs, the second one when the first has been taken.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync, readSync, writeSync } from "node:fs";
import {
  currentCallSoonThreadAndSignalSafe,
  ParkingLot,
  enableKiProtection,
  spawnSystemTask,
  waitReadable,
  yieldBriefly,
  yieldBrieflyNoCancel,
} from "../../../src/hazmat.ts";
import {
  CancelScope,
  type Coroutine,
  type Operation,
  type RunOptions,
  call,
  fromPromise,
  openNursery,
  run,
  runSync,
  sleep,
} from "../../../src/index.ts";
import type { IoBackend } from "../../../src/io/index.ts";
import { socketpair } from "../../../src/socket.ts";

const [scenario = "", host = "", io = "auto"] = process.argv.slice(2);

const say = (line: string): void => void writeSync(1, `${line}\n`);
const nameOf = (error: unknown): string =>
  error instanceof AggregateError ? `${error.name}(${error.errors.map(nameOf).join(", ")})` : (error as Error).name;

/** Returns when SIGINT has come. */
function press(): void {
  say("press");
  for (;;) {
    try {
      readSync(0, new Uint8Array(1));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EINTR") throw error;
    }
  }
}

function stuck(): never {
  say("stuck");
  for (;;);
}

function endless(): never {
  try {
    say("ready");
    for (;;);
  } finally {
    say("WRONG: a finally block of what was interrupted");
  }
}

/** What SIGINT does, by the kernel's own account. */
function disposition(): string {
  const status = readFileSync("/proc/self/status", "utf8");
  const has = (mask: string): boolean =>
    (BigInt(`0x${new RegExp(`^${mask}:\\s*(\\w+)`, "m").exec(status)![1]}`) & 2n) !== 0n;
  if (has("SigIgn")) return "ignored";
  return has("SigCgt") ? "caught" : "default";
}

/** Longer than any test. Not for ever: that would be a deadlock. */
const longSleep = (): Operation<void> => sleep(1_000_000);
/** A checkpoint which the run does not pass without a look whether SIGINT has come. */
const checkpoint = (): Operation<void> => sleep(1);

async function* outcomeOf(name: string, operation: Operation<unknown>): AsyncGenerator<any, void, any> {
  try {
    yield* operation;
    say(`${name}: nothing`);
  } catch (error) {
    say(`${name}: ${nameOf(error)}`);
  }
}

const programs: Record<string, () => Coroutine<unknown>> = {
  async *sleeping() {
    try {
      say("ready");
      yield* longSleep();
    } finally {
      say("cleaned up");
    }
  },

  *sleepingPlainly() {
    try {
      say("ready");
      yield* longSleep();
    } finally {
      say("cleaned up");
    }
  },

  async *busy() {
    say("ready");
    for (;;) yield* yieldBriefly();
  },

  *busyPlainly() {
    say("ready");
    for (;;) yield* yieldBriefly();
  },

  async *readable() {
    const [end, other] = socketpair();
    using _end = end;
    using _other = other;
    say("ready");
    yield* outcomeOf("waitReadable", waitReadable(end));
    yield* other.send(new Uint8Array(1));
    yield* outcomeOf("and again", waitReadable(end));
  },

  async *promise() {
    const { promise, resolve } = Promise.withResolvers<void>();
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(longSleep); // runSync would call the promise one that nothing can settle
      say("ready");
      yield* outcomeOf("fromPromise", fromPromise(promise));
      resolve();
      yield* outcomeOf("and again", fromPromise(promise));
      nursery.cancelScope.cancel();
    });
  },

  async *shielded() {
    yield* new CancelScope({ shield: true }).run(async function* () {
      say("ready");
      yield* outcomeOf("in the shield", longSleep());
    });
  },

  async *once() {
    say("ready");
    yield* outcomeOf("first", longSleep());
    for (let n = 0; n < 100; n++) yield* yieldBriefly();
    yield* outcomeOf("later", checkpoint());
  },

  async *again() {
    for (let round = 0; round < 3; round++) {
      say("ready");
      yield* outcomeOf("sleep", longSleep());
      press();
      yield* outcomeOf("checkpoint", checkpoint());
    }
  },

  async *protected() {
    const visit = enableKiProtection(async function* () {
      press();
      let sum = 0;
      for (let n = 0; n < 1e6; n++) sum += n;
      say(`computed ${sum}`);
      // Long enough for the run to have looked.
      const end = performance.now() + 20;
      while (performance.now() < end) yield* yieldBrieflyNoCancel();
      say("yieldBrieflyNoCancel: nothing");
      yield* outcomeOf("checkpoint", checkpoint());
      yield* outcomeOf("next", checkpoint());
    });
    yield* call(visit);
  },

  async *inNurseryBody() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(() => outcomeOf("child", longSleep()));
      yield* checkpoint();
      say("ready");
      yield* longSleep();
    });
  },

  async *atNurseryExit() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(() => outcomeOf("child", longSleep()));
      yield* checkpoint();
      say("ready");
    });
  },

  async *mainEnds() {
    press();
    say("main ends");
  },

  async *mainFails() {
    press();
    throw new RangeError("main's own");
  },

  async *besideSystemTask() {
    spawnSystemTask(async function* () {
      try {
        for (;;) yield* yieldBriefly();
      } catch (error) {
        say(`system task: ${nameOf(error)}`);
        throw error;
      }
    });
    yield* checkpoint();
    say("ready");
    yield* outcomeOf("main", longSleep());
  },

  async *whileSystemTaskRuns() {
    spawnSystemTask(async function* () {
      press();
      say("system task goes on");
      yield* outcomeOf("system task", longSleep());
    });
    yield* outcomeOf("main", longSleep());
  },

  async *stuckInMain() {
    yield* checkpoint();
    stuck();
  },

  *stuckInMainPlainly() {
    yield* checkpoint();
    stuck();
  },

  async *stuckInChild() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* () {
        yield* checkpoint();
        stuck();
      });
    });
  },

  async *stuckInSystemTask() {
    spawnSystemTask(async function* () {
      yield* checkpoint();
      stuck();
    });
    yield* longSleep();
  },

  async *stuckInCallSoon() {
    currentCallSoonThreadAndSignalSafe()(stuck);
    yield* longSleep();
  },

  async *unrestrictedMain() {
    try {
      yield* call(async function* () {
        yield* checkpoint();
        endless();
      });
    } catch (error) {
      say(`around: ${nameOf(error)}`);
      throw error;
    } finally {
      say("finally of an outer frame");
    }
  },

  *unrestrictedMainPlainly() {
    try {
      yield* call(function* () {
        yield* checkpoint();
        endless();
      });
    } catch (error) {
      say(`around: ${nameOf(error)}`);
      throw error;
    } finally {
      say("finally of an outer frame");
    }
  },

  async *unrestrictedChild() {
    yield* openNursery(async function* (nursery) {
      nursery.startSoon(() => outcomeOf("sibling", longSleep()));
      nursery.startSoon(async function* () {
        yield* checkpoint();
        endless();
      });
    });
  },

  async *unrestrictedSleeping() {
    say("ready");
    yield* longSleep();
  },

  async *unrestrictedTwice() {
    for (let round = 0; round < 3; round++) {
      yield* outcomeOf(
        `round ${round}`,
        call(function* () {
          endless();
        }),
      );
      yield* checkpoint();
    }
    // Said by protected code, while main is asleep: else main might be interrupted before it is.
    spawnSystemTask(async function* () {
      yield* checkpoint();
      say("ready");
    });
    yield* outcomeOf("asleep", longSleep());
  },

  async *unrestrictedProtected() {
    const busy = enableKiProtection(async function* () {
      press();
      let sum = 0;
      for (let n = 0; n < 1e7; n++) sum += n;
      say("not interrupted");
      yield* yieldBrieflyNoCancel();
    });
    yield* outcomeOf("call", call(busy));
    yield* outcomeOf("checkpoint", checkpoint());
  },

  async *unrestrictedProtectedStuck() {
    yield* call(
      enableKiProtection(function* () {
        stuck();
      }),
    );
  },

  async *unrestrictedStorage() {
    const storage = new AsyncLocalStorage<string>();
    const lot = new ParkingLot();
    yield* openNursery(async function* (nursery) {
      for (const name of ["a", "b"]) {
        storage.run(name, () =>
          nursery.startSoon(async function* () {
            yield* lot.park();
            await Promise.resolve();
            say(`${name} has ${storage.getStore()}`);
          }),
        );
      }
      yield* checkpoint();
      yield* outcomeOf(
        "interrupted",
        call(() =>
          storage.run("interrupted's", function* (): Generator<any, void, any> {
            endless();
          }),
        ),
      );
      say(`main has ${storage.getStore()}`);
      lot.unparkAll();
    });
    say(`main has ${storage.getStore()}`);
  },

  async *listenerBefore() {
    press();
    yield* outcomeOf("main", checkpoint());
  },

  async *listenerDuring() {
    yield* checkpoint();
    process.on("SIGINT", listener);
    press();
    press(); // two: they are not the run's
    yield* outcomeOf("main", checkpoint());
  },

  async *listenerAfterPress() {
    press();
    process.on("SIGINT", listener);
    yield* outcomeOf("main", checkpoint());
  },

  async *nothing() {
    say(`in the run SIGINT is ${disposition()}`);
  },

  async *ignored() {
    say(`in the run SIGINT is ${disposition()}`);
    press();
    yield* outcomeOf("main", checkpoint());
    press();
    press();
  },
};

const heard = Promise.withResolvers<void>();
const listener = (): void => {
  say("the program's listener");
  heard.resolve();
};
programs["unrestrictedListenerBefore"] = programs["listenerBefore"]!;
programs["unrestrictedListenerDuring"] = programs["listenerDuring"]!;
programs["unrestrictedIgnored"] = programs["ignored"]!;
programs["uncaught"] = programs["sleeping"]!;

if (scenario.endsWith("istenerBefore")) process.on("SIGINT", listener);

const main = programs[scenario]!;
const options: RunOptions = {
  io: io as IoBackend | "auto",
  restrictKeyboardInterruptToCheckpoints: !scenario.startsWith("unrestricted"),
};
const runs = async (): Promise<unknown> => (host === "run" ? run(main, options) : runSync(main, options));

if (scenario === "uncaught") {
  await runs();
} else {
  try {
    await runs();
    say("ended");
  } catch (error) {
    say(`threw ${nameOf(error)}`);
    const { cause } = error as Error;
    if (scenario.startsWith("main") && cause !== undefined) say(`because of ${nameOf(cause)}`);
  }
}
if (scenario.includes("istener")) {
  // The loop calls the listeners; on Windows the key comes on a thread of the system's, in its own time.
  const loop = new Promise<void>((resolve) => setTimeout(resolve, scenario === "listenerAfterPress" ? 1 : 10_000));
  await Promise.race([heard.promise, loop]);
  say(`${process.listenerCount("SIGINT")} listeners`);
  process.exit();
}
if (scenario === "nothing" || scenario.endsWith("gnored")) say(`after the run SIGINT is ${disposition()}`);
if (scenario === "nothing") {
  say("ready");
  setInterval(() => {}, 1_000_000);
}
