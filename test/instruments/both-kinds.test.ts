/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

inAsyncGenerators(import.meta.dirname, ["trace-file.test.ts", "watchdog.test.ts"]);
