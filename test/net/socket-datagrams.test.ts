import { expect, test } from "bun:test";
import { openNursery, runSync } from "../../src/index.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SOCK_DGRAM,
  SOL_SOCKET,
  SO_BROADCAST,
  socket,
  socketpair,
} from "../../src/socket.ts";
import { waitAllTasksBlocked } from "../../src/testing.ts";
import { bytes, scratchFolder, text, thrown, thrownBy, udp, whyNoIPv6, whyNoUnixDatagrams } from "./sockets.ts";

const onWindows = process.platform === "win32";

for (const [family, name, why] of [
  [AF_INET, "IPv4", ""],
  [AF_INET6, "IPv6", whyNoIPv6],
] as const) {
  test.skipIf(why !== "")(`UDP over ${name}: sendto and recvfrom, with the sender's address${why}`, () => {
    using a = udp(family);
    using b = udp(family);
    runSync(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startSoon(function* () {
          const [data, sender] = yield* b.recvfrom(100);
          expect([text(data), sender]).toEqual(["ping", a.getsockname()]);
          expect(yield* b.sendto(bytes("pong"), sender)).toBe(4);
        });
        yield* waitAllTasksBlocked();
        yield* a.sendto(bytes("ping"), b.getsockname());
        expect(yield* a.recvfrom(100)).toEqual([bytes("pong"), b.getsockname()]);
      });
    });
  });
}

test("a connected datagram socket sends and receives without addresses", () => {
  using a = udp();
  using b = udp();
  runSync(function* () {
    yield* a.connect(b.getsockname());
    expect(a.getpeername()).toEqual(b.getsockname());
    yield* a.send(bytes("hi"));
    expect(yield* b.recvfrom(10)).toEqual([bytes("hi"), a.getsockname()]);
    // A datagram socket may be connected anew.
    yield* a.connect(a.getsockname());
    yield* a.send(bytes("me"));
    expect(text(yield* a.recv(10))).toBe("me");
  });
});

test("what a datagram has beyond the size is lost, and the next one is whole", () => {
  using a = udp();
  using b = udp();
  runSync(function* () {
    yield* a.sendto(bytes("0123456789"), b.getsockname());
    yield* a.sendto(bytes("next"), b.getsockname());
    expect(text(yield* b.recv(4))).toBe("0123");
    expect(text(yield* b.recv(100))).toBe("next");
  });
});

test("an empty datagram is sent and received", () => {
  using a = udp();
  using b = udp();
  runSync(function* () {
    expect(yield* a.sendto(new Uint8Array(0), b.getsockname())).toBe(0);
    expect(yield* b.recvfrom(10)).toEqual([new Uint8Array(0), a.getsockname()]);
  });
});

test("a datagram too long is EMSGSIZE", () => {
  using a = udp();
  runSync(function* () {
    const error = yield* thrownBy(a.sendto(new Uint8Array(70_000), a.getsockname()));
    expect([error.code, error.syscall]).toEqual(["EMSGSIZE", "sendto"]);
  });
});

test("a datagram that nobody was there for fails no later call of a socket that is not connected", () => {
  using a = udp();
  using other = udp();
  const nobody = udp();
  const address = nobody.getsockname();
  nobody.close();
  runSync(function* () {
    yield* a.sendto(bytes("anyone?"), address);
    yield* other.sendto(bytes("here"), a.getsockname());
    expect(yield* a.recvfrom(10)).toEqual([bytes("here"), other.getsockname()]);
    expect(yield* a.sendto(bytes("hello"), other.getsockname())).toBe(5);
  });
});

test.skipIf(onWindows)(
  `nobody at the port of a connected datagram socket is ECONNREFUSED at the next call${onWindows ? " (skipped: Windows is told not to say so)" : ""}`,
  () => {
    using a = udp();
    const b = udp();
    const address = b.getsockname();
    b.close();
    runSync(function* () {
      yield* a.connect(address);
      yield* a.send(bytes("anyone?"));
      expect((yield* thrownBy(a.recv(10))).code).toBe("ECONNREFUSED");
    });
  },
);

test.skipIf(whyNoUnixDatagrams !== "")(
  `UNIX datagrams: named senders have their path, others none${whyNoUnixDatagrams}`,
  () => {
    using folder = scratchFolder();
    using named = socket(AF_UNIX, SOCK_DGRAM);
    using unnamed = socket(AF_UNIX, SOCK_DGRAM);
    using receiver = socket(AF_UNIX, SOCK_DGRAM);
    const [to, from] = [{ path: folder.path("to") }, { path: folder.path("from") }];
    receiver.bind(to);
    named.bind(from);
    runSync(function* () {
      yield* named.sendto(bytes("1"), to);
      yield* unnamed.sendto(bytes("2"), to);
      expect(yield* receiver.recvfrom(10)).toEqual([bytes("1"), from]);
      expect(yield* receiver.recvfrom(10)).toEqual([bytes("2"), { path: "" }]);
    });
  },
);

test.skipIf(whyNoUnixDatagrams !== "")(
  `a full queue of UNIX datagrams makes the sender wait, and nothing is lost${whyNoUnixDatagrams}`,
  () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
    const count = 2_000;
    const received: number[] = [];
    runSync(function* () {
      yield* openNursery(function* (nursery) {
        let waited = true;
        nursery.startSoon(function* () {
          for (let i = 0; i < count; i++) expect(yield* a.send(Uint32Array.of(i))).toBe(4);
          waited = false;
        });
        yield* waitAllTasksBlocked();
        expect(waited).toBe(true);
        const into = new Uint32Array(1);
        while (received.length < count) {
          yield* b.recvInto(into);
          received.push(into[0]!);
        }
      });
    });
    expect(received).toEqual(Array.from({ length: count }, (_, i) => i));
    a.close();
    b.close();
  },
);

test("broadcasting needs SO_BROADCAST", () => {
  using a = socket(AF_INET, SOCK_DGRAM);
  runSync(function* () {
    const to = { host: "255.255.255.255", port: 9 };
    expect((yield* thrownBy(a.sendto(bytes("x"), to))).code).toBe("EACCES");
    a.setsockopt(SOL_SOCKET, SO_BROADCAST, true);
    expect(a.getsockopt(SOL_SOCKET, SO_BROADCAST)).toBe(1);
  });
});

test("a datagram socket neither listens nor accepts", () => {
  using a = udp();
  expect(thrown(() => a.listen()).code).toBe("EOPNOTSUPP");
  expect(thrown(() => a.tryAccept()).code).toBe("EOPNOTSUPP");
});
