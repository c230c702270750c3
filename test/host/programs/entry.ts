/** A run that is entered by a signal's listener: the parent sends the signal when told "ready", as often as it says so. */
import { writeSync } from "node:fs";
import { ParkingLot, currentCallSoonThreadAndSignalSafe } from "../../../src/hazmat.ts";
import { run } from "../../../src/index.ts";

const say = (line: string): void => void writeSync(1, `${line}\n`);

await run(async function* () {
  const callSoon = currentCallSoonThreadAndSignalSafe();
  const lot = new ParkingLot();
  process.on(process.platform === "win32" ? "SIGBREAK" : "SIGUSR1", () => callSoon(() => void lot.unpark()));
  for (let n = 0; n < 3; n++) {
    say("ready");
    yield* lot.park();
    say("woken");
  }
});
process.exit();
