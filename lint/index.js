/**
 * The linter's plugin: `tribun/lint`. One rule, `tribun/undriven`, for oxlint and for ESLint, neither of which is needed
 * to load it. Plain JavaScript, because linters run on Node, which takes no TypeScript from `node_modules`.
 */
import { readFileSync } from "node:fs";
import { undriven } from "./undriven.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** @type {{ meta: { name: string, version: string }, rules: Record<string, any>, configs: Record<string, any> }} */
const plugin = {
  meta: { name: "tribun", version },
  rules: { undriven },
  configs: {},
};
plugin.configs["recommended"] = {
  name: "tribun/recommended",
  plugins: { tribun: plugin },
  rules: { "tribun/undriven": "error" },
};

export default plugin;
