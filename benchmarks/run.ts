/**
 * `npm run bench` runs every scenario of this folder, `npm run bench -- park-unpark` the named ones; `--quick` in less
 * than two minutes, `--report` to write the report from it. Each is a program of its own and gets a fresh process, so
 * that none inherits the heap and the compiled code of another.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "./harness/machine.ts";
import { writeReport } from "./harness/report.ts";
import type { Results, ScenarioResult } from "./harness/results.ts";

const folder = import.meta.dirname;
const known = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== basename(import.meta.path))
  .map((file) => basename(file, ".ts"))
  .sort();

/** Milliseconds after which a scenario hangs, and is ended. */
const LIMIT = { quick: 60_000, full: 300_000 };

interface Arguments {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly report: boolean;
  readonly from: string | undefined;
}

/** @throws TypeError or RangeError on what it does not know */
function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      from: { type: "string" },
    },
  });
  const { quick, report, from } = values;
  const names = positionals.map((argument) => basename(argument, ".ts"));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new RangeError(`no benchmark is named ${unknown.join(", ")}; there are: ${known.join(", ")}`);
  }
  if (report && names.length > 0) throw new RangeError("--report is about all benchmarks: leave the names out");
  if (from !== undefined && (!report || quick))
    throw new RangeError("--from measures nothing: it goes with --report alone");
  return { names: names.length > 0 ? names : known, quick, report, from };
}

function readOrExit(): Arguments {
  try {
    return readArguments();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

/** The peers, where they are not there yet. Without them (no network) their rows say that they are missing. */
function installPeers(): void {
  const { exitCode, stderr, exitedDueToTimeout } = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile"], {
    cwd: folder,
    stdin: "ignore",
    timeout: 60_000,
  });
  if (exitCode === 0) return;
  const why = exitedDueToTimeout ? "it took more than a minute" : `${stderr}`;
  console.error(`the peers could not be installed, so their rows may be empty:\n${why}`);
}

/** What a `--report` kept. */
async function resultsOrExit(file: string): Promise<Results> {
  try {
    const results = (await Bun.file(file).json()) as Partial<Results>;
    if (results.machine === undefined || results.scenarios === undefined) throw new Error("no --report has written it");
    return results as Results;
  } catch (error) {
    console.error(`--from ${file}: ${(error as Error).message}`);
    process.exit(2);
  }
}

/** The scenario that runs. */
let running: Bun.Subprocess | undefined;

/** @returns its results, or undefined if it failed, which it has then said itself */
async function measured(name: string, quick: boolean, scratch: string): Promise<ScenarioResult | undefined> {
  const json = join(scratch, `${name}.json`);
  const limit = quick ? LIMIT.quick : LIMIT.full;
  const began = performance.now();
  running = Bun.spawn([process.execPath, join(folder, `${name}.ts`), "--json", json, ...(quick ? ["--quick"] : [])], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: limit,
    killSignal: "SIGKILL",
  });
  await running.exited;
  const { exitCode, signalCode } = running;
  const seconds = (performance.now() - began) / 1_000;
  console.log(`${name}: ${seconds.toFixed(1)} s`);
  if (exitCode === 0) return (await Bun.file(json).json()) as ScenarioResult;
  const late = signalCode === "SIGKILL" && seconds * 1_000 >= limit ? `, after the ${limit / 1_000} s it may take` : "";
  console.error(`${name} ended with ${signalCode === null ? `exit code ${exitCode}` : `${signalCode}${late}`}`);
  return undefined;
}

const { names, quick, report, from } = readOrExit();
if (from !== undefined) {
  await writeReport(await resultsOrExit(from));
  process.exit(0);
}

installPeers();
const scratch = mkdtempSync(join(tmpdir(), "tribun-bench-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const onSignal = (_: NodeJS.Signals, number: number): void => {
  running?.kill();
  process.exit(128 + number);
};
process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);
const scenarios: ScenarioResult[] = [];
const failed: string[] = [];
for (const name of names) {
  console.log(`\n# ${name}\n`);
  const result = await measured(name, quick, scratch);
  if (result === undefined) failed.push(name);
  else scenarios.push(result);
}
if (failed.length > 0) {
  // A report with a hole in it would pass for one of everything.
  console.error(`\nfailed: ${failed.join(", ")}${report ? "; no report is written" : ""}`);
  process.exit(1);
}
if (report) await writeReport({ machine: describeMachine(), scenarios });
