/**
 * Ways to do several things at once that are a nursery and a few lines: each ends or cancels what it started, and waits for
 * it, before it gives anything.
 *
 * May import: the public low-level API, `src/errors.ts`, and what is public of the kernel.
 */
export { all } from "./all.ts";
export { catchGroup, type GroupHandler } from "./catch-group.ts";
export { map, type MapOptions } from "./map.ts";
export { race } from "./race.ts";
