/** What the rule knows of the library is what the library exports. */
import { expect, test } from "bun:test";
import type { Kind, Vocabulary } from "../../scripts/lint-vocabulary.ts";
import { whyNot } from "../platform.ts";
import { root } from "./oxlint.ts";

const why = whyNot("typescript");
/** The script takes the type checker, so it is not imported where there is none. */
const derived: Vocabulary =
  why === "" ? await (await import("../../scripts/lint-vocabulary.ts")).deriveVocabulary() : { pages: {}, classes: {} };
const typesTest = test.skipIf(why !== "");

typesTest(
  `lint/vocabulary.js is what the declarations say: if it is not, run "bun scripts/lint-vocabulary.ts"${why}`,
  async () => {
    const { PAGES, CLASSES } = await import(`${root}lint/vocabulary.js`);
    expect({ pages: PAGES, classes: CLASSES }).toEqual(derived);
  },
);

/** The functions and methods that give an operation. */
function operationsIn(names: Vocabulary["classes"][string] | undefined): string[] {
  const gives = (kind: Kind): boolean =>
    typeof kind === "object" && kind !== null && "returns" in kind && Object.hasOwn(Object(kind.returns), "gives");
  return Object.entries(names ?? {})
    .filter(([, kind]) => gives(kind))
    .map(([name]) => name);
}

typesTest(`the declarations are read: operations, and only operations, are taken for such${why}`, () => {
  expect(operationsIn(derived.pages["tribun/testing"])).toEqual(
    expect.arrayContaining(["assertCheckpoints", "assertNoCheckpoints", "waitAllTasksBlocked"]),
  );
  expect(operationsIn(derived.pages["tribun/testing"])).not.toContain("inRun");
  expect(operationsIn(derived.pages["tribun"])).not.toContain("run");
  expect(operationsIn(derived.classes["Lock"])).toEqual(["acquire"]);
  expect(operationsIn(derived.classes["Socket"])).not.toContain("tryRecv");
  expect(derived.classes["Socket"]!["accept"]).toEqual({ takes: {}, returns: { gives: ["Socket", null] } });
  expect(derived.classes).not.toHaveProperty("Held");
  expect(derived.pages["tribun"]!["openNursery"]).toEqual({
    takes: { 0: { parameters: ["Nursery"] } },
    returns: { gives: null },
  });
  expect(derived.classes["Nursery"]!["startSoon"]).toEqual({
    takes: { 0: { parameters: [], passesArguments: true } },
    returns: null,
  });
});

typesTest(`every operation that an entry point exports is a function there${why}`, async () => {
  for (const [page, names] of Object.entries(derived.pages)) {
    const exported = await import(page);
    const missing = operationsIn(names).filter((name) => !/^[A-Z]/.test(name) && typeof exported[name] !== "function");
    expect([page, missing]).toEqual([page, []]);
  }
});
