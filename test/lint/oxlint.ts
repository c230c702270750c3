/** Snippets, linted by the real oxlint as a program's own configuration has it: with the one line that docs/lint.md says. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export interface Diagnostic {
  message: string;
  code: string;
  filename: string;
  labels: { span: { offset: number; length: number; line: number; column: number } }[];
}

/** A folder with the package installed in it, as a link to this tree. */
export class Project implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "tribun-lint-"));

  constructor(config: unknown = { extends: ["./node_modules/tribun/lint/oxlint.json"] }) {
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(root, join(this.folder, "node_modules", "tribun"), "junction");
    this.write(".oxlintrc.json", JSON.stringify(config));
  }

  write(name: string, text: string): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  /** What the plugin says of each file, in the order of the text. Anything but its diagnostics is an error. */
  async lint(...options: string[]): Promise<Map<string, Diagnostic[]>> {
    const oxlint = Bun.spawn(
      [
        join(root, "node_modules/.bin/oxlint"),
        "-A",
        "all",
        "--format",
        "json",
        "--ignore-pattern",
        "node_modules/**",
        ...options,
      ],
      { cwd: this.folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const [output, errors] = await Promise.all([oxlint.stdout.text(), oxlint.stderr.text()]);
    if (!output.startsWith("{")) throw new Error(`oxlint: ${output}${errors}`);
    const found = new Map<string, Diagnostic[]>();
    for (const diagnostic of (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics) {
      if (diagnostic.code !== "tribun(undriven)") throw new Error(`oxlint: ${JSON.stringify(diagnostic)}`);
      found.set(diagnostic.filename, [...(found.get(diagnostic.filename) ?? []), diagnostic]);
    }
    for (const list of found.values()) list.sort((a, b) => a.labels[0]!.span.offset - b.labels[0]!.span.offset);
    return found;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
