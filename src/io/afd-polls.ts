import { AFD_POLL_HANDLE_INFO, AFD_POLL_INFO, type AfdCalls, NEVER } from "../../ffi/afd.ts";
import { AFD_KEY, completionPortCalls } from "../../ffi/completion-port.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { memoryAt, newMemory, memoryCalls } from "../../ffi/malloc.ts";
import {
  IO_STATUS_BLOCK,
  STATUS_INVALID_HANDLE,
  STATUS_OBJECT_TYPE_MISMATCH,
  isRefused,
  statusError,
} from "../../ffi/ntdll.ts";
import { windowsError } from "../../ffi/windows-errors.ts";

/**
 * How many polls go through one helper handle. The driver looks through all of a handle's when one is cancelled, so one
 * handle for everything would be slow, and one for each poll a waste (wepoll's number).
 */
export const POLLS_A_HELPER = 32;

/** Where the parts lie in a poll's memory, in 32-bit words: its status, then what is asked and answered. */
const INFO = IO_STATUS_BLOCK.size;
const STATUS_WORD = IO_STATUS_BLOCK.fields.Status.offset / 4;
const COUNT_WORD = (INFO + AFD_POLL_INFO.fields.NumberOfHandles.offset) / 4;
const HANDLE = INFO + AFD_POLL_INFO.fields.Handles.offset;
const SOCKET_WORD = (HANDLE + AFD_POLL_HANDLE_INFO.fields.Handle.offset) / 4;
const EVENTS_WORD = (HANDLE + AFD_POLL_HANDLE_INFO.fields.Events.offset) / 4;
const POLL_SIZE = INFO + AFD_POLL_INFO.size;
const NEVER_WORD = (INFO + AFD_POLL_INFO.fields.Timeout.offset) / 4;

/** A handle of the driver, and how many polls are under way through it. */
interface Helper {
  readonly handle: number;
  polls: number;
}

/**
 * One poll of one socket. From its beginning to its completion its memory is the system's, which may outlast everything
 * here: a Worker that is terminated takes its heap with it, and no operation ends for that. So it is no heap's.
 */
export class AfdPoll<Owner> {
  /** Who asked; null once the answer is of no use any more. */
  owner: Owner | null = null;
  /** What was asked for. */
  events = 0;
  /** @internal */
  helper: Helper | null = null;
  /** @internal The memory's, by which the completion names it. */
  readonly address: number = newMemory(POLL_SIZE);
  /** @internal */
  readonly words: Uint32Array<ArrayBuffer> = new Uint32Array(memoryAt(this.address, POLL_SIZE));
}

/** What a completed poll has to say. */
export interface AfdAnswer<Owner> {
  readonly owner: Owner;
  /** 0 when the operation itself failed. */
  readonly events: number;
}

/** The polls of one run, and the helper handles that they go through: as many as are needed, and one. */
export class AfdPolls<Owner> {
  readonly #port: number;
  readonly #calls: AfdCalls;
  readonly #helpers = new Set<Helper>();
  /** Those that have room for one more. */
  readonly #roomy: Helper[] = [];
  readonly #underWay = new Map<number, AfdPoll<Owner>>();
  /** Memory that came back. */
  readonly #spare: AfdPoll<Owner>[] = [];

  constructor(port: number, calls: AfdCalls) {
    this.#port = port;
    this.#calls = calls;
  }

  /** How many polls have not completed; cancelled ones count until they have. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** How many helper handles are open. */
  get helpers(): number {
    return this.#helpers.size;
  }

  /**
   * Begins to poll a base socket for `events`.
   *
   * @param socket the socket's own number, for the message.
   * @throws {SystemError} ENOTSOCK when it is none, or none any more; what the driver refuses.
   */
  begin(owner: Owner, base: number, events: number, socket: number): AfdPoll<Owner> {
    const helper = this.#roomy.at(-1) ?? this.#open();
    // A number that was closed may have become a helper's; the driver of Wine 8 dies of being asked for that.
    for (const { handle } of this.#helpers) if (handle === base) throw noSocket(socket);
    const poll = this.#spare.pop() ?? new AfdPoll<Owner>();
    const { words, address } = poll;
    words[STATUS_WORD] = 0;
    new BigInt64Array(words.buffer, NEVER_WORD * 4, 1)[0] = NEVER;
    words[COUNT_WORD] = 1;
    words[SOCKET_WORD] = base;
    words[SOCKET_WORD + 1] = 0;
    words[EVENTS_WORD] = events;
    const status = this.#calls.poll(helper.handle, address, address + INFO);
    if (isRefused(status)) {
      this.#spare.push(poll);
      if (helper.polls === 0) this.#trim(helper);
      if (status === STATUS_INVALID_HANDLE || status === STATUS_OBJECT_TYPE_MISMATCH) throw noSocket(socket);
      throw statusError(status, "IOCTL_AFD_POLL", `socket ${socket}`);
    }
    poll.owner = owner;
    poll.events = events;
    poll.helper = helper;
    if (++helper.polls === POLLS_A_HELPER) this.#roomy.pop();
    this.#underWay.set(address, poll);
    return poll;
  }

  /** Nobody wants its answer any more. It completes all the same, soon. */
  abandon(poll: AfdPoll<Owner>): void {
    poll.owner = null;
    // STATUS_NOT_FOUND: its completion is in the port already.
    this.#calls.cancel(poll.helper!.handle, poll.address);
  }

  /** A completion came. @returns null when nobody wants to know, or it is none of these polls'. */
  complete(address: number): AfdAnswer<Owner> | null {
    const poll = this.#underWay.get(address);
    if (poll === undefined) return null;
    this.#underWay.delete(address);
    const { owner, words } = poll;
    const helper = poll.helper!;
    poll.owner = null;
    poll.helper = null;
    this.#spare.push(poll);
    if (helper.polls-- === POLLS_A_HELPER) this.#roomy.push(helper);
    if (helper.polls === 0) this.#trim(helper);
    if (owner === null) return null;
    const succeeded = words[STATUS_WORD] === 0 && words[COUNT_WORD] > 0;
    return { owner, events: succeeded ? words[EVENTS_WORD] : 0 };
  }

  abandonAll(): void {
    for (const poll of this.#underWay.values()) if (poll.owner !== null) this.abandon(poll);
  }

  /** Gives the helper handles back, and the memory; that of what has not completed stays the system's for good. */
  close(): void {
    for (const { address } of this.#spare) memoryCalls().free(address);
    this.#spare.length = 0;
    for (const { handle } of this.#helpers) this.#calls.close(handle);
    this.#helpers.clear();
    this.#roomy.length = 0;
  }

  #open(): Helper {
    const handle = this.#calls.open();
    if (handle < 0) throw statusError(-handle, "NtCreateFile", "\\Device\\Afd");
    const result = completionPortCalls().associate(handle, this.#port, AFD_KEY);
    if (result < 0) {
      this.#calls.close(handle);
      throw windowsError(-result, "CreateIoCompletionPort", "\\Device\\Afd");
    }
    const helper: Helper = { handle, polls: 0 };
    this.#helpers.add(helper);
    this.#roomy.push(helper);
    return helper;
  }

  /** Closes a helper that has become empty, if another one has room. */
  #trim(helper: Helper): void {
    if (this.#roomy.length < 2) return;
    this.#roomy.splice(this.#roomy.indexOf(helper), 1);
    this.#helpers.delete(helper);
    this.#calls.close(helper.handle);
  }
}

/** The error for a number that is no socket, or is not open. */
export function noSocket(socket: number): Error {
  return systemError(ERRNO.ENOTSOCK, "IOCTL_AFD_POLL", `fd ${socket} is no open socket`);
}
