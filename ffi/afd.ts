/**
 * The Ancillary Function Driver, which is what lies beneath Windows' sockets, asked directly: its poll is an operation
 * that a completion port hears of, which no call of Winsock is. The way of wepoll, libuv and Trio.
 */
import { handleCalls } from "./kernel32.ts";
import { addressOf } from "./memory.ts";
import { IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, UNICODE_STRING, bindNtdll } from "./ntdll.ts";
import type { Struct } from "./struct.ts";

/** What a socket is polled for, and what it answers. */
export const AFD_POLL_RECEIVE: number = 0x1;
export const AFD_POLL_SEND: number = 0x4;
/** The peer has shut down its sending end. */
export const AFD_POLL_DISCONNECT: number = 0x8;
/** The connection was reset. */
export const AFD_POLL_ABORT: number = 0x10;
/** The socket was closed, here. Reported whether asked for or not. */
export const AFD_POLL_LOCAL_CLOSE: number = 0x20;
export const AFD_POLL_ACCEPT: number = 0x80;
export const AFD_POLL_CONNECT_FAIL: number = 0x100;

export const AFD_POLL_HANDLE_INFO: Struct<"Handle" | "Events" | "Status"> = {
  tag: "AFD_POLL_HANDLE_INFO",
  size: 16,
  fields: { Handle: { offset: 0, size: 8 }, Events: { offset: 8, size: 4 }, Status: { offset: 12, size: 4 } },
};

/** One handle, which is all that is asked for here, is part of it. In no header of Windows' own. */
export const AFD_POLL_INFO: Struct<"Timeout" | "NumberOfHandles" | "Exclusive" | "Handles"> = {
  tag: "AFD_POLL_INFO",
  size: 16 + AFD_POLL_HANDLE_INFO.size,
  fields: {
    Timeout: { offset: 0, size: 8 },
    NumberOfHandles: { offset: 8, size: 4 },
    Exclusive: { offset: 12, size: 4 },
    Handles: { offset: 16, size: AFD_POLL_HANDLE_INFO.size },
  },
};

/** A poll for ever. */
export const NEVER: bigint = 0x7fff_ffff_ffff_ffffn;

const IOCTL_AFD_POLL = 0x12024;
const DEVICE = "\\Device\\Afd\\tribun";

const SYNCHRONIZE = 0x100000;
const FILE_SHARE_READ = 1;
const FILE_SHARE_WRITE = 2;
const FILE_OPEN = 1;

/** An object, so that a test can put one in its place that counts. */
export interface AfdCalls {
  /** NtCreateFile: a handle of the driver, which names no socket; polls are made through it. Or minus the NTSTATUS. */
  open(): number;
  /**
   * NtDeviceIoControlFile with IOCTL_AFD_POLL: begins the poll that the {@link AFD_POLL_INFO} at `info` asks for, and
   * writes its answer there. The completion's packet has the address `status`, of an {@link IO_STATUS_BLOCK}. An NTSTATUS.
   */
  poll(helper: number, status: number, info: number): number;
  /** NtCancelIoFileEx. An NTSTATUS; the operation completes all the same. */
  cancel(helper: number, status: number): number;
  /** CloseHandle. */
  close(helper: number): void;
}

let calls: AfdCalls | undefined;

/** @throws {UnsupportedError} off Windows. */
export function afdCalls(): AfdCalls {
  return (calls ??= bind());
}

function bind(): AfdCalls {
  const { NtCreateFile, NtDeviceIoControlFile, NtCancelIoFileEx } = bindNtdll({
    NtCreateFile: {
      args: ["u64", "u32", "u64", "u64", "u64", "u32", "u32", "u32", "u32", "u64", "u32"],
      returns: "u32",
    },
    NtDeviceIoControlFile: {
      args: ["u64", "u64", "u64", "u64", "u64", "u32", "u64", "u32", "u64", "u32"],
      returns: "u32",
    },
    NtCancelIoFileEx: { args: ["u64", "u64", "u64"], returns: "u32" },
  });
  const { close } = handleCalls();
  const ofCancel = new ArrayBuffer(IO_STATUS_BLOCK.size);
  return {
    open() {
      const name = wide(DEVICE);
      const string = unicodeString(name);
      const attributes = objectAttributes(string);
      const opened = new BigUint64Array(new ArrayBuffer(8));
      const answer = new ArrayBuffer(IO_STATUS_BLOCK.size);
      const status = NtCreateFile(
        addressOf(opened.buffer),
        SYNCHRONIZE,
        addressOf(attributes),
        addressOf(answer),
        0,
        0,
        FILE_SHARE_READ | FILE_SHARE_WRITE,
        FILE_OPEN,
        0,
        0,
        0,
      );
      // The structures name each other by address alone: this keeps them until the call is over.
      const kept = name.byteLength + string.byteLength;
      return status === 0 && kept > 0 ? Number(opened[0]) : -status;
    },
    poll: (helper, status, info) =>
      NtDeviceIoControlFile(
        helper,
        0,
        0,
        status,
        status,
        IOCTL_AFD_POLL,
        info,
        AFD_POLL_INFO.size,
        info,
        AFD_POLL_INFO.size,
      ),
    cancel: (helper, status) => NtCancelIoFileEx(helper, status, addressOf(ofCancel)),
    close: (helper) => void close(helper),
  };
}

function wide(text: string): ArrayBuffer {
  return Uint16Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}

function unicodeString(text: ArrayBuffer): ArrayBuffer {
  const { Length, MaximumLength, Buffer } = UNICODE_STRING.fields;
  const view = new DataView(new ArrayBuffer(UNICODE_STRING.size));
  view.setUint16(Length.offset, text.byteLength, true);
  view.setUint16(MaximumLength.offset, text.byteLength, true);
  view.setBigUint64(Buffer.offset, BigInt(addressOf(text)), true);
  return view.buffer;
}

function objectAttributes(name: ArrayBuffer): ArrayBuffer {
  const { Length, ObjectName } = OBJECT_ATTRIBUTES.fields;
  const view = new DataView(new ArrayBuffer(OBJECT_ATTRIBUTES.size));
  view.setUint32(Length.offset, OBJECT_ATTRIBUTES.size, true);
  view.setBigUint64(ObjectName.offset, BigInt(addressOf(name)), true);
  return view.buffer;
}
