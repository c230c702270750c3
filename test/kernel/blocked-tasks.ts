/**
 * A program for `growth.test.ts`: so many tasks, every other of them asynchronous, are blocked all at once, woken, blocked
 * again, woken and end. It says how many did.
 */
import { openNursery, runSync } from "../../src/index.ts";
import { ParkingLot, yieldBriefly } from "../../src/hazmat.ts";

const count = Number(process.argv[2]);
const lot = new ParkingLot();
let woken = 0;
let ended = 0;

function* plainTask() {
  yield* lot.park();
  woken++;
  yield* lot.park();
  ended++;
}

async function* asyncTask() {
  yield* lot.park();
  woken++;
  yield* lot.park();
  ended++;
}

runSync(function* () {
  yield* openNursery(function* (nursery) {
    for (let i = 0; i < count; i++) nursery.startSoon(i % 2 === 0 ? plainTask : asyncTask);
    yield* yieldBriefly();
    console.log("blocked", lot.size);
    lot.unparkAll();
    yield* yieldBriefly();
    console.log("woken", woken, "blocked again", lot.size);
    lot.unparkAll();
  });
});
console.log("ended", ended);
