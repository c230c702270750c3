/** How a thread wakes one that waits in kevent(2): by a user event of the library's own. */
import { EV_ADD, EV_CLEAR, type KqueueSystem, NOTE_TRIGGER, encodeKevent } from "./kqueue.ts";

/** The event's `ident`, the letters "trib": one that a program's own user events hardly have. */
export const WAKE_IDENT = 0x74726962;

/** The change that puts the event into a kqueue. Each trigger is told once. */
export function wakeRegistration(system: KqueueSystem): ArrayBuffer {
  return change(system, EV_ADD | EV_CLEAR, 0);
}

/** The change that triggers it. */
export function triggerChange(system: KqueueSystem): ArrayBuffer {
  return change(system, 0, NOTE_TRIGGER);
}

function change({ kevent, EVFILT_USER }: KqueueSystem, flags: number, fflags: number): ArrayBuffer {
  const memory = new ArrayBuffer(kevent.size);
  const fields = { ident: WAKE_IDENT, filter: EVFILT_USER, flags, fflags, data: 0n, udata: 0n };
  encodeKevent(new DataView(memory), 0, kevent, fields);
  return memory;
}
