/**
 * How a run waits for the outside: one I/O manager for each system interface, behind the kernel's `IoManager`.
 *
 * May import: `ffi/`, the kernel, `src/errors.ts`. The kernel is handed an I/O manager and knows none of them.
 */
export { chooseIo } from "./choose.ts";
export type { IoBackend, IoChoice, IoManagerFactory } from "./choose.ts";
export { descriptorOf } from "./descriptor.ts";
export type { FdIoManager, PollSet, PollSetIo } from "./fd-io-manager.ts";
export type { WakeableIo } from "./wakeable.ts";
