/** What `bun test` printed, file by file, and what it comes to. */
import type { Outcome } from "./wine.ts";

const TEST_LINE = /^\((pass|fail|skip|todo)\) (.*?)(?: \[[\d.]+m?s\])?$/gm;
/** At the end of a long output Bun says once more what was skipped and what failed. */
const ONCE_MORE = /^\d+ tests? (?:skipped|failed|todo):$/m;
/** A run that came to its end says so, beneath its own counts. */
const END = /^Ran \d+ tests? across 1 file\./m;
const NOTHING_MATCHED = /^error: regex .* matched 0 tests\./m;

interface Summary {
  readonly text: string;
  readonly failed: boolean;
}

export class Results {
  passed = 0;
  failed = 0;
  /** By file, the names. */
  readonly #skipped = new Map<string, string[]>();
  readonly #failures: string[] = [];

  /** Adds what a test file came to; `limit` is what it was given, in milliseconds. */
  add(file: string, outcome: Outcome, limit: number, filtered: boolean): Summary {
    const lines = testLines(outcome);
    const named = (...kinds: string[]): string[] =>
      lines.filter(([, kind]) => kinds.includes(kind!)).map(([, , name]) => name!);
    const problems = named("fail");
    const skipped = named("skip", "todo");
    let passed = named("pass").length;
    if (END.test(outcome.output)) {
      passed = countIn(outcome, "pass");
      const failed = countIn(outcome, "fail");
      if (failed > problems.length || (outcome.exitCode !== 0 && problems.length === 0)) {
        problems.push(`exit code ${outcome.exitCode}, with ${failed} failed`);
      }
    } else if (outcome.timedOut) {
      const last = lines.at(-1)?.[2];
      const where = last === undefined ? "no test had ended" : `the last that ended: ${last}`;
      problems.push(`hung: ended after ${limit / 1_000} s; ${where}`);
    } else if (!(filtered && NOTHING_MATCHED.test(outcome.output))) {
      problems.push(`ended early, with exit code ${outcome.exitCode}`);
    }
    this.passed += passed;
    // Those that a name pattern leaves out are not listed by Bun.
    if (skipped.length > 0) this.#skipped.set(file, skipped);
    this.#addFailures(file, problems);
    const text = `${passed} pass, ${skipped.length} skip, ${problems.length} fail`;
    return { text: outcome.timedOut ? `${text}, HUNG` : text, failed: problems.length > 0 };
  }

  /** Adds a check of its own, with what is wrong if anything is. */
  addProblem(file: string, problem: string | null): Summary {
    if (problem === null) this.passed++;
    else this.#addFailures(file, [problem]);
    return { text: problem ?? "as expected", failed: problem !== null };
  }

  print(): void {
    const skipped = [...this.#skipped.values()].reduce((sum, names) => sum + names.length, 0);
    if (skipped > 0) {
      console.log(`\nSkipped here, ${skipped}:`);
      for (const [file, names] of this.#skipped) console.log(`  ${file}\n    ${names.join("\n    ")}`);
    }
    if (this.failed > 0) console.log(`\nFailed, ${this.failed}:\n  ${this.#failures.join("\n  ")}`);
    // The form of `bun test`.
    console.log(`\n ${this.passed} pass\n ${skipped} skip\n ${this.failed} fail`);
  }

  #addFailures(file: string, problems: readonly string[]): void {
    this.failed += problems.length;
    this.#failures.push(...problems.map((problem) => `${file}: ${problem}`));
  }
}

/** The lines that say how one test ended; but a skipped group's hooks, which are listed too, are no tests. */
function testLines({ output }: Outcome): RegExpExecArray[] {
  const listed = output.split(ONCE_MORE, 1)[0]!;
  return [...listed.matchAll(TEST_LINE)].filter(([, , name]) => !name!.endsWith("(unnamed)"));
}

/** What Bun counted, at the very end. */
function countIn({ output }: Outcome, what: "pass" | "fail"): number {
  return Number([...output.matchAll(new RegExp(`^ *(\\d+) ${what}$`, "gm"))].at(-1)?.[1] ?? 0);
}
