/**
 * Windows' sockets (ws2_32.dll), made to answer as POSIX's do: where the two differ in how they say a thing, it is said
 * here in POSIX's way; where they differ in what they do, the documentation of `tribun/socket` says so.
 */
import { FFIType } from "bun:ffi";
import { bindDll } from "./dll.ts";
import { ERRNO } from "./errno.ts";
import { bindKernel32 } from "./kernel32.ts";
import { systemError } from "./libc.ts";
import { type LoopbackCalls, pairOverLoopback } from "./loopback-pair.ts";
import { AF_INET, AF_UNIX, SOCK_DGRAM } from "./socket-constants.ts";
import type { SocketCalls } from "./socket.ts";

/** Winsock 2.2, the version there has been since Windows 98. */
const VERSION = 0x0202;
/** `sizeof(WSADATA)` on 64-bit Windows, whose members are of no use to anybody. */
export const WSADATA_SIZE: number = 408;

export const WSA_FLAG_OVERLAPPED: number = 0x01;
export const WSA_FLAG_NO_HANDLE_INHERIT: number = 0x80;

export const FIONBIO: number = 0x8004667e;
/** Whether a datagram socket's next call fails because nobody was there to receive an earlier datagram. */
export const SIO_UDP_CONNRESET: number = 0x9800000c;

export const HANDLE_FLAG_INHERIT: number = 1;

/**
 * One call moves no more than this. Winsock takes lengths as an `int`; and Windows looks at every page of the buffer in
 * every call, however little there is to be moved.
 */
const LONGEST_TRANSFER = 0x100_0000;

/** @throws {UnsupportedError} off Windows; SystemError when Winsock does not start. */
export function bindWinsock(): SocketCalls {
  const c = bindDll("ws2_32.dll", {
    WSAStartup: { args: ["u16", "buffer"], returns: "i32" },
    WSAGetLastError: { args: [], returns: "i32" },
    // A SOCKET is a pointer's width, and there is none that is all ones: an `i64_fast` of -1 is INVALID_SOCKET.
    WSASocketW: { args: ["i32", "i32", "i32", "u64", "u32", "u32"], returns: FFIType.i64_fast },
    WSAIoctl: { args: ["u64", "u32", "buffer", "u32", "u64", "u32", "buffer", "u64", "u64"], returns: "i32" },
    ioctlsocket: { args: ["u64", "u32", "buffer"], returns: "i32" },
    bind: { args: ["u64", "buffer", "i32"], returns: "i32" },
    listen: { args: ["u64", "i32"], returns: "i32" },
    accept: { args: ["u64", "buffer", "buffer"], returns: FFIType.i64_fast },
    connect: { args: ["u64", "buffer", "i32"], returns: "i32" },
    recv: { args: ["u64", "buffer", "i32", "i32"], returns: "i32" },
    send: { args: ["u64", "buffer", "i32", "i32"], returns: "i32" },
    recvfrom: { args: ["u64", "buffer", "i32", "i32", "buffer", "buffer"], returns: "i32" },
    sendto: { args: ["u64", "buffer", "i32", "i32", "buffer", "i32"], returns: "i32" },
    shutdown: { args: ["u64", "i32"], returns: "i32" },
    getsockopt: { args: ["u64", "i32", "i32", "buffer", "buffer"], returns: "i32" },
    setsockopt: { args: ["u64", "i32", "i32", "buffer", "i32"], returns: "i32" },
    getsockname: { args: ["u64", "buffer", "buffer"], returns: "i32" },
    getpeername: { args: ["u64", "buffer", "buffer"], returns: "i32" },
    closesocket: { args: ["u64"], returns: "i32" },
  });
  const { WSAGetLastError: lastError } = c;
  const { SetHandleInformation } = bindKernel32({
    SetHandleInformation: { args: ["u64", "u32", "u32"], returns: "i32" },
  });

  // Counted per process: each thread that binds starts it once more, and it ends with the process.
  const failure = c.WSAStartup(VERSION, new Uint8Array(new ArrayBuffer(WSADATA_SIZE)));
  if (failure !== 0) throw systemError(failure, "WSAStartup");

  const yes = Uint32Array.of(1);
  const no = Uint32Array.of(0);
  const returned = new Uint32Array(new ArrayBuffer(4));

  /** SOCKET_ERROR becomes `-errno`. It is asked right after the call, before the engine calls Windows itself. */
  function negateError(result: number): number {
    // Of a failure without an error nothing can be said but that the call is to be made again.
    return result === -1 ? -(lastError() || ERRNO.EINTR) : result;
  }

  /** Of a call that moves bytes: the names by which POSIX says that a connection is no more. */
  function negateTransferError(result: number): number {
    if (result !== -1) return result;
    const error = negateError(result);
    // A connection reset by the peer is "aborted" from the second call on.
    return error === -ERRNO.ECONNABORTED ? -ERRNO.ECONNRESET : error;
  }

  function received(result: number, length: number): number {
    if (result !== -1) return result;
    const error = negateTransferError(result);
    // The datagram's beginning is there all the same, as on every POSIX system, and fills the buffer.
    if (error === -ERRNO.EMSGSIZE) return partOf(length);
    // The receiving end was shut down: to POSIX that is the end of the stream.
    return error === -ERRNO.ESHUTDOWN ? 0 : error;
  }

  function sent(result: number): number {
    if (result !== -1) return result;
    const error = negateTransferError(result);
    return error === -ERRNO.ESHUTDOWN ? -ERRNO.EPIPE : error;
  }

  /** Gives `fd` on, if `result` is no failure; closes it otherwise. */
  function unlessFailed(fd: number, result: number): number {
    if (result >= 0) return fd;
    c.closesocket(fd);
    return result;
  }

  const calls: LoopbackCalls = {
    setBlocking: (fd, blocking) => negateError(c.ioctlsocket(fd, FIONBIO, blocking ? no : yes)),
    socket(family, type, protocol) {
      const flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
      const fd = negateError(c.WSASocketW(family, type, protocol, 0, 0, flags) as number);
      if (fd < 0) return fd;
      if (type === SOCK_DGRAM && family !== AF_UNIX) {
        // Otherwise a datagram to somebody who is not there fails the next recvfrom, which may be of another peer's:
        // POSIX says nothing of it to a socket that is not connected. Where it cannot be said, it stays as it is.
        c.WSAIoctl(fd, SIO_UDP_CONNRESET, no, 4, 0, 0, returned, 0, 0);
      }
      return unlessFailed(fd, negateError(c.ioctlsocket(fd, FIONBIO, yes)));
    },
    bind: (fd, address) => negateError(c.bind(fd, address, address.byteLength)),
    listen: (fd, backlog) => negateError(c.listen(fd, backlog)),
    accept(fd, peer) {
      peer.reset();
      const accepted = negateError(c.accept(fd, peer.bytes, peer.length) as number);
      // Reset by its peer while it waited to be accepted.
      if (accepted < 0) return accepted === -ERRNO.ECONNRESET ? -ERRNO.ECONNABORTED : accepted;
      // There is no accept that makes it so from the start.
      const failed = negateError(SetHandleInformation(accepted, HANDLE_FLAG_INHERIT, 0) === 0 ? -1 : 0);
      return unlessFailed(accepted, failed || negateError(c.ioctlsocket(accepted, FIONBIO, yes)));
    },
    connect(fd, address) {
      const result = negateError(c.connect(fd, address, address.byteLength));
      return result === -ERRNO.EAGAIN ? -ERRNO.EINPROGRESS : result;
    },
    recv: (fd, buffer, length) => received(c.recv(fd, buffer as View, partOf(length), 0), length),
    send: (fd, data) => sent(c.send(fd, data as View, partOf(data.byteLength), 0)),
    recvfrom(fd, buffer, length, sender) {
      sender.reset();
      return received(c.recvfrom(fd, buffer as View, partOf(length), 0, sender.bytes, sender.length), length);
    },
    sendto: (fd, data, address) =>
      sent(c.sendto(fd, data as View, partOf(data.byteLength), 0, address, address.byteLength)),
    shutdown: (fd, how) => negateError(c.shutdown(fd, how)),
    getsockopt: (fd, level, name, value, length) => negateError(c.getsockopt(fd, level, name, value as View, length)),
    setsockopt: (fd, level, name, value) => negateError(c.setsockopt(fd, level, name, value as View, value.byteLength)),
    getsockname(fd, address) {
      address.reset();
      const result = negateError(c.getsockname(fd, address.bytes, address.length));
      if (result !== -ERRNO.EINVAL) return result;
      // It has no address yet, which to POSIX is an address too: the family's empty one.
      address.length[0] = 0;
      return 0;
    },
    getpeername(fd, address) {
      address.reset();
      return negateError(c.getpeername(fd, address.bytes, address.length));
    },
    close: (fd) => negateError(c.closesocket(fd)),
  };

  return {
    ...calls,
    pairFamily: AF_INET,
    socketpair: (family, type, protocol, pair) => pairOverLoopback(calls, family, type, protocol, pair),
  };
}

/** How much of a buffer goes into one call. */
function partOf(length: number): number {
  return length < LONGEST_TRANSFER ? length : LONGEST_TRANSFER;
}

/** What bun:ffi's types call a view; every ArrayBufferView is one. */
type View = NodeJS.TypedArray | DataView;
