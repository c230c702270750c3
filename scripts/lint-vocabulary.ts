/**
 * What the lint rule knows of the library: which exported functions and methods give operations, which classes they
 * come from, and where a function belongs. It is derived from the declarations that `tsc` emits, so that no list of
 * names is kept by hand; `bun scripts/lint-vocabulary.ts` writes `lint/vocabulary.js`, and a test compares.
 *
 * The type checker's API is called unstable by TypeScript 7; its version is pinned, and nothing of it is shipped.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  API,
  type Checker,
  type Signature,
  SignatureKind,
  SymbolFlags,
  type Type,
  TypeFlags,
} from "typescript/unstable/async";
import manifest from "../package.json";

/** What an expression is: an instance of a class by its name, an operation, a tuple, a function; null when it matters not. */
export type Kind = string | null | Kind[] | { gives: Kind } | FunctionKind;

export interface FunctionKind {
  /** By the parameter's index. */
  takes: Record<number, Slot>;
  returns: Kind;
  /** The index of the argument whose type the result has. */
  returnsArgument?: number;
}

/** A parameter that takes a function, or an array of them. */
export interface Slot {
  /** What that function is called with. */
  parameters: Kind[];
  /** Whether the arguments that follow are passed on to it. */
  passesArguments?: true;
  /** Whether it is an array, or another iterable, of functions. */
  list?: true;
}

export interface Vocabulary {
  /** What each entry point exports. */
  pages: Record<string, Record<string, Kind>>;
  /** The members of its classes and interfaces. */
  classes: Record<string, Record<string, Kind>>;
}

/** Begins the name of the folder into which the declarations are emitted. */
const SCRATCH = "tribun-vocabulary-";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Emits the declarations into a temporary folder, and reads them there. */
export async function deriveVocabulary(): Promise<Vocabulary> {
  const scratch = mkdtempSync(join(tmpdir(), SCRATCH));
  try {
    const { exitCode } = Bun.spawnSync(
      [process.execPath, "x", "--no-install", "tsc", "-p", "tsconfig.build.json", "--outDir", scratch],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    );
    if (exitCode !== 0) throw new Error(`tsc: exit code ${exitCode}`);
    return await read(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What every coroutine is assignable to, for the checker to compare with. */
const PROBE = `
import type { AsyncOperation, Coroutine, Operation } from "./src/index.d.ts";
export declare const coroutine: Coroutine<any>;
export type { AsyncOperation, Coroutine, Operation };
`;

async function read(folder: string): Promise<Vocabulary> {
  const pages = Object.entries(manifest.exports)
    .filter(([, entry]) => typeof entry !== "string" && entry.types.startsWith("./types/src/"))
    .map(([name, entry]) => ({
      name: name.replace(/^\./, "tribun"),
      file: join(folder, (entry as { types: string }).types.replace("./types/", "")),
    }));
  const project = join(folder, "tsconfig.json");
  writeFileSync(join(folder, "probe.d.ts"), PROBE);
  writeFileSync(
    project,
    JSON.stringify({
      compilerOptions: {
        strict: true,
        target: "esnext",
        module: "preserve",
        allowImportingTsExtensions: true,
        noEmit: true,
        types: [],
      },
      files: ["probe.d.ts", ...pages.map(({ file }) => file)],
    }),
  );
  const api = new API({ cwd: root });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [project] });
    const { checker, program } = snapshot.getProject(project)!;
    const exportsOf = async (file: string): Promise<readonly Sym[]> => {
      const module = await checker.getSymbolAtLocation((await program.getSourceFile(file))!);
      return checker.getExportsOfModule(module!);
    };
    const probe = (await exportsOf(join(folder, "probe.d.ts"))).find(({ name }) => name === "coroutine")!;
    const reader = new Reader(checker, (await checker.getTypeOfSymbol(probe))!);
    const read: Vocabulary = { pages: {}, classes: reader.classes };
    for (const { name, file } of pages) {
      const names: Record<string, Kind> = (read.pages[name] = {});
      for (const exported of await exportsOf(file)) names[exported.name] = await reader.exported(exported);
    }
    return withoutWhatMattersNot(read);
  } finally {
    await api.close();
  }
}

type Sym = NonNullable<Awaited<ReturnType<Type["getSymbol"]>>>;

class Reader {
  readonly classes: Record<string, Record<string, Kind>> = {};
  /** The symbol that each name of `classes` stands for: two classes of one name would be taken for one another. */
  readonly #owners = new Map<string, number>();

  readonly checker: Checker;
  /** What every coroutine is assignable to. */
  readonly coroutine: Type;

  constructor(checker: Checker, coroutine: Type) {
    this.checker = checker;
    this.coroutine = coroutine;
  }

  /** What a name of an entry point is; for a class or an interface, what an instance of it is. */
  async exported(name: Sym): Promise<Kind> {
    const symbol = name.flags & SymbolFlags.Alias ? await this.checker.getAliasedSymbol(name) : name;
    return symbol.flags & (SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias)
      ? this.kindOf(await this.checker.getDeclaredTypeOfSymbol(symbol))
      : this.#kindOfSymbol(symbol);
  }

  async #kindOfSymbol(symbol: Sym): Promise<Kind> {
    return this.kindOf((await this.checker.getTypeOfSymbol(symbol))!);
  }

  async kindOf(type: Type): Promise<Kind> {
    if (type.flags & (TypeFlags.Any | TypeFlags.Never)) return null;
    // An array of anything could be one that yields traps; it is none.
    const isArray = type.isTypeReference() && (await this.checker.isArrayLikeType(type));
    if (!isArray && (await this.checker.isTypeAssignableTo(type, this.coroutine))) {
      const [gives] = type.isTypeReference() ? await this.checker.getTypeArguments(type) : [];
      return { gives: gives === undefined ? null : await this.kindOf(gives) };
    }
    if (type.isUnionType()) {
      // Where a method of it is called, what may be undefined is not.
      const present = (await type.getTypes()).filter(({ flags }) => !(flags & TypeFlags.Nullable));
      return present.length === 1 ? this.kindOf(present[0]!) : null;
    }
    if (!type.isObjectType()) return null;
    if (type.isTypeReference() && (await this.checker.isTupleType(type))) {
      return Promise.all((await this.checker.getTypeArguments(type)).map((element) => this.kindOf(element)));
    }
    const [signature] = await this.checker.getSignaturesOfType(type, SignatureKind.Call);
    return signature === undefined ? this.#classOf(type) : this.#functionOf(signature);
  }

  /** A class or interface of this library, by its name. */
  async #classOf(type: Type): Promise<string | null> {
    const symbol = await type.getSymbol();
    if (symbol === undefined || !(symbol.flags & (SymbolFlags.Class | SymbolFlags.Interface))) return null;
    if (!symbol.declarations[0]!.path.includes(SCRATCH)) return null;
    const owner = this.#owners.get(symbol.name);
    if (owner !== undefined && owner !== symbol.id) throw new Error(`two classes are called ${symbol.name}`);
    if (owner === undefined) {
      this.#owners.set(symbol.name, symbol.id);
      const members: Record<string, Kind> = (this.classes[symbol.name] = {});
      for (const member of await this.checker.getPropertiesOfType(type)) {
        if (/^[a-z]\w*$/i.test(member.name)) members[member.name] = await this.#kindOfSymbol(member);
      }
    }
    return symbol.name;
  }

  async #functionOf(signature: Signature): Promise<FunctionKind> {
    const takes: Record<number, Slot> = {};
    const parameters = await signature.getParameters();
    for (const [index, parameter] of parameters.entries()) {
      const slot = await this.#slotOf((await this.checker.getTypeOfSymbol(parameter))!);
      if (slot === undefined) continue;
      takes[index] = slot;
      if (signature.hasRestParameter && index === parameters.length - 2) slot.passesArguments = true;
    }
    const returned = (await this.checker.getReturnTypeOfSignature(signature))!;
    const kind: FunctionKind = { takes, returns: await this.kindOf(returned) };
    if (!returned.isTypeParameter()) return kind;
    const types = await Promise.all(parameters.map((parameter) => this.checker.getTypeOfSymbol(parameter)));
    const index = types.findIndex((type) => type?.id === returned.id);
    return index < 0 ? kind : { ...kind, returnsArgument: index };
  }

  async #slotOf(declared: Type): Promise<Slot | undefined> {
    const type = declared.isTypeParameter() ? await this.checker.getBaseConstraintOfType(declared) : declared;
    if (type === undefined || type.flags & (TypeFlags.Any | TypeFlags.Unknown | TypeFlags.Union)) return undefined;
    const [signature] = await this.checker.getSignaturesOfType(type, SignatureKind.Call);
    if (signature !== undefined) {
      const parameters = await signature.getParameters();
      const named = signature.hasRestParameter ? parameters.slice(0, -1) : parameters;
      return { parameters: await Promise.all(named.map((parameter) => this.#kindOfSymbol(parameter))) };
    }
    if (!type.isTypeReference() || (await this.checker.isTupleType(type))) return undefined;
    const [element] = await this.checker.getTypeArguments(type);
    const slot = element === undefined ? undefined : await this.#slotOf(element);
    return slot === undefined ? undefined : { ...slot, list: true };
  }
}

/** Keeps what an operation or a function's place can be reached through. */
function withoutWhatMattersNot({ pages, classes }: Vocabulary): Vocabulary {
  const matters = (kind: Kind): boolean => {
    if (kind === null) return false;
    if (typeof kind === "string") return kind in classes;
    if (Array.isArray(kind)) return kind.some(matters);
    return "gives" in kind || Object.keys(kind.takes).length > 0 || matters(kind.returns);
  };
  const pruned = (kind: Kind): Kind => {
    if (!matters(kind)) return null;
    if (kind === null || typeof kind === "string") return kind;
    if (Array.isArray(kind)) return kind.map(pruned);
    if ("gives" in kind) return { gives: pruned(kind.gives) };
    const takes = Object.entries(kind.takes).map(([index, slot]) => [
      index,
      { ...slot, parameters: slot.parameters.map(pruned) },
    ]);
    return { ...kind, takes: Object.fromEntries(takes), returns: pruned(kind.returns) };
  };
  const prune = (names: Record<string, Kind>): Record<string, Kind> => {
    const left = Object.entries(names).map(([name, kind]): [string, Kind] => [name, pruned(kind)]);
    return Object.fromEntries(
      left.filter(([, kind]) => kind !== null).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))),
    );
  };
  // A class that has nothing left takes what leads to it along, until all that is left leads somewhere.
  for (let before = -1; before !== Object.keys(classes).length;) {
    before = Object.keys(classes).length;
    for (const [name, members] of Object.entries(classes)) {
      classes[name] = prune(members);
      // Classes that lead to nothing but each other lead nowhere either.
      if (!leads(name, classes)) delete classes[name];
    }
  }
  return {
    pages: Object.fromEntries(Object.entries(pages).map(([page, names]) => [page, prune(names)])),
    classes: Object.fromEntries(Object.entries(classes).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))),
  };
}

/** Whether an operation or a function's place can be reached from an instance of the class. */
function leads(start: string, classes: Record<string, Record<string, Kind>>): boolean {
  const seen = new Set<string>();
  const from = (kind: Kind): boolean => {
    if (kind === null) return false;
    if (Array.isArray(kind)) return kind.some(from);
    if (typeof kind !== "string") return "gives" in kind || Object.keys(kind.takes).length > 0 || from(kind.returns);
    if (seen.has(kind)) return false;
    seen.add(kind);
    return Object.values(classes[kind] ?? {}).some(from);
  };
  return from(start);
}

if (import.meta.main) {
  const file = `${root}lint/vocabulary.js`;
  const { pages, classes } = await deriveVocabulary();
  writeFileSync(
    file,
    `/** Written by scripts/lint-vocabulary.ts from the library's declarations, and compared with them by a test. */
/** @import { Kind } from "./kind.js" */

/** What each entry point exports. @type {Record<string, Record<string, Kind>>} */
export const PAGES = ${JSON.stringify(pages)};

/** The members of its classes and interfaces. @type {Record<string, Record<string, Kind>>} */
export const CLASSES = ${JSON.stringify(classes)};
`,
  );
  Bun.spawnSync([process.execPath, "fmt", file], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}
