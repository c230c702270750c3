/** What keeps the process alive, and how it ends: by the argument. */
import { ParkingLot, waitReadable } from "../../../src/hazmat.ts";
import { openNursery, run, sleep, sleepForever } from "../../../src/index.ts";
import { Descriptors, signal } from "../../io/descriptors.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
process.on("exit", () => say("exit"));
const descriptors = new Descriptors();

const programs: Record<string, () => Generator<any, unknown, any>> = {
  *sleeps() {
    yield* sleep(50);
  },
  *"waits for ever, and something unreferenced ends it"() {
    const lot = new ParkingLot();
    setTimeout(() => lot.unpark(), 50).unref();
    yield* lot.park();
  },
  *descriptor() {
    const fd = descriptors.bell();
    setTimeout(() => signal(fd), 50).unref();
    yield* waitReadable(fd);
  },
  *exits() {
    yield* openNursery(function* (nursery) {
      const fd = descriptors.bell();
      nursery.startSoon(() => waitReadable(fd));
      yield* sleep(50);
      process.exit(7);
      yield* sleepForever();
    });
  },
  *throws() {
    process.on("unhandledRejection", (error) => say(`unhandled ${(error as Error).message}`));
    yield* sleep(1);
    throw new Error("mine");
  },
};

void run(function* () {
  say("main");
  yield* programs[process.argv[2]!]!();
  say("ended");
});
