/** `docs/from-trio.md` names, for everything of Trio's, what is exported here, and says "none yet" only where nothing is. */
import { expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
// The reference says what is exported: another test keeps it up to date.
const pages = readdirSync(`${root}docs/reference`).map((file) => readFileSync(`${root}docs/reference/${file}`, "utf8"));
const exported = new Set(
  pages.flatMap((page) =>
    [...page.replaceAll("\\_", "_").matchAll(/^###+ (?:\w+\.)?(\w+)|^- `(\w+)`: \[|`const (\w+): /gm)].map(
      ([, ...names]) => names.find((name) => name !== undefined)!,
    ),
  ),
);
const rows = readFileSync(`${root}docs/from-trio.md`, "utf8")
  .split("## Name by name")[1]!
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (?:Trio|-)/.test(line))
  .map((line) => line.split("|").slice(1, 3) as [trio: string, here: string]);
const codes = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
const camel = (name: string): string =>
  name.replaceAll(/(?<=[a-z])_([a-z])/g, (_, letter: string) => letter.toUpperCase());

test("the table of Trio's names says what is exported here", () => {
  const unknown = rows
    .filter(([, here]) => !here.includes("none yet"))
    .flatMap(([, here]) => codes(here.split("; ")[0]!))
    .filter((code) => /^\w+$/.test(code) && !exported.has(code));
  expect(rows.length).toBeGreaterThan(50);
  // Options and properties, which are no names of their own in the reference.
  expect(unknown.filter((name) => !["source", "sourceTask", "reason"].includes(name))).toEqual([]);
});

test('what the table says is "none yet" is not exported', () => {
  const there = rows
    .filter(([, here]) => here.includes("none yet"))
    .flatMap(([trio]) => codes(trio))
    .map(camel)
    .filter((name) => exported.has(name));
  expect(there, "docs/from-trio.md says that there is none yet: name it there").toEqual([]);
});
