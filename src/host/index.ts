/**
 * How a run gets the thread: `run` on Bun's event loop, `runSync` owning it. One scheduler under both: what differs is
 * who waits, and how long.
 *
 * May import: `ffi/`, `src/io`, the kernel, `src/errors.ts`.
 */
export { RUN_OPTIONS, type RunOptions } from "./options.ts";
export { run } from "./run.ts";
export { runSync } from "./run-sync.ts";
