import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../benchmarks/package.json";
import { removeFolder } from "../folders.ts";
import { withoutWineNoise } from "../wine-noise.ts";

const benchmarks = fileURLToPath(new URL("../../benchmarks/", import.meta.url));

function ran(program: string, ...args: string[]): { exitCode: number; output: string; errors: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, program, ...args], { stdin: "ignore" });
  return { exitCode, output: stdout.toString(), errors: withoutWineNoise(stderr.toString()) };
}

test.each([
  [["no-such-scenario"], /^no benchmark is named no-such-scenario; there are: .*\bpark-unpark\b/],
  [["park-unpark", "run"], /^no benchmark is named run; /],
  [["--report", "park-unpark"], /^--report is about all benchmarks/],
  [["--from", "results.json"], /^--from measures nothing/],
  [["--from", "results.json", "--report", "--quick"], /^--from measures nothing/],
  [["--report", "--from", "no-such.json"], /^--from no-such\.json: ENOENT/],
  [["--report", "--from", join(benchmarks, "package.json")], /^--from .*: no --report has written it/],
  [["--fast"], /--fast/],
])("npm run bench -- %p is refused before anything runs", (args, message) => {
  const { exitCode, output, errors } = ran(join(benchmarks, "run.ts"), ...args);
  expect({ exitCode, output }).toEqual({ exitCode: 2, output: "" });
  expect(errors).toMatch(message);
});

/** Runs a scenario of these cases (source text), in processes of one kind or the other. */
async function scenarioOf(
  cases: string,
  processes: "shared" | "fresh",
): Promise<ReturnType<typeof ran> & { json: any }> {
  const folder = mkdtempSync(join(tmpdir(), "tribun-bench-test-"));
  try {
    const [program, json] = [join(folder, "trial.ts"), join(folder, "trial.json")];
    writeFileSync(
      program,
      `import { scenario } from ${JSON.stringify(join(benchmarks, "harness/scenario.ts"))};
      await scenario({ name: "trial", title: "one try", unit: "ns", processes: "${processes}", rival: "b", cases: ${cases} });`,
    );
    const result = ran(program, "--quick", "--json", json);
    return { ...result, json: result.exitCode === 0 ? await Bun.file(json).json() : undefined };
  } finally {
    removeFolder(folder);
  }
}

test.each(["shared", "fresh"] as const)("a scenario measures in %s processes, prints and keeps", async (processes) => {
  const { exitCode, output, errors, json } = await scenarioOf(
    `[
      { name: "a", samples: async () => { await Bun.sleep(1); return [20, 30, 40]; } },
      { name: "b", samples: () => [10] },
      { name: "c", missing: "not there", samples: () => { throw new Error("called"); } },
    ]`,
    processes,
  );
  expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "" });
  expect(output).toMatch(/^a +30\.0 .* 3\.00 × +3\.00 ×$/m);
  expect(output).toContain("rival: b\n");
  expect(output).toContain("c: not there\n");
  expect(json).toMatchObject({ name: "trial", unit: "ns", quick: true });
  expect(json.cases).toMatchObject([
    { name: "a", rival: "b", statistics: { p50: 30 } },
    { name: "b", statistics: { p50: 10 } },
    { name: "c", rival: "b", missing: "not there" },
  ]);
});

test.each(["shared", "fresh"] as const)("a case that fails in %s processes fails the scenario", async (processes) => {
  const { exitCode, errors } = await scenarioOf(
    `[{ name: "b", samples: () => { throw new Error("nothing arrived"); } }]`,
    processes,
  );
  expect(exitCode).not.toBe(0);
  expect(errors).toContain("nothing arrived");
});

test("a case is set against another of its own group only", async () => {
  const { exitCode, errors } = await scenarioOf(
    `[{ name: "a", group: "x", rival: "b", samples: () => [1] }, { name: "b", group: "y", samples: () => [1] }]`,
    "shared",
  );
  expect(exitCode).not.toBe(0);
  expect(errors).toContain("trial: a is to be set against b, which is not in x");
});

test("the peers are pinned, and their lock file names no registry", async () => {
  for (const version of Object.values(manifest.devDependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(await Bun.file(join(benchmarks, "bun.lock")).text()).not.toContain("://");
});
