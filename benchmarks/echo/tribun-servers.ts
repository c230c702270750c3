/** tribun's servers: what a user would write on `tribun/socket`, with a task for each connection. */
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { waitReadable } from "tribun/hazmat";
import { IPPROTO_TCP, TCP_NODELAY, socket, type InetAddress, type Socket } from "tribun/socket";

const CHUNK = 65_536;

type Kind = keyof typeof mains;

export function onRunSync(kind: Kind): void {
  using listener = listen();
  runSync(() => mains[kind](listener));
}

export async function onRun(kind: Kind): Promise<void> {
  using listener = listen();
  await run(() => mains[kind](listener));
}

function listen(): Socket {
  const listener = socket();
  listener.bind({ host: "127.0.0.1", port: 0 });
  listener.listen();
  console.log((listener.getsockname() as InetAddress).port);
  return listener;
}

const mains = {
  plain: (listener: Socket): Coroutine<void> => plainServer(listener, plainEcho),
  "plain, recvInto": (listener: Socket): Coroutine<void> => plainServer(listener, plainEchoInto),
  async: (listener: Socket): Coroutine<void> => asyncServer(listener),
};

function* plainServer(listener: Socket, echo: (connection: Socket) => Coroutine<void>) {
  yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      yield* openNursery(function* (connections) {
        for (;;) connections.startSoon(echo, (yield* listener.accept())[0]);
      });
    });
    yield* waitReadable(process.stdin);
    nursery.cancelScope.cancel();
  });
}

function* plainEcho(connection: Socket) {
  using _ = connection;
  connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
  for (;;) {
    const data = yield* connection.recv(CHUNK);
    if (data.length === 0) return;
    let sent = yield* connection.send(data);
    while (sent < data.length) sent += yield* connection.send(data.subarray(sent));
  }
}

/** With memory of its own, in which each message takes the place of the one before it. */
function* plainEchoInto(connection: Socket) {
  using _ = connection;
  connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const count = yield* connection.recvInto(buffer);
    if (count === 0) return;
    for (let sent = 0; sent < count;) sent += yield* connection.send(buffer.subarray(sent, count));
  }
}

async function* asyncServer(listener: Socket) {
  yield* openNursery(async function* (nursery) {
    nursery.startSoon(async function* () {
      yield* openNursery(async function* (connections) {
        for (;;) connections.startSoon(asyncEcho, (yield* listener.accept())[0]);
      });
    });
    yield* waitReadable(process.stdin);
    nursery.cancelScope.cancel();
  });
}

async function* asyncEcho(connection: Socket) {
  using _ = connection;
  connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
  for (;;) {
    const data = yield* connection.recv(CHUNK);
    if (data.length === 0) return;
    let sent = yield* connection.send(data);
    while (sent < data.length) sent += yield* connection.send(data.subarray(sent));
  }
}
