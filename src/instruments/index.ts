/**
 * Instruments that are made already: for programs in production, and for finding out about them.
 *
 * May import: the public low-level API, `src/errors.ts`, and `checkOptions`.
 */
export { TraceFile } from "./trace-file.ts";
export { Watchdog, type WatchdogOptions } from "./watchdog.ts";
