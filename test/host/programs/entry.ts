/** A run that is entered by `process.on("SIGUSR1")`: the parent sends it when told "ready", as often as it says so. */
import { writeSync } from "node:fs";
import { ParkingLot, currentCallSoonThreadAndSignalSafe } from "../../../src/hazmat.ts";
import { run } from "../../../src/index.ts";

const say = (line: string): void => void writeSync(1, `${line}\n`);

await run(async function* () {
  const callSoon = currentCallSoonThreadAndSignalSafe();
  const lot = new ParkingLot();
  process.on("SIGUSR1", () => callSoon(() => void lot.unpark()));
  for (let n = 0; n < 3; n++) {
    say("ready");
    yield* lot.park();
    say("woken");
  }
});
process.exit();
