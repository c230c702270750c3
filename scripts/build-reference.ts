/**
 * Writes `docs/reference/`: a page for each entry point of the package, with every name that it exports, its signature
 * and its docstring, from the declarations that tsc makes of the sources. `npm run docs` runs it, and a test tells when
 * it has to be run again.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../package.json";
import { Declarations, headOf, membersOf, type Exported, type Piece } from "./declarations.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Entry {
  readonly exported: Exported;
  readonly page: Page;
  anchor: string;
  heading: string;
}

interface Page {
  /** `tribun/hazmat`. */
  readonly specifier: string;
  readonly file: string;
  readonly comment: string;
  /** What is described on this page. */
  readonly entries: Entry[];
  /** What it exports too, and another page describes. */
  readonly elsewhere: { name: string; entry: Entry }[];
}

/** The pages, by their file names, as they ought to be. */
export function reference(): Map<string, string> {
  const scratch = mkdtempSync(join(tmpdir(), "tribun-reference-"));
  try {
    const tsc = Bun.spawnSync(
      [process.execPath, "x", "--no-install", "tsc", "-p", "tsconfig.build.json", "--outDir", scratch],
      { cwd: root, stdin: "ignore" },
    );
    if (tsc.exitCode !== 0) throw new Error(`tsc makes no declarations:\n${tsc.stdout}${tsc.stderr}`);
    return render(pagesOf(scratch));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function pagesOf(types: string): Page[] {
  const declarations = new Declarations();
  const pages: Page[] = [];
  const names: { page: Page; exported: Exported }[] = [];
  for (const [path, entry] of Object.entries(manifest.exports)) {
    // The lint plugin is plain JavaScript, and docs/lint.md its reference.
    if (typeof entry === "string" || !entry.types.startsWith("./types/")) continue;
    // Declarations that are not tsc's stand in the tree.
    const made = /^\.\/types\/(.+)$/.exec(entry.types);
    const file = made === null ? join(root, entry.types) : join(types, made[1]!);
    const page: Page = {
      specifier: path.replace(/^\./, manifest.name),
      file: path === "." ? `${manifest.name}.md` : `${path.slice(2).replaceAll("/", "-")}.md`,
      comment: declarations.commentOf(file),
      entries: [],
      elsewhere: [],
    };
    pages.push(page);
    for (const exported of declarations.exportsOf(file).values()) names.push({ page, exported });
  }
  // A thing is described once: on the first page that has it, rather one that has more than its type.
  const homes = new Map<string, Entry>();
  const keyOf = ({ file, declaredAs }: Exported): string => `${file} ${declaredAs}`;
  for (const typeOnly of [false, true]) {
    for (const { page, exported } of names) {
      if (exported.typeOnly !== typeOnly || homes.has(keyOf(exported))) continue;
      const entry: Entry = { exported, page, anchor: "", heading: exported.name };
      homes.set(keyOf(exported), entry);
      page.entries.push(entry);
    }
  }
  for (const { page, exported } of names) {
    const entry = homes.get(keyOf(exported))!;
    if (entry.page !== page || entry.exported.name !== exported.name) {
      page.elsewhere.push({ name: exported.name, entry });
    }
  }
  for (const page of pages) nameAnchors(page);
  return pages;
}

const byName = (a: string, b: string): number => {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : 1;
};

/** Two names may differ only in upper and lower case, which anchors do not have. */
function nameAnchors(page: Page): void {
  page.entries.sort((a, b) => byName(a.exported.name, b.exported.name));
  page.elsewhere.sort((a, b) => byName(a.name, b.name));
  const taken = new Set<string>();
  for (const entry of page.entries) {
    if (taken.has(anchorOf(entry.heading))) entry.heading += ` (${kindOf(entry.exported)})`;
    entry.anchor = anchorOf(entry.heading);
    taken.add(entry.anchor);
  }
}

/** The anchor that a Markdown renderer gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

function kindOf({ pieces }: Exported): "error" | "class" | "interface" | "type" | "function" | "value" {
  const head = headOf(pieces[0]!.text);
  if (/^(?:abstract )?class /.test(head))
    return /\w*Error\b.* extends|extends \w*Error\b/.test(head) ? "error" : "class";
  if (head.startsWith("interface ")) return "interface";
  if (head.startsWith("type ")) return "type";
  return head.startsWith("function ") ? "function" : "value";
}

const SECTIONS: readonly (readonly [title: string, kinds: readonly ReturnType<typeof kindOf>[]])[] = [
  ["Functions", ["function"]],
  ["Classes", ["class"]],
  ["Errors", ["error"]],
  ["Values", ["value"]],
  ["Types", ["interface", "type"]],
];

function render(pages: readonly Page[]): Map<string, string> {
  const rendered = new Map<string, string>();
  const made = "<!-- Made by `npm run docs` from the docstrings in src/. Mend those. -->\n";
  const list = pages.map((page) => {
    const about = firstSentence(textOf(page.comment));
    return `- [\`${page.specifier}\`](${page.file})${about === "" ? "" : `: ${about}`}`;
  });
  rendered.set(
    "README.md",
    `${made}\n# Reference\n\nEvery public name, its signature and its docstring. Times are milliseconds. What gives an \`Operation\` is driven with \`yield*\`. What a checkpoint is, [the low-level API's document](../hazmat.md#what-holds-for-all-of-it) says.\n\n${list.join("\n")}\n`,
  );
  for (const page of pages) rendered.set(page.file, `${made}\n${renderPage(page, pages)}`);
  return rendered;
}

function renderPage(page: Page, pages: readonly Page[]): string {
  const link = linker(page, pages);
  const about = textOf(page.comment).replace(/ ?Everything here is documented where it is defined\./, "");
  const parts = [`# ${page.specifier}`];
  if (about !== "") parts.push(prose(about, link));
  const contents: string[] = [];
  const body: string[] = [];
  for (const [title, kinds] of SECTIONS) {
    const entries = page.entries.filter(({ exported }) => kinds.includes(kindOf(exported)));
    // What only has a name and a type, as the constants of sockets, is a list.
    const bare = entries.filter(
      ({ exported }) => title === "Values" && exported.pieces.every((one) => one.comment === ""),
    );
    const told = entries.filter((entry) => !bare.includes(entry));
    if (entries.length === 0) continue;
    body.push(`## ${title}`);
    contents.push(`${title}: ${told.map((entry) => `[${escape(entry.exported.name)}](#${entry.anchor})`).join(" · ")}`);
    if (bare.length > 0) {
      contents[contents.length - 1] += `${told.length > 0 ? " · " : ""}[constants](#constants)`;
      body.push("### constants", bare.map(({ exported }) => `\`${signature(exported.pieces[0]!.text)}\``).join(" · "));
    }
    for (const entry of told) body.push(...renderEntry(entry, link));
  }
  parts.push(...contents, ...body);
  if (page.elsewhere.length > 0) {
    parts.push("## Described elsewhere");
    parts.push(
      page.elsewhere
        .map(
          ({ name, entry }) =>
            `- \`${name}\`: ${linkTo(entry, page, `\`${entry.exported.name}\` of \`${entry.page.specifier}\``)}`,
        )
        .join("\n"),
    );
  }
  return `${parts.join("\n\n")}\n`;
}

function renderEntry({ exported, heading }: Entry, link: Linker): string[] {
  const { name, declaredAs, pieces } = exported;
  const renamed = (text: string): string =>
    name === declaredAs || name === "default"
      ? text
      : text.replace(new RegExp(`\\b${declaredAs.replaceAll("$", "\\$")}\\b`), name);
  const parts = [
    `### ${escape(heading)}`,
    block([
      ...pieces.map((piece) => renamed(signature(headOf(piece.text)))),
      ...exported.helpers.map(({ text }) => signature(text)),
    ]),
  ];
  for (const piece of pieces) {
    const told = documentation(piece, link);
    if (told !== "") parts.push(told);
  }
  const members = pieces.flatMap((piece) => membersOf(piece.text)).filter(({ text }) => isPublic(text));
  const bare = members.filter((member) => member.comment === "");
  if (bare.length > 0) parts.push(block(bare.map(({ text }) => signature(text))));
  const seen = new Map<string, { texts: string[]; told: string[] }>();
  for (const member of members) {
    if (member.comment === "") continue;
    const key = memberName(member.text);
    let one = seen.get(key);
    if (one === undefined) seen.set(key, (one = { texts: [], told: [] }));
    one.texts.push(signature(member.text));
    one.told.push(documentation(member, link));
  }
  for (const [member, { texts, told }] of seen) {
    const title = member.startsWith("[") ? `${name}${member}` : `${name}.${member}`;
    // The other half of an accessor has no comment of its own.
    const others = bare.filter(({ text }) => memberName(text) === member).map(({ text }) => signature(text));
    if (others.length > 0) dropFromBare(parts, others);
    parts.push(`#### ${escape(title)}`, block([...texts, ...others]), ...told);
  }
  return parts.filter((part) => part !== "");
}

/** A setter is shown with its getter, not with the members without a comment. */
function dropFromBare(parts: string[], lines: readonly string[]): void {
  const index = parts.findLastIndex(
    (part) => part.startsWith("```typescript\n") && lines.every((line) => part.includes(line)),
  );
  if (index < 0) return;
  const left = parts[index]!.split("\n").filter((line) => !lines.includes(line));
  parts[index] = left.length > 2 ? left.join("\n") : "";
}

function isPublic(text: string): boolean {
  return !/^(?:#|private\b|protected\b|(?:declare )?private\b)/.test(text);
}

function memberName(text: string): string {
  const bare = text.replace(/^(?:(?:static|readonly|abstract|get|set|declare|override|async)\s+)*/, "");
  return /^\[[^\]]*\]/.exec(bare)?.[0] ?? /^(?:new\b)?[\w$]*/.exec(bare)![0];
}

/** One statement as it is shown: without what only declarations need, and with two spaces for tsc's four. */
function signature(text: string): string {
  const shown = text.replace(/^(?:export )?(?:declare )?/, "").replace(/;$/, "");
  if (/^ {2}\S/m.test(shown)) return shown;
  return shown.replaceAll(/^(?: {4})+/gm, (indent) => " ".repeat(indent.length / 2));
}

function block(lines: readonly string[]): string {
  return `\`\`\`typescript\n${lines.join("\n")}\n\`\`\``;
}

/** The text of a comment, without its marks. */
function textOf(comment: string): string {
  return comment
    .replace(/^\/\*\*/, "")
    .replace(/\*\/$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim();
}

const firstSentence = (text: string): string => /^[\s\S]*?[.](?=\s|$)/.exec(text)?.[0].replaceAll("\n", " ") ?? text;

type Linker = (name: string) => string;

function documentation({ comment }: Piece, link: Linker): string {
  // What goes on below a tag is set in, and is no code.
  const [text, ...tags] = `\n${textOf(comment)}`
    .replaceAll(/^@.*(?:\n {1,3}\S.*)+/gm, (tag) => tag.replaceAll(/\n +/g, " "))
    .split(/(?:^|\s)(?=@(?:param|returns|throws)\b)/);
  const parts = [prose(text!.trim(), link)];
  const lists: Record<string, string[]> = { param: [], returns: [], throws: [] };
  for (const tag of tags) {
    const [, kind, told] = /^@(\w+)\s*([\s\S]*)$/.exec(tag)!;
    lists[kind!]!.push(told!.trim());
  }
  const params = lists.param!.map((told) => {
    const [, name, about] = /^(\S+)\s*([\s\S]*)$/.exec(told)!;
    return `- \`${name}\`: ${prose(about!, link)}`;
  });
  parts.push(params.join("\n"));
  if (lists.returns!.length > 0) parts.push(`**Gives** ${prose(lists.returns!.join(" "), link)}`);
  if (lists.throws!.length > 0) parts.push(`**Throws** ${prose(lists.throws!.map(asSentence).join(" "), link)}`);
  return parts.filter((part) => part !== "").join("\n\n");
}

const asSentence = (text: string, index: number): string =>
  `${index === 0 ? text : text.charAt(0).toUpperCase() + text.slice(1)}${/[.:?!]$/.test(text) ? "" : "."}`;

/** Markdown of a docstring: what is indented is code, links are resolved, and types outside of code are no HTML. */
function prose(text: string, link: Linker): string {
  return text
    .split(/\n\n+/)
    .map((paragraph) => {
      if (/^ {4}/.test(paragraph)) return block(paragraph.split("\n").map((line) => line.slice(4)));
      return paragraph
        .split(/(`[^`]*`|\{@link [^}]+\})/)
        .map((part) => {
          if (part.startsWith("`")) return part.replaceAll("\n", " ");
          const linked = /^\{@link\s+([^}\s|]+)[^}]*\}$/.exec(part);
          return linked === null ? part.replaceAll(/[<>]/g, String.raw`\$&`) : link(linked[1]!);
        })
        .join("")
        .replaceAll(/\n(?![-*] )/g, " ");
    })
    .join("\n\n")
    .replaceAll("\n```\n\n```typescript\n", "\n\n");
}

const escape = (name: string): string => name.replaceAll("_", String.raw`\_`);

function linkTo(entry: Entry, from: Page, text: string, member = ""): string {
  const anchor = member === "" ? entry.anchor : anchorOf(`${entry.exported.name}.${member}`);
  return `[${text}](${entry.page === from ? "" : entry.page.file}#${anchor})`;
}

/** Makes links of the names that docstrings on `page` mention; a name that no page describes is code. */
function linker(page: Page, pages: readonly Page[]): Linker {
  const nearFirst = [page, ...pages.filter((other) => other !== page)];
  return (mentioned) => {
    const [name, member = ""] = mentioned.split(".") as [string, string?];
    for (const { entries } of nearFirst) {
      const entry = entries.find(({ exported }) => exported.name === name || exported.declaredAs === name);
      if (entry === undefined) continue;
      const told = entry.exported.pieces
        .flatMap(({ text }) => membersOf(text))
        .some((one) => one.comment !== "" && isPublic(one.text) && memberName(one.text) === member);
      return linkTo(entry, page, `\`${mentioned}\``, told ? member : "");
    }
    return `\`${mentioned}\``;
  };
}

if (import.meta.main) {
  const folder = join(root, "docs/reference");
  const pages = reference();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of pages) writeFileSync(join(folder, file), text);
}
