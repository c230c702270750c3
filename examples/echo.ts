/**
 * A TCP echo server on the low level alone: non-blocking calls, and waiting until a descriptor is ready.
 *
 *     bun examples/echo.ts                 1,000 clients in this same program, each sending 64 KiB and checking the echo
 *     bun examples/echo.ts --clients 50    as many as you like
 *     bun examples/echo.ts --serve 7777    stays up for you and `nc 127.0.0.1 7777`, until Ctrl-C
 *
 * Tasks are `async function*`. The two functions that every byte goes through await nothing, so they are plain
 * `function*`, which costs less.
 */
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  KeyboardInterrupt,
  SystemError,
  WouldBlock,
  currentTime,
  failAfter,
  fromPromise,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  sleepForever,
} from "tribun";
import { waitReadable, waitWritable } from "tribun/hazmat";
import {
  SOL_SOCKET,
  SO_EXCLUSIVEADDRUSE,
  SO_REUSEADDR,
  socket,
  type Address,
  type InetAddress,
  type Socket,
} from "tribun/socket";

const PAYLOAD = 64 * 1024;
const CHUNK = 64 * 1024;

// ---- Sending and receiving -------------------------------------------------------------------------------------------

/** What has arrived, at most CHUNK bytes; nothing at the end of the stream. */
function* receive(connection: Socket) {
  for (;;) {
    yield* waitReadable(connection);
    try {
      return connection.tryRecv(CHUNK);
    } catch (error) {
      // A wait may end for nothing: then wait again.
      if (!(error instanceof WouldBlock)) throw error;
    }
  }
}

/** All of `data`. There is room more often than not, so it waits only when there was none. */
function* sendAll(connection: Socket, data: Uint8Array) {
  for (let sent = 0; sent < data.length;) {
    try {
      sent += connection.trySend(data.subarray(sent));
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
      yield* waitWritable(connection);
    }
  }
}

// ---- The server ------------------------------------------------------------------------------------------------------

interface Traffic {
  accepted: number;
  open: number;
  bytes: number;
}

function listen(port: number): Socket {
  const listener = socket();
  try {
    // To serve at this port again at once after the last time, and alone: Windows has another option for the same wish.
    listener.setsockopt(SOL_SOCKET, process.platform === "win32" ? SO_EXCLUSIVEADDRUSE : SO_REUSEADDR, true);
    listener.bind({ host: "127.0.0.1", port });
    listener.listen();
    return listener;
  } catch (error) {
    listener.close();
    throw error;
  }
}

/** Serves until it is cancelled. When it ends, so has the task of every connection, and every connection is closed. */
async function* serve(listener: Socket, traffic: Traffic) {
  yield* openNursery(async function* (connections) {
    for (;;) {
      yield* waitReadable(listener);
      try {
        // All that are waiting, since they may be many; until WouldBlock says that there are no more.
        for (;;) connections.startSoon(echo, listener.tryAccept()[0], traffic);
      } catch (error) {
        if (error instanceof WouldBlock) continue;
        if (!isAny(error, "EMFILE", "ENFILE")) throw error;
        console.log(`${error.message}: no new connections until some are closed`);
        yield* sleep(100);
      }
    }
  });
}

async function* echo(connection: Socket, traffic: Traffic) {
  traffic.accepted++;
  traffic.open++;
  try {
    for (;;) {
      const data = yield* receive(connection);
      if (data.length === 0) return;
      yield* sendAll(connection, data);
      traffic.bytes += data.length;
    }
  } catch (error) {
    // The client went away with bytes still on their way. Its business; anything else is ours.
    if (!isAny(error, "ECONNRESET", "EPIPE")) throw error;
  } finally {
    // However it ended: the client was done, or went away, or this task was cancelled.
    connection.close();
    traffic.open--;
  }
}

function isAny(error: unknown, ...codes: string[]): error is SystemError {
  return error instanceof SystemError && codes.includes(error.code);
}

// ---- The clients -----------------------------------------------------------------------------------------------------

/** Every tenth client pauses after each piece it sends, and its deadline comes before its last piece. */
const SLOW_ONE_IN = 10;
const SLOW_PIECE = 4 * 1024;
const SLOW_PAUSE = 100;
const SLOW_DEADLINE = 1_000;
/** The others are done long before theirs. One that is not ends the program with a TooSlowError. */
const DEADLINE = 60_000;

interface Results {
  verifiedBytes: number;
  /** Of each client that was not cut off, the milliseconds from its first byte sent to its last byte back. */
  latencies: number[];
  /** When the last of those was done, in milliseconds of the run's clock. */
  lastDone: number;
  cutOff: number;
}

/** Real bytes, a different piece for each client: Bun's own binary has some 100 MB of them. */
const file = Bun.file(process.execPath);

async function* client(index: number, server: Address, results: Results) {
  const offset = (index * PAYLOAD) % (file.size - PAYLOAD);
  const payload = yield* fromPromise(file.slice(offset, offset + PAYLOAD).bytes());
  const slow = index % SLOW_ONE_IN === 1;
  const exchange = () => sendAndCheck(server, payload, slow, results);
  const latency = slow ? yield* moveOnAfter(SLOW_DEADLINE, exchange) : yield* failAfter(DEADLINE, exchange);
  if (latency === undefined) {
    results.cutOff++;
  } else {
    results.latencies.push(latency);
    results.lastDone = currentTime();
  }
}

/** Sends and receives at the same time, as it must: if everybody only sent, all buffers would fill up. */
async function* sendAndCheck(server: Address, payload: Uint8Array, slow: boolean, results: Results) {
  using connection = socket();
  yield* connection.connect(server);
  const began = currentTime();
  yield* openNursery(async function* (nursery) {
    nursery.startSoon(slow ? sendSlowly : sendAll, connection, payload);
    for (let at = 0; at < payload.length;) {
      const data = yield* receive(connection);
      if (data.length === 0) throw new Error(`the server hung up after ${at} bytes`);
      if (Buffer.compare(data, payload.subarray(at, at + data.length)) !== 0) {
        throw new Error(`what came back differs from what was sent, after ${at} bytes`);
      }
      at += data.length;
      results.verifiedBytes += data.length;
    }
  });
  return currentTime() - began;
}

async function* sendSlowly(connection: Socket, data: Uint8Array) {
  for (let at = 0; at < data.length; at += SLOW_PIECE) {
    yield* sendAll(connection, data.subarray(at, at + SLOW_PIECE));
    yield* sleep(SLOW_PAUSE);
  }
}

// ---- The two programs ------------------------------------------------------------------------------------------------

async function* demo(count: number) {
  const traffic: Traffic = { accepted: 0, open: 0, bytes: 0 };
  const results: Results = { verifiedBytes: 0, latencies: [], lastDone: 0, cutOff: 0 };
  using listener = listen(0);
  const server = listener.getsockname();
  const began = currentTime();
  yield* openNursery(async function* (background) {
    background.startSoon(serve, listener, traffic);
    background.startSoon(async function* () {
      for (;;) {
        console.log(
          `${seconds(currentTime() - began)}  ${traffic.open} connections open, ${mib(traffic.bytes)} echoed, ` +
            `${results.latencies.length} of ${count} clients done, ${results.cutOff} cut off`,
        );
        yield* sleep(250);
      }
    });
    yield* openNursery(async function* (clients) {
      for (let index = 0; index < count; index++) clients.startSoon(client, index, server, results);
    });
    // Every client has ended. This ends the server and the progress report.
    background.cancelScope.cancel();
  });

  const { latencies, verifiedBytes, cutOff } = results;
  const duration = results.lastDone - began;
  latencies.sort((a, b) => a - b);
  const percentile = (p: number) => milliseconds(latencies[Math.ceil((p / 100) * latencies.length) - 1] ?? 0);
  console.log(`
${traffic.accepted} connections served, ${traffic.open} left open
${verifiedBytes} bytes (${mib(verifiedBytes)}) came back, and were what had been sent
${mib((verifiedBytes / duration) * 1_000)}/s each way, until the last client was done that was not cut off
64 KiB there and back, ${count} clients at once: p50 ${percentile(50)}, p90 ${percentile(90)}, p99 ${percentile(99)}
${latencies.length} clients done, ${cutOff} cut off by their deadline`);
}

async function* stayUp(port: number) {
  const traffic: Traffic = { accepted: 0, open: 0, bytes: 0 };
  using listener = listen(port);
  const address = listener.getsockname() as InetAddress;
  console.log(`echoing: try "nc ${address.host} ${address.port}" in another terminal; Ctrl-C ends this`);
  let open = 0;
  yield* openNursery(async function* (nursery) {
    nursery.startSoon(serve, listener, traffic);
    try {
      yield* sleepForever();
    } catch (error) {
      // Ctrl-C arrives in the main task, which is this one.
      if (!(error instanceof KeyboardInterrupt)) throw error;
      ({ open } = traffic);
      nursery.cancelScope.cancel();
    }
  });
  const closed = open - traffic.open;
  console.log(
    `\nCtrl-C: closed ${closed} of ${open} open connections; ${traffic.accepted} were served, ${traffic.bytes} bytes`,
  );
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
const milliseconds = (ms: number) => `${ms.toFixed(1)} ms`;
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

// ---- The command line ------------------------------------------------------------------------------------------------

const USAGE = "usage: bun examples/echo.ts [--clients N | --serve PORT]";

interface Wish {
  clients: number;
  /** The port to serve at; undefined for the demo. */
  port: number | undefined;
}

function parseWish(): Wish {
  const { clients, serve } = parseArgs({ options: { clients: { type: "string" }, serve: { type: "string" } } }).values;
  if (clients !== undefined && serve !== undefined) throw new Error("--clients and --serve exclude each other");
  return {
    clients: wholeNumber("--clients", clients ?? "1000", 1, 1_000_000),
    port: serve === undefined ? undefined : wholeNumber("--serve", serve, 0, 65_535),
  };
}

function wholeNumber(option: string, value: string, lowest: number, highest: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (number >= lowest && number <= highest) return number;
  throw new Error(`${option} takes a whole number from ${lowest} to ${highest}, not "${value}"`);
}

/**
 * Each client takes two descriptors, its own and the server's. Bun has raised the soft limit to the hard one, which is
 * told where there is /proc. Windows has none to speak of.
 */
function checkDescriptorLimit(clients: number): void {
  const needed = 2 * clients + 100;
  const limits = existsSync("/proc/self/limits") ? readFileSync("/proc/self/limits", "utf8") : "";
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (limit >= needed) return;
  fail(
    1,
    `${clients} clients need ${needed} descriptors, and this process may have ${limit} (ulimit -Hn): ` +
      `raise that limit, or say --clients ${Math.max(1, Math.floor((limit - 100) / 2))}`,
  );
}

function fail(exitCode: number, message: string): never {
  console.error(message);
  process.exit(exitCode);
}

let wish: Wish;
try {
  wish = parseWish();
} catch (error) {
  fail(2, `${(error as Error).message}\n${USAGE}`);
}
const { clients, port } = wish;
if (port === undefined) {
  checkDescriptorLimit(clients);
  await run(() => demo(clients));
} else {
  try {
    await run(() => stayUp(port));
  } catch (error) {
    if (!isAny(error, "EADDRINUSE", "EACCES")) throw error;
    fail(1, `cannot serve at port ${port}: ${error.message}`);
  }
}
