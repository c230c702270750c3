/**
 * Makes sure that `node_modules/.bin/bun` is Bun. The npm package `bun` puts the binary there in its install script,
 * which `npm install --ignore-scripts` and package managers that block install scripts leave out; what stands there
 * then is a placeholder that only says so. Running the script late is what the placeholder itself advises.
 *
 * Plain JavaScript on Node's own modules, because it runs before there is a Bun.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bunPackage = fileURLToPath(new URL("../node_modules/bun/", import.meta.url));
const binary = `${bunPackage}bin/bun.exe`;
// The placeholder is a few lines of shell; Bun is some 100 MB.
const PLACEHOLDER_LIMIT = 64 * 1024;

if (existsSync(binary) && statSync(binary).size < PLACEHOLDER_LIMIT) {
  const { status, error } = spawnSync(process.execPath, ["install.js"], { cwd: bunPackage, stdio: "inherit" });
  if (error !== undefined || status !== 0) {
    console.error(
      `Bun's install script failed${error === undefined ? "" : ` (${error.message})`}: run "npm rebuild bun"`,
    );
    process.exit(1);
  }
}
