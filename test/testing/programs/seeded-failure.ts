/** A test that fails with some seeds: what bun:test prints of it is looked at. */
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
