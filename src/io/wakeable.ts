import type { WakeAddress } from "../../ffi/wake-address.ts";

/** What a backend offers, beyond the kernel's contract, so that other threads can wake its run. */
export interface WakeableIo {
  /** Good until the run's end. */
  readonly wakeAddress: WakeAddress;
  /** At the end it is to stay open for good, because another thread may still use it. */
  leakWakeAddress(): void;
}
