import { expect, test } from "bun:test";
import { bindKernel32 } from "../../ffi/kernel32.ts";
import { HANDLE_FLAG_INHERIT } from "../../ffi/winsock.ts";
import { addInstrument, currentStatistics, waitReadable } from "../../src/hazmat.ts";
import {
  ClosedResourceError,
  openNursery,
  run,
  runSync,
  SystemError,
  UsageError,
  WouldBlock,
} from "../../src/index.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_DOMAIN,
  SO_ERROR,
  SO_EXCLUSIVEADDRUSE,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_TYPE,
  type Socket,
  TCP_NODELAY,
  socket,
  socketpair,
} from "../../src/socket.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { FD_CLOEXEC, descriptorFlags } from "../ffi/descriptor-flags.ts";
import {
  bytes,
  fill,
  listenTcp,
  onceThere,
  openDescriptors,
  receiveExactly,
  scratchFolder,
  sendAll,
  sendForEver,
  tcpPair,
  text,
  thrown,
  thrownBy,
  udp,
  whyNoAbstractNames,
  whyNoIPv6,
  whyNoSequencedPackets,
  whyNoUnixPairs,
  whyNoUnixStreams,
} from "./sockets.ts";

const onWindows = process.platform === "win32";

test("plain generators: a TCP server and its client", () => {
  const { listener, address } = listenTcp();
  const answer = runSync(function* () {
    return yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        const [peer] = yield* listener.accept();
        using _ = peer;
        for (let data; (data = yield* peer.recv(1_000)).length > 0;) yield* peer.send(data);
      });
      using client = socket();
      yield* client.connect(address);
      expect(yield* client.send(bytes("hello"))).toBe(5);
      const echo = text(yield* receiveExactly(client, 5));
      client.shutdown(SHUT_WR);
      expect((yield* client.recv(10)).length).toBe(0);
      return echo;
    });
  });
  listener.close();
  expect(answer).toBe("hello");
});

test("async generators: a TCP server and its client", () => {
  const { listener, address } = listenTcp();
  const answer = runSync(async function* () {
    return yield* openNursery(async function* (nursery) {
      nursery.startSoon(async function* () {
        const [peer] = yield* listener.accept();
        using _ = peer;
        for (let data; (data = yield* peer.recv(1_000)).length > 0;) yield* peer.send(data);
      });
      using client = socket();
      yield* client.connect(address);
      expect(yield* client.send(bytes("hello"))).toBe(5);
      const into = new Uint8Array(5);
      let received = 0;
      while (received < 5) received += yield* client.recvInto(into.subarray(received));
      client.shutdown(SHUT_WR);
      expect((yield* client.recv(10)).length).toBe(0);
      return text(into);
    });
  });
  listener.close();
  expect(answer).toBe("hello");
});

test("under run(), beside a server on Bun's own loop", async () => {
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(peer, data) {
        peer.write(data);
      },
    },
  });
  const echo = await run(async function* () {
    using client = socket();
    yield* client.connect({ host: "localhost", port: server.port });
    yield* sendAll(client, bytes("hello"));
    return text(yield* receiveExactly(client, 5));
  });
  expect(echo).toBe("hello");
});

test.skipIf(whyNoIPv6 !== "")(`TCP over IPv6${whyNoIPv6}`, () => {
  runSync(function* () {
    const [client, server] = yield* tcpPair(AF_INET6);
    expect(server.getpeername()).toEqual(client.getsockname());
    expect(client.getpeername()).toMatchObject({ host: "::1" });
    yield* client.send(bytes("six"));
    expect(text(yield* server.recv(10))).toBe("six");
    client.close();
    server.close();
  });
});

test.skipIf(whyNoIPv6 !== "")(`an IPv6 socket takes IPv4 where IPV6_V6ONLY is off${whyNoIPv6}`, () => {
  using listener = socket(AF_INET6);
  listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, false);
  listener.bind({ host: "::", port: 0 });
  listener.listen();
  const { port } = listener.getsockname();
  runSync(function* () {
    using client = socket();
    yield* client.connect({ host: "127.0.0.1", port: port! });
    const [server, peer] = yield* listener.accept();
    expect(peer.host).toBe("::ffff:127.0.0.1");
    server.close();
  });
});

for (const [kind, why] of [
  ["path", whyNoUnixStreams],
  ["abstract name", whyNoAbstractNames],
]) {
  test.skipIf(why !== "")(`UNIX streams by ${kind}${why}`, () => {
    using folder = scratchFolder();
    const path = kind === "path" ? folder.path("ünix") : `\0tribun-${process.pid}`;
    using listener = socket(AF_UNIX);
    listener.bind({ path });
    listener.listen();
    expect(listener.getsockname()).toEqual({ path });
    runSync(function* () {
      using client = socket(AF_UNIX);
      yield* client.connect({ path });
      const [server, peer] = yield* listener.accept();
      expect(peer).toEqual({ path: "" });
      expect(client.getpeername()).toEqual({ path });
      yield* client.send(bytes("hi"));
      expect(yield* server.recvfrom(10)).toEqual([bytes("hi"), { path: "" }]);
      server.close();
    });
  });
}

test.skipIf(whyNoAbstractNames !== "")(
  `binding a UNIX socket to no name makes the kernel choose one${whyNoAbstractNames}`,
  () => {
    using unnamed = socket(AF_UNIX, SOCK_DGRAM);
    expect(unnamed.getsockname()).toEqual({ path: "" });
    unnamed.bind({ path: "" });
    expect(unnamed.getsockname().path).toMatch(/^\0[0-9a-f]{5}$/);
  },
);

test("a socketpair carries bytes both ways", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    yield* a.send(bytes("to b"));
    yield* b.send(bytes("to a"));
    expect(text(yield* a.recv(100))).toBe("to a");
    expect(text(yield* b.recv(100))).toBe("to b");
  });
  a.close();
  b.close();
});

test.skipIf(whyNoSequencedPackets !== "")(
  `SOCK_SEQPACKET keeps the boundaries of messages${whyNoSequencedPackets}`,
  () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_SEQPACKET);
    runSync(function* () {
      yield* a.send(bytes("one"));
      yield* a.send(bytes("two"));
      expect(text(yield* b.recv(100))).toBe("one");
      expect(text(yield* b.recv(100))).toBe("two");
    });
    a.close();
    b.close();
  },
);

test("large transfers: every byte arrives though the kernel takes a part at a time", () => {
  const size = 8 << 20;
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (i * 2_654_435_761) >>> 24;
  const [a, b] = socketpair();
  a.setsockopt(SOL_SOCKET, SO_SNDBUF, 65_536);
  let partial = 0;
  const received = runSync(function* () {
    return yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        for (let sent = 0; sent < size;) {
          const count = yield* a.send(data.subarray(sent));
          expect(count).toBeGreaterThan(0);
          if (count < size - sent) partial++;
          sent += count;
        }
        a.shutdown(SHUT_WR);
      });
      const parts: Uint8Array[] = [];
      // A size beyond the shared buffer, and one within.
      for (let part: Uint8Array; (part = yield* b.recv(parts.length % 2 === 0 ? 100_000 : 10_000)).length > 0;)
        parts.push(part);
      return Buffer.concat(parts);
    });
  });
  expect(partial).toBeGreaterThan(0);
  expect(Buffer.compare(received!, data)).toBe(0);
  a.close();
  b.close();
});

test("what recv gives is as long as what came, and nobody else's memory", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    for (const size of [100, 65_536, 200_000]) {
      yield* a.send(bytes("first"));
      const first = yield* b.recv(size);
      yield* a.send(bytes("other"));
      const second = yield* b.recv(size);
      expect([text(first), text(second)]).toEqual(["first", "other"]);
      expect([first.buffer.byteLength, second.buffer.byteLength]).toEqual([5, 5]);
    }
  });
  a.close();
  b.close();
});

test("recvInto writes the beginning of any view and nothing else", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    const whole = new Uint8Array(10).fill(0xff);
    yield* a.send(bytes("abc"));
    expect(yield* b.recvInto(whole.subarray(2, 8))).toBe(3);
    expect([...whole]).toEqual([0xff, 0xff, 97, 98, 99, 0xff, 0xff, 0xff, 0xff, 0xff]);
    yield* a.send(bytes("abcd"));
    const view = new DataView(new ArrayBuffer(8), 2, 4);
    expect(yield* b.recvInto(view)).toBe(4);
    expect(view.getUint32(0)).toBe(0x61626364);
  });
  a.close();
  b.close();
});

test("send takes a part of an array and any other view", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    yield* a.send(bytes("xabcx").subarray(1, 4));
    yield* a.send(Uint16Array.of(0x6564));
    yield* a.send(new DataView(bytes("--f-").buffer, 2, 1));
    expect(yield* a.send(new Uint8Array(0))).toBe(0);
    expect(text(yield* b.recv(100))).toBe("abcdef");
  });
  a.close();
  b.close();
});

test("SHUT_WR is the end of the peer's stream, and not of one's own", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    yield* a.send(bytes("last"));
    a.shutdown(SHUT_WR);
    expect(text(yield* b.recv(100))).toBe("last");
    expect((yield* b.recv(100)).length).toBe(0);
    expect(yield* b.recvInto(new Uint8Array(4))).toBe(0);
    expect(b.tryRecv(100).length).toBe(0);
    yield* b.send(bytes("answer"));
    expect(text(yield* a.recv(100))).toBe("answer");
    expect((yield* thrownBy(a.send(bytes("more")))).code).toBe("EPIPE");
  });
  a.close();
  b.close();
});

test("SHUT_RD is the end of one's own stream", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    a.shutdown(SHUT_RD);
    expect((yield* a.recv(100)).length).toBe(0);
    yield* a.send(bytes("still"));
    expect(text(yield* b.recv(100))).toBe("still");
  });
  a.close();
  b.close();
});

const unwoken = onWindows ? " (skipped: Wine's sockets wait on)" : "";
test.skipIf(onWindows)(`SHUT_RD ends the stream for who waits to receive${unwoken}`, () => {
  const [a, b] = socketpair();
  let received: Uint8Array | undefined;
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        received = yield* a.recv(10);
      });
      yield* waitAllTasksBlocked();
      a.shutdown(SHUT_RD);
    });
  });
  expect(received).toEqual(new Uint8Array(0));
  a.close();
  b.close();
});

test.skipIf(whyNoUnixPairs !== "")(
  `a UNIX stream that its peer left is EPIPE to write to, and raises no signal${whyNoUnixPairs}`,
  () => {
    const [a, b] = socketpair(AF_UNIX);
    b.close();
    const error = thrown(() => a.trySend(bytes("x")));
    expect(error).toBeInstanceOf(SystemError);
    expect([error.code, error.syscall]).toEqual(["EPIPE", "send"]);
    a.close();
  },
);

test("a TCP stream that its peer left takes what nobody reads until the peer's system says so", () => {
  runSync(function* () {
    const [a, b] = yield* tcpPair();
    b.close();
    const error = yield* thrownBy(sendForEver(a));
    expect(error).toBeInstanceOf(SystemError);
    expect(["EPIPE", "ECONNRESET"]).toContain(error.code);
    a.close();
  });
});

test("a refused connection is ECONNREFUSED and names the address", () => {
  const { listener, address } = listenTcp();
  listener.close();
  runSync(function* () {
    using client = socket();
    const error = yield* thrownBy(client.connect(address));
    expect(error).toBeInstanceOf(SystemError);
    expect([error.code, error.syscall]).toEqual(["ECONNREFUSED", "connect"]);
    expect(error.message).toContain(`127.0.0.1:${address.port}`);
    // It did not come about, so the socket is as it was.
    expect(client.fd).toBeGreaterThanOrEqual(0);
  });
});

test.skipIf(whyNoUnixStreams !== "")(
  `connecting to a UNIX path that nobody has says so and names the path${whyNoUnixStreams}`,
  () => {
    runSync(function* () {
      using client = socket(AF_UNIX);
      const error = yield* thrownBy(client.connect({ path: "/nonexistent/socket" }));
      expect(error).toBeInstanceOf(SystemError);
      if (!onWindows) expect(error.code).toBe("ENOENT");
      expect(error.message).toContain('"/nonexistent/socket"');
    });
  },
);

test.skipIf(whyNoAbstractNames !== "")(
  `a full backlog of a UNIX listener is EAGAIN, and no success${whyNoAbstractNames}`,
  () => {
    using listener = socket(AF_UNIX);
    listener.bind({ path: "" });
    listener.listen(0);
    runSync(function* () {
      const clients = [socket(AF_UNIX), socket(AF_UNIX), socket(AF_UNIX)];
      const codes: string[] = [];
      for (const client of clients) {
        try {
          yield* client.connect(listener.getsockname());
          codes.push("connected");
        } catch (error) {
          codes.push((error as SystemError).code);
        }
      }
      expect(codes).toEqual(["connected", "EAGAIN", "EAGAIN"]);
      for (const client of clients) client.close();
    });
  },
);

test("connecting again is EISCONN, binding twice EINVAL, an address in use EADDRINUSE", () => {
  const { listener, address } = listenTcp();
  runSync(function* () {
    using client = socket();
    yield* client.connect(address);
    expect((yield* thrownBy(client.connect(address))).code).toBe("EISCONN");
    expect(thrown(() => client.bind({ host: "127.0.0.1", port: 0 })).code).toBe("EINVAL");
  });
  using other = socket();
  const error = thrown(() => other.bind(address));
  expect([error.code, error.syscall]).toEqual(["EADDRINUSE", "bind"]);
  expect(error.message).toContain(`127.0.0.1:${address.port}`);
  listener.close();
});

test("the try calls work where there is no run, and throw WouldBlock", () => {
  const [a, b] = socketpair();
  expect(thrown(() => b.tryRecv(10))).toBeInstanceOf(WouldBlock);
  expect(a.trySend(bytes("now"))).toBe(3);
  expect(text(onceThere(() => b.tryRecv(10)))).toBe("now");
  expect(fill(a)).toBeGreaterThan(0);
  a.close();
  b.close();
  const { listener, address } = listenTcp();
  expect(thrown(() => listener.tryAccept())).toBeInstanceOf(WouldBlock);
  runSync(function* () {
    using client = socket();
    yield* client.connect(address);
    const [peer, from] = onceThere(() => listener.tryAccept());
    expect(from).toEqual(client.getsockname());
    peer.close();
  });
  listener.close();
});

test("an operation driven outside a run is a UsageError with its name, and does nothing", () => {
  const [a, b] = socketpair();
  a.trySend(bytes("kept"));
  for (const [name, operation] of [
    ["Socket.recv()", () => b.recv(10)],
    ["Socket.send()", () => b.send(bytes("x"))],
    ["Socket.accept()", () => b.accept()],
  ] as const) {
    const error = thrown(() => operation()[Symbol.iterator]().next());
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(name);
  }
  expect(text(onceThere(() => b.tryRecv(10)))).toBe("kept");
  expect(thrown(() => a.tryRecv(10))).toBeInstanceOf(WouldBlock);
  a.close();
  b.close();
});

test("an operation that blocks waits at once, with no schedule point before", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* b.recv(10);
      });
      nursery.startSoon(function* () {
        expect(currentStatistics().io.tasksWaitingRead).toBe(1);
        yield* a.send(bytes("go on"));
      });
    });
  });
  a.close();
  b.close();
});

test("an operation that need not block is a schedule point", () => {
  const { listener, address } = listenTcp();
  runSync(function* () {
    const [a, b] = socketpair();
    using client = socket();
    yield* client.connect(address);
    using sender = socket(AF_INET, SOCK_DGRAM);
    yield* a.send(bytes("xyz"));
    yield* waitReadable(b);
    yield* waitReadable(listener);
    let others = 0;
    yield* openNursery(function* (nursery) {
      let over = false;
      nursery.startSoon(function* () {
        const [c, d] = socketpair();
        while (!over) {
          others++;
          // A pass, and no more.
          yield* c.send(bytes("x"));
          onceThere(() => d.tryRecv(1));
        }
        c.close();
        d.close();
      });
      const calls = [
        () => a.send(bytes("x")),
        () => b.recv(1),
        () => b.recvInto(new Uint8Array(1)),
        () => b.recvfrom(1),
        () => listener.accept(),
        () => sender.connect(address),
        () => sender.sendto(bytes("x"), address),
      ];
      for (const call of calls) {
        const before = others;
        const value: unknown = yield* call();
        expect([call, others]).toEqual([call, before + 1]);
        if (Array.isArray(value)) (value[0] as Partial<Socket>).close?.();
      }
      over = true;
    });
    a.close();
    b.close();
  });
  listener.close();
});

test("an operation that waited costs one wake-up", () => {
  const [a, b] = socketpair();
  let steps = 0;
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      const reader = function* () {
        yield* b.recv(10);
      };
      addInstrument({ beforeTaskStep: (task) => void (task.name === "reader" && steps++) });
      nursery.startSoon(reader);
      yield* waitAllTasksBlocked();
      a.trySend(bytes("x"));
    });
  });
  expect(steps).toBe(2);
  a.close();
  b.close();
});

test("closing wakes who waits, both ways, with ClosedResourceError", () => {
  const [a, b] = socketpair();
  fill(a);
  const errors: unknown[] = [];
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        errors.push(yield* thrownBy(a.recv(10)));
      });
      nursery.startSoon(function* () {
        errors.push(yield* thrownBy(sendForEver(a)));
      });
      yield* waitAllTasksBlocked();
      a.close();
      expect(a.fd).toBe(-1);
    });
  });
  expect(errors.map((error) => error instanceof ClosedResourceError)).toEqual([true, true]);
  b.close();
});

test("closing wakes who accepts and who connects", () => {
  const { listener, address } = listenTcp(AF_INET, 0);
  const first = socket();
  const hanging = socket();
  const idle = listenTcp().listener;
  const errors: unknown[] = [];
  runSync(function* () {
    yield* first.connect(address);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        errors.push(yield* thrownBy(idle.accept()));
      });
      nursery.startSoon(function* () {
        errors.push(yield* thrownBy(hanging.connect(address)));
      });
      yield* waitAllTasksBlocked();
      idle.close();
      hanging.close();
    });
  });
  expect(errors.map((error) => error instanceof ClosedResourceError)).toEqual([true, true]);
  for (const each of [listener, first]) each.close();
});

test("a task that was woken finds the socket closed meanwhile", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* thrownBy(b.recv(10))).toBeInstanceOf(ClosedResourceError);
      });
      nursery.startSoon(function* () {
        // Made runnable by the same event loop turn as the reader, after it or before it.
        yield* a.recv(10);
        b.close();
      });
      yield* waitAllTasksBlocked();
      b.trySend(bytes("to a"));
    });
  });
  a.close();
});

test("every call on a closed socket but close() is ClosedResourceError", () => {
  const a = socket();
  const address = { host: "127.0.0.1", port: 9 };
  a.close();
  a.close();
  a[Symbol.dispose]();
  expect(a.fd).toBe(-1);
  const calls = [
    () => a.bind(address),
    () => a.listen(),
    () => a.getsockname(),
    () => a.getpeername(),
    () => a.setsockopt(SOL_SOCKET, SO_KEEPALIVE, true),
    () => a.getsockopt(SOL_SOCKET, SO_ERROR),
    () => a.shutdown(SHUT_RDWR),
    () => a.tryAccept(),
    () => a.tryRecv(1),
    () => a.trySend(bytes("x")),
  ];
  for (const call of calls) expect(thrown(call)).toBeInstanceOf(ClosedResourceError);
  runSync(function* () {
    const operations = [
      a.accept(),
      a.connect(address),
      a.recv(1),
      a.recvInto(new Uint8Array(1)),
      a.recvfrom(1),
      a.send(bytes("x")),
      a.sendto(bytes("x"), address),
    ];
    for (const operation of operations) expect(yield* thrownBy(operation)).toBeInstanceOf(ClosedResourceError);
  });
});

test("using closes the socket at the end of the block, in a run and outside", () => {
  let inside: Socket;
  {
    using made = socket();
    inside = made;
    expect(made.fd).toBeGreaterThanOrEqual(0);
  }
  expect(inside.fd).toBe(-1);
  runSync(function* () {
    const [a, b] = yield* tcpPair();
    {
      using _ = a;
      yield* sendAll(a, bytes("bye"));
    }
    expect(text(yield* receiveExactly(b, 3))).toBe("bye");
    expect((yield* b.recv(1)).length).toBe(0);
    b.close();
  });
});

test("closing twice does not close the descriptor's next owner", () => {
  const first = socket();
  const { fd } = first;
  first.close();
  using second = socket();
  expect(second.fd).toBe(fd);
  first.close();
  expect(second.getsockopt(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
});

test("a descriptor that somebody else closed is an error to close", () => {
  const victim = socket();
  const thief = socket();
  // Another socket object for the same number stands for a stray close(2).
  new (victim.constructor as typeof Socket)(victim.fd, AF_INET).close();
  const error = thrown(() => victim.close());
  expect([error.code, error.syscall]).toEqual([onWindows ? "ENOTSOCK" : "EBADF", "close"]);
  expect(victim.fd).toBe(-1);
  thief.close();
});

test("every descriptor is non-blocking, and inherited by no child process, from the start", () => {
  runSync(function* () {
    const connected = [...socketpair(), ...(yield* tcpPair())];
    const sockets = [socket(), udp(), ...connected];
    for (const each of sockets) expect(isInherited(each.fd)).toBe(false);
    // One that blocks would do so for ever.
    for (const each of connected) expect(thrown(() => each.tryRecv(1))).toBeInstanceOf(WouldBlock);
    for (const each of sockets) each.close();
  });
});

function isInherited(fd: number): boolean {
  if (!onWindows) return (descriptorFlags(fd) & FD_CLOEXEC) === 0;
  const { GetHandleInformation } = bindKernel32({ GetHandleInformation: { args: ["u64", "buffer"], returns: "i32" } });
  const flags = new Uint32Array(1);
  expect(GetHandleInformation(fd, flags)).not.toBe(0);
  return (flags[0]! & HANDLE_FLAG_INHERIT) !== 0;
}

test("options: numbers, booleans and structures go in, numbers come out", () => {
  using one = socket();
  expect(one.getsockopt(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
  one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(1);
  one.setsockopt(SOL_SOCKET, SO_REUSEADDR, false);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
  one.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
  expect(one.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(1);
  // struct linger { int l_onoff, l_linger }, on Windows unsigned short.
  one.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array((onWindows ? Uint16Array : Int32Array).of(1, 7).buffer));
  expect(one.getsockopt(SOL_SOCKET, SO_LINGER)).toBe(onWindows ? 7 * 0x10000 + 1 : 1);
  const error = thrown(() => one.getsockopt(SOL_SOCKET, 9_999));
  expect([error.code, error.syscall]).toEqual(["ENOPROTOOPT", "getsockopt"]);
  expect(thrown(() => one.setsockopt(SOL_SOCKET, 9_999, 1)).code).toBe("ENOPROTOOPT");
});

test("an option that this system lacks is -1, and a RangeError that says so", () => {
  const lacking = onWindows ? SO_DOMAIN : SO_EXCLUSIVEADDRUSE;
  expect(lacking).toBe(-1);
  using one = socket();
  for (const call of [() => one.getsockopt(SOL_SOCKET, lacking), () => one.setsockopt(SOL_SOCKET, lacking, 1)]) {
    const error = thrown(call);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain("an option of this system");
  }
});

test.skipIf(!onWindows)(
  `Windows: SO_EXCLUSIVEADDRUSE keeps an address from who would take it${onWindows ? "" : " (skipped: not Windows)"}`,
  () => {
    using first = socket();
    first.setsockopt(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, true);
    expect(first.getsockopt(SOL_SOCKET, SO_EXCLUSIVEADDRUSE)).not.toBe(0);
    first.bind({ host: "127.0.0.1", port: 0 });
    first.listen();
    using other = socket();
    other.setsockopt(SOL_SOCKET, SO_REUSEADDR, true);
    expect(["EACCES", "EADDRINUSE"]).toContain(thrown(() => other.bind(first.getsockname())).code);
  },
);

test("what the system refuses to make is a SystemError", () => {
  expect(thrown(() => socket(AF_INET, SOCK_STREAM, 17)).code).toBe("EPROTONOSUPPORT");
  expect(thrown(() => socket(AF_INET, 77)).syscall).toBe("socket");
  expect(thrown(() => socketpair(onWindows ? AF_UNIX : AF_INET)).code).toBe("EOPNOTSUPP");
  using one = socket();
  expect(thrown(() => one.getpeername()).code).toBe("ENOTCONN");
  expect(thrown(() => one.shutdown(SHUT_WR)).code).toBe("ENOTCONN");
  expect(thrown(() => one.tryAccept()).code).toBe("EINVAL");
});

test("a socket without an address has the family's empty one", () => {
  using one = socket();
  expect(one.getsockname()).toEqual({ host: "0.0.0.0", port: 0 });
});

test("a thousand connections leave no descriptor behind", () => {
  const connect = function* () {
    const { listener, address } = listenTcp();
    for (let i = 0; i < 1_000; i++) {
      using client = socket();
      yield* client.connect(address);
      const [server] = yield* listener.accept();
      server.close();
    }
    listener.close();
  };
  const before = openDescriptors();
  runSync(connect);
  // Windows counts the handles of the engine's own threads, which come and go.
  expect(openDescriptors() - before).toBeLessThan(onWindows ? 100 : 1);
});

test("a thousand sockets are waited for at once, and each wait ends by its own", () => {
  const count = 1_000;
  runSync(function* () {
    const { listener, address } = listenTcp();
    const pairs: [Socket, Socket][] = [];
    for (let i = 0; i < count; i++) {
      const client = socket();
      yield* client.connect(address);
      pairs.push([client, (yield* listener.accept())[0]]);
    }
    const received: number[] = [];
    yield* openNursery(function* (nursery) {
      for (const [client] of pairs) {
        nursery.startSoon(function* () {
          received.push(yield* client.recvInto(new Uint8Array(4)));
        });
      }
      yield* waitAllTasksBlocked();
      expect(currentStatistics().io.tasksWaitingRead).toBe(count);
      for (const [, server] of pairs) server.trySend(bytes("x"));
    });
    expect(received).toEqual(pairs.map(() => 1));
    for (const each of [listener, ...pairs.flat()]) each.close();
  });
});
