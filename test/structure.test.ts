/**
 * The directions imports may take: `ffi` ← `io` ← `host` ← the public pages, with the kernel below `io` and `host` and
 * knowing none of them, and what people use daily written on the public low-level API.
 */
import { expect, test } from "bun:test";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder } from "./folders.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Import {
  /** The importing file, from the root of the tree, with forward slashes. */
  file: string;
  /** The imported file, likewise, or the specifier of a module that is not of this tree. */
  target: string;
  /** The names taken, as the target calls them; undefined where it is not named ones that are taken. */
  names: string[] | undefined;
}

/** Public pages: what they re-export is the public API. */
const PAGES = ["src/index.ts", "src/hazmat.ts", "src/lowlevel.ts", "src/lowlevel-common.ts"];

/**
 * What each zone may import from, besides itself. The first part of a path after `src/` is its zone, `ffi` is one, and
 * so is each file that stands in `src` itself.
 */
const MAY_IMPORT: Record<string, string[]> = {
  errors: [],
  ffi: ["errors"],
  kernel: ["errors"],
  io: ["errors", "ffi", "kernel"],
  host: ["errors", "ffi", "kernel", "io"],
  "lowlevel-common": ["errors", "kernel", "io", "host"],
  hazmat: ["lowlevel-common", "kernel"],
  lowlevel: ["lowlevel-common", "kernel"],
  index: ["errors", "kernel", "io", "host", "sync", "together", "streams", "instruments", "net"],
  sync: ["errors", "hazmat", "lowlevel", "kernel"],
  together: ["errors", "hazmat", "lowlevel", "kernel", "sync"],
  streams: ["errors", "hazmat", "lowlevel", "kernel"],
  instruments: ["errors", "hazmat", "kernel"],
  net: ["errors", "hazmat", "lowlevel", "kernel", "sync", "streams", "ffi"],
  socket: ["errors", "hazmat", "lowlevel", "net", "ffi"],
  testing: ["errors", "hazmat", "lowlevel", "kernel", "host", "sync", "streams"],
};

/** Zones above the public low-level API: they may use the kernel by its public names only. */
const ABOVE_HAZMAT = ["sync", "together", "streams", "instruments", "net", "socket"];

/** The protocol by which an operation is made and driven is open to whoever makes one; it knows nothing of a runner. */
const OPERATION_PROTOCOL = [
  "src/kernel/attempt.ts",
  "src/kernel/operation.ts",
  "src/kernel/operation-of.ts",
  "src/kernel/single-use.ts",
];

/** How an options object is judged, the same way everywhere; it knows nothing of a runner either. */
const JUDGING_OPTIONS = "src/kernel/options.ts";

function zoneOf(file: string): string {
  const [top, second] = file.split("/");
  return top === "src" ? second!.replace(/\.ts$/, "") : top!;
}

/** Statements begin in the first column, and examples in comments do not: no comment has to be taken out first. */
const STATEMENT =
  /^(?:import|export)\s+(?:type\s+)?(?:\{([^}]*)\}|\*(?:\s+as\s+\w+)?|\w+)\s+from\s+["']([^"'\n]+)["']/gm;
const SIDE_EFFECT = /^import\s+["']([^"'\n]+)["']/gm;
const CALL = /\b(?:import|require)\(\s*["']([^"'\n]+)["']/g;

async function importsOf(file: string): Promise<Import[]> {
  const source = await Bun.file(join(root, file)).text();
  const resolve = (specifier: string): string =>
    specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)).replaceAll(sep, "/") : specifier;
  const found: Import[] = [];
  for (const [, list, specifier] of source.matchAll(STATEMENT)) {
    const names = list
      ?.split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type\s+/, "")
          .replace(/\s+as\s+.*$/, ""),
      )
      .filter((name) => name !== "");
    found.push({ file, target: resolve(specifier!), names });
  }
  for (const pattern of [SIDE_EFFECT, CALL]) {
    for (const [, specifier] of source.matchAll(pattern)) {
      found.push({ file, target: resolve(specifier!), names: undefined });
    }
  }
  return found;
}

const files: string[] = [];
for (const folder of ["ffi", "src"]) {
  for (const file of filesUnder(join(root, folder))) if (file.endsWith(".ts")) files.push(`${folder}/${file}`);
}
const imports = (await Promise.all(files.toSorted().map(importsOf))).flat();
const inTree = imports.filter(({ target }) => files.includes(target));
const say = ({ file, target, names }: Import): string =>
  `${file} imports ${names === undefined ? "" : `${names.join(", ")} from `}${target}`;

test("imports are found, with the names they take", () => {
  expect(imports).toContainEqual({
    file: "src/io/fd-io-manager.ts",
    target: "src/kernel/io-manager.ts",
    names: ["IoManager"],
  });
});

test("every folder of src has a rule for what it may import", () => {
  expect([...new Set(files.map(zoneOf))].filter((zone) => !(zone in MAY_IMPORT))).toEqual([]);
});

test("imports point one way", () => {
  const wrong = inTree.filter(({ file, target }) => {
    const [from, to] = [zoneOf(file), zoneOf(target)];
    return from !== to && MAY_IMPORT[from]?.includes(to) === false;
  });
  expect(wrong.map(say)).toEqual([]);
});

test("only ffi imports bun:ffi", () => {
  expect(imports.filter(({ file, target }) => target === "bun:ffi" && zoneOf(file) !== "ffi").map(say)).toEqual([]);
});

test("the kernel knows no Bun and no platform", async () => {
  const kernel = files.filter((file) => zoneOf(file) === "kernel");
  // Which task runs is kept beside promises, too; that is the one thing it takes from its surroundings.
  const foreign = imports.filter(
    ({ file, target }) => kernel.includes(file) && !files.includes(target) && target !== "node:async_hooks",
  );
  expect(foreign.map(say)).toEqual([]);
  for (const file of kernel) {
    const code = withoutComments(await Bun.file(join(root, file)).text());
    expect([
      file,
      ...(code.match(/\bBun\.|\bset(?:Timeout|Interval|Immediate)\(|\bprocess\.platform\b/g) ?? []),
    ]).toEqual([file]);
  }
});

test("what people use daily is written on public names alone", async () => {
  const isPublic = new Map<string, Set<string>>();
  for (const { file, target, names } of inTree) {
    if (!PAGES.includes(file)) continue;
    if (!isPublic.has(target)) isPublic.set(target, new Set());
    for (const name of names ?? []) isPublic.get(target)!.add(name);
  }
  const hidden = inTree
    .filter(
      ({ file, target }) => ABOVE_HAZMAT.includes(zoneOf(file)) && ["kernel", "io", "host"].includes(zoneOf(target)),
    )
    .filter(({ target }) => !OPERATION_PROTOCOL.includes(target) && target !== JUDGING_OPTIONS)
    .filter(({ target, names }) => names === undefined || names.some((name) => !isPublic.get(target)?.has(name)));
  expect(hidden.map(say)).toEqual([]);
});

test("nothing of the library depends on a package", () => {
  const packages = imports.filter(({ target }) => !files.includes(target) && !/^(?:node|bun):/.test(target));
  expect(packages.map(say)).toEqual([]);
});

test("each file can be the first that is imported: no class is needed before its module has run", async () => {
  // A Worker has modules of its own.
  const importer = URL.createObjectURL(
    new Blob([
      "onmessage = ({ data }) => import(data).then(() => postMessage(null), (error) => postMessage(`${error}`));",
    ]),
  );
  const left = [...files];
  const failed: string[] = [];
  const importSome = async (): Promise<void> => {
    for (let file = left.pop(); file !== undefined; file = left.pop()) {
      const worker = new Worker(importer);
      const { promise, resolve } = Promise.withResolvers<unknown>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => resolve(message);
      worker.postMessage(join(root, file));
      const error = await promise;
      if (error !== null) failed.push(`${file}: ${String(error)}`);
      worker.terminate();
    }
  };
  await Promise.all([importSome(), importSome()]);
  URL.revokeObjectURL(importer);
  expect(failed).toEqual([]);
});

test.each(PAGES)("%s is a page of re-exports", async (page) => {
  const code = withoutComments(await Bun.file(join(root, page)).text());
  const rest = code.replaceAll(/export\s+(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)\s+from\s+"[^"]+";/g, "");
  expect(rest.trim()).toBe("");
});

/** Strings are matched first, so that what looks like a comment within one stays. */
function withoutComments(source: string): string {
  return source.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g,
    (_, string: string | undefined) => string ?? "",
  );
}
