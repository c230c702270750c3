/**
 * A run that is idle for a second, in one of several ways; says how much of the CPU the process used in that second, in
 * milliseconds. The arguments: the host, and the way.
 */
import { Descriptors } from "../../io/descriptors.ts";
import { currentCallSoonThreadAndSignalSafe, waitReadable } from "../../../src/hazmat.ts";
import {
  type Coroutine,
  type RunOptions,
  call,
  fromPromise,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../../src/index.ts";

const [host, way] = process.argv.slice(2);
const descriptors = new Descriptors();

/** Waits without a deadline of the run's, so that nothing shortens what the run itself plans to sleep. */
function* pause(ms: number): Generator<any, void, any> {
  if (host === "run") yield* fromPromise(Bun.sleep(ms));
  else if (process.platform === "win32")
    yield* sleep(ms); // nothing there that can be waited for is a timer
  else yield* waitReadable(descriptors.timerfd(ms));
}

function* measured(wait: (ms: number) => Coroutine<void> = pause): Generator<any, void, any> {
  // What the start of the program left to do (compiling, collecting) is done by then.
  yield* call(wait, 200);
  const before = process.cpuUsage();
  yield* call(wait, 1000);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${((user + system) / 1000).toFixed(1)}\n`);
}

/** Runs `measured` beside something that waits for ever. */
function beside(other: () => Generator<any, unknown, any>): () => Generator<any, void, any> {
  return function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(other);
      yield* measured();
      nursery.cancelScope.cancel();
    });
  };
}

const ways: Record<string, [() => Generator<any, void, any>, RunOptions?]> = {
  sleeping: [() => measured(sleep)],
  "for ever": [beside(sleepForever as () => Generator<any, void, any>)],
  "until the end of days": [beside(() => sleep(2 ** 45) as unknown as Generator<any, void, any>)],
  descriptor: [
    beside(function* () {
      yield* waitReadable(descriptors.oneWay()[0]);
    }),
  ],
  "descriptor, poll": [
    beside(function* () {
      yield* waitReadable(descriptors.oneWay()[0]);
    }),
    { io: "poll" },
  ],
  /** The second wait rests on what the backend knew before. */
  "descriptor, again": [
    beside(function* () {
      const [reading] = descriptors.oneWay();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() => waitReadable(reading));
        yield* sleep(10);
        nursery.cancelScope.cancel();
      });
      yield* waitReadable(reading);
    }),
  ],
  "handle given out": [
    beside(function* () {
      currentCallSoonThreadAndSignalSafe().forThread(() => {});
      yield* sleepForever();
    }),
  ],
  promise: [
    beside(function* () {
      yield* fromPromise(new Promise(() => {}));
    }),
  ],
};

const [main, options] = ways[way]!;
if (host === "run") await run(main, options);
else runSync(main, options);
descriptors[Symbol.dispose]();
