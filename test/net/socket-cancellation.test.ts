import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { currentStatistics } from "../../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  Cancelled,
  TooSlowError,
  WouldBlock,
  failAfter,
  moveOnAfter,
  openNursery,
  runSync,
  sleepForever,
} from "../../src/index.ts";
import { AF_INET, type Socket, socket, socketpair } from "../../src/socket.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { pressCtrlC } from "../ctrl-c.ts";
import { bytes, fill, listenTcp, onceThere, sendForEver, text, thrown, thrownBy, udp } from "./sockets.ts";
import type { Operation } from "../../src/hazmat.ts";

/** Drives what `make` makes in a scope that is cancelled already. It must throw Cancelled. */
function* drivenCancelled(make: () => Operation<unknown>): Generator<any, void> {
  const scope = new CancelScope();
  scope.cancel();
  yield* scope.run(function* () {
    yield* make();
    throw new Error("it was not cancelled");
  });
  expect(scope.cancelledCaught).toBe(true);
}

/** Drives what `make` makes until it blocks, then cancels it. It must throw Cancelled. */
function* blockedThenCancelled(make: () => Operation<unknown>): Generator<any, void> {
  const scope = new CancelScope();
  yield* openNursery(function* (nursery) {
    nursery.startSoon(() =>
      scope.run(function* () {
        yield* make();
        throw new Error("it was not cancelled");
      }),
    );
    yield* waitAllTasksBlocked();
    scope.cancel();
  });
  expect(scope.cancelledCaught).toBe(true);
}

test("cancelled before it began: no byte is taken or sent, nothing accepted, nothing connected", () => {
  const { listener, address } = listenTcp();
  const [a, b] = socketpair();
  const datagrams = [udp(), udp()] as const;
  runSync(function* () {
    yield* a.send(bytes("kept"));
    using client = socket();
    yield* client.connect(address);

    yield* drivenCancelled(() => b.recv(100));
    yield* drivenCancelled(() => b.recvInto(new Uint8Array(100)));
    yield* drivenCancelled(() => b.recvfrom(100));
    expect(text(onceThere(() => b.tryRecv(100)))).toBe("kept");

    yield* drivenCancelled(() => a.send(bytes("lost")));
    expect(thrown(() => b.tryRecv(100))).toBeInstanceOf(WouldBlock);
    yield* drivenCancelled(() => datagrams[0].sendto(bytes("lost"), datagrams[1].getsockname()));
    expect(thrown(() => datagrams[1].tryRecv(100))).toBeInstanceOf(WouldBlock);

    yield* drivenCancelled(() => listener.accept());
    const [peer] = onceThere(() => listener.tryAccept());
    expect(peer.getpeername()).toEqual(client.getsockname());
    peer.close();

    using other = socket();
    yield* drivenCancelled(() => other.connect(address));
    // It did not happen, so the socket is as good as new.
    expect(thrown(() => listener.tryAccept())).toBeInstanceOf(WouldBlock);
    yield* other.connect(address);
    onceThere(() => listener.tryAccept())[0].close();
  });
  for (const each of [listener, a, b, ...datagrams]) each.close();
});

test("cancelled while it waits: what comes later is there for the next call", () => {
  const { listener, address } = listenTcp();
  const [a, b] = socketpair();
  runSync(function* () {
    yield* blockedThenCancelled(() => b.recv(100));
    yield* blockedThenCancelled(() => b.recvInto(new Uint8Array(100)));
    yield* blockedThenCancelled(() => b.recvfrom(100));
    yield* a.send(bytes("kept"));
    expect(text(yield* b.recv(100))).toBe("kept");

    let taken = fill(a);
    yield* blockedThenCancelled(() => sendForEver(a, (count) => (taken += count)));
    let received = 0;
    while (received < taken) received += (yield* b.recv(1 << 20)).length;
    expect(received).toBe(taken);
    expect(thrown(() => b.tryRecv(100))).toBeInstanceOf(WouldBlock);

    yield* blockedThenCancelled(() => listener.accept());
    using client = socket();
    yield* client.connect(address);
    const [peer, from] = yield* listener.accept();
    expect(from).toEqual(client.getsockname());
    peer.close();
  });
  for (const each of [listener, a, b]) each.close();
});

test("data that comes in the moment of the cancel is kept", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => scope.run(() => b.recv(100)));
      yield* waitAllTasksBlocked();
      a.trySend(bytes("kept"));
      scope.cancel();
    });
    expect(scope.cancelledCaught).toBe(true);
    expect(text(onceThere(() => b.tryRecv(100)))).toBe("kept");
  });
  a.close();
  b.close();
});

test("an operation that has happened is not cancelled at its schedule point", () => {
  const { listener, address } = listenTcp();
  const [a, b] = socketpair();
  runSync(function* () {
    const clients = [socket(), socket()];
    for (const client of clients) yield* client.connect(address);
    const results: unknown[] = [];
    const calls: (() => Operation<unknown>)[] = [() => a.send(bytes("x")), () => b.recv(100), () => listener.accept()];
    for (const call of calls) {
      const scope = new CancelScope();
      yield* openNursery(function* (nursery) {
        nursery.startSoon(() =>
          scope.run(function* () {
            results.push(yield* call());
            yield* sleepForever();
          }),
        );
        nursery.startSoon(function* () {
          scope.cancel();
        });
      });
      expect(scope.cancelledCaught).toBe(true);
    }
    expect(results.length).toBe(3);
    expect(results[0]).toBe(1);
    expect(results[1]).toEqual(bytes("x"));
    (results[2] as [Socket])[0].close();
    for (const client of clients) client.close();
  });
  for (const each of [listener, a, b]) each.close();
});

/** A listener that leaves a connection attempt hanging: its backlog is full, and it does not accept. */
function* hangingListener(): Generator<any, Disposable & { address: ReturnType<Socket["getsockname"]> }> {
  const { listener, address } = listenTcp(AF_INET, 0);
  const first = socket();
  yield* first.connect(address);
  return {
    address,
    [Symbol.dispose]() {
      listener.close();
      first.close();
    },
  };
}

test("a connect that is cancelled under way closes its socket", () => {
  runSync(function* () {
    using hanging = yield* hangingListener();
    const client = socket();
    yield* blockedThenCancelled(() => client.connect(hanging.address));
    expect(client.fd).toBe(-1);
    expect(currentStatistics().io).toMatchObject({ tasksWaitingRead: 0, tasksWaitingWrite: 0 });
  });
});

test("a connect that Ctrl-C interrupts under way closes its socket", async () => {
  const program = fileURLToPath(new URL("programs/interrupted-connect.ts", import.meta.url));
  const child = Bun.spawn([process.execPath, program], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  let output = "";
  for await (const chunk of child.stdout) {
    output += text(chunk);
    if (output === "connecting\n") await pressCtrlC(child);
  }
  expect(output).toBe("connecting\ntrue -1\n");
  expect(await child.exited).toBe(0);
});

test("async generators: a deadline cuts a connect and a recv off", () => {
  const [a, b] = socketpair();
  // The clock jumps to the deadline once the task is blocked.
  const clock = new MockClock({ autojumpThreshold: 0 });
  const main = async function* () {
    const client = socket();
    const hanging = yield* hangingListener();
    yield* moveOnAfter(5_000, async function* () {
      yield* client.connect(hanging.address);
    });
    expect(client.fd).toBe(-1);
    hanging[Symbol.dispose]();
    let error: unknown;
    try {
      yield* failAfter(5_000, async function* () {
        yield* b.recv(10);
      });
    } catch (thrownError) {
      error = thrownError;
    }
    expect(error).toBeInstanceOf(TooSlowError);
    a.trySend(bytes("later"));
    return text(yield* b.recv(10));
  };
  expect(runSync(main, { clock })).toBe("later");
  a.close();
  b.close();
});

test("Cancelled swallowed comes again at the next call", () => {
  const [a, b] = socketpair();
  runSync(function* () {
    let times = 0;
    yield* moveOnAfter(0, function* () {
      for (let i = 0; i < 3; i++) {
        try {
          yield* b.recv(1);
        } catch (error) {
          expect(error).toBeInstanceOf(Cancelled);
          times++;
        }
      }
    });
    expect(times).toBe(3);
  });
  a.close();
  b.close();
});

test("a second task in the same direction is Busy, the first one and the other direction go on", () => {
  const { listener, address } = listenTcp();
  const [a, b] = socketpair();
  runSync(function* () {
    let received: Uint8Array | undefined;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        received = yield* b.recv(10);
      });
      nursery.startSoon(function* () {
        const [peer] = yield* listener.accept();
        peer.close();
      });
      yield* waitAllTasksBlocked();
      expect(yield* thrownBy(b.recv(10))).toBeInstanceOf(BusyResourceError);
      expect(yield* thrownBy(b.recvInto(new Uint8Array(1)))).toBeInstanceOf(BusyResourceError);
      expect(yield* thrownBy(listener.accept())).toBeInstanceOf(BusyResourceError);
      yield* b.send(bytes("other way"));
      yield* a.send(bytes("here"));
      using client = socket();
      yield* client.connect(address);
    });
    expect(text(received!)).toBe("here");
  });
  for (const each of [listener, a, b]) each.close();
});
