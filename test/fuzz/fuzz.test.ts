import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { compare } from "./compare.ts";
import { inTribun } from "./in-tribun.ts";
import { program } from "./program.ts";
import { python } from "./trio.ts";

const why = python === undefined ? " (skipped: no python3 here has trio; apt-get install python3-trio)" : "";

test.skipIf(why !== "")(
  `random programs do here what they do in Trio; npm run fuzz:trio tries more${why}`,
  async () => {
    await compare({ runs: 150 });
  },
);

test("a random program gives the same twice", () => {
  fc.assert(
    fc.property(program, (one) => {
      expect(inTribun(one)).toEqual(inTribun(one));
    }),
    { numRuns: 100 },
  );
});
