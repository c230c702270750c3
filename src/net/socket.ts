import { ERRNO } from "../../ffi/errno.ts";
import { systemError } from "../../ffi/libc.ts";
import { SockaddrStorage } from "../../ffi/sockaddr.ts";
import {
  AF_INET,
  SHUT_RD,
  SHUT_RDWR,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  SO_ERROR,
} from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";
import { Cancelled, ClosedResourceError, KeyboardInterrupt, WouldBlock } from "../errors.ts";
import { notifyClosing, waitWritable, yieldBrieflyNoCancel, yieldIfCancelled, type Operation } from "../hazmat.ts";
import type { Trap } from "../kernel/operation.ts";
import { operation } from "../kernel/operation-of.ts";
import { decodeAddress, encodeAddress, isKnownFamily, type Address } from "./address.ts";
import { describe, judgeView, judgeWholeNumber } from "./judge.ts";
import { TryOnce } from "./try-once.ts";

const HIGHEST_INT = 0x7fff_ffff;
const LOWEST_INT = -0x8000_0000;
const HIGHEST_UNSIGNED = 0xffff_ffff;

/** What a call answers that a signal interrupted. A non-blocking one has then done nothing, and is made again. */
const INTERRUPTED = -ERRNO.EINTR;

/** recv(2) and send(2) move no more than this at once (read(2), NOTES). */
const LONGEST_TRANSFER = 0x7fff_f000;

/** A `recv` of at most so many bytes goes through one shared buffer, and what it gives is exactly as long as needed. */
const SHARED_BUFFER_SIZE = 65_536;
let sharedBuffer: Uint8Array | undefined;

const storage = new SockaddrStorage();
const optionValue = new Int32Array(new ArrayBuffer(4));
const optionLength = new Int32Array(new ArrayBuffer(4));

/**
 * A new socket: socket(2). Non-blocking underneath, and inherited by no child process.
 *
 * Windows: AF_UNIX has streams alone, from Windows 10 on, and nobody has SOCK_SEQPACKET. An AF_INET6 socket has
 * IPV6_V6ONLY on until it is turned off.
 *
 * @param family AF_INET, AF_INET6 or AF_UNIX
 * @param type SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET or SOCK_RAW
 * @throws TypeError, RangeError for an argument; SystemError for what the system refuses (EPROTONOSUPPORT, EMFILE, …);
 *   UnsupportedError on a platform without a binding. Not a checkpoint. Trio: `trio.socket.socket`.
 */
export function socket(family: number = AF_INET, type: number = SOCK_STREAM, protocol: number = 0): Socket {
  judgeKind(family, type, protocol, "socket(family, type, protocol)");
  return new Socket(throwing(socketCalls().socket(family, type, protocol), "socket"), family);
}

/**
 * Two new sockets, connected to each other: socketpair(2). Without a family they are of the one that the system pairs.
 * Linux pairs AF_UNIX sockets only (EOPNOTSUPP for the others).
 *
 * Windows pairs none. What stands for it there are two TCP sockets of AF_INET, or of AF_INET6, connected to each other
 * over loopback; EOPNOTSUPP for anything else.
 *
 * @throws as {@link socket}. Not a checkpoint. Trio: `trio.socket.socketpair`.
 */
export function socketpair(
  family: number = socketCalls().pairFamily,
  type: number = SOCK_STREAM,
  protocol: number = 0,
): [Socket, Socket] {
  judgeKind(family, type, protocol, "socketpair(family, type, protocol)");
  const pair = new Int32Array(new ArrayBuffer(8));
  throwing(socketCalls().socketpair(family, type, protocol, pair), "socketpair");
  return [new Socket(pair[0]!, family), new Socket(pair[1]!, family)];
}

/**
 * A BSD socket whose blocking calls are operations: the system's on POSIX, Winsock's on Windows. What they say is the
 * same, errors by their POSIX names among it; what they do differs where a call says so.
 *
 * Every operation is a checkpoint, and Cancelled means that it did not happen: no byte was taken or sent, no connection
 * accepted. One task at a time may wait to receive (or accept), and one to send: another gets BusyResourceError. On a
 * closed socket every call but {@link Socket.close} throws ClosedResourceError. What the system refuses is a
 * SystemError with its `code`.
 *
 * A socket belongs to whoever made it: close it, or declare it with `using`.
 *
 * Trio: `trio.socket.SocketType`.
 */
export class Socket implements Disposable {
  #fd: number;
  readonly #family: number;

  /** @internal {@link socket}, {@link socketpair} and {@link Socket.accept} make sockets. */
  constructor(fd: number, family: number) {
    if (typeof fd !== "number")
      throw new TypeError("new Socket(): sockets are made by socket(), socketpair() and accept()");
    this.#fd = fd;
    this.#family = family;
  }

  /** The descriptor (on Windows the SOCKET), or -1 once closed. It stays the socket's own: do not close it. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Gives the socket its address: bind(2). Port 0, or the path `""`, lets the kernel choose: see
   * {@link Socket.getsockname}. Not a checkpoint. Trio: `bind`, which is async there.
   *
   * @throws TypeError, RangeError for an address that does not fit the family; SystemError (EADDRINUSE, EACCES, …)
   */
  bind(address: Address): void {
    const encoded = encodeAddress(this.#family, address, "Socket.bind(address)");
    throwing(socketCalls().bind(this.#open("bind"), encoded), "bind", addressDetail(address));
  }

  /**
   * Starts to take connections: listen(2). `backlog` is how many may wait to be accepted; the system may lower it.
   * Not a checkpoint. Trio: `listen`.
   */
  listen(backlog: number = SOMAXCONN): void {
    judgeWholeNumber(backlog, "backlog", 0, HIGHEST_INT, "Socket.listen(backlog)");
    throwing(socketCalls().listen(this.#open("listen"), backlog), "listen");
  }

  /** Its own address: getsockname(2). Not a checkpoint. */
  getsockname(): Address {
    throwing(socketCalls().getsockname(this.#open("getsockname"), storage), "getsockname");
    return decodeAddress(this.#family, storage);
  }

  /** The address it is connected to: getpeername(2). SystemError ENOTCONN when it is not. Not a checkpoint. */
  getpeername(): Address {
    throwing(socketCalls().getpeername(this.#open("getpeername"), storage), "getpeername");
    return decodeAddress(this.#family, storage);
  }

  /**
   * Sets an option: setsockopt(2). A number or a boolean goes as a C `int`, a Uint8Array as it is, for the options that
   * take a structure. An option that this system lacks has the number -1, and is a RangeError. Not a checkpoint.
   *
   * Windows: SO_REUSEADDR lets a socket take an address that another one is listening at, whoever that is. What it is
   * for elsewhere, to listen again at once where a server just ended, needs no option there; a server that wants its
   * port to itself sets SO_EXCLUSIVEADDRUSE instead.
   */
  setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    const call = "Socket.setsockopt(level, name, value)";
    judgeOption(level, name, call);
    let bytes: ArrayBufferView;
    if (typeof value === "number" || typeof value === "boolean") {
      // C programs write flags and addresses either way, as int or unsigned: the bits are the same.
      optionValue[0] = judgeWholeNumber(Number(value), "value", LOWEST_INT, HIGHEST_UNSIGNED, call);
      bytes = optionValue;
    } else {
      if (!ArrayBuffer.isView(value)) {
        throw new TypeError(`${call}: value must be a number, a boolean or a Uint8Array, not ${describe(value)}`);
      }
      bytes = value;
    }
    const result = socketCalls().setsockopt(this.#open("setsockopt"), level, name, bytes);
    throwing(result, "setsockopt", `level ${level}, name ${name}`);
  }

  /** The value of an option that is a C `int`: getsockopt(2). Of a longer one, its first four bytes. Not a checkpoint. */
  getsockopt(level: number, name: number): number {
    const call = "Socket.getsockopt(level, name)";
    judgeOption(level, name, call);
    optionValue[0] = 0;
    optionLength[0] = optionValue.byteLength;
    const result = socketCalls().getsockopt(this.#open("getsockopt"), level, name, optionValue, optionLength);
    throwing(result, "getsockopt", `level ${level}, name ${name}`);
    return optionValue[0]!;
  }

  /**
   * Ends the connection in one direction or both, whoever else has the descriptor: shutdown(2), with SHUT_RD, SHUT_WR
   * or SHUT_RDWR. After SHUT_WR the peer reads the end of the stream, after SHUT_RD this end does: on Linux also a task
   * that waits to receive already, which on Windows may wait on until the peer says something. Not a checkpoint.
   * Trio: `shutdown`.
   */
  shutdown(how: number): void {
    judgeWholeNumber(how, "how", SHUT_RD, SHUT_RDWR, "Socket.shutdown(how)");
    throwing(socketCalls().shutdown(this.#open("shutdown"), how), "shutdown");
  }

  /**
   * Closes the socket. Tasks that wait on it get ClosedResourceError. Closing twice is fine, and so is closing where
   * there is no run. Not a checkpoint. Trio: `close`.
   */
  close(): void {
    const fd = this.#fd;
    if (fd < 0) return;
    // In this order, with nothing in between that lets others run: no task may start a wait on a descriptor about to be
    // closed, and no waiter may be left on a number that can become another file.
    this.#fd = -1;
    notifyClosing(fd);
    const result = socketCalls().close(fd);
    // Linux has closed it all the same when a signal came (close(2), NOTES).
    if (result !== INTERRUPTED) throwing(result, "close", `fd ${fd}`);
  }

  /** {@link Socket.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes one connection and gives its socket and its peer's address: accept(2). A checkpoint.
   *
   * @throws ClosedResourceError, BusyResourceError; SystemError (EMFILE, ENFILE: out of descriptors; EINVAL: the socket
   *   does not listen). Trio: `accept`.
   */
  accept(): Operation<[Socket, Address]> {
    return new TryOnce("Socket.accept()", this, "readable", () => this.#accept("accept"));
  }

  /** {@link Socket.accept} at once. Not a checkpoint. @throws WouldBlock when no connection is waiting. */
  tryAccept(): [Socket, Address] {
    return this.#accept("tryAccept") ?? wouldBlock("tryAccept", "no connection is waiting");
  }

  /**
   * Connects to `address`: connect(2). A checkpoint.
   *
   * A datagram socket only notes the address. When nobody is there, Linux says so (ECONNREFUSED) at a later call, and
   * Windows does not.
   *
   * Cancelled before it began, it did not happen. An attempt under way cannot be taken back, so if it is interrupted
   * then, by cancellation or Ctrl-C, the socket is closed.
   *
   * @throws TypeError, RangeError at once for an address that does not fit the family; ClosedResourceError;
   *   SystemError (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EALREADY: another task is connecting it, EAGAIN: the backlog
   *   of an AF_UNIX listener is full, which no wait can tell the end of). Trio: `connect`.
   */
  connect(address: Address): Operation<void> {
    const encoded = encodeAddress(this.#family, address, "Socket.connect(address)");
    return operation("Socket.connect()", () => this.#connect(encoded, addressDetail(address)));
  }

  /**
   * Receives at most `size` bytes, at least one unless the stream has ended (then it gives an empty array) or the
   * datagram is empty: recv(2). What a datagram has beyond `size` is lost. Each call gives fresh memory; for bulk data
   * {@link Socket.recvInto} is faster, which has none to take. A checkpoint.
   *
   * Windows: a datagram socket has to have an address first, by `bind` or from its first datagram sent (EINVAL).
   *
   * @throws TypeError, RangeError at once for `size`; ClosedResourceError, BusyResourceError; SystemError (ECONNRESET,
   *   ENOTCONN, …). Trio: `recv`.
   */
  recv(size: number): Operation<Uint8Array> {
    judgeSize(size, "Socket.recv(size)");
    return new TryOnce("Socket.recv()", this, "readable", () => this.#recv(size, "recv"));
  }

  /** {@link Socket.recv} at once. Not a checkpoint. @throws WouldBlock when nothing is there to be received. */
  tryRecv(size: number): Uint8Array {
    judgeSize(size, "Socket.tryRecv(size)");
    return this.#recv(size, "tryRecv") ?? wouldBlock("tryRecv", "nothing is there to be received");
  }

  /**
   * {@link Socket.recv} into the beginning of `buffer`, giving the number of bytes: 0 at the end of the stream. The
   * buffer is written when the operation ends, not before. A checkpoint. Trio: `recv_into`.
   *
   * @throws TypeError, RangeError at once for a buffer that is no view, or an empty one.
   */
  recvInto(buffer: ArrayBufferView): Operation<number> {
    const call = "Socket.recvInto(buffer)";
    judgeView(buffer, "buffer", call);
    if (buffer.byteLength === 0) {
      throw new RangeError(`${call}: buffer must not be empty: 0 bytes could not be told from the end of the stream`);
    }
    return new TryOnce("Socket.recvInto()", this, "readable", () => {
      return this.#receive(this.#open("recvInto"), buffer, buffer.byteLength);
    });
  }

  /**
   * {@link Socket.recv} with the sender's address. On a connected stream the kernel gives none, and the address is the
   * family's empty one: see {@link Socket.getpeername} there. A checkpoint. Trio: `recvfrom`.
   */
  recvfrom(size: number): Operation<[Uint8Array, Address]> {
    judgeSize(size, "Socket.recvfrom(size)");
    return new TryOnce("Socket.recvfrom()", this, "readable", () => {
      const fd = this.#open("recvfrom");
      const buffer = receiveBuffer(size);
      let result: number;
      do result = socketCalls().recvfrom(fd, buffer, size, storage);
      while (result === INTERRUPTED);
      const count = taken(result, "recvfrom");
      return count === undefined ? undefined : [received(buffer, count), decodeAddress(this.#family, storage)];
    });
  }

  /**
   * Sends `data`, or as much of its beginning as the kernel takes, and gives the number of bytes: send(2). A stream may
   * take less than all: go on with `data.subarray(count)`. A datagram goes whole or not at all. Of an empty view a
   * stream sends nothing, a datagram socket an empty datagram. `data` is read when the kernel takes it: leave it alone
   * until the operation ends. A checkpoint.
   *
   * @throws TypeError at once when `data` is no view; ClosedResourceError, BusyResourceError; SystemError (EPIPE,
   *   ECONNRESET: the peer is gone; EMSGSIZE: too long a datagram; …). A broken pipe raises no signal. Trio: `send`.
   */
  send(data: ArrayBufferView): Operation<number> {
    judgeView(data, "data", "Socket.send(data)");
    return new TryOnce("Socket.send()", this, "writable", () => this.#send(data, "send"));
  }

  /** {@link Socket.send} at once. Not a checkpoint. @throws WouldBlock when the kernel would take nothing now. */
  trySend(data: ArrayBufferView): number {
    judgeView(data, "data", "Socket.trySend(data)");
    return this.#send(data, "trySend") ?? wouldBlock("trySend", "the kernel's send buffer is full");
  }

  /**
   * {@link Socket.send} to `address`: sendto(2). A checkpoint. Trio: `sendto`.
   *
   * @throws TypeError, RangeError at once for an address that does not fit the family.
   */
  sendto(data: ArrayBufferView, address: Address): Operation<number> {
    const call = "Socket.sendto(data, address)";
    judgeView(data, "data", call);
    const encoded = encodeAddress(this.#family, address, call);
    return new TryOnce("Socket.sendto()", this, "writable", () => {
      const fd = this.#open("sendto");
      let result: number;
      do result = socketCalls().sendto(fd, data, encoded);
      while (result === INTERRUPTED);
      return taken(result, "sendto");
    });
  }

  #open(method: string): number {
    if (this.#fd >= 0) return this.#fd;
    throw new ClosedResourceError(`Socket.${method}(): the socket is closed`);
  }

  #accept(method: string): [Socket, Address] | undefined {
    const listener = this.#open(method);
    let result: number;
    do result = socketCalls().accept(listener, storage);
    while (result === INTERRUPTED);
    const fd = taken(result, "accept");
    return fd === undefined ? undefined : [new Socket(fd, this.#family), decodeAddress(this.#family, storage)];
  }

  #recv(size: number, method: string): Uint8Array | undefined {
    const fd = this.#open(method);
    const buffer = receiveBuffer(size);
    const count = this.#receive(fd, buffer, size);
    return count === undefined ? undefined : received(buffer, count);
  }

  #receive(fd: number, buffer: ArrayBufferView, size: number): number | undefined {
    let result: number;
    do result = socketCalls().recv(fd, buffer, size);
    while (result === INTERRUPTED);
    return taken(result, "recv");
  }

  #send(data: ArrayBufferView, method: string): number | undefined {
    const fd = this.#open(method);
    let result: number;
    do result = socketCalls().send(fd, data);
    while (result === INTERRUPTED);
    return taken(result, "send");
  }

  *#connect(address: Uint8Array, detail: string): Generator<Trap, void, unknown> {
    yield* yieldIfCancelled();
    let result = socketCalls().connect(this.#open("connect"), address);
    if (result === 0) {
      yield* yieldBrieflyNoCancel();
      return;
    }
    // A connect that a signal interrupts goes on by itself (connect(2), EINTR).
    if (result === -ERRNO.EINPROGRESS || result === INTERRUPTED) {
      do {
        yield* this.#connectionMoved();
        const failure = this.getsockopt(SOL_SOCKET, SO_ERROR);
        if (failure !== 0) throw systemError(failure, "connect", detail);
        // A wait may end for nothing (S4). Asking again tells, and makes Linux see that the connection stands: until
        // then it takes another connect for this one.
        result = socketCalls().connect(this.#open("connect"), address);
      } while (result === -ERRNO.EALREADY || result === -ERRNO.EINPROGRESS);
      if (result === 0 || result === -ERRNO.EISCONN) return;
    }
    throw systemError(-result, "connect", detail);
  }

  *#connectionMoved(): Generator<Trap, void, unknown> {
    try {
      yield* waitWritable(this.#open("connect"));
    } catch (error) {
      // The connection may still come about, or fail, at any time: a socket in that state is of no use to anybody.
      if (error instanceof Cancelled || error instanceof KeyboardInterrupt) this.close();
      throw error;
    }
  }
}

/** The result of a non-blocking call: undefined when it would have blocked. */
function taken(result: number, syscall: string): number | undefined {
  if (result >= 0) return result;
  if (result === -ERRNO.EAGAIN) return undefined;
  throw systemError(-result, syscall);
}

function throwing(result: number, syscall: string, detail?: string): number {
  if (result < 0) throw systemError(-result, syscall, detail);
  return result;
}

function receiveBuffer(size: number): Uint8Array {
  if (size <= SHARED_BUFFER_SIZE) return (sharedBuffer ??= new Uint8Array(new ArrayBuffer(SHARED_BUFFER_SIZE)));
  return new Uint8Array(new ArrayBuffer(size));
}

/** The first `count` bytes of what {@link receiveBuffer} gave, keeping no more memory than that. */
function received(buffer: Uint8Array, count: number): Uint8Array {
  return count === buffer.length && buffer !== sharedBuffer ? buffer : buffer.slice(0, count);
}

function wouldBlock(method: string, why: string): never {
  throw new WouldBlock(`Socket.${method}(): ${why}`);
}

function judgeSize(size: number, call: string): void {
  // A size of 0 would give an empty array, which means the end of the stream.
  judgeWholeNumber(size, "size", 1, LONGEST_TRANSFER, call);
}

function judgeOption(level: number, name: number, call: string): void {
  judgeWholeNumber(level, "level", 0, HIGHEST_INT, call);
  if (name === -1) throw new RangeError(`${call}: name must be an option of this system; -1 is one that it lacks`);
  // Windows numbers one of them as the complement of another.
  judgeWholeNumber(name, "name", 0, HIGHEST_UNSIGNED, call);
}

function judgeKind(family: number, type: number, protocol: number, call: string): void {
  judgeWholeNumber(family, "family", 0, HIGHEST_INT, call);
  if (!isKnownFamily(family)) {
    throw new RangeError(`${call}: family must be AF_INET, AF_INET6 or AF_UNIX, not ${family}`);
  }
  judgeWholeNumber(type, "type", 0, HIGHEST_INT, call);
  judgeWholeNumber(protocol, "protocol", 0, HIGHEST_INT, call);
}

function addressDetail(address: Address): string {
  if (address.path !== undefined) return JSON.stringify(address.path);
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
