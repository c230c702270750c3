/** The little of SVG that the charts need: elements, a scale, and how it looks in light and in dark. */

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element. Children are markup already: text goes through `escape`. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? Math.round(value * 10) / 10 : escape(value!)}"`);
  const inside = children.join("");
  return inside === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${inside}</${name}>`;
}

export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escape(words));
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return element("line", { x1, y1, x2, y2, class: kind });
}

export function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Who has which is in `charts.ts`. */
export type Hue = "blue" | "teal" | "orange" | "purple" | "olive" | "red" | "brown" | "cyan" | "grey";

/** In light and in dark. */
const HUES: Readonly<Record<Hue, readonly [string, string]>> = {
  blue: ["#1d5fd1", "#6aa8ff"],
  teal: ["#0a857a", "#38d0bf"],
  orange: ["#b8500b", "#ff9d52"],
  purple: ["#8b2fc9", "#cf8dff"],
  olive: ["#7d6a00", "#dcc63c"],
  red: ["#bf1f3f", "#ff7f93"],
  brown: ["#7a4f3a", "#cfa48e"],
  cyan: ["#0779a8", "#4cc4f2"],
  grey: ["#6b7280", "#9ca3af"],
};

/** Its own background goes with it: the page around it may be of the other theme than the reader's system. */
function style(): string {
  const theme = (index: 0 | 1): string =>
    Object.entries(HUES)
      .map(([name, colours]) => `.${name}{stroke:${colours[index]};fill:${colours[index]}}`)
      .join("");
  const light = `.paper{fill:#fff}text{fill:#1f2328}.faint{fill:#59636e}.grid{stroke:#d8dee4}${theme(0)}`;
  const dark = `.paper{fill:#0d1117}text{fill:#e6edf3}.faint{fill:#9198a1}.grid{stroke:#2d333b}${theme(1)}`;
  return element(
    "style",
    {},
    `text{font:12px system-ui,sans-serif;stroke:none}.title{font-size:14px;font-weight:600}.heading{font-weight:600}.grid{stroke-width:1}` +
      `polyline.curve{fill:none;stroke-width:2;stroke-linejoin:round}.dashed{stroke-dasharray:5 4}.whisker{stroke-width:1.5}` +
      `.box{fill-opacity:.3;stroke-width:1.5}.median{stroke-width:3}` +
      `${light}@media(prefers-color-scheme:dark){${dark}}`,
  );
}

export function drawing(width: number, height: number, title: string, ...children: readonly string[]): string {
  return `${element(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, role: "img" },
    element("title", {}, escape(title)),
    style(),
    element("rect", { class: "paper", width, height, rx: 6 }),
    text(16, 26, title, { class: "title" }),
    ...children,
  )}\n`;
}

/** From values to places, by their logarithm. */
export interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** @param values of which some are more than nothing; the others have their place at the least of these */
export function logarithmic(values: readonly number[], begin: number, end: number): Scale {
  const [least, most] = [Math.min(...values.filter((value) => value > 0)), Math.max(...values)];
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(least)) - 1; power <= Math.ceil(Math.log10(most)) + 1; power++) {
    for (const step of [1, 2, 5]) marks.push(step * 10 ** power);
  }
  // A hair's breadth is allowed for what floating point makes of a power of ten.
  const low = marks.findLast((mark) => mark <= least * 1.000_001)!;
  const high = marks.find((mark) => mark >= most / 1.000_001 && mark > low)!;
  const within = marks.filter((mark) => mark >= low && mark <= high);
  const decades = within.filter((mark) => Math.abs(Math.log10(mark) % 1) < 0.000_001);
  const at = (value: number): number =>
    begin + ((end - begin) * Math.log(Math.max(value, low) / low)) / Math.log(high / low);
  return { ticks: decades.length > 2 ? decades : within, at };
}
