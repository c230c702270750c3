/** A C compiler, for tests that hold a number or a layout against the system's own headers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const compiler: string | null = process.platform === "linux" ? (Bun.which("cc") ?? Bun.which("gcc")) : null;

/** Why a test that needs the compiler cannot run here, for its name; empty when it can. */
export const whyNoCompiler: string = compiler === null ? " (skipped: no C compiler for Linux here)" : "";

/**
 * Compiles a program that prints each of the C expressions, whole numbers all, and gives what it printed.
 *
 * @param headers as they stand between the angle brackets
 */
export async function evaluateInC(headers: readonly string[], expressions: readonly string[]): Promise<number[]> {
  const source = [
    "#define _GNU_SOURCE",
    "#include <stdio.h>",
    "#include <stddef.h>",
    ...headers.map((header) => `#include <${header}>`),
    "int main(void) {",
    ...expressions.map((expression) => `printf("%lld\\n", (long long)(${expression}));`),
    "}",
  ].join("\n");
  const folder = mkdtempSync(join(tmpdir(), "tribun-c-"));
  try {
    const program = join(folder, "program");
    const compiling = Bun.spawnSync([compiler!, "-x", "c", "-o", program, "-"], { stdin: Buffer.from(source) });
    if (compiling.exitCode !== 0) throw new Error(`the C compiler refused:\n${compiling.stderr.toString()}`);
    const running = Bun.spawnSync([program]);
    return running.stdout.toString().trim().split("\n").map(Number);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
