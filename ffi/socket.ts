/**
 * The socket calls of this platform: POSIX's of its C library, or Winsock. Here is what they have in common, and where
 * they are chosen.
 */
import { UnsupportedError } from "../src/errors.ts";
import { bindPosixSockets } from "./posix-socket.ts";
import type { SockaddrStorage } from "./sockaddr.ts";
import { bindWinsock } from "./winsock.ts";

/**
 * Each answers as the Linux kernel does: a result of 0 or more, or `-errno` (a number of `ERRNO`, on Windows too).
 * Addresses given are whole structures as `ffi/sockaddr.ts` makes them; those asked for are put in a
 * {@link SockaddrStorage}. A socket is a number: a descriptor, or a SOCKET handle.
 *
 * Buffers are views, which the engine turns into an address for the time of the call: it is right for a small array
 * that the collector would move, and no slower than an address.
 */
export interface SocketCalls {
  /** The family whose sockets {@link SocketCalls.socketpair} can pair: AF_UNIX, or on Windows AF_INET. */
  readonly pairFamily: number;
  /** socket(2): a socket, non-blocking, and inherited by no child process. */
  socket(family: number, type: number, protocol: number): number;
  /** socketpair(2): writes two such sockets to `pair`. */
  socketpair(family: number, type: number, protocol: number, pair: Int32Array): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** accept(2): a socket, non-blocking and inherited by no child process, whose peer is in `peer`. */
  accept(fd: number, peer: SockaddrStorage): number;
  /** connect(2): mostly -EINPROGRESS. */
  connect(fd: number, address: Uint8Array): number;
  /** recv(2): how many bytes it put in the first `length` of `buffer`. What a datagram has beyond that is lost. */
  recv(fd: number, buffer: ArrayBufferView, length: number): number;
  /** send(2) of the whole of `data`: how many bytes the kernel took. A broken pipe is -EPIPE and no signal. */
  send(fd: number, data: ArrayBufferView): number;
  recvfrom(fd: number, buffer: ArrayBufferView, length: number, sender: SockaddrStorage): number;
  sendto(fd: number, data: ArrayBufferView, address: Uint8Array): number;
  shutdown(fd: number, how: number): number;
  /** getsockopt(2): writes what it has to `value`, and how many bytes that was to `length`, which says how many fit. */
  getsockopt(fd: number, level: number, name: number, value: ArrayBufferView, length: Int32Array): number;
  setsockopt(fd: number, level: number, name: number, value: ArrayBufferView): number;
  getsockname(fd: number, address: SockaddrStorage): number;
  getpeername(fd: number, address: SockaddrStorage): number;
  /** close(2); closesocket on Windows, whose sockets are closed by nothing else. */
  close(fd: number): number;
}

/**
 * The platforms that have a binding: those with a table in `socket-constants.ts`, and whose address structures are the
 * ones of `sockaddr.ts`.
 */
const BINDINGS: { readonly [platform: string]: (() => SocketCalls) | undefined } = {
  linux: bindPosixSockets,
  win32: bindWinsock,
};

let calls: SocketCalls | undefined;

/** @throws {UnsupportedError} on a platform without a binding. */
export function socketCalls(): SocketCalls {
  return (calls ??= bind());
}

function bind(): SocketCalls {
  const binding = BINDINGS[process.platform];
  if (binding !== undefined) return binding();
  throw new UnsupportedError(`no binding to the sockets of ${process.platform}; Linux and Windows have one`);
}
