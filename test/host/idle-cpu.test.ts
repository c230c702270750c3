/** A run that has nothing to do uses no CPU. */
import { describe, expect, test } from "bun:test";
import { runProgram } from "./children.ts";
import { BACKENDS } from "../backends.ts";

/** Of a second. A loop that spins uses all of it; one that looks every few milliseconds, a tenth. */
const LITTLE = 50;

const WAYS = ["sleeping", "for ever", "until the end of days", "handle given out", "promise"];
const DESCRIPTOR_WAYS = ["descriptor", "descriptor, again", ...(BACKENDS.includes("poll") ? ["descriptor, poll"] : [])];

describe("an idle run uses no CPU for a second", () => {
  for (const host of ["run", "runSync"]) {
    for (const way of [...WAYS, ...DESCRIPTOR_WAYS]) {
      test.concurrent(
        `${host}: ${way}`,
        async () => {
          const { said, end } = await runProgram("idle", [host, way]);
          expect(end).toBe(0);
          expect(said).toHaveLength(1);
          expect(Number(said[0])).toBeLessThan(LITTLE);
        },
        30_000,
      );
    }
  }
});
