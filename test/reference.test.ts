/**
 * `docs/reference/` says what the declarations say. Whoever adds a public name or mends a docstring rebuilds it.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../package.json";
import { reference } from "../scripts/build-reference.ts";
import { removeFolder } from "./folders.ts";
import { whyNot } from "./platform.ts";
import { Declarations, headOf, membersOf } from "../scripts/declarations.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "docs/reference");

const noTypeScript = whyNot("typescript");

test.skipIf(noTypeScript !== "")(`the reference is up to date${noTypeScript}`, () => {
  const made = reference();
  const there = [...new Bun.Glob("*").scanSync(folder)].toSorted();
  const stale = [...made].filter(
    ([file, text]) => there.includes(file) && readFileSync(join(folder, file), "utf8") !== text,
  );
  const say = "docs/reference/ is not what the docstrings in src/ say: rebuild it with `npm run docs`, and commit it";
  expect(
    stale.map(([file]) => file),
    say,
  ).toEqual([]);
  expect(there, say).toEqual([...made.keys()].toSorted());
});

test.each(
  Object.entries(manifest.exports).filter(
    ([, entry]) => typeof entry !== "string" && entry.types.startsWith("./types/"),
  ),
)("every name that %s exports at run time stands on its page", async (path, entry) => {
  const page = path === "." ? "tribun.md" : `${path.slice(2)}.md`;
  const text = readFileSync(join(folder, page), "utf8").replaceAll("\\_", "_");
  const names = Object.keys(await import(join(root, (entry as { default: string }).default)));
  const missing = names.filter(
    (name) => !new RegExp(`^### ${name}( |$)|^- \`${name}\`: |\`const ${name}: `, "m").test(text),
  );
  expect(missing).toEqual([]);
});

test("declarations are read through re-exports, renamings, overloads and brackets", () => {
  const scratch = mkdtempSync(join(tmpdir(), "tribun-declarations-"));
  try {
    writeFileSync(
      join(scratch, "inner.d.ts"),
      `type Hidden = { a: 1; };
/** Told { once; */
export declare class One<T extends { b: ";" }> {
    #private;
    /** A member. */
    member(options: { c: number; }): Hidden;
    get other(): T;
}
export declare function two(a: 1): "}";
/** The second. */
export declare function two(a: 2): Hidden;
declare const three: 3;
export { three as four };
export default three;
`,
    );
    writeFileSync(
      join(scratch, "page.d.ts"),
      `/** The page. */\nexport { One as Renamed } from "./inner.ts";\nimport { two } from "./inner.ts";\nexport { type two as second };\nexport * from "./inner.ts";\n`,
    );
    const declarations = new Declarations();
    const page = join(scratch, "page.d.ts");
    const found = declarations.exportsOf(page);
    expect(declarations.commentOf(page)).toBe("/** The page. */");
    expect([...found.keys()].toSorted()).toEqual(["One", "Renamed", "four", "second", "two"]);
    const { declaredAs, pieces, helpers } = found.get("Renamed")!;
    expect({ declaredAs, comment: pieces[0]!.comment }).toEqual({ declaredAs: "One", comment: "/** Told { once; */" });
    expect(headOf(pieces[0]!.text)).toBe('class One<T extends { b: ";" }>');
    expect(membersOf(pieces[0]!.text).map(({ comment, text }) => `${comment}${text}`)).toEqual([
      "#private;",
      "/** A member. */member(options: { c: number; }): Hidden;",
      "get other(): T;",
    ]);
    expect(helpers.map(({ text }) => text)).toEqual(["type Hidden = { a: 1; };"]);
    expect(found.get("second")).toMatchObject({ declaredAs: "two", typeOnly: true });
    expect(found.get("two")!.pieces.map(({ comment }) => comment)).toEqual(["", "/** The second. */"]);
    expect(declarations.exportsOf(join(scratch, "inner.d.ts")).get("default")).toMatchObject({ declaredAs: "three" });
    expect(declarations.commentOf(join(scratch, "inner.d.ts"))).toBe("");
    expect(found.get("four")!.pieces[0]!.text).toBe("declare const three: 3;");
  } finally {
    removeFolder(scratch);
  }
});
