/**
 * Every `ts` block of the documents is a program: it must pass the type checker and run. A `text` block that follows
 * one directly is what it prints. One that takes tests from `bun:test` is run by it, and they must pass.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder, removeFolder } from "./folders.ts";
import { type Need, whyNot } from "./platform.ts";
import { withoutWineNoise } from "./wine-noise.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = ["README.md", ...filesUnder(join(root, "docs")).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith(".md"),
);

interface Program {
  /** The document and the line at which the block begins. */
  title: string;
  path: string;
  source: string;
  prints: string | undefined;
}

/** What some programs need that not every platform has, by what they call. */
const NEEDS: readonly (readonly [uses: RegExp, need: Need])[] = [
  [/"mkfifo"/, "fifos"],
  [/waitReadable\(0\)/, "files"],
];

const scratch = mkdtempSync(join(tmpdir(), "tribun-docs-"));
afterAll(() => removeFolder(scratch));

function programsOf(document: string): Program[] {
  const text = readFileSync(join(root, document), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```$)?/gm)].map((block) => {
    const line = text.slice(0, block.index).split("\n").length;
    const isTest = block[1]!.includes('from "bun:test"');
    const path = join(scratch, `${document.replaceAll(/\W/g, "-")}-${line}${isTest ? ".test" : ""}.ts`);
    return { title: `${document}:${line}`, path, source: block[1]!, prints: block[2] };
  });
}

const programs = documents.flatMap(programsOf);
for (const { path, source } of programs) writeFileSync(path, source);
// The programs take "tribun" and Bun's types from this tree, as its own tests do.
writeFileSync(
  join(scratch, "tsconfig.json"),
  JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["*.ts"] }),
);
const noTypeScript = whyNot("typescript");
if (noTypeScript === "") symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"), "junction");

test("the documents hold programs", () => {
  expect(programs.some(({ title }) => title.startsWith("README.md"))).toBe(true);
  expect(programs.some(({ title }) => title.startsWith("docs/hazmat.md"))).toBe(true);
  expect(programs.some(({ path }) => path.endsWith(".test.ts"))).toBe(true);
});

test.skipIf(noTypeScript !== "")(`the programs of the documents pass the type checker${noTypeScript}`, () => {
  const tsc = Bun.spawnSync([process.execPath, "x", "--no-install", "tsc", "-p", scratch], {
    cwd: root,
    stdin: "ignore",
  });
  expect(`${tsc.stdout}${tsc.stderr}`).toBe("");
});

for (const { title, path, source, prints } of programs) {
  const why = whyNot(...NEEDS.filter(([uses]) => uses.test(source)).map(([, need]) => need));
  test.skipIf(why !== "")(`the program at ${title} runs${why}`, async () => {
    // Standard input stays open and silent, as it is in a terminal where nobody types.
    const isTest = path.endsWith(".test.ts");
    const child = Bun.spawn([process.execPath, ...(isTest ? ["test"] : []), path], {
      cwd: scratch,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    // What bun:test reports goes to standard error.
    const complaints = isTest && exitCode === 0 ? "" : withoutWineNoise(errors);
    expect({ errors: complaints, exitCode }).toEqual({ errors: "", exitCode: 0 });
    if (prints !== undefined) expect(output).toBe(prints);
  });
}

test("links within the documents lead somewhere", () => {
  const broken: string[] = [];
  for (const document of documents) {
    const text = readFileSync(join(root, document), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = target!.split("#") as [string, string | undefined];
      const file = path === "" ? join(root, document) : join(root, dirname(document), path);
      const found =
        existsSync(file) && (anchor === undefined || anchorsOf(readFileSync(file, "utf8")).includes(anchor));
      if (!found) broken.push(`${document}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

/** The anchors that a Markdown renderer gives to the headings: lower case, no punctuation, dashes for spaces. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}
