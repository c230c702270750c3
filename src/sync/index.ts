/**
 * What tasks share and wait for: events, locks, semaphores, limiters, conditions, channels. All are fair: who waits is
 * served in order of arrival, and what is given back is handed to the first waiter at once, so that nobody overtakes.
 *
 * May import: the public low-level API (`src/hazmat.ts`), `src/errors.ts`, the protocol of operations, and `checkOptions`.
 */
export { CapacityLimiter, type CapacityLimiterStatistics } from "./capacity-limiter.ts";
export { Condition, type ConditionStatistics } from "./condition.ts";
export { Event, type EventStatistics } from "./event.ts";
export type { Held } from "./held.ts";
export { Lock, StrictFIFOLock, type LockStatistics } from "./lock.ts";
export type { MemoryChannelStatistics } from "./channel.ts";
export { openMemoryChannel } from "./memory-channel.ts";
export type { ReceiveChannel } from "./receive-channel.ts";
export { select, type Selected } from "./select.ts";
export type { SendChannel } from "./send-channel.ts";
export { Semaphore, type SemaphoreOptions, type SemaphoreStatistics } from "./semaphore.ts";
export { pumpFromStream, pumpToStream, toAsyncIterable, toReadableStream, toWritableStream } from "./web-streams.ts";
