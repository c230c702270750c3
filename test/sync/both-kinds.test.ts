/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

/** What these are about has nothing to do with the kind of a generator. */
const ONCE = ["both-kinds.test.ts", "fifo.test.ts", "model.test.ts"];

const files = [...new Bun.Glob("*.test.ts").scanSync(import.meta.dirname)];
inAsyncGenerators(import.meta.dirname, files.filter((file) => !ONCE.includes(file)).toSorted());
