/** The report's charts: the distribution of what the cases of a scenario take, and cost against how much there is. */
import { byGroup, type CaseResult, type ScenarioResult } from "./results.ts";
import { drawing, element, line, logarithmic, text, type Hue } from "./svg.ts";
import { formatNumber } from "./tables.ts";

const WIDTH = 760;
const MARGIN = 16;

/** Who has which colour, in all charts alike: the first of these that is in its name. */
const HUE_OF: readonly (readonly [string, Hue])[] = [
  ["async function*", "teal"],
  ["function*", "blue"],
  ["floor", "grey"],
  ["effection", "purple"],
  ["effect", "olive"],
  ["Trio", "red"],
  ["asyncio", "brown"],
  ["Go", "cyan"],
];
/** Everyone else has the next of these: mostly it is one, and native. */
const OTHER_HUES: readonly Hue[] = ["orange", "cyan", "brown", "purple"];

/** @returns the chart that the scenario asks for, as SVG; undefined where it asks for none, or nothing was measured */
export function chartOf({ chart, title, unit, cases }: ScenarioResult): string | undefined {
  if (chart === undefined) return undefined;
  if (chart === "distribution") {
    const rows = cases.filter(({ statistics }) => statistics !== undefined && statistics.p50 > 0);
    return rows.length === 0 ? undefined : distribution(`${title}, ${unit}`, rows);
  }
  const lines = linesOf(cases);
  return lines.length === 0 ? undefined : costAgainst(`${title}, ${unit}, against ${chart.x}`, lines);
}

/** A row for each case: from the 1st percentile to the 99th, a box about the middle half, the median in it. */
function distribution(title: string, cases: readonly CaseResult[]): string {
  const [top, rowHeight] = [66, 26];
  const left = MARGIN + 12 + widthOf(cases.map(({ name }) => name));
  const right = WIDTH - 80;
  const quantile = ({ statistics }: CaseResult, percent: number): number => statistics!.quantiles[percent]!;
  const scale = logarithmic(
    cases.flatMap((case_) => [quantile(case_, 1), quantile(case_, 99)]),
    left,
    right,
  );
  const hues = huesOf(cases.map(({ name }) => name));
  const rows: string[] = [];
  let bottom = top;
  for (const [group, inGroup] of byGroup(cases)) {
    if (group !== "") {
      rows.push(text(MARGIN, bottom + rowHeight / 2 + 4, group, { class: "heading" }));
      bottom += rowHeight;
    }
    for (const case_ of inGroup) {
      const y = bottom + rowHeight / 2;
      const at = (percent: number): number => scale.at(quantile(case_, percent));
      const [hue, width] = [hues.get(case_.name)!, Math.max(1, at(75) - at(25))];
      rows.push(
        text(left - 12, y + 4, case_.name, { "text-anchor": "end" }),
        line(at(1), y, at(99), y, `whisker ${hue}`),
        element("rect", { x: at(25), y: y - 7, width, height: 14, class: `box ${hue}` }),
        line(at(50), y - 7, at(50), y + 7, `median ${hue}`),
        text(right + 12, y + 4, formatNumber(quantile(case_, 50)), { class: "faint" }),
      );
      bottom += rowHeight;
    }
  }
  return drawing(
    WIDTH,
    bottom + 34,
    title,
    text(MARGIN, 46, "1st to 99th percentile, the middle half, the median (right); logarithmic", { class: "faint" }),
    ...scale.ticks.map((tick) => line(scale.at(tick), top, scale.at(tick), bottom, "grid")),
    ...scale.ticks.map((tick) => tickLabel(scale.at(tick), bottom + 18, tick, "middle")),
    ...rows,
  );
}

interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

function linesOf(cases: readonly CaseResult[]): Line[] {
  const measured = cases.filter(
    ({ x, statistics }) => x !== undefined && statistics !== undefined && statistics.p50 > 0,
  );
  return [...Map.groupBy(measured, ({ name }) => name)].map(([name, group]) => ({
    name,
    points: group.map(({ x, statistics }) => ({ x: x!, y: statistics!.p50 })).sort((a, b) => a.x - b.x),
  }));
}

/** The median against x, both logarithmic; a line for each name, with the name at its end. */
function costAgainst(title: string, lines: readonly Line[]): string {
  const [left, right, top] = [80, WIDTH - widthOf(lines.map(({ name }) => name)) - 36, 62];
  // So high that the names find room beside the ends of their lines.
  const bottom = top + Math.max(280, lines.length * 17);
  const points = lines.flatMap(({ points }) => points);
  const x = logarithmic(
    points.map(({ x }) => x),
    left,
    right,
  );
  const y = logarithmic(
    points.map(({ y }) => y),
    bottom,
    top,
  );
  const ends = lines.map(({ points }) => y.at(points.at(-1)!.y));
  const places = apart(ends, 16, top + 4, bottom);
  const hues = huesOf(lines.map(({ name }) => name));
  const curves = lines.flatMap(({ name, points }, index) => {
    const hue = hues.get(name)!;
    const dashed = name.endsWith(", run") || name.startsWith("floor") ? " dashed" : "";
    const last = points.at(-1)!;
    return [
      element("polyline", {
        points: points.map((point) => `${x.at(point.x).toFixed(1)},${y.at(point.y).toFixed(1)}`).join(" "),
        class: `${hue} curve${dashed}`,
      }),
      ...points.map((point) => element("circle", { cx: x.at(point.x), cy: y.at(point.y), r: 3, class: hue })),
      line(x.at(last.x) + 4, ends[index]!, right + 16, places[index]!, `grid`),
      text(right + 20, places[index]! + 4, name),
    ];
  });
  return drawing(
    WIDTH,
    bottom + 34,
    title,
    text(MARGIN, 46, "the median; both axes logarithmic", { class: "faint" }),
    ...x.ticks.map((tick) => line(x.at(tick), top, x.at(tick), bottom, "grid")),
    ...x.ticks.map((tick) => tickLabel(x.at(tick), bottom + 18, tick, "middle")),
    ...y.ticks.map((tick) => line(left, y.at(tick), right, y.at(tick), "grid")),
    ...y.ticks.map((tick) => tickLabel(left - 8, y.at(tick) + 4, tick, "end")),
    ...curves,
  );
}

/** Places as near to the wanted ones as keeps them so far apart, within the bounds. */
function apart(wanted: readonly number[], distance: number, least: number, most: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!);
  const places = [...wanted];
  let free = least;
  for (const index of order) {
    places[index] = Math.max(places[index]!, free);
    free = places[index]! + distance;
  }
  free = most;
  for (const index of order.toReversed()) {
    places[index] = Math.min(places[index]!, free);
    free = places[index]! - distance;
  }
  return places;
}

/** What the longest of the names takes: an average letter is hardly wider than this. */
function widthOf(names: readonly string[]): number {
  return 6.8 * Math.max(...names.map((name) => name.length));
}

function tickLabel(x: number, y: number, value: number, anchor: string): string {
  const words = value < 1 ? `${Number(value.toPrecision(1))}` : value.toLocaleString("en");
  return text(x, y, words, { class: "faint", "text-anchor": anchor });
}

function huesOf(names: Iterable<string>): Map<string, Hue> {
  let others = 0;
  const known = (name: string): Hue | undefined => HUE_OF.find(([part]) => name.includes(part))?.[1];
  return new Map([...new Set(names)].map((name) => [name, known(name) ?? OTHER_HUES[others++ % OTHER_HUES.length]!]));
}
