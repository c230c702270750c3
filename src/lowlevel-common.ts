/** What `hazmat` and `lowlevel` have under the same names. */
export { connectCallSoon, type WorkerHandle } from "./host/worker-calls.ts";
export {
  currentIocp,
  monitorCompletionKey,
  readIntoOverlapped,
  registerWithIocp,
  waitForSingleObject,
  waitOverlapped,
  writeOverlapped,
  type CompletionEvent,
  type Handle,
} from "./io/completions.ts";
export type { EventQueue } from "./io/event-queue.ts";
export { currentKqueue, monitorKevent, waitKevent, type Kevent, type KeventChange, type Kqueue } from "./io/kevents.ts";
export {
  notifyClosing,
  waitReadable,
  waitSocketReadable,
  waitSocketWritable,
  waitWritable,
  type Descriptor,
} from "./io/waits.ts";
export type { Clock } from "./kernel/clock.ts";
export type { CallSoon } from "./kernel/entry-queue.ts";
export type { Instrument } from "./kernel/instrument.ts";
export {
  addInstrument,
  currentClock,
  currentRootTask,
  currentStatistics,
  removeInstrument,
} from "./kernel/introspection.ts";
export type { IoManager, IoStatistics } from "./kernel/io-manager.ts";
export { currentlyKiProtected, disableKiProtection, enableKiProtection } from "./kernel/ki-protection.ts";
export type { AsyncOperation, Coroutine, Operation, TaskFunction, Trap } from "./kernel/operation.ts";
export {
  ParkingLot,
  addParkingLotBreaker,
  removeParkingLotBreaker,
  type ParkingLotStatistics,
} from "./kernel/parking-lot.ts";
export { Result } from "./kernel/result.ts";
export { RunVar, type RunVarToken } from "./kernel/run-var.ts";
export type { Statistics } from "./kernel/runner.ts";
export { Abort, type AbortFunction, type AbortResult } from "./kernel/abort.ts";
export { reschedule } from "./kernel/suspension.ts";
export { spawnSystemTask } from "./kernel/system-task.ts";
export { Task } from "./kernel/task.ts";
export { currentTask } from "./kernel/thread.ts";
