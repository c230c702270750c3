/**
 * The client that drives every server alike: one thread on epoll and non-blocking calls, with no scheduler, so that its
 * own share of a round trip is small and the same for all.
 *
 * It checks every byte. A connection's messages are cut from random bytes, each from another place, so that what is
 * echoed late, twice or to the wrong connection is noticed.
 */
import {
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  EPOLL_CTL_ADD,
  EPOLL_EVENT,
  type EpollCalls,
  epollCalls,
} from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { encodeSockaddrIn } from "../../ffi/sockaddr.ts";
import { AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY } from "../../ffi/socket-constants.ts";
import { type SocketCalls, socketCalls } from "../../ffi/socket.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { expectCount } from "../harness/expect.ts";

export interface Load {
  readonly connections: number;
  /** Bytes of a message. */
  readonly size: number;
  /**
   * 0: a connection sends its next message as soon as its echo is there. Else milliseconds to sleep when all have theirs,
   * before all send again, so that the server has gone to sleep, too.
   */
  readonly pause: number;
}

export interface Exchange {
  /** Of each message, in µs: from before it is sent until its last byte is back. */
  readonly latencies: number[];
  /** Sent, and come back. */
  readonly bytes: number;
  /** Milliseconds, pauses included. */
  readonly elapsed: number;
}

/** A server that says nothing for so many milliseconds has failed. */
const PATIENCE = 20_000;

/** So many connections are opened at once, and greeted: fewer than any server's backlog. */
const OPENED_AT_ONCE = 64;
const GREETING_SIZE = 64;

/** Messages begin at so many places of the random bytes. */
const PLACES = 61;
const PLACE = 8;
const LARGEST = 65_536;
const random = new Uint8Array(new ArrayBuffer(LARGEST + PLACES * PLACE));
crypto.getRandomValues(random.subarray(0, 65_536));
random.copyWithin(65_536, 4_096, 4_096 + PLACES * PLACE);

const EVENT_WORDS = EPOLL_EVENT.size / 4;
const INDEX_WORD = EPOLL_EVENT.fields.data.offset / 4;
const MOST_EVENTS = 1_024;

interface Connection {
  readonly fd: number;
  message: Uint8Array;
  place: number;
  sent: number;
  received: number;
  began: number;
}

export class EchoClient {
  readonly #sockets: SocketCalls = socketCalls();
  readonly #epolls: EpollCalls = epollCalls();
  readonly #address: Uint8Array;
  readonly #epoll: number;
  readonly #connections: Connection[] = [];
  readonly #events = new Uint32Array(new ArrayBuffer(MOST_EVENTS * EPOLL_EVENT.size));
  readonly #eventsAddress = addressOf(this.#events.buffer);
  readonly #buffer = Buffer.from(new ArrayBuffer(LARGEST));
  readonly #messages = new Map<number, readonly Uint8Array[]>();
  /** Connections whose echo is not complete. */
  #outstanding = 0;

  /** @param port of 127.0.0.1 */
  constructor(port: number) {
    this.#address = encodeSockaddrIn(port, Uint8Array.of(127, 0, 0, 1));
    this.#epoll = succeeded(this.#epolls.create(), "epoll_create1");
  }

  /**
   * Sends and receives for at least `ms` milliseconds, and until everything that was sent is back.
   *
   * @throws when an echo is not what was sent, does not come, or a connection ends
   */
  exchange({ connections, size, pause }: Load, ms: number): Exchange {
    while (this.#connections.length < connections) {
      this.#open(Math.min(OPENED_AT_ONCE, connections - this.#connections.length));
    }
    const active = this.#connections.slice(0, connections);
    const messages = this.#messagesOf(size);
    const latencies: number[] = [];
    const began = Bun.nanoseconds();
    const end = began + ms * 1e6;
    const onEcho = (connection: Connection): void => {
      const now = Bun.nanoseconds();
      latencies.push((now - connection.began) / 1_000);
      if (pause === 0 && now < end) this.#send(connection, messages);
    };
    do {
      for (const connection of active) this.#send(connection, messages);
      while (this.#outstanding > 0) this.#wait(onEcho);
      if (pause > 0) Atomics.wait(clock, 0, 0, pause);
    } while (pause > 0 && Bun.nanoseconds() < end);
    const elapsed = (Bun.nanoseconds() - began) / 1e6;
    expectCount("connections with bytes that nobody sent", this.#overfull(active), 0);
    return { latencies, bytes: latencies.length * size, elapsed };
  }

  close(): void {
    for (const { fd } of this.#connections) descriptorCalls().close(fd);
    descriptorCalls().close(this.#epoll);
  }

  #open(count: number): void {
    const first = this.#connections.length;
    const control = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
    for (let index = first; index < first + count; index++) {
      const fd = succeeded(this.#sockets.socket(AF_INET, SOCK_STREAM, 0), "socket");
      succeeded(this.#sockets.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1)), "setsockopt");
      const result = this.#sockets.connect(fd, this.#address);
      if (result !== -ERRNO.EINPROGRESS) succeeded(result, "connect");
      this.#connections.push({ fd, message: random.subarray(0, 0), place: index, sent: 0, received: 0, began: 0 });
      // Edge-triggered, and both at once: nothing has to be changed when a message does not fit.
      control[0] = EPOLLIN | EPOLLOUT | EPOLLET;
      control[INDEX_WORD] = index;
      succeeded(this.#epolls.control(this.#epoll, EPOLL_CTL_ADD, fd, addressOf(control.buffer)), "epoll_ctl");
    }
    // A server has accepted a connection when it has answered.
    const greeting = this.#messagesOf(GREETING_SIZE);
    for (const connection of this.#connections.slice(first)) this.#send(connection, greeting);
    while (this.#outstanding > 0) this.#wait(() => {});
  }

  #messagesOf(size: number): readonly Uint8Array[] {
    let messages = this.#messages.get(size);
    if (messages === undefined) {
      messages = Array.from({ length: PLACES }, (_, place) => random.subarray(place * PLACE, place * PLACE + size));
      this.#messages.set(size, messages);
    }
    return messages;
  }

  #send(connection: Connection, messages: readonly Uint8Array[]): void {
    connection.place = (connection.place + 1) % PLACES;
    connection.message = messages[connection.place]!;
    connection.sent = 0;
    connection.received = 0;
    this.#outstanding++;
    connection.began = Bun.nanoseconds();
    this.#sendRest(connection);
  }

  #sendRest(connection: Connection): void {
    const { message, sent } = connection;
    const count = this.#sockets.send(connection.fd, sent === 0 ? message : message.subarray(sent));
    // ENOTCONN and EAGAIN: it will say when it can.
    if (count !== -ERRNO.EAGAIN && count !== -ERRNO.ENOTCONN) connection.sent += succeeded(count, "send");
  }

  #wait(onEcho: (connection: Connection) => void): void {
    const count = this.#epolls.wait(this.#epoll, this.#eventsAddress, MOST_EVENTS, PATIENCE);
    if (count === -ERRNO.EINTR) return;
    if (succeeded(count, "epoll_wait") === 0) {
      throw new Error(`the server sent nothing for ${PATIENCE / 1_000} s; ${this.#outstanding} echoes are missing`);
    }
    for (let event = 0; event < count; event++) {
      const connection = this.#connections[this.#events[event * EVENT_WORDS + INDEX_WORD]!]!;
      if (connection.sent < connection.message.length) this.#sendRest(connection);
      if (this.#events[event * EVENT_WORDS]! & ~EPOLLOUT) this.#receive(connection, onEcho);
    }
  }

  #receive(connection: Connection, onEcho: (connection: Connection) => void): void {
    const { fd, message } = connection;
    for (;;) {
      const count = this.#sockets.recv(fd, this.#buffer, LARGEST);
      if (count === -ERRNO.EAGAIN) return;
      if (succeeded(count, "recv") === 0) throw new Error("the server closed a connection");
      const at = connection.received;
      // Also false for what is more than was sent.
      if (at + count > connection.sent || this.#buffer.compare(message, at, at + count, 0, count) !== 0) {
        throw new Error(`an echo differs from what was sent, after ${at} bytes`);
      }
      connection.received += count;
      if (connection.received === message.length) {
        this.#outstanding--;
        onEcho(connection);
        return;
      }
      // Of a stream, a short read says that it is empty (epoll(7)).
      if (count < LARGEST) return;
    }
  }

  /** Nothing may follow the last echo. */
  #overfull(active: readonly Connection[]): number {
    return active.filter(({ fd }) => this.#sockets.recv(fd, this.#buffer, 1) !== -ERRNO.EAGAIN).length;
  }
}

/** Never notified: to sleep on, for less than a millisecond, too. */
const clock = new Int32Array(new SharedArrayBuffer(4));

function succeeded(result: number, syscall: string): number {
  if (result < 0) throw systemError(-result, syscall);
  return result;
}
