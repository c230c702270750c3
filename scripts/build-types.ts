/**
 * Writes the declarations that the package's `types` conditions name into `types/`, from nothing, so that none is stale.
 * `prepack` runs it.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import manifest from "../package.json";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}types`, { recursive: true, force: true });
const { exitCode } = Bun.spawnSync([process.execPath, "x", "--no-install", "tsc", "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
});
if (exitCode !== 0) process.exit(exitCode);

// What is held is a Disposable, which TypeScript's default library does not declare yet. Each entry point says that it
// needs it, so that users need neither Bun's types nor a `lib` setting.
const NEEDED = '/// <reference lib="esnext.disposable" preserve="true" />\n';
for (const entry of Object.values(manifest.exports)) {
  if (typeof entry === "string" || !entry.types.startsWith("./types/")) continue;
  const path = `${root}${entry.types}`;
  writeFileSync(path, NEEDED + readFileSync(path, "utf8"));
}
