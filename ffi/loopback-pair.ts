/** What stands for socketpair(2) where the system has none: two TCP sockets connected to each other over loopback. */
import { ERRNO } from "./errno.ts";
import { SockaddrStorage, encodeSockaddrIn, encodeSockaddrIn6 } from "./sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_EXCLUSIVEADDRUSE,
  TCP_NODELAY,
} from "./socket-constants.ts";
import type { SocketCalls } from "./socket.ts";

/** So that somebody else's connections in the queue do not keep ours out of it. */
const ROOM_FOR_STRANGERS = 16;

/** The calls it is made with, and one more. */
export interface LoopbackCalls extends Omit<SocketCalls, "pairFamily" | "socketpair"> {
  /** Whether a call on `fd` waits, which none does otherwise. 0, or `-errno`. */
  setBlocking(fd: number, blocking: boolean): number;
}

/**
 * Answers as {@link SocketCalls.socketpair}: -EOPNOTSUPP for anything but streams of AF_INET and AF_INET6.
 *
 * It blocks for as long as two calls over loopback take. Anybody on this machine can connect to the port while it is
 * open, so a connection is taken for ours only when it comes from our own socket's address.
 */
export function pairOverLoopback(
  calls: LoopbackCalls,
  family: number,
  type: number,
  protocol: number,
  pair: Int32Array,
): number {
  if (type !== SOCK_STREAM || (family !== AF_INET && family !== AF_INET6)) return -ERRNO.EOPNOTSUPP;
  const listener = calls.socket(family, type, protocol);
  if (listener < 0) return listener;
  const client = calls.socket(family, type, protocol);
  let server = client;
  if (client >= 0) {
    server = listenAndConnect(calls, listener, client, family);
    if (server < 0) calls.close(client);
  }
  calls.close(listener);
  if (server < 0) return server;
  pair[0] = client;
  pair[1] = server;
  return 0;
}

/** The socket `client` is connected to, or `-errno`. */
function listenAndConnect(calls: LoopbackCalls, listener: number, client: number, family: number): number {
  const at = new SockaddrStorage();
  const yes = Int32Array.of(1);
  let failed =
    calls.setsockopt(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, yes) ||
    calls.bind(listener, anyLoopbackPort(family)) ||
    calls.listen(listener, ROOM_FOR_STRANGERS) ||
    calls.getsockname(listener, at);
  if (failed !== 0) return failed;
  // It connects while nobody accepts: the system does it, and the connection then waits in the listener's queue.
  failed =
    calls.setBlocking(client, true) ||
    calls.connect(client, given(at)) ||
    calls.setBlocking(client, false) ||
    calls.getsockname(client, at) ||
    calls.setBlocking(listener, true);
  if (failed !== 0) return failed;
  const server = acceptFrom(calls, listener, given(at));
  if (server < 0) return server;
  // What is written to one socket of a pair is at the other at once.
  failed =
    calls.setsockopt(client, IPPROTO_TCP, TCP_NODELAY, yes) || calls.setsockopt(server, IPPROTO_TCP, TCP_NODELAY, yes);
  if (failed === 0) return server;
  calls.close(server);
  return failed;
}

/** The connection that comes from `address`; others are hung up on. */
function acceptFrom(calls: LoopbackCalls, listener: number, address: Uint8Array): number {
  const peer = new SockaddrStorage();
  for (;;) {
    const accepted = calls.accept(listener, peer);
    if (accepted < 0 || Buffer.compare(given(peer), address) === 0) return accepted;
    calls.close(accepted);
  }
}

function anyLoopbackPort(family: number): Uint8Array {
  if (family === AF_INET) return encodeSockaddrIn(0, Uint8Array.of(127, 0, 0, 1));
  return encodeSockaddrIn6(0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 0);
}

/** A copy of the address as the kernel gave it. */
function given(storage: SockaddrStorage): Uint8Array {
  return storage.bytes.slice(0, storage.length[0]);
}
