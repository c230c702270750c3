/**
 * Programs that get a Ctrl-C, by name; the second argument is the host. They say what happens to them a line at a time.
 * Most send themselves the signal: it is pending, as the system sees it, when `kill` returns.
 */
import {
  Abort,
  Result,
  currentTask,
  enableKiProtection,
  reschedule,
  spawnSystemTask,
  yieldBriefly,
  yieldBrieflyNoCancel,
  yieldIfCancelled,
  yieldIndefinitely,
} from "../../../src/hazmat.ts";
import {
  CancelScope,
  KeyboardInterrupt,
  type Operation,
  openNursery,
  run,
  runSync,
  sleepForever,
} from "../../../src/index.ts";
import { pressOwnCtrlC } from "../../ctrl-c.ts";

const [scenario, host] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const nameOf = (error: unknown): string => (error as Error).name;

/** Sends the signal, and returns once the run has seen it; it is not delivered: this abort function declines to. */
function* pressed(): Generator<any, void, any> {
  const task = currentTask();
  pressOwnCtrlC();
  yield* yieldIndefinitely(() => {
    reschedule(task);
    return Abort.FAILED;
  });
}

/** Says what an operation throws, or that it throws nothing. */
function* outcomeOf(name: string, operation: () => Operation<unknown>): Generator<any, void, any> {
  try {
    yield* operation();
    say(`${name}: nothing`);
  } catch (error) {
    say(`${name}: ${nameOf(error)}`);
  }
}

const programs: Record<string, () => Generator<any, unknown, any>> = {
  /** The parent sends the signal. */
  *sleeping() {
    say("ready");
    try {
      yield* sleepForever();
    } finally {
      say("cleaned up");
    }
  },

  /** Shields keep nothing off, cancellation comes after, and it comes once. */
  *once() {
    const scope = new CancelScope({ shield: true });
    scope.cancel();
    yield* scope.run(function* () {
      yield* pressed();
      yield* outcomeOf("first checkpoint", yieldBriefly);
      yield* outcomeOf("second checkpoint", yieldBriefly);
    });
    yield* outcomeOf("after the scope", yieldBriefly);
  },

  /** Only the main task gets it. */
  *elsewhere() {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* outcomeOf("child", sleepForever);
      });
      spawnSystemTask(function* () {
        yield* outcomeOf("system task", sleepForever);
      });
      yield* yieldBriefly();
      yield* pressed();
      yield* outcomeOf("main", sleepForever);
      nursery.cancelScope.cancel();
    });
  },

  /** Code that passes no checkpoint is not interrupted, and the run does not forget. */
  *late() {
    yield* pressed();
    say("main ends");
    throw new RangeError("main's own");
  },

  /** Somebody else handles the signal. */
  *neighbour() {
    yield* yieldBriefly();
    say("main");
  },

  /** Each kind of checkpoint, in protected code. */
  *protected() {
    const visit = enableKiProtection(function* (name: string, operation: () => Operation<unknown>) {
      yield* pressed();
      yield* outcomeOf(name, operation);
    });
    yield* visit("yieldBriefly", yieldBriefly);
    yield* visit("yieldIfCancelled", yieldIfCancelled);
    yield* visit("yieldIndefinitely", () => yieldIndefinitely(() => Abort.SUCCEEDED));
    yield* visit("yieldBrieflyNoCancel", yieldBrieflyNoCancel);
    yield* outcomeOf("what was left", yieldIfCancelled);
  },

  /** The abort function is called for it, and `raiseCancel` delivers it, whichever way. */
  *raiseCancel() {
    const task = currentTask();
    pressOwnCtrlC();
    yield* outcomeOf("captured", () =>
      yieldIndefinitely((raiseCancel) => {
        reschedule(task, Result.capture(raiseCancel));
        return Abort.FAILED;
      }),
    );
    yield* outcomeOf("and no more", yieldBriefly);

    pressOwnCtrlC();
    let raise: (() => never) | undefined;
    yield* yieldIndefinitely((raiseCancel) => {
      raise = raiseCancel;
      reschedule(task);
      return Abort.FAILED;
    });
    try {
      raise!();
    } catch (error) {
      say(`called by the task: ${nameOf(error)}`);
    }
    yield* outcomeOf("and no more", yieldBriefly);
  },

  /** With a KeyboardInterrupt pending the next block is aborted at once. */
  *pendingAtBlock() {
    yield* pressed();
    let aborts = 0;
    yield* outcomeOf("block", () =>
      yieldIndefinitely(() => {
        aborts++;
        return Abort.SUCCEEDED;
      }),
    );
    say(`aborts: ${aborts}`);
  },
};

if (scenario === "neighbour") process.on("SIGINT", () => say("their listener"));

const main = programs[scenario === "after" ? "neighbour" : scenario!]!;
// A task that nobody can wake is no mistake here: the signal will.
const options = { deadlockDetection: false };
try {
  if (host === "run") await run(main, options);
  else runSync(main, options);
  say("ended");
} catch (error) {
  say(`threw ${nameOf(error)}`);
  if (error instanceof KeyboardInterrupt && error.cause !== undefined) say(`cause ${nameOf(error.cause)}`);
}

if (scenario === "after") {
  pressOwnCtrlC();
  say("still alive");
}
if (scenario === "neighbour") {
  // Listeners are called by Bun's loop.
  const heard = new Promise((resolve) => process.once("SIGINT", resolve));
  pressOwnCtrlC();
  await heard;
  process.exit();
}
