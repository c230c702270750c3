/**
 * The socket calls: socket(2) and the pages it refers to.
 *
 * None is variadic, and none needs `fcntl`: a descriptor is made non-blocking and close-on-exec by the call that makes
 * it, so no child process inherits one in between.
 *
 * Buffers go to the engine as views, which it turns into an address for the time of the call: it is right for a small
 * array that the collector would move, and no slower than an address.
 */
import { FFIType } from "bun:ffi";
import { bindLibc, negateErrno } from "./libc.ts";
import type { SockaddrStorage } from "./sockaddr.ts";
import { MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK } from "./socket-constants.ts";

/**
 * Each answers as the kernel does: a result of 0 or more, or `-errno`. Addresses given are whole structures as
 * `ffi/sockaddr.ts` makes them; those asked for are put in a {@link SockaddrStorage}.
 */
export interface SocketCalls {
  /** socket(2): a descriptor, non-blocking and close-on-exec. */
  socket(family: number, type: number, protocol: number): number;
  /** socketpair(2): writes two such descriptors to `pair`. */
  socketpair(family: number, type: number, protocol: number, pair: Int32Array): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** accept4(2): a descriptor, non-blocking and close-on-exec, whose peer is in `peer`. */
  accept(fd: number, peer: SockaddrStorage): number;
  /** connect(2): mostly -EINPROGRESS. */
  connect(fd: number, address: Uint8Array): number;
  /** recv(2): how many bytes it put in the first `length` of `buffer`. */
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
}

const NON_BLOCKING = SOCK_NONBLOCK | SOCK_CLOEXEC;

let calls: SocketCalls | undefined;

/** @throws {UnsupportedError} on a platform without a binding. */
export function socketCalls(): SocketCalls {
  return (calls ??= bind());
}

function bind(): SocketCalls {
  const c = bindLibc({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    socketpair: { args: ["i32", "i32", "i32", "buffer"], returns: "i32" },
    bind: { args: ["i32", "buffer", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    accept4: { args: ["i32", "buffer", "buffer", "i32"], returns: "i32" },
    connect: { args: ["i32", "buffer", "u32"], returns: "i32" },
    recv: { args: ["i32", "buffer", "u64", "i32"], returns: FFIType.i64_fast },
    send: { args: ["i32", "buffer", "u64", "i32"], returns: FFIType.i64_fast },
    recvfrom: { args: ["i32", "buffer", "u64", "i32", "buffer", "buffer"], returns: FFIType.i64_fast },
    sendto: { args: ["i32", "buffer", "u64", "i32", "buffer", "u32"], returns: FFIType.i64_fast },
    shutdown: { args: ["i32", "i32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "buffer", "buffer"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" },
    getsockname: { args: ["i32", "buffer", "buffer"], returns: "i32" },
    getpeername: { args: ["i32", "buffer", "buffer"], returns: "i32" },
  });
  // An `i64_fast` is a number wherever a byte count can be.
  return {
    socket: (family, type, protocol) => negateErrno(c.socket(family, type | NON_BLOCKING, protocol)),
    socketpair: (family, type, protocol, pair) =>
      negateErrno(c.socketpair(family, type | NON_BLOCKING, protocol, pair)),
    bind: (fd, address) => negateErrno(c.bind(fd, address, address.byteLength)),
    listen: (fd, backlog) => negateErrno(c.listen(fd, backlog)),
    accept(fd, peer) {
      peer.reset();
      return negateErrno(c.accept4(fd, peer.bytes, peer.length, NON_BLOCKING));
    },
    connect: (fd, address) => negateErrno(c.connect(fd, address, address.byteLength)),
    recv: (fd, buffer, length) => negateErrno(c.recv(fd, buffer as View, length, 0) as number),
    send: (fd, data) => negateErrno(c.send(fd, data as View, data.byteLength, MSG_NOSIGNAL) as number),
    recvfrom(fd, buffer, length, sender) {
      sender.reset();
      return negateErrno(c.recvfrom(fd, buffer as View, length, 0, sender.bytes, sender.length) as number);
    },
    sendto: (fd, data, address) =>
      negateErrno(c.sendto(fd, data as View, data.byteLength, MSG_NOSIGNAL, address, address.byteLength) as number),
    shutdown: (fd, how) => negateErrno(c.shutdown(fd, how)),
    getsockopt: (fd, level, name, value, length) => negateErrno(c.getsockopt(fd, level, name, value as View, length)),
    setsockopt: (fd, level, name, value) => negateErrno(c.setsockopt(fd, level, name, value as View, value.byteLength)),
    getsockname(fd, address) {
      address.reset();
      return negateErrno(c.getsockname(fd, address.bytes, address.length));
    },
    getpeername(fd, address) {
      address.reset();
      return negateErrno(c.getpeername(fd, address.bytes, address.length));
    },
  };
}

/** What bun:ffi's types call a view; every ArrayBufferView is one. */
type View = NodeJS.TypedArray | DataView;
