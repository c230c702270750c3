import { expect, test } from "bun:test";
import { chartOf } from "../../benchmarks/harness/charts.ts";
import { judge } from "../../benchmarks/harness/goals.ts";
import { blockOf, reportOf, withBlock } from "../../benchmarks/harness/report.ts";
import { byGroup, type CaseResult, type Results, type ScenarioResult } from "../../benchmarks/harness/results.ts";
import { statistics } from "../../benchmarks/harness/statistics.ts";
import { markdownTable, missingIn, tableOf, textTable } from "../../benchmarks/harness/tables.ts";

async function measured(name: string, samples: number[], rest: Partial<CaseResult> = {}): Promise<CaseResult> {
  return { name, ...rest, statistics: await statistics(samples) };
}

function scenarioOf(cases: CaseResult[], rest: Partial<ScenarioResult> = {}): ScenarioResult {
  return { name: "s", title: "one <thing>", unit: "ns", processes: "shared", quick: false, cases, ...rest };
}

function resultsOf(...scenarios: ScenarioResult[]): Results {
  const machine = {
    date: "2026-01-02",
    cpu: "a CPU",
    cores: 2,
    memory: 8,
    system: "an OS",
    kernel: "a kernel",
    bun: "1.4.5",
    peers: { Trio: "0.22.0" },
  };
  return { machine, scenarios };
}

test("a table has a row for each case, with its ratios, and says what is missing", async () => {
  const cases = [
    await measured("promises", [10]),
    await measured("tribun", [25], { rival: "promises", floor: "least" }),
    await measured("least", [5]),
    { name: "peer", missing: "not there", rival: "promises" },
  ];
  const table = tableOf(scenarioOf(cases), cases);
  expect(table).toEqual([
    ["one <thing>, ns", "p50", "average", "p99", "to rival, p50", "average", "to floor, p50", "average"],
    ["promises", "10.0", "10.0", "10.0", "", "", "", ""],
    ["tribun", "25.0", "25.0", "25.0", "2.50 ×", "2.50 ×", "5.00 ×", "5.00 ×"],
    ["least", "5.00", "5.00", "5.00", "", "", "", ""],
    ["peer", "-", "-", "-", "", "", "", ""],
  ]);
  expect(missingIn(cases)).toEqual(["peer: not there"]);
  expect(
    textTable([
      ["a", "bb"],
      ["ccc", "d"],
    ]),
  ).toBe("a    bb\nccc   d");
  expect(
    markdownTable([
      ["a", "b", "c"],
      ["x|y", "2.50 ×", "words"],
    ]),
  ).toBe("| a | b | c |\n| --- | --: | --- |\n| x\\|y | 2.50 × | words |");
});

test("ratios are taken within a group", async () => {
  const cases = [
    await measured("rival", [10], { group: "few" }),
    await measured("tribun", [20], { group: "few", rival: "rival" }),
    await measured("rival", [100], { group: "many" }),
    await measured("tribun", [50], { group: "many", rival: "rival" }),
  ];
  const groups = byGroup(cases);
  expect([...groups.keys()]).toEqual(["few", "many"]);
  const ratios = [...groups.values()].map((group) => tableOf(scenarioOf(cases), group)[2]![4]);
  expect(ratios).toEqual(["2.00 ×", "0.50 ×"]);
});

test("of throughput the bad end is the low one", async () => {
  const cases = [await measured("tribun", [1, 10, 10])];
  expect(tableOf(scenarioOf(cases, { unit: "MiB/s" }), cases)[0]).toContain("p1");
});

test.each(["distribution", { x: "tasks" }] as const)("the chart %p is well-formed", async (chart) => {
  const cases = [
    await measured("function*, runSync", [10, 20, 30], { x: 1 }),
    await measured("function*, runSync", [11, 12, 13], { x: 1_000 }),
    await measured('floor: <&">', [1, 2, 3], { x: 1 }),
    { name: "missing", missing: "not there", x: 1 },
  ];
  const svg = chartOf(scenarioOf(cases, { chart }))!;
  expect(svg).toStartWith('<svg xmlns="http://www.w3.org/2000/svg"');
  expect(svg).toContain("prefers-color-scheme:dark");
  expect(svg).toContain(">floor: &lt;&amp;&quot;&gt;</text>");
  expect(svg).not.toMatch(/NaN|Infinity|undefined|missing/);
  // Every element is closed, in order; attributes are quoted and hold no markup.
  const open: string[] = [];
  for (const [, closes, name, closed] of svg.matchAll(/<(\/?)([a-z]+)(?: [a-zA-Z0-9-]+="[^"<]*")*(\/?)>/g)) {
    if (closes !== "") expect(open.pop()).toBe(name!);
    else if (closed === "") open.push(name!);
  }
  expect(open).toEqual([]);
  expect(svg.replaceAll(/<\/?[a-z]+(?: [a-zA-Z0-9-]+="[^"<]*")*\/?>/g, "")).not.toMatch(/[<>]/);
});

test("there is no chart where none is asked for, or nothing was measured", async () => {
  expect(chartOf(scenarioOf([await measured("tribun", [1])]))).toBeUndefined();
  expect(
    chartOf(scenarioOf([{ name: "peer", missing: "not there", x: 1 }], { chart: { x: "tasks" } })),
  ).toBeUndefined();
});

test("a goal is judged by the medians", async () => {
  const cases = [
    await measured("rival", [10], { group: "few" }),
    await measured("tribun", [15], { group: "few", floor: "floor: least" }),
    await measured("floor: least", [5], { group: "few" }),
    await measured("tribun", [45], { group: "many" }),
    { name: "peer", group: "few", missing: "not there" },
  ];
  const results = resultsOf(scenarioOf(cases));
  const goal = { work: "", goal: "", scenario: "s", group: "few", case: "tribun", limit: 2 };
  expect(judge({ ...goal, against: { case: "rival" } }, results)).toEqual({
    goal: { ...goal, against: { case: "rival" } },
    unit: "ns",
    mine: { name: "tribun", value: 15 },
    other: { name: "rival", value: 10 },
    floor: { name: "floor: least", value: 5 },
    met: true,
  });
  expect(judge({ ...goal, against: { case: "rival" }, limit: 1.4 }, results).met).toBe(false);
  expect(judge({ ...goal, group: "many", against: { group: "few" } }, results)).toMatchObject({
    met: false,
    other: { name: "few", value: 15 },
  });
  expect(judge({ ...goal, limit: 15 }, results).met).toBe(true);
  expect(judge({ ...goal, limit: 14 }, results).met).toBe(false);
  expect(judge({ ...goal, against: { case: "peer" } }, results)).toMatchObject({ why: "not there" });
  expect(judge({ ...goal, scenario: "other" }, results)).toMatchObject({ why: "the scenario other was not run" });
  expect(judge({ ...goal, case: "other" }, results)).toMatchObject({ why: "s has no other in few" });
  const quick = resultsOf(scenarioOf(cases, { quick: true }));
  expect(judge({ ...goal, case: "other" }, quick)).toMatchObject({ why: "left out of --quick" });
  const throughput = resultsOf(scenarioOf(cases, { unit: "MiB/s" }));
  expect(judge({ ...goal, against: { case: "rival" }, limit: 1.4 }, throughput).met).toBe(true);
});

test("the report has a section for each scenario and says where it was made", async () => {
  const shown = scenarioOf([await measured("tribun", [1, 2, 3])], { name: "park-unpark", chart: "distribution" });
  const results = resultsOf(shown, scenarioOf([await measured("tribun", [1])], { name: "other", quick: true }));
  const report = reportOf(results);
  expect(report).toContain("2026-01-02: a CPU, 2 cores, 8 GiB; an OS, a kernel; Bun 1.4.5; Trio 0.22.0.");
  expect(report).toContain("these are rough");
  expect(report).toContain("\n\n## park-unpark\n\n");
  expect(report).toContain("](charts/park-unpark.svg)");
  expect(report).toContain("\n\n## other\n\n");
  expect(report).not.toContain("](charts/other.svg)");
  expect(blockOf(results)).toContain("](benchmarks/charts/park-unpark.svg)");
});

test("the README's block is replaced, and nothing around it", () => {
  const text = "before\n\n<!-- bench:begin -->\n\nold\n\n<!-- bench:end -->\n\nafter\n";
  expect(withBlock(text, "new")).toBe(text.replace("old", "new"));
  expect(withBlock(withBlock(text, "new"), "new")).toBe(withBlock(text, "new"));
  expect(() => withBlock("before", "new")).toThrow("no <!-- bench:begin -->");
});

test("the README has a place for the block", async () => {
  const readme = await Bun.file(new URL("../../README.md", import.meta.url)).text();
  expect(withBlock(readme, "new")).toContain("<!-- bench:begin -->\n\nnew\n\n<!-- bench:end -->");
});
