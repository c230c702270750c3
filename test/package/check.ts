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
  const expected = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "docs",
    "examples",
    "ffi",
    "lint",
    "package.json",
    "src",
    "types",
  ];
  check(
    "it holds the sources, the declarations, the lint rule, the documents and the examples, and nothing else",
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
  check(
    "types, strictly, with exactOptionalPropertyTypes, as tsc --init has it",
    typesCheck("--types", "", "--exactOptionalPropertyTypes"),
  );
  check("types, strictly, as Node resolves modules", typesCheck("--types", "", "--module", "nodenext"));

  const bunTypes = bun(consumer, "add", "--dev", "--exact", `bun-types@${manifest.devDependencies["bun-types"]}`);
  check("bun add bun-types", bunTypes.problem);
  check("types, strictly, beside Bun's types", typesCheck("--types", "bun-types"));
}

/** One forgotten `yield*`, for each linter with the line of configuration that docs/lint.md gives. */
function lintWith(linter: string, version: string, config: string, text: string): void {
  const add = bun(consumer, "add", "--dev", "--exact", `${linter}@${version}`);
  check(`bun add ${linter}`, add.problem);
  writeFileSync(join(consumer, config), text);
  writeFileSync(
    join(consumer, "forgetful.js"),
    'import { sleep } from "tribun";\nexport function* forgetful() {\n  sleep(1);\n}\n',
  );
  const { output } = bun(consumer, "x", "--no-install", linter, "forgetful.js");
  check(
    `the lint rule in ${linter}`,
    output.includes("`sleep(1)` does nothing until it is driven") ? undefined : output,
  );
}

/** ESLint brings dozens of packages, so it is no development dependency: here alone is the plugin tried in it. */
const ESLINT = "10.15.0";

try {
  packAndAdd();
  const { oxlint } = manifest.devDependencies;
  lintWith("oxlint", oxlint, ".oxlintrc.json", '{ "extends": ["./node_modules/tribun/lint/oxlint.json"] }\n');
  const config = 'import tribun from "tribun/lint";\nexport default [tribun.configs.recommended];\n';
  lintWith("eslint", ESLINT, "eslint.config.js", config);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
