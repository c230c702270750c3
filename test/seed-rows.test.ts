import { expect, test } from "bun:test";
import { filesUnder } from "./folders.ts";

/** The seed's promises are numbered S1 to S70 (the project's table of them). */
const LAST_ROW = 70;

// A test's name begins with the number of the row it pins. Skipped tests and todos pin nothing; conditional ones, and
// those over a table, do.
const NAMED_FOR_A_ROW =
  /(?:\b(?:test|it)(?:\.(?:serial|concurrent))?|\b(?:test|it)\.(?:each|if|skipIf)\([^;]*?\))\(\s*["'`]S(\d+)\b/g;

const rows = new Map<number, string[]>();
for (const file of filesUnder(import.meta.dirname).filter((file) => file.endsWith(".test.ts"))) {
  for (const [, row] of (await Bun.file(`${import.meta.dirname}/${file}`).text()).matchAll(NAMED_FOR_A_ROW)) {
    rows.set(Number(row), [...(rows.get(Number(row)) ?? []), file]);
  }
}

test("every row of the seed has a test named for it", () => {
  const all = Array.from({ length: LAST_ROW }, (_, index) => index + 1);
  expect(all.filter((row) => !rows.has(row)).map((row) => `S${row}`)).toEqual([]);
});

test("no test is named for a row that does not exist", () => {
  const strays = [...rows].filter(([row]) => row < 1 || row > LAST_ROW);
  expect(strays.map(([row, files]) => `S${row} in ${files.join(", ")}`)).toEqual([]);
});
