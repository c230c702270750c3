import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileC } from "../../ffi/compile-c.ts";

test("C is compiled, or refused with an error, and leaves no file behind", () => {
  const folder = mkdtempSync(join(tmpdir(), "tribun-c-"));
  const names = ["TMPDIR", "TMP", "TEMP"];
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) process.env[name] = folder;
  try {
    expect(tmpdir()).toBe(folder);
    const { twice } = compileC("int twice(int n) { return 2 * n; }", { twice: { args: ["i32"], returns: "i32" } });
    expect(twice(21)).toBe(42);
    expect(() => compileC("int broken(", { broken: { args: [], returns: "i32" } })).toThrow();
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmdirSync(folder);
  }
});
