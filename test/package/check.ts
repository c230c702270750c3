/**
 * `npm run test:package`: packs the package, adds the archive to an empty folder as a user would, and checks there that
 * the types are sound under `tsc --strict` with `skipLibCheck: false` and that a program runs. It needs the registry
 * (for TypeScript and Bun's types), so it is no part of `npm test`.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), "tribun-package-"));
const consumer = join(scratch, "consumer");

let passed = 0;
let failed = 0;

function check(title: string, problem: string | undefined): void {
  if (problem === undefined) {
    passed++;
    console.log(`ok      ${title}`);
  } else {
    failed++;
    console.log(`FAILED  ${title}\n${problem.trimEnd().replaceAll(/^/gm, "        ")}`);
  }
}

/** Runs this very Bun. Gives what it printed, and as `problem` the same if it failed. */
function bun(cwd: string, ...args: string[]): { output: string; problem: string | undefined } {
  const result = Bun.spawnSync([process.execPath, ...args], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const output = `${result.stdout}${result.stderr}`;
  const problem = result.exitCode === 0 ? undefined : `bun ${args.join(" ")}: exit code ${result.exitCode}\n${output}`;
  return { output, problem };
}

function typesCheck(...options: string[]): string | undefined {
  return bun(
    consumer,
    "x",
    "--no-install",
    "tsc",
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "false",
    ...options,
    "consumer.ts",
  ).problem;
}

function packAndAdd(): void {
  const pack = bun(root, "pm", "pack", "--destination", scratch);
  check("bun pm pack", pack.problem);
  const archive = readdirSync(scratch).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) return;

  mkdirSync(consumer);
  writeFileSync(
    join(consumer, "package.json"),
    `${JSON.stringify({ name: "consumer", private: true, type: "module" })}\n`,
  );
  for (const file of ["consumer.ts", "program.ts"]) copyFileSync(join(here, file), join(consumer, file));

  const add = bun(consumer, "add", join("..", archive));
  check("bun add of the archive in an empty folder", add.problem);
  if (add.problem !== undefined) return;

  const installed = readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."));
  check("it brings no other package", installed.join() === "tribun" ? undefined : `installed: ${installed.join(", ")}`);

  const contents = readdirSync(join(consumer, "node_modules", "tribun"))
    .filter((name) => !name.startsWith("."))
    .toSorted();
  const expected = ["CHANGELOG.md", "LICENSE", "README.md", "docs", "examples", "ffi", "package.json", "src", "types"];
  check(
    "it holds the sources, the declarations, the documents and the examples, and nothing else",
    contents.join() === expected.join() ? undefined : `contents: ${contents.join(", ")}`,
  );

  const program = bun(consumer, "program.ts");
  check("a program runs from the installed package", program.problem);
  check(
    "and prints what it should",
    program.output === "entry points: 5\nwoken by a descriptor\n" ? undefined : program.output,
  );

  const typescript = bun(consumer, "add", "--dev", "--exact", `typescript@${manifest.devDependencies.typescript}`);
  check("bun add typescript", typescript.problem);
  check("types, strictly, with nothing but TypeScript's own library", typesCheck("--types", ""));
  check("types, strictly, as Node resolves modules", typesCheck("--types", "", "--module", "nodenext"));

  const bunTypes = bun(consumer, "add", "--dev", "--exact", `bun-types@${manifest.devDependencies["bun-types"]}`);
  check("bun add bun-types", bunTypes.problem);
  check("types, strictly, beside Bun's types", typesCheck("--types", "bun-types"));
}

try {
  packAndAdd();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
