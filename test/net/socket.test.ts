import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { addInstrument, currentStatistics } from "../../src/hazmat.ts";
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
  SHUT_RDWR,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_DOMAIN,
  SO_ERROR,
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
import {
  bytes,
  fill,
  hasIPv6,
  listenTcp,
  receiveExactly,
  scratchFolder,
  sendAll,
  tcpPair,
  text,
  thrown,
  thrownBy,
} from "./sockets.ts";

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

test.skipIf(!hasIPv6)(`TCP over IPv6${hasIPv6 ? "" : " (skipped: no IPv6 loopback here)"}`, () => {
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

test.skipIf(!hasIPv6)(
  `an IPv6 socket takes IPv4 where IPV6_V6ONLY is off${hasIPv6 ? "" : " (skipped: no IPv6 here)"}`,
  () => {
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
  },
);

test("UNIX streams by path and by abstract name", () => {
  using folder = scratchFolder();
  for (const path of [folder.path("ünix"), `\0tribun-${process.pid}`]) {
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
  }
});

test("binding a UNIX socket to no name lets the kernel choose an abstract one", () => {
  using unnamed = socket(AF_UNIX, SOCK_DGRAM);
  expect(unnamed.getsockname()).toEqual({ path: "" });
  unnamed.bind({ path: "" });
  expect(unnamed.getsockname().path).toMatch(/^\0[0-9a-f]{5}$/);
});

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

test("SOCK_SEQPACKET keeps the boundaries of messages", () => {
  const [a, b] = socketpair(AF_UNIX, SOCK_SEQPACKET);
  runSync(function* () {
    yield* a.send(bytes("one"));
    yield* a.send(bytes("two"));
    expect(text(yield* b.recv(100))).toBe("one");
    expect(text(yield* b.recv(100))).toBe("two");
  });
  a.close();
  b.close();
});

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

test("a stream that its peer left is EPIPE to write to, and raises no signal", () => {
  const [a, b] = socketpair();
  b.close();
  const error = thrown(() => a.trySend(bytes("x")));
  expect(error).toBeInstanceOf(SystemError);
  expect([error.code, error.syscall]).toEqual(["EPIPE", "send"]);
  a.close();
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

test("connecting to a UNIX path that nobody has is ENOENT and names the path", () => {
  runSync(function* () {
    using client = socket(AF_UNIX);
    const error = yield* thrownBy(client.connect({ path: "/nonexistent/socket" }));
    expect(error.code).toBe("ENOENT");
    expect(error.message).toContain('"/nonexistent/socket"');
  });
});

test("a full backlog of a UNIX listener is EAGAIN, and no success", () => {
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
});

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
  expect(text(b.tryRecv(10))).toBe("now");
  expect(fill(a)).toBeGreaterThan(0);
  expect(thrown(() => a.trySend(bytes("x")))).toBeInstanceOf(WouldBlock);
  a.close();
  b.close();
  const { listener, address } = listenTcp();
  expect(thrown(() => listener.tryAccept())).toBeInstanceOf(WouldBlock);
  runSync(function* () {
    using client = socket();
    yield* client.connect(address);
    const [peer, from] = listener.tryAccept();
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
  expect(text(b.tryRecv(10))).toBe("kept");
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
    let others = 0;
    yield* openNursery(function* (nursery) {
      let over = false;
      nursery.startSoon(function* () {
        const [c, d] = socketpair();
        while (!over) {
          others++;
          // A pass, and no more.
          yield* c.send(bytes("x"));
          d.tryRecv(1);
        }
        c.close();
        d.close();
      });
      const calls = [
        () => a.send(bytes("xyz")),
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
        errors.push(yield* thrownBy(a.send(bytes("x"))));
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
  const [a, b] = socketpair();
  b.close();
  a.close();
  a.close();
  a[Symbol.dispose]();
  expect(a.fd).toBe(-1);
  const calls = [
    () => a.bind({ path: "/x" }),
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
      a.connect({ path: "/x" }),
      a.recv(1),
      a.recvInto(new Uint8Array(1)),
      a.recvfrom(1),
      a.send(bytes("x")),
      a.sendto(bytes("x"), { path: "/x" }),
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

test("a descriptor that somebody else closed is EBADF to close", () => {
  const victim = socket();
  const thief = socket();
  // Another socket object for the same number stands for a stray close(2).
  new (victim.constructor as typeof Socket)(victim.fd, AF_INET).close();
  const error = thrown(() => victim.close());
  expect([error.code, error.syscall]).toEqual(["EBADF", "close"]);
  expect(victim.fd).toBe(-1);
  thief.close();
});

test("every descriptor is non-blocking and close-on-exec from the start", () => {
  const O_NONBLOCK = 0o4000;
  const O_CLOEXEC = 0o2000000;
  const flags = ({ fd }: Socket) =>
    parseInt(/^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8);
  runSync(function* () {
    const sockets = [socket(), ...socketpair(), ...(yield* tcpPair())];
    for (const each of sockets) {
      expect(flags(each) & (O_NONBLOCK | O_CLOEXEC)).toBe(O_NONBLOCK | O_CLOEXEC);
      each.close();
    }
  });
});

test("options: numbers, booleans and structures go in, numbers come out", () => {
  using one = socket();
  expect(one.getsockopt(SOL_SOCKET, SO_DOMAIN)).toBe(AF_INET);
  expect(one.getsockopt(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
  one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(1);
  one.setsockopt(SOL_SOCKET, SO_REUSEADDR, false);
  expect(one.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
  one.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
  expect(one.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(1);
  // struct linger { int l_onoff, l_linger }
  one.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 7).buffer));
  expect(one.getsockopt(SOL_SOCKET, SO_LINGER)).toBe(1);
  const error = thrown(() => one.getsockopt(SOL_SOCKET, 9_999));
  expect([error.code, error.syscall]).toEqual(["ENOPROTOOPT", "getsockopt"]);
  expect(thrown(() => one.setsockopt(SOL_SOCKET, 9_999, 1)).code).toBe("ENOPROTOOPT");
});

test("what the system refuses to make is a SystemError", () => {
  expect(thrown(() => socket(AF_INET, SOCK_STREAM, 17)).code).toBe("EPROTONOSUPPORT");
  expect(thrown(() => socket(AF_INET, 77)).syscall).toBe("socket");
  expect(thrown(() => socketpair(AF_INET)).code).toBe("EOPNOTSUPP");
  using one = socket();
  expect(thrown(() => one.getpeername()).code).toBe("ENOTCONN");
  expect(thrown(() => one.shutdown(SHUT_WR)).code).toBe("ENOTCONN");
  expect(thrown(() => one.tryAccept()).code).toBe("EINVAL");
});

test("a thousand connections leave no descriptor behind", () => {
  const open = () => new Set(new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })).size;
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
  const before = open();
  runSync(connect);
  expect(open()).toBe(before);
});
