/**
 * A readiness wake-up: a task waits until a socket is readable, and a byte is written at the other end.
 *
 * First within one run: two tasks wake each other over a socket pair, and what a wake-up takes is a write, the system's
 * wait, and a read. Then by another process, with a pause before each byte: the thread of the waiting task has gone to
 * sleep, and the time is that from before the byte is written until its answer is there.
 *
 * Set against what reads for its user, node:net and process.stdin, since nothing in Bun waits without reading; and against
 * a bare epoll_wait on the same bindings.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket as NetSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNursery, type Coroutine } from "tribun";
import { waitReadable } from "tribun/hazmat";
import { socketpair, type Socket } from "tribun/socket";
import { EPOLLIN, EPOLL_CTL_ADD, EPOLL_EVENT, epollCalls } from "../ffi/epoll.ts";
import { addressOf } from "../ffi/memory.ts";
import { socketCalls } from "../ffi/socket.ts";
import { descriptorCalls } from "../ffi/unistd.ts";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import { pythonCase, pythonLibrary } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { OtherProcess } from "./io/wake-up.ts";
import { inTribun, type Program } from "./kernel/in-tribun.ts";
import { scaled } from "./kernel/turns.ts";

const BYTE = Uint8Array.of(1);

// ---- Within one run --------------------------------------------------------------------------------------------------

const ROUNDS = 16;
const WARM_UP_BATCHES = 64;
const BATCHES = 200;

/** What every case of this part has: batches of rounds of two wake-ups each. */
class Game extends Laps {
  pongs = 0;

  constructor(effort: number) {
    super(2 * ROUNDS, scaled(BATCHES, effort), WARM_UP_BATCHES);
  }

  /** In µs. */
  override samples(): number[] {
    expectCount("bytes that were answered", this.pongs, this.count * ROUNDS);
    return super.samples().map((ns) => ns / 1_000);
  }
}

function* plainPing(game: Game, end: Socket) {
  for (let batch = 0; batch < game.count; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      end.trySend(BYTE);
      yield* waitReadable(end);
      end.tryRecv(1);
    }
  }
  game.mark();
}

function* plainPong(game: Game, end: Socket) {
  for (let round = 0; round < game.count * ROUNDS; round++) {
    yield* waitReadable(end);
    end.tryRecv(1);
    end.trySend(BYTE);
    game.pongs++;
  }
}

async function* asyncPing(game: Game, end: Socket) {
  for (let batch = 0; batch < game.count; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      end.trySend(BYTE);
      yield* waitReadable(end);
      end.tryRecv(1);
    }
  }
  game.mark();
}

async function* asyncPong(game: Game, end: Socket) {
  for (let round = 0; round < game.count * ROUNDS; round++) {
    yield* waitReadable(end);
    end.tryRecv(1);
    end.trySend(BYTE);
    game.pongs++;
  }
}

type Player = (game: Game, end: Socket) => Coroutine<void>;

function played(ping: Player, pong: Player): Program {
  return (effort) =>
    function* () {
      const game = new Game(effort);
      const [here, there] = socketpair();
      using _here = here;
      using _there = there;
      yield* openNursery(function* (nursery) {
        nursery.startSoon(pong, game, there);
        nursery.startSoon(ping, game, here);
      });
      return game.samples();
    };
}

/** Two callbacks, over a UNIX socket. */
async function nodeNet(effort: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "tribun-bench-"));
  const game = new Game(effort);
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = createServer((socket) =>
    socket.on("data", () => {
      game.pongs++;
      socket.write(BYTE);
    }),
  );
  try {
    const path = join(folder, "socket");
    await new Promise<void>((listening) => server.listen(path, listening));
    let rounds = 0;
    const client: NetSocket = connect(path, () => {
      game.mark();
      client.write(BYTE);
    });
    client.on("data", () => {
      if (++rounds % ROUNDS === 0) game.mark();
      if (rounds < game.count * ROUNDS) client.write(BYTE);
      else resolve();
    });
    await promise;
    client.destroy();
    await new Promise((closed) => server.close(closed));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return game.samples();
}

function floor(effort: number): number[] {
  const game = new Game(effort);
  const [epolls, sockets] = [epollCalls(), socketCalls()];
  const [here, there] = socketpair();
  using _here = here;
  using _there = there;
  const epoll = epolls.create();
  const event = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
  const address = addressOf(event.buffer);
  const FD_WORD = EPOLL_EVENT.fields.data.offset / 4;
  for (const { fd } of [here, there]) {
    event[0] = EPOLLIN;
    event[FD_WORD] = fd;
    epolls.control(epoll, EPOLL_CTL_ADD, fd, address);
  }
  const buffer = new Uint8Array(new ArrayBuffer(1));
  const wakeUp = (expected: number): void => {
    epolls.wait(epoll, address, 1, -1);
    expectCount("the descriptor that is readable", event[FD_WORD]!, expected);
    sockets.recv(expected, buffer, 1);
  };
  for (let batch = 0; batch < game.count; batch++) {
    game.mark();
    for (let round = 0; round < ROUNDS; round++) {
      sockets.send(here.fd, BYTE);
      wakeUp(there.fd);
      game.pongs++;
      sockets.send(there.fd, BYTE);
      wakeUp(here.fd);
    }
  }
  game.mark();
  descriptorCalls().close(epoll);
  return game.samples();
}

const FLOOR = "floor: epoll_wait";

function withinOneRun(): Case[] {
  const at = { group: "by a task of the same run" };
  const rival = "node:net";
  const inPython = (name: string, library: "trio" | "asyncio"): Case => {
    const case_ = pythonCase({ ...at, name, rival }, "readiness.py", library, (effort) => [
      library,
      ROUNDS,
      WARM_UP_BATCHES,
      scaled(BATCHES, effort),
    ]);
    return { ...case_, samples: async (effort) => (await case_.samples(effort)).map((ns) => ns / 1_000) };
  };
  return [
    { ...at, name: rival, samples: nodeNet },
    ...inTribun({ ...at, rival }, { plain: played(plainPing, plainPong), asynchronous: played(asyncPing, asyncPong) }),
    { ...at, name: FLOOR, samples: floor },
    inPython("Trio", "trio"),
    inPython("asyncio", "asyncio"),
  ];
}

// ---- By another process ----------------------------------------------------------------------------------------------

const WAKE_UPS = 100;

/** The commands of all of them, and the processes, which are started together. */
const commands: (readonly string[])[] = [];
let processes: readonly OtherProcess[] = [];

function asleep(): Case[] {
  const at = { group: "by another process, the thread asleep" };
  const rival = "process.stdin";
  const measured = (name: string, command: readonly string[]): Case => {
    const index = commands.push(command) - 1;
    const samples = (effort: number): number[] => {
      if (processes.length === 0) processes = commands.map((each) => new OtherProcess(each));
      return processes[index]!.wakeUps(scaled(WAKE_UPS, effort));
    };
    return { ...at, name, rival: name === rival ? undefined : rival, samples };
  };
  const inBun = (name: string, sleeper: string): Case =>
    measured(name, [process.execPath, join(import.meta.dirname, "io", "sleeper.ts"), sleeper]);
  const inPython = (name: string, library: "trio" | "asyncio"): Case => {
    const found = pythonLibrary(library);
    if (found !== undefined) {
      return measured(name, [found.interpreter, join(import.meta.dirname, "peers", "readiness.py"), library]);
    }
    // It says itself what is missing.
    return pythonCase({ ...at, name }, "readiness.py", library, () => []);
  };
  return [
    inBun(rival, "process.stdin"),
    inBun("function*, runSync", "plain-runSync"),
    inBun("function*, run", "plain-run"),
    inBun("async function*, runSync", "async-runSync"),
    inBun("async function*, run", "async-run"),
    inBun(FLOOR, "floor"),
    inPython("Trio", "trio"),
    inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "readiness",
  title: "a wake-up by a descriptor",
  unit: "µs",
  processes: "shared",
  floor: FLOOR,
  chart: "distribution",
  cases: [...withinOneRun(), ...asleep()],
});
const exitCodes = await Promise.all(processes.map((other) => other.end()));
expectCount("processes that failed", exitCodes.filter((code) => code !== 0).length, 0);
