/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

const files = [...new Bun.Glob("*.test.ts").scanSync(import.meta.dirname)];
inAsyncGenerators(import.meta.dirname, files.filter((file) => file !== "both-kinds.test.ts").toSorted());
