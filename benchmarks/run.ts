/**
 * `npm run bench` runs every benchmark of this folder, `npm run bench -- park-unpark` the named ones. Each file is a
 * program of its own and gets a fresh process, so that no case inherits the heap and the compiled code of another.
 */
import { readdirSync } from "node:fs";
import { basename } from "node:path";

const folder = import.meta.dirname;
const known = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== basename(import.meta.path))
  .map((file) => basename(file, ".ts"))
  .sort();

const named = process.argv.slice(2).map((argument) => basename(argument, ".ts"));
const unknown = named.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(", ")}; there are: ${known.join(", ")}`);
  process.exit(2);
}

let failed = 0;
for (const name of named.length > 0 ? named : known) {
  console.log(`\n# ${name}\n`);
  const { exitCode } = Bun.spawnSync([process.execPath, `${folder}/${name}.ts`], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (exitCode !== 0) {
    console.error(`${name} ended with exit code ${exitCode}`);
    failed++;
  }
}
process.exit(failed === 0 ? 0 : 1);
