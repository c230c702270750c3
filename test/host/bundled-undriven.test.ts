/** In a bundle the library's lines cannot be told from the program's: a forgotten operation is reported without a line. */
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder } from "../folders.ts";

test("a forgotten operation of a bundled program is reported by its name, and no wrong line is", () => {
  const folder = mkdtempSync(join(tmpdir(), "tribun-bundle-"));
  try {
    const program = join(folder, "program.ts");
    const library = JSON.stringify(join(import.meta.dir, "../../src/index.ts"));
    writeFileSync(
      program,
      `import { run, moveOnAfter, sleep } from ${library};
       await run(async function* main() { moveOnAfter(1, () => sleep(1)); yield* sleep(1); });`,
    );
    const build = Bun.spawnSync([process.execPath, "build", "--target=bun", program]);
    expect(build.exitCode).toBe(0);
    const bundle = join(folder, "program.js");
    writeFileSync(bundle, build.stdout);
    const { stderr } = Bun.spawnSync([process.execPath, bundle], { timeout: 20_000 });
    expect(stderr.toString()).toContain("moveOnAfter() was called, and the operation it returned was never driven");
  } finally {
    removeFolder(folder);
  }
});
