/** Waits in `runSync`, by the argument. */
import { currentCallSoonThreadAndSignalSafe, ParkingLot, waitReadable } from "../../../src/hazmat.ts";
import { type IoChoice } from "../../../src/io/index.ts";
import { openNursery, runSync, sleep } from "../../../src/index.ts";
import { Descriptors, drain, write } from "../../io/descriptors.ts";

const [what, io] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (what === "worker") {
  const worker = new Worker(new URL("./calls-once.ts", import.meta.url));
  await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
  runSync(function* () {
    const lot = new ParkingLot();
    let word = "";
    const handle = currentCallSoonThreadAndSignalSafe().forThread((said: string) => {
      word = said;
      lot.unpark();
    });
    worker.postMessage(handle);
    say("waiting");
    // Nothing else can wake it; but somebody has the handle, so this is no deadlock.
    yield* lot.park();
    say(word);
  });
  say("ended");
  worker.terminate();
} else {
  // With listeners Bun's handlers are in place, on this thread: the wait is interrupted.
  for (const name of ["SIGWINCH", "SIGCHLD", "SIGUSR2"] as const) process.on(name, () => {});
  using descriptors = new Descriptors();
  const [reading, writing] = descriptors.oneWay();
  say("ready");
  runSync(
    function* () {
      let early = 0;
      for (let round = 0; round < 20; round++) {
        const start = performance.now();
        yield* sleep(10);
        if (performance.now() - start < 10) early++;
      }
      say(`20 deadlines, ${early === 0 ? "none" : early} early`);
      let heard = 0;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          while (heard < 20) {
            yield* waitReadable(reading);
            heard += drain(reading);
          }
        });
        for (let round = 0; round < 20; round++) {
          yield* sleep(5);
          write(writing);
        }
      });
      say(`${heard} descriptors`);
    },
    { io: io as IoChoice },
  );
  process.exit(0);
}
