/** The report: `benchmarks/report.md`, its charts, and the block of the README that sums it up. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chartOf } from "./charts.ts";
import { goalTable } from "./goals.ts";
import { sayMachine } from "./machine.ts";
import { byGroup, type Results, type ScenarioResult } from "./results.ts";
import { markdownTable, missingIn, rivalsIn, tableOf } from "./tables.ts";

const benchmarks = join(import.meta.dirname, "..");
const README = join(benchmarks, "..", "README.md");
/** Git knows nothing of it. The report can be drawn again: `npm run bench -- --report --from benchmarks/results.json`. */
const RESULTS = join(benchmarks, "results.json");
const COMMAND = "npm run bench -- --report";

/** The chart that the README shows. */
const SHOWN = "park-unpark";

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

/** Writes all of it, and brings it into the formatter's form. */
export async function writeReport(results: Results): Promise<void> {
  // All of it is made before anything of the last report is touched.
  const text = reportOf(results);
  const readme = withBlock(await Bun.file(README).text(), blockOf(results));
  const charts = results.scenarios.map((scenario) => ({ name: scenario.name, chart: chartOf(scenario) }));

  const folder = join(benchmarks, "charts");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const { name, chart } of charts) if (chart !== undefined) await Bun.write(join(folder, `${name}.svg`), chart);
  const report = join(benchmarks, "report.md");
  await Bun.write(RESULTS, JSON.stringify(results));
  await Bun.write(report, text);
  await Bun.write(README, readme);
  Bun.spawnSync([process.execPath, "fmt", report, README], {
    cwd: join(benchmarks, ".."),
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The report's text, in Markdown. */
export function reportOf(results: Results): string {
  return [
    "# What tribun costs",
    `Written by \`${COMMAND}\`, which does it again on your machine. ${provenance(results)}`,
    "Hold on to the ratios: they were taken in one run, in which the cases took turns, and the times are this machine's. A rival is what somebody would use instead of the library; a floor is the least that the work could cost, with no scheduler at all. p50 is the median over batches of the work, not over single pieces.",
    "## Goals",
    markdownTable(goalTable(results)),
    ...results.scenarios.map(sectionOf),
    "",
  ].join("\n\n");
}

function sectionOf(scenario: ScenarioResult): string {
  const { name, title, unit, processes, cases } = scenario;
  const how =
    processes === "shared"
      ? "All cases in one process, taking turns."
      : "Each case in fresh processes of its own, taking turns.";
  const direction = unit === "MiB/s" ? "; more is better" : "";
  const parts = [`## ${name}`, `What is measured: ${title}, in ${unit}${direction}. ${how}`];
  if (chartOf(scenario) !== undefined) parts.push(`![${title}](charts/${name}.svg)`);
  for (const [group, inGroup] of byGroup(cases)) {
    if (group !== "") parts.push(`### ${name}: ${group}`);
    parts.push(markdownTable(tableOf(scenario, inGroup)));
    const [rivals, missing] = [rivalsIn(inGroup), missingIn(inGroup)];
    if (rivals !== "") parts.push(`Ratios are to: ${rivals}.`);
    if (missing.length > 0) parts.push(missing.map((line) => `- ${line}`).join("\n"));
  }
  return parts.join("\n\n");
}

/** What stands between the markers of the README. */
export function blockOf(results: Results): string {
  const parts = [markdownTable(goalTable(results))];
  const shown = results.scenarios.find(({ name }) => name === SHOWN);
  if (shown !== undefined && chartOf(shown) !== undefined) {
    parts.push(`![${shown.title}: how long it takes](benchmarks/charts/${SHOWN}.svg)`);
  }
  parts.push(
    `Written by \`${COMMAND}\`; [benchmarks/report.md](benchmarks/report.md) has the rest. ${provenance(results)}`,
  );
  return parts.join("\n\n");
}

function provenance({ machine, scenarios }: Results): string {
  const quick = scenarios.some(({ quick }) => quick) ? " Measured with `--quick`: these are rough." : "";
  return `${sayMachine(machine)}.${quick}`;
}

/** @throws if the text has no markers */
export function withBlock(text: string, block: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the README has no ${BEGIN} with an ${END} after it`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${block}\n\n${text.slice(end)}`;
}
