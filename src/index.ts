/** The everyday API. Everything here is documented where it is defined. */
export * from "./errors.ts";
export { run, runSync, type RunOptions } from "./host/index.ts";
export { TraceFile, Watchdog, type WatchdogOptions } from "./instruments/index.ts";
export type { Clock } from "./kernel/clock.ts";
export { CancelScope, type CancelScopeOptions } from "./kernel/cancel-scope.ts";
export { ExceptionGroup, isCancelled, type ErrorMatcher } from "./kernel/exception-group.ts";
export { call } from "./kernel/frame-operation.ts";
export type { Instrument } from "./kernel/instrument.ts";
export { named } from "./kernel/named.ts";
export { Nursery, TASK_STATUS_IGNORED, openNursery, type NurseryOptions, type TaskStatus } from "./kernel/nursery.ts";
export type { AsyncOperation, Coroutine, Operation, TaskFunction, Trap } from "./kernel/operation.ts";
export { abortable, fromPromise } from "./kernel/promise.ts";
export { stopRequested, untilStopRequested, type GracefulCancel } from "./kernel/stop-request.ts";
export { currentTime, sleep, sleepForever, sleepUntil } from "./kernel/sleep.ts";
export type { Task } from "./kernel/task.ts";
export { taskTree, type TaskTreeOptions } from "./kernel/task-tree.ts";
export {
  currentEffectiveDeadline,
  failAfter,
  failAt,
  moveOnAfter,
  moveOnAt,
  type TimeoutOptions,
} from "./kernel/timeouts.ts";
export {
  CapacityLimiter,
  Condition,
  Event,
  Lock,
  Semaphore,
  StrictFIFOLock,
  openMemoryChannel,
  pumpFromStream,
  pumpToStream,
  select,
  toAsyncIterable,
  toReadableStream,
  toWritableStream,
  type CapacityLimiterStatistics,
  type ConditionStatistics,
  type EventStatistics,
  type Held,
  type LockStatistics,
  type MemoryChannelStatistics,
  type ReceiveChannel,
  type Selected,
  type SemaphoreOptions,
  type SemaphoreStatistics,
  type SendChannel,
} from "./sync/index.ts";
export {
  StapledStream,
  type AsyncResource,
  type HalfCloseableStream,
  type ReceiveStream,
  type SendStream,
  type Stream,
} from "./streams/index.ts";
export { all, catchGroup, map, race, type GroupHandler, type MapOptions } from "./together/index.ts";
