/**
 * The socket calls of a POSIX system: socket(2) and the pages it refers to.
 *
 * None is variadic, and none needs `fcntl`: a descriptor is made non-blocking and close-on-exec by the call that makes
 * it, so no child process inherits one in between.
 */
import { FFIType } from "bun:ffi";
import { bindLibc, negateErrno } from "./libc.ts";
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK } from "./socket-constants.ts";
import type { SocketCalls } from "./socket.ts";

const NON_BLOCKING = SOCK_NONBLOCK | SOCK_CLOEXEC;

/** @throws {UnsupportedError} on a platform without a binding. */
export function bindPosixSockets(): SocketCalls {
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
    close: { args: ["i32"], returns: "i32" },
  });
  // An `i64_fast` is a number wherever a byte count can be.
  return {
    pairFamily: AF_UNIX,
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
    close: (fd) => negateErrno(c.close(fd)),
  };
}

/** What bun:ffi's types call a view; every ArrayBufferView is one. */
type View = NodeJS.TypedArray | DataView;
