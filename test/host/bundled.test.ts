/** A program that uses the library may be bundled, minified, and compiled to one binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programPath, runCommand } from "./children.ts";
import { NOT_LINUX } from "../not-linux.ts";

const SAID = [
  ...["epoll", "poll"].flatMap((io) =>
    ["echoed", "slept", "called"].flatMap((word) => [`run ${io}: ${word}`, `runSync ${io}: ${word}`]),
  ),
  "run: undefined",
  "ready",
  "run: KeyboardInterrupt",
  "ready",
  "runSync: KeyboardInterrupt",
];

describe.skipIf(NOT_LINUX)("a program runs", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "tribun-bundled-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function expectToRun(command: string[]): Promise<void> {
    const ended = await runCommand(command, (line, child) => {
      if (line === "ready") child.kill("SIGINT");
    });
    expect(ended).toEqual({ said: SAID, end: 0 });
  }

  async function build(name: string, ...options: string[]): Promise<string> {
    const outfile = join(folder, name);
    const command = [process.execPath, "build", "--target=bun", ...options, `--outfile=${outfile}`];
    expect((await runCommand([...command, programPath("everything")])).end).toBe(0);
    return outfile;
  }

  test("from its sources", () => expectToRun([process.execPath, programPath("everything")]), 60_000);

  test("bundled", async () => expectToRun([process.execPath, await build("bundle.js")]), 60_000);

  test("bundled and minified", async () => {
    await expectToRun([process.execPath, await build("minified.js", "--minify")]);
  }, 60_000);

  test("compiled to a binary", async () => expectToRun([await build("binary", "--compile")]), 60_000);

  test("compiled to a binary, minified, with bytecode", async () => {
    await expectToRun([await build("bytecode", "--compile", "--minify", "--bytecode", "--format=esm")]);
  }, 60_000);
});
