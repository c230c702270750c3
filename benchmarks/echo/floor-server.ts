/**
 * The least that an echo server in JavaScript on this thread could cost: the same system calls through the same bindings,
 * with no scheduler, no tasks and nothing but numbers kept of a connection.
 */
import { EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_EVENT, epollCalls } from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { SockaddrStorage, encodeSockaddrIn } from "../../ffi/sockaddr.ts";
import { AF_INET, IPPROTO_TCP, SOCK_STREAM, SOMAXCONN, TCP_NODELAY } from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";

const CHUNK = 65_536;
const MOST_EVENTS = 1_024;
const EVENT_WORDS = EPOLL_EVENT.size / 4;
const FD_WORD = EPOLL_EVENT.fields.data.offset / 4;
const STANDARD_INPUT = 0;

export function floorServer(): void {
  const sockets = socketCalls();
  const epolls = epollCalls();
  const storage = new SockaddrStorage();
  const epoll = succeeded(epolls.create(), "epoll_create1");
  const control = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
  const events = new Uint32Array(new ArrayBuffer(MOST_EVENTS * EPOLL_EVENT.size));
  const eventsAddress = addressOf(events.buffer);
  const buffer = new Uint8Array(new ArrayBuffer(CHUNK));
  /** What a connection's kernel buffer did not take. Nothing more is received from it meanwhile. */
  const rests = new Map<number, Uint8Array>();

  const watch = (operation: number, fd: number, directions: number): void => {
    control[0] = directions;
    control[FD_WORD] = fd;
    succeeded(epolls.control(epoll, operation, fd, addressOf(control.buffer)), "epoll_ctl");
  };
  const listener = succeeded(sockets.socket(AF_INET, SOCK_STREAM, 0), "socket");
  succeeded(sockets.bind(listener, encodeSockaddrIn(0, Uint8Array.of(127, 0, 0, 1))), "bind");
  succeeded(sockets.listen(listener, SOMAXCONN), "listen");
  succeeded(sockets.getsockname(listener, storage), "getsockname");
  console.log(storage.port);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  watch(EPOLL_CTL_ADD, STANDARD_INPUT, EPOLLIN);

  const accept = (): void => {
    const fd = sockets.accept(listener, storage);
    if (fd === -ERRNO.EAGAIN) return;
    watch(EPOLL_CTL_ADD, succeeded(fd, "accept4"), EPOLLIN);
    succeeded(sockets.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1)), "setsockopt");
  };
  const send = (fd: number, data: Uint8Array): void => {
    const count = sockets.send(fd, data);
    const sent = count === -ERRNO.EAGAIN ? 0 : succeeded(count, "send");
    if (sent < data.length) {
      if (!rests.has(fd)) watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
      rests.set(fd, data.slice(sent));
    } else if (rests.delete(fd)) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  };
  const receive = (fd: number): void => {
    const count = sockets.recv(fd, buffer, CHUNK);
    if (count === -ERRNO.EAGAIN) return;
    if (succeeded(count, "recv") === 0) descriptorCalls().close(fd);
    else send(fd, buffer.subarray(0, count));
  };

  for (;;) {
    const count = epolls.wait(epoll, eventsAddress, MOST_EVENTS, -1);
    if (count === -ERRNO.EINTR) continue;
    succeeded(count, "epoll_wait");
    for (let event = 0; event < count; event++) {
      const fd = events[event * EVENT_WORDS + FD_WORD]!;
      if (fd === STANDARD_INPUT) return;
      if (fd === listener) accept();
      else {
        const rest = rests.get(fd);
        if (rest === undefined) receive(fd);
        else send(fd, rest);
      }
    }
  }
}

function succeeded(result: number, syscall: string): number {
  if (result < 0) throw systemError(-result, syscall);
  return result;
}
