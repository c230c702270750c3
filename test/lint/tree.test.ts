/** The rule on this repository: the linter's own run has it switched on, and the documents' programs are clean. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import plugin from "../../lint/index.js";
import manifest from "../../package.json";
import { whyNot } from "../platform.ts";
import { Project, root } from "./oxlint.ts";

const noLinter = whyNot("linter");
const lintTest = test.skipIf(noLinter !== "");

lintTest(`the programs of the documents forget nothing${noLinter}`, async () => {
  using project = new Project();
  let programs = 0;
  for (const document of ["README.md", ...new Bun.Glob("docs/**/*.md").scanSync(root)]) {
    for (const block of readFileSync(join(root, document), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
      project.write(`${document.replaceAll(/\W/g, "-")}-${programs++}.ts`, block[1]!);
    }
  }
  expect(programs).toBeGreaterThan(5);
  expect(Object.fromEntries(await project.lint())).toEqual({});
});

lintTest.each([
  ["src/sync/forgetful.ts", 1],
  ["examples/forgetful.ts", 1],
  ["benchmarks/forgetful.ts", 1],
  ["test/sync/forgetful.ts", 1],
  ["test/bad-input/forgetful.ts", 0],
])(`of a forgotten yield* in %s, the tree's own configuration finds %d${noLinter}`, async (file, found) => {
  // The same configuration over a folder of the same shape, with the plugin that it names.
  const config = Bun.JSONC.parse(readFileSync(join(root, ".oxlintrc.json"), "utf8")) as object;
  using project = new Project({ ...config, $schema: undefined, jsPlugins: ["./node_modules/tribun/lint/index.js"] });
  project.write(file, 'import { sleep } from "tribun";\nexport function* forgetful() {\n  sleep(1);\n}\n');
  expect((await project.lint()).get(file)?.length ?? 0).toBe(found);
});

lintTest(`within the library's own tree, its entry points are known by their paths${noLinter}`, async () => {
  const oxlint = Bun.spawnSync(
    [join(root, "node_modules/.bin/oxlint"), "-c", "lint/oxlint.json", "test/bad-input/programs/forgetful.ts"],
    { cwd: root },
  );
  expect(oxlint.stdout.toString()).toContain("tribun(undriven)");
});

test("the plugin is what linters expect, for the package as it is", () => {
  expect(plugin.meta).toEqual({ name: "tribun", version: manifest.version });
  expect(plugin.configs.recommended.plugins).toEqual({ tribun: plugin });
  expect(Object.keys(plugin.configs.recommended.rules)).toEqual(
    Object.keys(plugin.rules).map((rule) => `tribun/${rule}`),
  );
});
