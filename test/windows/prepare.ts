/**
 * The folder, outside the tree, in which Windows' Bun runs under Wine. It is kept from run to run:
 *
 *     bun-1.4.5-…/        by Bun's version and the source of the library beside it
 *       bun/              bun.exe of the npm package for Windows, and bcryptprimitives.dll
 *       prefix-1/         a WINEPREFIX, with a copy of the tree in its drive C:, and likewise
 *       prefix-2/ …       for each run that goes on at the same time
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json";
import { tryLock } from "./lock.ts";
import type { Tools } from "./tools.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

const PACKAGE = "@oven/bun-windows-x64";
const LIBRARY_SOURCE = join(import.meta.dirname, "bcryptprimitives.c");
/** Packages that the tests import; the others are programs for the system that they were installed on. */
const IMPORTED = ["fast-check", "mitata"];

/** A prefix of one's own, until it is disposed of. */
export interface Place extends Disposable {
  /** Where bun.exe is, as Linux calls it. */
  readonly bun: string;
  /** WINEPREFIX. */
  readonly prefix: string;
  /** The copy of the tree, as Linux calls it. */
  readonly tree: string;
  /** What the tests print is kept here. */
  readonly logs: string;
}

/** @throws {Error} when a step fails; it says which, and what was printed. */
export function prepare(tools: Tools): Place {
  const folder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tribun", folderName());
  mkdirSync(folder, { recursive: true });
  const bun = join(folder, "bun");
  // It is moved to its place when it is complete: what stands there can be used.
  if (!existsSync(bun)) {
    console.log(`Preparing ${folder}`);
    const scratch = mkdtempSync(join(folder, "unfinished-"));
    try {
      fetchBun(tools, scratch);
      buildLibrary(tools, join(scratch, "package", "bin"));
      moveUnlessThere(join(scratch, "package", "bin"), bun);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  for (let number = 1; ; number++) {
    const prefix = join(folder, `prefix-${number}`);
    const lock = tryLock(`${prefix}.lock`);
    if (lock === null) continue;
    const tree = join(prefix, "drive_c", "tribun");
    const logs = join(folder, `logs-${number}`);
    return { bun: join(bun, "bun.exe"), prefix, tree, logs, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  }
}

function folderName(): string {
  const source = new Bun.CryptoHasher("sha256").update(readFileSync(LIBRARY_SOURCE)).digest("hex");
  return `bun-${manifest.devDependencies.bun}-${source.slice(0, 8)}`;
}

/** npm installs packages for this platform alone, and packs any. */
function fetchBun(tools: Tools, into: string): void {
  const name = `${PACKAGE}@${manifest.devDependencies.bun}`;
  console.log(`npm pack ${name}`);
  must([tools.npm, "pack", "--silent", "--pack-destination", into, name]);
  const archive = readdirSync(into).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm pack ${name} made no archive`);
  must([tools.tar, "-xzf", join(into, archive), "-C", into]);
}

function buildLibrary(tools: Tools, into: string): void {
  const library = join(into, "bcryptprimitives.dll");
  must([tools.mingw, "-O2", "-Wall", "-Werror", "-shared", "-o", library, LIBRARY_SOURCE, "-ladvapi32"]);
}

/** Two that prepare at once both come here; the second finds it done. */
function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

/**
 * Makes the copy what the tree is: the files that git knows or would take, changed or not, and the packages that tests
 * import. A copy, so that nothing that runs under Wine can touch the tree.
 */
export function copyTree(tools: Tools, place: Place): void {
  rmSync(place.tree, { recursive: true, force: true });
  const listed = must([tools.git, "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  for (const file of new Set(listed.split("\0"))) {
    // One that was deleted and not yet committed is still listed.
    if (file === "" || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(place.tree, file)), { recursive: true });
    cpSync(join(root, file), join(place.tree, file));
  }
  for (const name of withDependencies(IMPORTED)) {
    cpSync(join(root, "node_modules", name), join(place.tree, "node_modules", name), { recursive: true });
  }
}

function withDependencies(names: readonly string[]): Set<string> {
  const all = new Set(names);
  for (const name of all) {
    const path = join(root, "node_modules", name, "package.json");
    if (!existsSync(path)) throw new Error(`${name} is not installed: run npm install`);
    const { dependencies = {} } = JSON.parse(readFileSync(path, "utf8")) as { dependencies?: Record<string, string> };
    for (const dependency of Object.keys(dependencies)) all.add(dependency);
  }
  return all;
}

/** Whether the prefix was made to its end. */
export function hasPrefix(place: Place): boolean {
  return existsSync(join(place.prefix, "complete"));
}

export function markPrefix(place: Place): void {
  writeFileSync(join(place.prefix, "complete"), "");
}

function must(command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: root, stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: exit code ${exitCode}\n${stdout}${stderr}`);
  return stdout.toString();
}
