/**
 * Low-level operations, under the names of the manual of `trio.hazmat` ("the seed") that this project grew from. Everything
 * here is documented where it is defined.
 */
export * from "./lowlevel-common.ts";
export { yieldBriefly, yieldBrieflyNoCancel, yieldIfCancelled } from "./kernel/checkpoint.ts";
export { currentCallSoonThreadAndSignalSafe } from "./kernel/introspection.ts";
export { yieldIndefinitely } from "./kernel/suspension.ts";
