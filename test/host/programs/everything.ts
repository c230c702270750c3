/**
 * Some of everything that the library does by means that a bundler might break: a helper thread, foreign calls, a signal
 * handler, sockets, a Worker; the descriptors on each backend that the arguments name. Says a line for each. The parent
 * presses Ctrl-C when it says "ready".
 */
import {
  connectCallSoon,
  currentCallSoonThreadAndSignalSafe,
  type WorkerHandle,
  waitReadable,
} from "../../../src/hazmat.ts";
import {
  KeyboardInterrupt,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../../src/index.ts";
import type { IoBackend } from "../../../src/io/choose.ts";
import { type Socket, socket } from "../../../src/socket.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function* echoed(): Generator<any, string | undefined, any> {
  using listener: Socket = socket();
  listener.bind({ host: "127.0.0.1", port: 0 });
  listener.listen();
  return yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      const [connection] = yield* listener.accept();
      using _closing = connection;
      yield* connection.send(yield* connection.recv(100));
    });
    using client = socket();
    yield* client.connect(listener.getsockname());
    yield* client.send(new TextEncoder().encode("echoed"));
    return new TextDecoder().decode(yield* client.recv(100));
  });
}

/** A wait that Bun's loop or a helper thread does in `run`: ready only some time after everything has gone to sleep. */
function* slept(): Generator<any, string | undefined, any> {
  using listener = socket();
  listener.bind({ host: "127.0.0.1", port: 0 });
  listener.listen();
  using client = socket();
  return yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      yield* sleep(30);
      yield* client.connect(listener.getsockname());
    });
    yield* waitReadable(listener.fd);
    return "slept";
  });
}

function* called(): Generator<any, string, any> {
  const said = Promise.withResolvers<string>();
  const handle = currentCallSoonThreadAndSignalSafe().forThread((word: string) => said.resolve(word));
  connectCallSoon(handle as WorkerHandle)("called");
  return yield* fromPromise(said.promise);
}

for (const io of process.argv.slice(2) as IoBackend[]) {
  for (const body of [echoed, slept, called]) {
    say(`run ${io}: ${await run(body, { io })}`);
    say(`runSync ${io}: ${runSync(body, { io })}`);
  }
}
say(`run: ${await run(() => moveOnAfter(5, sleepForever))}`);
for (const host of ["run", "runSync"]) {
  const main = function* (): Generator<any, void, any> {
    say("ready");
    yield* sleep(1e6);
  };
  try {
    if (host === "run") await run(main);
    else runSync(main);
  } catch (error) {
    say(`${host}: ${error instanceof KeyboardInterrupt ? "KeyboardInterrupt" : String(error)}`);
  }
}
