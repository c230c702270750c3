/** Clocks, sequencers and checkers for tests. Everything here is documented where it is defined. */
export { waitAllTasksBlocked } from "./kernel/idle.ts";
export { assertCheckpoints, assertNoCheckpoints } from "./testing/check-points.ts";
export { inRun, type InRunOptions } from "./testing/in-run.ts";
export { lockstepStreamOneWayPair, lockstepStreamPair } from "./testing/lockstep-streams.ts";
export {
  MemoryReceiveStream,
  MemorySendStream,
  memoryStreamOneWayPair,
  memoryStreamPair,
  memoryStreamPump,
  type CloseHook,
  type MemoryReceiveStreamHooks,
  type MemorySendStreamHooks,
  type StreamHook,
} from "./testing/memory-streams.ts";
export { MockClock, type MockClockOptions } from "./testing/mock-clock.ts";
export { Sequencer } from "./testing/sequencer.ts";
export {
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  type StreamMaker,
} from "./testing/stream-checks/index.ts";
