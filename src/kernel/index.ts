/**
 * The scheduler: tasks, traps, cancel scopes, nurseries, deadlines, parking lots, the entry queue. It knows no Bun, no
 * foreign function, no timer and no platform: it is handed a clock, an I/O manager and a host (`RunnerParts`). It imports
 * nothing outside this folder but the errors and AsyncLocalStorage.
 *
 * Where to begin: `operation.ts` (the protocol), `runner.ts` (the pass), `cancel-scope.ts` (the tree).
 */
export { Runner, type RunnerParts } from "./runner.ts";
