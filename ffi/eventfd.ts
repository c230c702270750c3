/** eventfd(2): a descriptor that is readable while its 64-bit counter is not 0; a write of 8 bytes adds to it. */
import { bindLibc, check } from "./libc.ts";

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

/** What an eventfd reads and writes: one 64-bit number. */
export const EVENTFD_VALUE_SIZE = 8;

let bound: ((initial: number, flags: number) => number) | undefined;

/**
 * A new eventfd, non-blocking and close-on-exec, its counter at 0.
 *
 * @throws {SystemError} EMFILE, ENFILE or ENOMEM.
 */
export function eventfd(): number {
  bound ??= bindLibc({ eventfd: { args: ["u32", "i32"], returns: "i32" } }).eventfd;
  return check(bound(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}
