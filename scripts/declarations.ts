/**
 * Reads declaration files as tsc writes them: which names a module exports, and the text and the docstring of each. It
 * knows as much of the grammar as that needs: where a statement ends, and what `import` and `export` say.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A statement, or a member of a class or an interface. */
export interface Piece {
  /** The comment directly before it, as it stands, or "". */
  readonly comment: string;
  readonly text: string;
}

export interface Exported {
  readonly name: string;
  /** What it is called where it is declared. */
  readonly declaredAs: string;
  /** The file that declares it. */
  readonly file: string;
  /** Whether only its type is exported. */
  readonly typeOnly: boolean;
  /** Several for overloads, and for a type and a value of one name. */
  readonly pieces: readonly Piece[];
  /** The types of its file that are not exported and that its pieces speak of. */
  readonly helpers: readonly Piece[];
}

interface Module {
  readonly file: string;
  /** The comment that the file begins with. */
  readonly comment: string;
  readonly declared: Map<string, Piece[]>;
  readonly imported: Map<string, { from: string; name: string }>;
  readonly exported: { name: string; local: string; from: string | null; typeOnly: boolean }[];
  readonly stars: string[];
}

/** Reads modules, each once. */
export class Declarations {
  readonly #modules = new Map<string, Module>();

  /** The comment that a file begins with. */
  commentOf(file: string): string {
    return this.#module(file).comment;
  }

  /** What `file` exports, by name. @throws Error when it says that it exports what is not there. */
  exportsOf(file: string): Map<string, Exported> {
    const found = new Map<string, Exported>();
    const module = this.#module(file);
    for (const from of module.stars) {
      for (const [name, one] of this.exportsOf(from)) if (name !== "default") found.set(name, one);
    }
    for (const { name, local, from, typeOnly } of module.exported) {
      const one = from === null ? this.#local(module, local) : this.#find(from, local);
      found.set(name, { ...one, name, typeOnly: typeOnly || one.typeOnly });
    }
    return found;
  }

  #find(file: string, name: string): Exported {
    const found = this.exportsOf(file).get(name);
    if (found === undefined) throw new Error(`${file} exports no ${name}`);
    return found;
  }

  #local(module: Module, name: string): Exported {
    const pieces = module.declared.get(name);
    if (pieces !== undefined) {
      const helpers = helpersOf(module, pieces);
      return { name, declaredAs: name, file: module.file, typeOnly: false, pieces, helpers };
    }
    const imported = module.imported.get(name);
    if (imported === undefined) throw new Error(`${module.file} declares no ${name}`);
    return this.#find(imported.from, imported.name);
  }

  #module(file: string): Module {
    let module = this.#modules.get(file);
    if (module === undefined) this.#modules.set(file, (module = readModule(file)));
    return module;
  }
}

const CLASS_LIKE = /^(?:export\s+)?(?:declare\s+)?(?:abstract\s+)?(?:class|interface|enum|namespace)\b/;

function readModule(file: string): Module {
  const source = readFileSync(file, "utf8");
  // One that stands directly before a declaration is that declaration's.
  const [, first = "", after = ""] = /^(?:\/\/\/.*\n)*(\/\*\*[\s\S]*?\*\/)\n?(.*)/.exec(source) ?? [];
  const comment = nameOf(after) === undefined ? first : "";
  const module: Module = { file, comment, declared: new Map(), imported: new Map(), exported: [], stars: [] };
  const resolve = (specifier: string): string => join(dirname(file), specifier.replace(/\.ts$/, ".d.ts"));

  for (const piece of piecesOf(source)) {
    const { text } = piece;
    const star = /^export \* from "([^"]+)"/.exec(text);
    const list = /^(import|export)( type)? \{([^}]*)\}(?: from "([^"]+)")?/.exec(text);
    const defaulted = /^export default (\w+);$/.exec(text);
    if (star !== null) module.stars.push(resolve(star[1]!));
    else if (defaulted !== null) {
      module.exported.push({ name: "default", local: defaulted[1]!, from: null, typeOnly: false });
    } else if (list !== null) {
      const from = list[4] === undefined ? null : resolve(list[4]);
      for (const entry of list[3]!.split(",")) {
        const part = /^(type )?(\S+)(?: as (\S+))?$/.exec(entry.trim());
        if (part === null) continue;
        const [, type, local, name = local] = part as unknown as [string, string | undefined, string, string?];
        const typeOnly = list[2] !== undefined || type !== undefined;
        if (list[1] === "export") module.exported.push({ name: name!, local, from, typeOnly });
        else if (from !== null && list[4]!.startsWith(".")) module.imported.set(name!, { from, name: local });
      }
    } else {
      const declared = nameOf(text);
      if (declared === undefined) continue;
      const before = module.declared.get(declared);
      if (before === undefined) module.declared.set(declared, [piece]);
      else before.push(piece);
      if (before === undefined && text.startsWith("export ")) {
        module.exported.push({ name: declared, local: declared, from: null, typeOnly: false });
      }
    }
  }
  return module;
}

function helpersOf(module: Module, pieces: readonly Piece[]): Piece[] {
  const words = new Set(pieces.flatMap(({ text }) => text.match(/[\w$]+/g) ?? []));
  return [...module.declared.entries()]
    .filter(([name]) => words.has(name) && !module.exported.some(({ local }) => local === name))
    .flatMap(([, helpers]) => helpers)
    .filter(({ text }) => /^(?:declare )?type /.test(text));
}

function nameOf(text: string): string | undefined {
  return /^(?:export\s+)?(?:declare\s+)?(?:abstract\s+)?(?:class|interface|enum|namespace|type|const|let|var|function)\s+([\w$]+)/.exec(
    text,
  )?.[1];
}

/** The members of a class or an interface, as statements; none for what has no body. */
export function membersOf(text: string): Piece[] {
  if (!CLASS_LIKE.test(text)) return [];
  return piecesOf(text.slice(bodyOf(text) + 1, text.lastIndexOf("}")));
}

/** A declaration without its body: `class Lock`; whole, where it has none. */
export function headOf(text: string): string {
  return (CLASS_LIKE.test(text) ? text.slice(0, bodyOf(text)) : text).replace(/^export (?:declare )?/, "").trim();
}

/** Where the body begins: the first brace that stands at the end of a line, or that is closed at once. */
function bodyOf(text: string): number {
  return /\{(?=\s*\n|\s*\}\s*$)/.exec(text)?.index ?? text.length;
}

/**
 * Cuts text into statements. One ends with its `;`, or, if it is a class or the like, with the brace that closes it;
 * neither counts within brackets, strings and comments.
 */
function piecesOf(source: string): Piece[] {
  const pieces: Piece[] = [];
  let comment = "";
  let start = -1;
  let depth = 0;
  for (const { 0: token, index } of source.matchAll(
    /\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\S/g,
  )) {
    if (start < 0) {
      if (token.startsWith("/*") || token.startsWith("//")) {
        comment = token.startsWith("/**") ? token : "";
        continue;
      }
      start = index;
    }
    if ("{[(".includes(token)) depth++;
    else if ("}])".includes(token)) depth--;
    if (depth > 0 || (token !== ";" && token !== "}")) continue;
    // A class's own brace ends its line; one of its type parameters does not.
    if (
      token === "}" &&
      !(CLASS_LIKE.test(source.slice(start, start + 80)) && /^\s*(?:\n|$)/.test(source.slice(index + 1, index + 2)))
    )
      continue;
    const text = source.slice(start, index + 1).trim();
    if (text !== ";") pieces.push({ comment, text });
    comment = "";
    start = -1;
  }
  return pieces;
}
