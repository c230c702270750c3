/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

/** What these are about has nothing to do with the kind of a generator, or depends on it. */
const ONCE = new Set([
  "both-kinds.test.ts",
  "in-async-generators.test.ts",
  "nested-runs.test.ts",
  "run-options.test.ts",
  "undriven.test.ts",
]);

const files = [...new Bun.Glob("*.test.ts").scanSync(import.meta.dirname)];
inAsyncGenerators(import.meta.dirname, files.filter((file) => !ONCE.has(file)).toSorted());
