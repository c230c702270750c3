/** The tests of this folder are written with plain generators. Here they all run in asynchronous ones. */
import { inAsyncGenerators } from "../kinds.ts";

inAsyncGenerators(import.meta.dirname, ["check-points.test.ts", "mock-clock.test.ts", "sequencer.test.ts"]);
