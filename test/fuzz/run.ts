/** `npm run fuzz:trio -- --runs 10000 --seed 5`: see `compare.ts`. */
import { parseArgs } from "node:util";
import { compare } from "./compare.ts";
import { python } from "./trio.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "2000" }, seed: { type: "string" } } });
const numbers = { runs: Number(values.runs), seed: values.seed === undefined ? undefined : Number(values.seed) };
for (const [name, value] of Object.entries(numbers)) {
  if (value !== undefined && !Number.isSafeInteger(value)) {
    console.error(`--${name} must be a whole number`);
    process.exit(2);
  }
}
if (python === undefined) {
  console.error("no python3 here has trio: apt-get install python3-trio");
  process.exit(2);
}
await compare(numbers as { runs: number; seed?: number });
console.log(`${numbers.runs} programs: the same here and in Trio`);
