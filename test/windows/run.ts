/**
 * `npm run test:windows`: the tests of this tree, run by Windows' Bun under Wine, and the demo.
 *
 * Arguments say which: each file whose path contains one of them, and `examples/echo.ts` is the demo. `-t PATTERN` runs
 * the tests whose names match. Everything that a file prints is shown if anything in it failed or if files were asked
 * for, and is kept in the prepared folder in any case.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkDemo } from "./demo.ts";
import { copyTree, prepare, root } from "./prepare.ts";
import type { Place } from "./prepare.ts";
import { Results } from "./results.ts";
import { MissingTools, findTools } from "./tools.ts";
import type { Outcome } from "./wine.ts";
import { Wine } from "./wine.ts";

/** One test that takes longer is hung: Wine is slow, and so is a machine with other work. */
const TEST_LIMIT = 60_000;
/** A file that takes longer is hung: in a call that does not return, where no timer of its own can fire. */
const FILE_LIMIT = 300_000;

const DEMO = "examples/echo.ts";

/** The exit code, once a signal has ended it all. */
let interrupted: number | null = null;

interface Choice {
  readonly files: readonly string[];
  readonly pattern: string | undefined;
  readonly showAll: boolean;
}

function choose(): Choice {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    options: { "test-name-pattern": { type: "string", short: "t" } },
    allowPositionals: true,
  });
  const pattern = values["test-name-pattern"];
  const all = [...new Bun.Glob("test/**/*.test.ts").scanSync(root)].toSorted();
  if (pattern === undefined) all.push(DEMO);
  const filters = positionals.map((filter) => filter.replace(/^\.\//, ""));
  const files = filters.length === 0 ? all : all.filter((file) => filters.some((filter) => file.includes(filter)));
  for (const filter of filters) {
    if (!all.some((file) => file.includes(filter))) throw new Error(`no test file has ${filter} in its path`);
  }
  return { files, pattern, showAll: positionals.length > 0 };
}

async function runAll(wine: Wine, place: Place, choice: Choice): Promise<Results> {
  const results = new Results();
  rmSync(place.logs, { recursive: true, force: true });
  mkdirSync(place.logs, { recursive: true });
  for (const [index, file] of choice.files.entries()) {
    if (interrupted !== null) break;
    const begun = performance.now();
    let outcome = await runFile(wine, file, choice.pattern);
    if (file !== DEMO && interrupted === null && failed(file, outcome, choice)) {
      // Wine fails a process, or loses a key press, once in some thousands. What failed is shown, and counts if it fails again.
      console.log(`${file} failed, and is tried once more. The first time:\n${outcome.output}`);
      outcome = await runFile(wine, file, choice.pattern);
      if (!failed(file, outcome, choice)) triedTwice.push(file);
    }
    writeFileSync(join(place.logs, `${file.replaceAll(/\W/g, "-")}.log`), outcome.output);
    const summary =
      file === DEMO
        ? results.addProblem(file, checkDemo(outcome))
        : results.add(file, outcome, FILE_LIMIT, choice.pattern !== undefined);
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
    console.log(`[${index + 1}/${choice.files.length}] ${file}: ${summary.text} (${seconds} s)`);
    if (choice.showAll || summary.failed) console.log(outcome.output);
  }
  return results;
}

function failed(file: string, outcome: Outcome, { pattern }: Choice): boolean {
  return new Results().add(file, outcome, FILE_LIMIT, pattern !== undefined).failed;
}

/** The files that failed at first, and then did not. */
const triedTwice: string[] = [];

async function runFile(wine: Wine, file: string, pattern: string | undefined): Promise<Outcome> {
  if (file === DEMO) return wine.bun([file], FILE_LIMIT);
  const named = pattern === undefined ? [] : ["--test-name-pattern", pattern];
  const outcome = await wine.bun(["test", "--timeout", String(TEST_LIMIT), ...named, `./${file}`], FILE_LIMIT);
  // What its processes may have left running is not to disturb the next; and a prefix in which something hung, neither.
  if (outcome.timedOut) await wine.shutDown();
  return outcome;
}

async function main(): Promise<number> {
  const choice = choose();
  const tools = findTools();
  using place = prepare(tools);
  const wine = new Wine(tools, place);
  // A signal ends what runs in the prefix; this process then ends of itself, by the way it always takes.
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, () => {
      interrupted = code;
      void wine.shutDown();
    });
  }
  await wine.start();
  try {
    copyTree(tools, place);
    const results = await runAll(wine, place, choice);
    results.print();
    if (triedTwice.length > 0) console.log(`Failed at first, and passed when tried again: ${triedTwice.join(", ")}`);
    if (interrupted !== null) console.log("Interrupted: not all of it ran.");
    console.log(`What each file printed: ${place.logs}`);
    return interrupted ?? (results.failed === 0 ? 0 : 1);
  } finally {
    await wine.shutDown();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(error instanceof MissingTools ? error.message : error);
  process.exitCode = 1;
}
