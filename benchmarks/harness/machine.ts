/** Where the figures come from. */
import { existsSync, readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { goVersion, pythonLibrary } from "./peers.ts";

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** GiB */
  readonly memory: number;
  readonly system: string;
  readonly kernel: string;
  readonly bun: string;
  /** name to version; a peer that is not installed is not there */
  readonly peers: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  const peers: Record<string, string> = {};
  for (const name of ["effection", "effect"]) {
    const manifest = join(import.meta.dirname, "..", "node_modules", name, "package.json");
    if (existsSync(manifest)) peers[name] = (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
  }
  const [trio, asyncio, go] = [pythonLibrary("trio")?.version, pythonLibrary("asyncio")?.version, goVersion()];
  if (trio !== undefined) peers["Trio"] = trio;
  if (asyncio !== undefined) peers["Python"] = asyncio;
  if (go !== undefined) peers["Go"] = go;
  const release_ = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? process.arch,
    cores: cpus().length,
    memory: Math.round(totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(release_)?.[1] ?? type(),
    kernel: `${type()} ${release()}`,
    bun: Bun.version,
    peers,
  };
}

export function sayMachine({ date, cpu, cores, memory, system, kernel, bun, peers }: Machine): string {
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const beside = versions.length === 0 ? "" : `; ${versions.join(", ")}`;
  return `${date}: ${cpu}, ${cores} cores, ${memory} GiB; ${system}, ${kernel}; Bun ${bun}${beside}`;
}
