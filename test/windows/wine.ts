/** Programs for Windows, run in one WINEPREFIX. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { withoutWineNoise } from "../wine-noise.ts";
import type { Place } from "./prepare.ts";
import { hasPrefix, markPrefix } from "./prepare.ts";
import type { Tools } from "./tools.ts";

/** To make a prefix takes ten seconds. */
const BOOT_LIMIT = 240_000;
/** To end all that runs in a prefix takes none. */
const SHUT_DOWN_LIMIT = 20_000;

export interface Outcome {
  /** All that was written, to either stream. */
  readonly output: string;
  readonly exitCode: number | null;
  readonly timedOut: boolean;
}

export class Wine {
  readonly #tools: Tools;
  readonly #place: Place;
  readonly #environment: Record<string, string>;

  constructor(tools: Tools, place: Place) {
    this.#tools = tools;
    this.#place = place;
    // Nothing of the environment at hand changes what is tested.
    this.#environment = {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      WINEPREFIX: place.prefix,
      WINEDEBUG: "-all",
      // No entries in anybody's menus, and no questions about Mono and Gecko.
      WINEDLLOVERRIDES: "winemenubuilder.exe=d;mscoree=d;mshtml=d",
    };
  }

  /** Begins with a prefix in which nothing runs. */
  async start(): Promise<void> {
    if (!hasPrefix(this.#place)) rmSync(this.#place.prefix, { recursive: true, force: true });
    mkdirSync(this.#place.prefix, { recursive: true });
    await this.shutDown();
    // Wine's own way, a server that ends with the last program, fails one that begins at that moment. (If this process
    // cannot end it, it ends by itself, after so many seconds without a program.)
    await this.#wineserver("--persistent=60");
    if (hasPrefix(this.#place)) return;
    console.log(`Making ${this.#place.prefix}`);
    const { output, exitCode, timedOut } = await this.#run(["wineboot", "--init"], this.#place.prefix, BOOT_LIMIT);
    if (exitCode !== 0) {
      throw new Error(`wineboot: ${timedOut ? "hung" : `exit code ${exitCode}`}\n${output}`);
    }
    // The registry is on the disk when its server has ended.
    await this.shutDown();
    markPrefix(this.#place);
    await this.#wineserver("--persistent=60");
  }

  /** Runs bun.exe in the copy of the tree. One that takes longer than `limit` milliseconds is ended, with its children. */
  bun(args: readonly string[], limit: number): Promise<Outcome> {
    return this.#run([this.#place.bun, ...args], this.#place.tree, limit);
  }

  /** Ends everything that runs in the prefix. */
  async shutDown(): Promise<void> {
    await this.#wineserver("--kill");
    await this.#wineserver("--wait");
  }

  async #run(command: readonly string[], cwd: string, limit: number): Promise<Outcome> {
    mkdirSync(this.#place.logs, { recursive: true });
    const log = join(this.#place.logs, "running.log");
    rmSync(log, { force: true });
    // Both streams in the order of the writing; and a file, since a pipe stays open as long as any child left behind.
    const file = openSync(log, "a");
    const child = Bun.spawn([this.#tools.wine, ...command], {
      cwd,
      env: this.#environment,
      stdio: ["ignore", file, file],
    });
    closeSync(file);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      void this.shutDown().then(() => child.kill("SIGKILL"));
    }, limit);
    const exitCode = await child.exited;
    clearTimeout(timer);
    const output = withoutWineNoise(readFileSync(log, "utf8").replaceAll("\r\n", "\n"));
    return { output, exitCode, timedOut };
  }

  async #wineserver(what: string): Promise<void> {
    const child = Bun.spawn([this.#tools.wineserver, what], {
      env: this.#environment,
      stdio: ["ignore", "ignore", "ignore"],
      timeout: SHUT_DOWN_LIMIT,
      killSignal: "SIGKILL",
    });
    await child.exited;
  }
}
