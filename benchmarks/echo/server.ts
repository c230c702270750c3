/**
 * One server under test: `bun benchmarks/echo/server.ts <name>`. It prints its port and serves until its standard input
 * ends, so that none outlives whoever started it.
 */
import { bunListen, nodeNet } from "./bun-servers.ts";
import { floorServer } from "./floor-server.ts";
import { onRun, onRunSync } from "./tribun-servers.ts";

/** By the names that `contestants.ts` asks for them by. */
const servers: Readonly<Record<string, () => void | Promise<void>>> = {
  "plain-runSync": () => onRunSync("plain"),
  "plain-recvInto-runSync": () => onRunSync("plain, recvInto"),
  "plain-run": () => onRun("plain"),
  "async-runSync": () => onRunSync("async"),
  "async-run": () => onRun("async"),
  "Bun.listen": bunListen,
  "node:net": nodeNet,
  floor: floorServer,
};

const [, , name = ""] = process.argv;
const server = servers[name];
if (server === undefined)
  throw new RangeError(`no server is named ${name}; there are: ${Object.keys(servers).join(", ")}`);
await server();
