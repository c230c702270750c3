import { expect, test } from "bun:test";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_KEEPALIVE,
  Socket,
  socket,
  socketpair,
} from "../../src/socket.ts";
import { thrown } from "./sockets.ts";

const any = (value: unknown): any => value;
const inet = socket(AF_INET, SOCK_DGRAM);
// Nothing here reaches the system, which may have no such sockets.
const unix = new Socket(inet.fd, AF_UNIX);
const inet6 = new Socket(inet.fd, AF_INET6);

/** What is called, how it is judged, and what the message must name. All are judged by the call itself: none is driven. */
const CASES: [name: string, call: () => unknown, kind: typeof TypeError | typeof RangeError, ...says: string[]][] = [
  ["socket: family a string", () => socket(any("AF_INET")), TypeError, "family", '"AF_INET"'],
  ["socket: family unknown", () => socket(99), RangeError, "family", "99", "AF_INET6"],
  ["socket: type NaN", () => socket(AF_INET, NaN), RangeError, "type", "NaN"],
  ["socket: protocol negative", () => socket(AF_INET, SOCK_STREAM, -1), RangeError, "protocol", "-1"],
  ["socketpair: family null", () => socketpair(any(null)), TypeError, "socketpair", "family", "null"],

  ["bind: no address", () => inet.bind(any(undefined)), TypeError, "bind", "address", "{ host, port }"],
  ["bind: a string", () => inet.bind(any("127.0.0.1:80")), TypeError, "address", '"127.0.0.1:80"'],
  ["bind: a path for AF_INET", () => inet.bind({ path: "/x" }), TypeError, "AF_INET", "{ host, port }", "/x"],
  ["bind: a host for AF_UNIX", () => unix.bind({ host: "::1", port: 1 }), TypeError, "AF_UNIX", "{ path }", "::1"],
  ["bind: both", () => inet.bind(any({ host: "::1", port: 1, path: "/x" })), TypeError, "address"],
  ["bind: host a number", () => inet.bind(any({ host: 127, port: 1 })), TypeError, "127"],
  ["bind: a name", () => inet.bind({ host: "example.org", port: 1 }), RangeError, "host", "example.org", "node:dns"],
  ["bind: an empty host", () => inet.bind({ host: "", port: 1 }), RangeError, "host", '""'],
  ["bind: an IPv6 host for AF_INET", () => inet.bind({ host: "::1", port: 1 }), TypeError, "::1", "socket(AF_INET6)"],
  ["bind: a scoped one for AF_INET", () => inet.bind({ host: "fe80::1%2", port: 1 }), TypeError, "socket(AF_INET6)"],
  ["bind: port a string", () => inet.bind(any({ host: "127.0.0.1", port: "80" })), TypeError, "port", '"80"'],
  ["bind: port missing", () => inet.bind(any({ host: "127.0.0.1" })), TypeError, "port", "undefined"],
  ["bind: port too high", () => inet.bind({ host: "127.0.0.1", port: 65_536 }), RangeError, "port", "65536", "65535"],
  ["bind: port negative", () => inet.bind({ host: "127.0.0.1", port: -1 }), RangeError, "port", "-1"],
  ["bind: port a fraction", () => inet.bind({ host: "127.0.0.1", port: 1.5 }), RangeError, "port", "1.5"],
  ["bind: a path too long", () => unix.bind({ path: `/${"ö".repeat(60)}` }), RangeError, "path", "121", "107"],
  [
    "bind: an abstract name too long",
    () => unix.bind({ path: `\0${"x".repeat(108)}` }),
    RangeError,
    "path",
    "109",
    "108",
  ],
  ["bind: a zero byte in a path", () => unix.bind({ path: "/a\0b" }), RangeError, "path", "\\u0000"],
  ["connect: a name", () => inet.connect({ host: "example.org", port: 1 }), RangeError, "connect", "example.org"],
  [
    "sendto: a wrong family",
    () => unix.sendto(new Uint8Array(1), { host: "::1", port: 1 }),
    TypeError,
    "sendto",
    "AF_UNIX",
  ],

  ["listen: backlog negative", () => unix.listen(-1), RangeError, "backlog", "-1"],
  ["listen: backlog a string", () => unix.listen(any("5")), TypeError, "backlog", '"5"'],
  ["shutdown: how out of range", () => unix.shutdown(3), RangeError, "how", "3"],
  ["shutdown: how missing", () => unix.shutdown(any(undefined)), TypeError, "how", "undefined"],

  ["recv: size 0", () => unix.recv(0), RangeError, "size", "0"],
  ["recv: size missing", () => any(unix).recv(), TypeError, "size", "undefined"],
  ["recv: size infinite", () => unix.recv(Infinity), RangeError, "size", "Infinity"],
  ["recv: size a fraction", () => unix.recv(1.5), RangeError, "size", "1.5"],
  ["tryRecv: size NaN", () => unix.tryRecv(NaN), RangeError, "tryRecv", "size", "NaN"],
  ["recvfrom: size a bigint", () => unix.recvfrom(any(1n)), TypeError, "recvfrom", "size", "1n"],
  ["recvInto: a size", () => unix.recvInto(any(10)), TypeError, "buffer", "10"],
  ["recvInto: an ArrayBuffer", () => unix.recvInto(any(new ArrayBuffer(8))), TypeError, "new Uint8Array(buffer)"],
  ["recvInto: an empty view", () => unix.recvInto(new Uint8Array(0)), RangeError, "buffer", "empty"],
  ["send: a string", () => unix.send(any("text")), TypeError, "data", '"text"', "TextEncoder"],
  ["send: nothing", () => any(unix).send(), TypeError, "data", "undefined"],
  ["trySend: an array", () => unix.trySend(any([1, 2])), TypeError, "trySend", "[1,2]"],
  ["sendto: a number", () => inet.sendto(any(1), { host: "127.0.0.1", port: 1 }), TypeError, "sendto", "data"],

  ["setsockopt: level a string", () => unix.setsockopt(any("SOL"), 1, 1), TypeError, "level", '"SOL"'],
  ["setsockopt: name a fraction", () => unix.setsockopt(SOL_SOCKET, 1.5, 1), RangeError, "name", "1.5"],
  [
    "setsockopt: value too large",
    () => unix.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 2 ** 32),
    RangeError,
    "value",
    "4294967296",
  ],
  ["setsockopt: value a fraction", () => unix.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0.5), RangeError, "value", "0.5"],
  [
    "setsockopt: value a string",
    () => unix.setsockopt(SOL_SOCKET, SO_KEEPALIVE, any("on")),
    TypeError,
    "value",
    '"on"',
  ],
  ["setsockopt: value missing", () => unix.setsockopt(SOL_SOCKET, SO_KEEPALIVE, any(undefined)), TypeError, "value"],
  ["getsockopt: name negative", () => unix.getsockopt(SOL_SOCKET, -1), RangeError, "name", "-1"],
];

test.each(CASES)("%s", (_, call, kind, ...says) => {
  const error = thrown(call);
  expect(error.constructor).toBe(kind);
  for (const words of says) expect(error.message).toContain(words);
});

test("an IPv6 socket says what to write instead of an IPv4 host", () => {
  const error = thrown(() => inet6.bind({ host: "127.0.0.1", port: 1 }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toContain("::ffff:127.0.0.1");
  expect(thrown(() => inet6.bind({ host: "fe80::1%eth0", port: 1 })).message).toContain("ifindex");
  expect(thrown(() => inet6.bind({ host: "fe80::1%", port: 1 }))).toBeInstanceOf(RangeError);
  expect(thrown(() => inet6.bind({ host: "fe80::1%4294967296", port: 1 }))).toBeInstanceOf(RangeError);
  expect(thrown(() => inet6.bind({ host: "example.org", port: 1 }))).toBeInstanceOf(RangeError);
});
