/** Clocks, sequencers and checkers for tests. Everything here is documented where it is defined. */
export { waitAllTasksBlocked } from "./kernel/idle.ts";
export { assertCheckpoints, assertNoCheckpoints } from "./testing/check-points.ts";
export { inRun } from "./testing/in-run.ts";
export { MockClock, type MockClockOptions } from "./testing/mock-clock.ts";
export { Sequencer } from "./testing/sequencer.ts";
