/** `tribun/hazmat` and `tribun/lowlevel` are two doors to one thing. */
import { expect, test } from "bun:test";
import * as hazmat from "../src/hazmat.ts";
import * as lowlevel from "../src/lowlevel.ts";
import { runSync } from "../src/index.ts";

/** The seed's names that Trio calls otherwise today. */
const RENAMED = {
  yieldBriefly: "checkpoint",
  yieldIfCancelled: "checkpointIfCancelled",
  yieldBrieflyNoCancel: "cancelShieldedCheckpoint",
  yieldIndefinitely: "waitTaskRescheduled",
} as const;

/** One became a member of what its successor gives. */
const CALL_SOON = "currentCallSoonThreadAndSignalSafe";
const TOKEN = "currentTrioToken";

test("what was renamed is the same object under today's name", () => {
  for (const [seeds, todays] of Object.entries(RENAMED) as [
    keyof typeof RENAMED,
    (typeof RENAMED)[keyof typeof RENAMED],
  ][]) {
    expect(lowlevel[todays] as unknown).toBe(hazmat[seeds]);
    expect(seeds in lowlevel).toBe(false);
    expect(todays in hazmat).toBe(false);
  }
});

test("currentTrioToken().runSyncSoon is what currentCallSoonThreadAndSignalSafe() gives", () => {
  runSync(function* () {
    expect(lowlevel.currentTrioToken().runSyncSoon).toBe(hazmat.currentCallSoonThreadAndSignalSafe());
  });
});

test("all else is the same object under the same name, on both sides", () => {
  const seeds = new Set<string>([...Object.keys(RENAMED), CALL_SOON]);
  const todays = new Set<string>([...Object.values(RENAMED), TOKEN]);
  const here = Object.keys(hazmat).filter((name) => !seeds.has(name));
  const there = Object.keys(lowlevel).filter((name) => !todays.has(name));
  expect(there).toEqual(here);
  for (const name of here) {
    expect(lowlevel[name as keyof typeof lowlevel] as unknown).toBe(hazmat[name as keyof typeof hazmat]);
  }
});
