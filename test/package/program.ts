/** Run from the installed package by check.ts: every entry point loads, and a wait ends in the kernel's own poll. */
import * as everyday from "tribun";
import * as hazmat from "tribun/hazmat";
import * as lowlevel from "tribun/lowlevel";
import * as sockets from "tribun/socket";
import * as testing from "tribun/testing";

const entryPoints = [everyday, hazmat, lowlevel, sockets, testing];
console.log(`entry points: ${entryPoints.filter((module) => Object.keys(module).length > 0).length}`);

await everyday.run(async function* () {
  const [ours, theirs] = sockets.socketpair();
  using _ours = ours;
  using _theirs = theirs;
  yield* everyday.openNursery(async function* (nursery) {
    nursery.startSoon(() => theirs.send(new Uint8Array([1])));
    yield* everyday.failAfter(10_000, () => hazmat.waitReadable(ours));
  });
  console.log("woken by a descriptor");
});
