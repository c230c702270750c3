/** Tests are written with plain generators; this runs them again with asynchronous ones in their place. */
import { plugin } from "bun";
import { describe } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

plugin({
  name: "asynchronous generators",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts\?async$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path.replace(/\?async$/, ""), "utf8").replaceAll(
        /(?<!async )function\*/g,
        "async function*",
      ),
    }));
  },
});

/** Registers the tests of `files`, in `folder`, with every `function*` in them an `async function*`. */
export function inAsyncGenerators(folder: string, files: Iterable<string>): void {
  for (const file of files) {
    describe(`in asynchronous generators: ${file}`, () => {
      require(`${join(folder, file)}?async`);
    });
  }
}
