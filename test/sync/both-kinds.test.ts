/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

/** What these are about has nothing to do with the kind of a generator, or can be said in one of them only. */
const ONCE = ["both-kinds.test.ts", "channel-loop.test.ts", "fifo.test.ts"];

const files = [...new Bun.Glob("*.test.ts").scanSync(import.meta.dirname)];
inAsyncGenerators(import.meta.dirname, files.filter((file) => !ONCE.includes(file)).toSorted());
