/** A program that uses the library may be bundled, minified, and compiled to one binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BACKENDS } from "../backends.ts";
import { pressCtrlC } from "../ctrl-c.ts";
import { removeFolder } from "../folders.ts";
import { whyNot } from "../platform.ts";
import { programPath, runCommand } from "./children.ts";

const noCompiling = whyNot("compiling");

const SAID = [
  ...BACKENDS.flatMap((io) =>
    ["echoed", "slept", "called"].flatMap((word) => [`run ${io}: ${word}`, `runSync ${io}: ${word}`]),
  ),
  "run: undefined",
  "ready",
  "run: KeyboardInterrupt",
  "ready",
  "runSync: KeyboardInterrupt",
];

describe("a program runs", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "tribun-bundled-"))));
  afterAll(() => removeFolder(folder));

  async function expectToRun(command: string[]): Promise<void> {
    const ended = await runCommand([...command, ...BACKENDS], (line, child) => {
      if (line === "ready") void pressCtrlC(child);
    });
    expect(ended).toEqual({ said: SAID, end: 0 });
  }

  const build = [process.execPath, "build", "--target=bun", programPath("everything")];

  function bundle(name: string, ...options: string[]): string {
    const { exitCode, stdout } = Bun.spawnSync([...build, ...options]);
    expect(exitCode).toBe(0);
    const path = join(folder, name);
    writeFileSync(path, stdout);
    return path;
  }

  async function compile(name: string, ...options: string[]): Promise<string> {
    const path = join(folder, name);
    expect((await runCommand([...build, "--compile", ...options, `--outfile=${path}`])).end).toBe(0);
    return path;
  }

  test("from its sources", () => expectToRun([process.execPath, programPath("everything")]), 60_000);

  test("bundled", () => expectToRun([process.execPath, bundle("bundle.js")]), 60_000);

  test("bundled and minified", () => expectToRun([process.execPath, bundle("minified.js", "--minify")]), 60_000);

  test.skipIf(noCompiling !== "")(
    `compiled to a binary${noCompiling}`,
    async () => expectToRun([await compile("binary")]),
    60_000,
  );

  test.skipIf(noCompiling !== "")(
    `compiled to a binary, minified, with bytecode${noCompiling}`,
    async () => expectToRun([await compile("bytecode", "--minify", "--bytecode", "--format=esm")]),
    60_000,
  );
});
