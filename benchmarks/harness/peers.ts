/**
 * What tribun is set against. A peer that is not there is a row that says so and what would help, and no crash.
 *
 * The packages live in this folder's parent's own `package.json`, which `benchmarks/run.ts` installs: they are imported
 * here, by name, only when a scenario asks for them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Effection, EffectModule } from "./peer-types.ts";
import type { Case } from "./scenario.ts";

/** A package, or why there is none. */
export type Peer<T> =
  { readonly module: T; readonly missing?: undefined } | { readonly module?: undefined; readonly missing: string };

/** What a case has besides its work. */
export type Described = Omit<Case, "samples" | "missing" | "elsewhere">;

export function effection(): Promise<Peer<Effection>> {
  return load<Effection>("effection");
}

export function effect(): Promise<Peer<EffectModule>> {
  return load<EffectModule>("effect");
}

async function load<T>(name: string): Promise<Peer<T>> {
  try {
    return { module: (await import(name)) as T };
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return { missing: `the package ${name} is not installed: npm run bench installs it` };
  }
}

/** A case that uses a package, if it is there: `peerCase(await effection(), { name: "effection" }, ({ run }) => ...)`. */
export function peerCase<T>(
  peer: Peer<T>,
  described: Described,
  samples: (module: T, effort: number) => readonly number[] | Promise<readonly number[]>,
): Case {
  const { module, missing } = peer;
  if (module === undefined) return { ...described, missing, samples: () => [] };
  return { ...described, samples: (effort) => samples(module, effort) };
}

const peersFolder = join(import.meta.dirname, "..", "peers");

/** Debian's packages belong to Debian's own Python, which need not be the first that is found. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** A Python library that is installed, and for which interpreter. */
interface PythonLibrary {
  readonly interpreter: string;
  readonly version: string;
}

const libraries = new Map<string, PythonLibrary | undefined>();

/** @param name "trio", or "asyncio", which comes with Python and has its version */
export function pythonLibrary(name: string): PythonLibrary | undefined {
  if (!libraries.has(name)) libraries.set(name, findLibrary(name));
  return libraries.get(name);
}

function findLibrary(name: string): PythonLibrary | undefined {
  // What is found first may be a script that looks for the interpreter, each time (pyenv's): it says itself where it is.
  const program = `import sys, importlib.metadata
standard = sys.argv[1] in sys.stdlib_module_names
print(sys.executable, sys.version.split()[0] if standard else importlib.metadata.version(sys.argv[1]), sep="\\n")`;
  // asyncio on the interpreter that Trio is on, so that the two can be compared.
  const candidates = name === "trio" ? PYTHONS : [pythonLibrary("trio")?.interpreter, ...PYTHONS];
  for (const candidate of candidates) {
    const found = candidate === undefined ? null : Bun.which(candidate);
    if (found === null) continue;
    const { exitCode, stdout } = Bun.spawnSync([found, "-c", program, name], { stdin: "ignore", stderr: "ignore" });
    if (exitCode !== 0) continue;
    const [interpreter, version] = stdout.toString().trim().split("\n");
    return { interpreter: interpreter!, version: version! };
  }
  return undefined;
}

/**
 * A case that a Python program of `benchmarks/peers` does: it prints its samples as a JSON array, and fails if its work
 * was not done.
 *
 * @param library what has to be there for it
 * @param args the command line, from the effort
 */
export function pythonCase(
  described: Described,
  script: string,
  library: "trio" | "asyncio",
  args: (effort: number) => readonly (string | number)[],
): Case {
  const found = pythonLibrary(library);
  if (found === undefined) {
    const missing = library === "trio" ? "python3 has no trio: apt-get install python3-trio" : "there is no python3";
    return { ...described, missing, samples: () => [] };
  }
  const samples = (effort: number): Promise<number[]> =>
    samplesOf([found.interpreter, join(peersFolder, script), ...args(effort).map(String)]);
  return { ...described, elsewhere: true, samples };
}

/** The version of `go`, or undefined where there is none. */
export function goVersion(): string | undefined {
  const go = Bun.which("go");
  if (go === null) return undefined;
  return Bun.spawnSync([go, "env", "GOVERSION"], { stdin: "ignore" }).stdout.toString().trim().replace(/^go/, "");
}

/** A case that a Go program of `benchmarks/peers` does: as `pythonCase`. It is compiled when it is first needed. */
export function goCase(
  described: Described,
  script: string,
  args: (effort: number) => readonly (string | number)[],
): Case {
  const go = Bun.which("go");
  if (go === null) return { ...described, missing: "there is no go: apt-get install golang-go", samples: () => [] };
  let program: string | undefined;
  const samples = (effort: number): Promise<number[]> => {
    program ??= compiled(go, script);
    return samplesOf([program, ...args(effort).map(String)]);
  };
  return { ...described, elsewhere: true, samples };
}

function compiled(go: string, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tribun-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "program");
  const { exitCode, stderr } = Bun.spawnSync([go, "build", "-o", program, join(peersFolder, script)], {
    stdin: "ignore",
  });
  if (exitCode !== 0) throw new Error(`go build ${script}: ${stderr}`);
  return program;
}

async function samplesOf(command: string[]): Promise<number[]> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with exit code ${exitCode}`);
  return JSON.parse(output) as number[];
}
