/** The same API under Trio's names today. Everything here is documented where it is defined. */
export * from "./lowlevel-common.ts";
export {
  yieldBriefly as checkpoint,
  yieldBrieflyNoCancel as cancelShieldedCheckpoint,
  yieldIfCancelled as checkpointIfCancelled,
} from "./kernel/checkpoint.ts";
export { currentTrioToken, type TrioToken } from "./kernel/trio-token.ts";
export { yieldIndefinitely as waitTaskRescheduled } from "./kernel/suspension.ts";
