/**
 * What the modules are that a file imports: the library's entry points, and modules of the program beside it. A rule is
 * shown one file at a time and cannot have another one parsed (oxlint does not offer it), so of another module its text
 * is read, for declarations and exports that begin in the first column, as formatted code has them. What is written in
 * another way is not known.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { constructedBy, memberOf, valueIn } from "./kind.js";
import { PAGES } from "./vocabulary.js";

/** @import { Kind } from "./kind.js" */

/**
 * @typedef {object} Module
 * @property {Map<string, () => Kind>} declared what stands at its top, by its name there
 * @property {Map<string, () => Kind>} exported by the name it is exported under
 * @property {((name: string) => Kind)[]} stars its `export *`
 */

/** The library's own entry points: in its own tree they are imported by their paths. @type {Map<string, string>} */
const OWN_PAGES = new Map();
const root = new URL("../", import.meta.url);
const OWN_SOURCES = fileURLToPath(new URL("src/", root));
{
  const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  for (const [entry, target] of Object.entries(exports)) {
    const page = entry.replace(/^\./, "tribun");
    if (page in PAGES) OWN_PAGES.set(fileURLToPath(new URL(target.default, root)), page);
  }
}

/** The entry point that is imported. @param {string} specifier @param {string} from @returns {string | null} */
export function pageOf(specifier, from) {
  if (Object.hasOwn(PAGES, specifier)) return specifier;
  return specifier.startsWith(".") ? (OWN_PAGES.get(resolve(dirname(from), specifier)) ?? null) : null;
}

/**
 * What a module of the program exports under a name.
 * @param {string} specifier @param {string} name @param {string} from the importing file @returns {Kind}
 */
export function exportOf(specifier, name, from) {
  const file = specifier.startsWith(".") ? find(resolve(dirname(from), specifier)) : null;
  return file === null ? null : exportIn(file, name);
}

/** Modules being looked at, for those that export each other. @type {Set<string>} */
const underWay = new Set();

/** @param {string} file @param {string} name @returns {Kind} */
function exportIn(file, name) {
  const key = `${file}\0${name}`;
  if (underWay.has(key)) return null;
  underWay.add(key);
  try {
    const module = moduleOf(file);
    const exported = module?.exported.get(name);
    if (exported !== undefined) return exported();
    for (const star of name === "default" ? [] : (module?.stars ?? [])) {
      const kind = star(name);
      if (kind !== null) return kind;
    }
    return null;
  } finally {
    underWay.delete(key);
  }
}

const ENDINGS = ["", ".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", "/index.ts", "/index.js"];

/** @param {string} path as imported @returns {string | null} */
function find(path) {
  // TypeScript's `./worker.js` is `worker.ts`.
  const paths = [...ENDINGS.map((ending) => path + ending), path.replace(/js(x?)$/, "ts$1")];
  return paths.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile()) ?? null;
}

/** An editor's linter lives long: a file that was changed is read again. @type {Map<string, { time: number, module: Module | null }>} */
const modules = new Map();

/** @param {string} file @returns {Module | null} */
function moduleOf(file) {
  try {
    const time = statSync(file).mtimeMs;
    const known = modules.get(file);
    if (known?.time === time) return known.module;
    const module = read(readFileSync(file, "utf8"), file);
    modules.set(file, { time, module });
    return module;
  } catch {
    return null; // gone, or not for us to read
  }
}

const FUNCTION = /^(export\s+)?(default\s+)?(async\s+)?function\b\s*(\*?)\s*([\w$]*)/gm;
const VARIABLE = /^(export\s+)?const\s+([\w$]+)\s*(?::[^=\n]*)?=\s*(?:(?:async\s+)?function\b\s*(\*)|new\s+([\w$]+))/gm;
const CLASS = /^(export\s+)?(default\s+)?(?:abstract\s+)?class\s+([\w$]+)((?:(?!\{\})[\s\S])*?)\{[ \t]*$/gm;
const METHOD = /^([ \t]+)((?:(?:public|override|async|abstract|static|get|set)\s+)*)(\*?)\s*([\w$]+)\s*(?=[<(])/gm;
const FIELD = /^([ \t]+)(?:(?:public|override|readonly)\s+)*([\w$]+)\s*(?::[^=;\n]*)?=\s*new\s+([\w$]+)/gm;
const IMPORT = /^import\s+(?:type\s+)?(?:\*\s*as\s+([\w$]+)|\{([^}]*)\})\s*from\s*["']([^"'\n]+)["']/gm;
const EXPORT = /^export\s*\{([^}]*)\}(?:\s*from\s*["']([^"'\n]+)["'])?/gm;
const STAR = /^export\s*\*\s*from\s*["']([^"'\n]+)["']/gm;

/** @param {string} source @param {string} file @returns {Module} */
function read(source, file) {
  const text = withoutComments(source);
  /** @type {Module} */
  const module = { declared: new Map(), exported: new Map(), stars: [] };
  const { declared, exported, stars } = module;
  /** The names under which the library's operations are known there. @type {Set<string>} */
  const operations = new Set();
  /** @param {string} specifier @param {string} name @returns {() => Kind} */
  const imported = (specifier, name) => {
    const page = pageOf(specifier, file);
    return () => (page === null ? exportOf(specifier, name, file) : valueIn(page, name));
  };

  for (const [, namespace, list, specifier = ""] of text.matchAll(IMPORT)) {
    const page = pageOf(specifier, file);
    if (namespace !== undefined && page !== null) declared.set(namespace, () => ({ page }));
    for (const [name, as] of namesIn(list)) {
      declared.set(as, imported(specifier, name));
      const isOurs = page !== null || resolve(dirname(file), specifier).startsWith(OWN_SOURCES);
      if (isOurs && OPERATIONS.has(name)) operations.add(as);
    }
  }
  for (const { index, 0: head, 1: isExported, 2: isDefault, 4: star, 5: name = "" } of text.matchAll(FUNCTION)) {
    const isOperation = operations.size > 0 && operations.has(returnedBy(text, index + head.length) ?? "");
    // Of one that is declared more than once, its overloads, nothing is known.
    const matters = (star === "*" || isOperation) && !declared.has(name);
    /** @type {Kind} */
    const kind = matters
      ? { takes: {}, returns: { gives: null, generator: star === "*", task: () => isOperation } }
      : null;
    if (name !== "") declared.set(name, () => kind);
    if (isExported !== undefined) exported.set(isDefault === undefined ? name : "default", () => kind);
  }
  for (const [, isExported, name = "", star, constructed] of text.matchAll(VARIABLE)) {
    const find = () => {
      /** @type {Kind} */
      const generator = { takes: {}, returns: { gives: null, generator: true, task: () => false } };
      if (star === "*") return generator;
      return constructedBy(declared.get(constructed ?? "")?.() ?? null);
    };
    declared.set(name, find);
    if (isExported !== undefined) exported.set(name, find);
  }
  for (const { index, 0: head, 1: isExported, 2: isDefault, 3: name = "", 4: heritage = "" } of text.matchAll(CLASS)) {
    const base = /\bextends\s+([\w$]+)/.exec(withoutArguments(heritage))?.[1];
    const start = index + head.length;
    const body = text.slice(start, text.indexOf("\n}", start));
    const kind = { constructs: { members: membersOf(body, operations, base, declared) } };
    declared.set(name, () => kind);
    if (isExported !== undefined) exported.set(isDefault === undefined ? name : "default", () => kind);
  }
  for (const [, list, specifier] of text.matchAll(EXPORT)) {
    for (const [name, as] of namesIn(list)) {
      exported.set(as, specifier === undefined ? () => declared.get(name)?.() ?? null : imported(specifier, name));
    }
  }
  for (const [, specifier = ""] of text.matchAll(STAR)) stars.push((name) => imported(specifier, name)());
  return module;
}

/**
 * The methods of a class that are generators or annotated to return an operation, and its fields that are made by `new`.
 * @param {string} body @param {Set<string>} operations @param {string | undefined} base @param {Map<string, () => Kind>} declared
 * @returns {(name: string) => Kind}
 */
function membersOf(body, operations, base, declared) {
  // Its members stand where its first line does; what stands deeper is in them.
  const indent = /^\s*?\n([ \t]+)\S/.exec(body)?.[1];
  // A constructor that hands `this` on, or a decorator, may make something else of its generators, as MobX does.
  const isHandedOn = /\(\s*this\b/.test(body);
  /** Several of one name are overloads, or a getter and a setter: nothing is known of them. @type {Map<string, (() => Kind) | null>} */
  const members = new Map();
  /** @param {string} name @param {() => Kind} find */
  const add = (name, find) => members.set(name, members.has(name) ? null : find);
  for (const { index, 0: head, 1: at, 2: modifiers = "", 3: star, 4: name = "" } of body.matchAll(METHOD)) {
    if (at !== indent) continue;
    const isOperation = operations.size > 0 && operations.has(returnedBy(body, index + head.length) ?? "");
    const isDecorated = /(?:^|\n)[ \t]*@[^\n]*\n$/.test(body.slice(0, index));
    const isGenerator = star === "*" && !isDecorated && !isHandedOn;
    const matters = (isGenerator || isOperation) && !/static|get|set/.test(modifiers);
    /** @type {Kind} */
    const kind = { takes: {}, returns: { gives: null, generator: star === "*", task: () => isOperation } };
    add(name, () => (matters ? kind : null));
  }
  for (const [, at, name = "", constructed = ""] of body.matchAll(FIELD)) {
    if (at === indent) add(name, () => constructedBy(declared.get(constructed)?.() ?? null));
  }
  /** @type {Set<string> | undefined} */
  let words;
  return (name) => {
    const member = members.get(name);
    if (member !== undefined) return member?.() ?? null;
    // It may be there in a way that is not looked for; only what is not mentioned is the base's for sure.
    words ??= new Set(body.match(/(?<![\w$.])[\w$]+/g));
    if (base === undefined || words.has(name)) return null;
    return memberOf(constructedBy(declared.get(base)?.() ?? null), name);
  };
}

const OPERATIONS = new Set(["AsyncOperation", "Coroutine", "Operation"]);

/** `a, type b, c as d`. @param {string | undefined} list @returns {[name: string, as: string][]} */
function namesIn(list) {
  return [...(list ?? "").matchAll(/(?:\btype\s+)?([\w$]+)(?:\s+as\s+([\w$]+))?/g)].map(([, name = "", as]) => [
    name,
    as ?? name,
  ]);
}

/**
 * The name of the type that a function's annotation says it returns.
 * @param {string} text @param {number} start where its type parameters or parameters begin @returns {string | undefined}
 */
function returnedBy(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === '"' || character === "'") {
      at = text.indexOf(character, at + 1);
      if (at < 0) return undefined; // no string after all
    } else if ("(<[{".includes(character)) depth++;
    else if (")]}".includes(character) || (character === ">" && text[at - 1] !== "=")) depth--;
    if (depth === 0 && character === ")") return /^\s*:\s*([\w$]+)\s*</.exec(text.slice(at + 1, at + 100))?.[1];
  }
  return undefined;
}

/** Type parameters and arguments taken out. @param {string} types @returns {string} */
function withoutArguments(types) {
  const left = types.replaceAll(/<[^<>]*>/g, "");
  return left === types ? types : withoutArguments(left);
}

/** Strings are matched first, so that what looks like a comment within one stays; templates may hold anything. @param {string} source */
function withoutComments(source) {
  return source.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|`(?:\\[\s\S]|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/.*/g,
    (_, string) => string ?? "``",
  );
}
