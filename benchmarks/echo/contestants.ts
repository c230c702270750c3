/** The echo servers that are set against each other: each in a process of its own, all driven by the same client. */
import { join } from "node:path";
import { expectCount } from "../harness/expect.ts";
import { pythonLibrary } from "../harness/peers.ts";
import type { Case } from "../harness/scenario.ts";
import { tooManyDescriptors } from "../io/descriptor-limit.ts";
import { EchoClient, type Exchange, type Load } from "./client.ts";

/** The names of the cases that the others are set against. */
export const RIVAL = "Bun.listen";
export const FLOOR = "floor: epoll";

const isQuick = process.argv.includes("--quick");

/** Milliseconds for which a server is driven at a time; what is under way then is brought to its end. */
const STRETCH = isQuick ? 10 : 25;
/** Milliseconds for which a server is driven before it is first measured, with messages of each size. */
const WARM_UP = isQuick ? 20 : 700;
const WARM_UP_CONNECTIONS = 16;

/** Milliseconds that the client sleeps between rounds, where it does. */
const PAUSE = 0.3;

interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly missing?: string;
}

const contestants: readonly Contestant[] = [
  { name: RIVAL, command: inBun("Bun.listen") },
  { name: "node:net", command: inBun("node:net") },
  { name: "function*, runSync", command: inBun("plain-runSync") },
  { name: "function*, runSync, recvInto", command: inBun("plain-recvInto-runSync") },
  { name: "function*, run", command: inBun("plain-run") },
  { name: "async function*, runSync", command: inBun("async-runSync") },
  { name: "async function*, run", command: inBun("async-run") },
  { name: FLOOR, command: inBun("floor") },
  inPython("Trio", "trio", "python3 has no trio: apt-get install python3-trio"),
  inPython("asyncio", "asyncio", "there is no python3"),
];

function inBun(server: string): string[] {
  return [process.execPath, join(import.meta.dirname, "server.ts"), server];
}

function inPython(name: string, library: string, missing: string): Contestant {
  const found = pythonLibrary(library);
  if (found === undefined) return { name, command: [], missing };
  return { name, command: [found.interpreter, join(import.meta.dirname, "..", "peers", "echo.py"), library] };
}

/** Those that `--quick` has time for come first. */
export const backToBack: readonly Load[] = inQuick(2, [
  { connections: 1, size: 64, pause: 0 },
  { connections: 64, size: 64, pause: 0 },
  { connections: 1_000, size: 64, pause: 0 },
  { connections: 1, size: 65_536, pause: 0 },
  { connections: 64, size: 65_536, pause: 0 },
  { connections: 1_000, size: 65_536, pause: 0 },
]);

export const withPauses: readonly Load[] = inQuick(
  1,
  backToBack.map(({ connections, size }) => ({ connections, size, pause: PAUSE })),
);

function inQuick(count: number, loads: readonly Load[]): readonly Load[] {
  return isQuick ? loads.slice(0, count) : loads;
}

function nameOf({ connections, size, pause }: Load): string {
  const [count, plural] = [connections.toLocaleString("en"), connections === 1 ? "" : "s"];
  const bytes = size < 1_024 ? `${size} B` : `${size / 1_024} KiB`;
  return `${count} connection${plural}, ${bytes}, ${pause === 0 ? "back to back" : `pauses of ${pause} ms`}`;
}

/** A server that runs, and its client. */
class Server {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #client: Promise<EchoClient>;

  constructor(command: readonly string[], sizes: ReadonlySet<number>) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#client = this.#connect(sizes);
  }

  async #connect(sizes: ReadonlySet<number>): Promise<EchoClient> {
    const { value } = await this.#child.stdout.getReader().read();
    const client = new EchoClient(Number(new TextDecoder().decode(value)));
    for (const size of sizes) client.exchange({ connections: WARM_UP_CONNECTIONS, size, pause: 0 }, WARM_UP);
    return client;
  }

  async exchange(load: Load, ms: number): Promise<Exchange> {
    return (await this.#client).exchange(load, ms);
  }

  /** @returns the server's exit code */
  async end(): Promise<number> {
    (await this.#client).close();
    await this.#child.stdin.end();
    return this.#child.exited;
  }
}

/** The servers of a scenario, started when the first of them is needed. */
export class EchoServers {
  readonly cases: readonly Case[];
  readonly #loads: readonly Load[];
  #servers: Map<Contestant, Server> | undefined;

  /** @param samplesOf what is measured of an exchange, in the scenario's unit */
  constructor(loads: readonly Load[], samplesOf: (exchange: Exchange) => readonly number[]) {
    this.#loads = loads;
    this.cases = loads.flatMap((load) =>
      contestants.map((contestant) => {
        const { name } = contestant;
        // Connections stay open, so the client has those of all servers.
        const missing = contestant.missing ?? tooManyDescriptors(load.connections * contestants.length);
        const samples = async (): Promise<readonly number[]> =>
          samplesOf(await this.#serverOf(contestant).exchange(load, STRETCH));
        return { name, group: nameOf(load), missing, samples };
      }),
    );
  }

  #serverOf(contestant: Contestant): Server {
    if (this.#servers === undefined) {
      const sizes = new Set(this.#loads.map(({ size }) => size));
      const present = contestants.filter(({ missing }) => missing === undefined);
      this.#servers = new Map(present.map((each) => [each, new Server(each.command, sizes)]));
    }
    return this.#servers.get(contestant)!;
  }

  async end(): Promise<void> {
    const exitCodes = await Promise.all([...(this.#servers?.values() ?? [])].map((server) => server.end()));
    expectCount("servers that failed", exitCodes.filter((code) => code !== 0).length, 0);
  }
}
