/** The tables of a scenario: a row for each case, and what it takes in units of its rival and of its floor. */
import { byGroup, ratio, type CaseResult, type ScenarioResult } from "./results.ts";

/** Rows of equal length, the heading first. */
export type Table = readonly (readonly string[])[];

/**
 * One group's table. The ratios are given for the median, and for the average, which has the garbage collector's share
 * in it and whatever else the machine did meanwhile.
 */
export function tableOf({ unit, title }: ScenarioResult, group: readonly CaseResult[]): Table {
  const worst = unit === "MiB/s" ? "p1" : "p99";
  const hasRival = group.some(({ rival }) => rival !== undefined);
  const hasFloor = group.some(({ floor }) => floor !== undefined);
  const heading = [`${title}, ${unit}`, "p50", "average", worst];
  if (hasRival) heading.push("to rival, p50", "average");
  if (hasFloor) heading.push("to floor, p50", "average");
  const rows = group.map((case_) => {
    const { name, statistics, rival, floor } = case_;
    const times =
      statistics === undefined
        ? ["-", "-", "-"]
        : [statistics.p50, statistics.average, statistics[worst]].map(formatNumber);
    const row = [name, ...times];
    if (hasRival) row.push(...formatRatio(ratio(group, case_, rival)));
    if (hasFloor) row.push(...formatRatio(ratio(group, case_, floor)));
    return row;
  });
  return [heading, ...rows];
}

/** What could not be measured, and why: a line for each. */
export function missingIn(group: readonly CaseResult[]): string[] {
  return group.filter(({ missing }) => missing !== undefined).map(({ name, missing }) => `${name}: ${missing}`);
}

/** What the ratios of a group are to, where it is one and the same: "rival: native promises". */
export function rivalsIn(group: readonly CaseResult[]): string {
  const names = (pick: (case_: CaseResult) => string | undefined): string[] => [
    ...new Set(group.map(pick).filter((name) => name !== undefined)),
  ];
  const rivals = names(({ rival }) => rival).map((name) => `rival: ${name}`);
  const floors = names(({ floor }) => floor).map((name) => (name.startsWith("floor") ? name : `floor: ${name}`));
  return [...rivals, ...floors].join("; ");
}

export function printScenario(result: ScenarioResult): void {
  for (const [name, group] of byGroup(result.cases)) {
    if (name !== "") console.log(name);
    console.log(textTable(tableOf(result, group)));
    for (const line of [rivalsIn(group), ...missingIn(group)]) if (line !== "") console.log(`  ${line}`);
    console.log();
  }
}

export function textTable(table: Table): string {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + 2))).join(""))
    .map((line) => line.trimEnd())
    .join("\n");
}

export function markdownTable([heading, ...rows]: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  // Figures are set against the right.
  const rule = heading!.map((_, index) =>
    rows.every((row) => /^(?:-|[\d.,]+.*)?$/.test(row[index]!)) ? "--:" : "---",
  );
  return [line(heading!), line(rule), ...rows.map(line)].join("\n");
}

/** Three significant digits, and thousands apart. */
export function formatNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value === 0 ? "0" : value.toFixed(value >= 10 ? 1 : 2);
}

function formatRatio(of: ReturnType<typeof ratio>): string[] {
  return of === undefined ? ["", ""] : [formatTimes(of.p50), formatTimes(of.average)];
}

export function formatTimes(value: number): string {
  return `${formatNumber(value)} ×`;
}
