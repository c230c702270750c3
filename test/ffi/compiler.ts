/** C compilers, for tests that hold a number or a layout against a system's own headers. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A compiler for a system. Nothing that it compiles is run, so the system need not be this one. */
export interface Compiler {
  /** Why a test that needs it cannot run here, for the test's name; empty when it can. */
  readonly whyMissing: string;
  /**
   * The values of C expressions, whole numbers all that are constant to the compiler.
   *
   * @param headers as they stand between the angle brackets
   * @param declarations C that stands between the headers and the expressions
   */
  evaluate(headers: readonly string[], expressions: readonly string[], declarations?: string): number[];
}

/** Linux's headers: where the tests run on Linux. */
export const linuxC: Compiler = compiler(
  process.platform === "linux" ? (Bun.which("cc") ?? Bun.which("gcc")) : null,
  "no C compiler for Linux here",
);

/** Windows' headers, as mingw-w64 has them, on whatever system that compiler is installed. */
export const windowsC: Compiler = compiler(
  Bun.which("x86_64-w64-mingw32-gcc"),
  "no C compiler for Windows here: x86_64-w64-mingw32-gcc, of Debian's gcc-mingw-w64-x86-64",
);

/** Declarations that make names -1 which the headers do not define. */
export function definedOrMinusOne(names: readonly string[]): string {
  return names.map((name) => `#ifndef ${name}\n#define ${name} (-1)\n#endif`).join("\n");
}

function compiler(path: string | null, reason: string): Compiler {
  return {
    whyMissing: path === null ? ` (skipped: ${reason})` : "",
    evaluate: (headers, expressions, declarations = "") => evaluate(path!, headers, expressions, declarations),
  };
}

/** Stands before the values in the object file. */
const MARK = "values start here:";

function evaluate(path: string, headers: readonly string[], expressions: readonly string[], declarations: string) {
  const source = [
    "#define _GNU_SOURCE",
    "#include <stddef.h>",
    ...headers.map((header) => `#include <${header}>`),
    declarations,
    "#pragma pack(push, 1)",
    `const struct { char mark[${MARK.length}]; long long values[${expressions.length}]; } found = {`,
    `"${MARK}", {`,
    ...expressions.map((expression) => `(long long)(${expression}),`),
    "} };",
    "#pragma pack(pop)",
  ].join("\n");
  const folder = mkdtempSync(join(tmpdir(), "tribun-c-"));
  try {
    const object = join(folder, "values.o");
    const compiling = Bun.spawnSync([path, "-c", "-x", "c", "-o", object, "-"], { stdin: Buffer.from(source) });
    if (compiling.exitCode !== 0) throw new Error(`the C compiler refused:\n${compiling.stderr.toString()}`);
    const file = readFileSync(object);
    const start = file.indexOf(MARK) + MARK.length;
    return expressions.map((_, i) => Number(file.readBigInt64LE(start + 8 * i)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
