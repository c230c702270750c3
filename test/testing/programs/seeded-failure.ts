/** Tests that fail with some seeds: what bun:test prints of it is looked at. */
import { expect, test } from "bun:test";
import { openNursery } from "../../../src/index.ts";
import { inRun } from "../../../src/testing.ts";

test(
  "depends on the order",
  inRun(
    function* () {
      const ran: number[] = [];
      yield* openNursery(function* (nursery) {
        for (const number of [0, 1, 2]) {
          nursery.startSoon(function* () {
            ran.push(number);
          });
        }
      });
      expect(ran).toEqual([0, 1, 2]);
    },
    { seeds: 50 },
  ),
);

test(
  "fails in a child, so that what fails is a group",
  inRun(
    function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          throw new Error("mine");
        });
      });
    },
    { seed: 5 },
  ),
);
