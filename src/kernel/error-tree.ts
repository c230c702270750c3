/** An error, its causes and, where it is several, its parts, as lines of a tree. */

/** Deeper than this, it says only how much is left out: nobody reads on, and a tree may be as deep as the nurseries were. */
const DEEPEST = 20;

/** Shows a value that is no error. */
type Show = (value: unknown) => string;

/** The lines of `error`: its name, message and stack, then its causes, then the parts of a group. */
export function errorTree(error: Error, show: Show): string {
  return linesOf(error, show, new Set(), 0).join("\n");
}

function linesOf(error: unknown, show: Show, above: Set<unknown>, depth: number): string[] {
  if (!(error instanceof Error)) return show(error).split("\n");
  if (above.has(error)) return [`${error.name}: ${error.message} (the one above)`];
  const lines = headOf(error).split("\n");
  const within: [label: string, error: unknown][] = [];
  if (error.cause !== undefined) within.push(["cause: ", error.cause]);
  if (error instanceof AggregateError) for (const part of error.errors) within.push(["", part]);
  if (within.length > 0 && depth === DEEPEST) return [...lines, `└─ (and what is in it: ${within.length} more)`];
  above.add(error);
  for (const [index, [label, part]] of within.entries()) {
    const last = index === within.length - 1;
    const [first, ...rest] = linesOf(part, show, above, depth + 1);
    lines.push(`${last ? "└─ " : "├─ "}${label}${first}`, ...rest.map((line) => `${last ? "   " : "│  "}${line}`));
  }
  above.delete(error);
  return lines;
}

/** Name, message and stack. Some stacks begin with the first two, some lack them. */
function headOf(error: Error): string {
  // An ExceptionGroup: its class cannot be asked for here, since it asks for this.
  const isGroup = error instanceof AggregateError && "heading" in error;
  const message = isGroup ? String(error.heading) : error.message;
  const title = message === "" ? error.name : `${error.name}: ${message}`;
  const { stack } = error;
  if (typeof stack !== "string" || stack === "") return title;
  // A group's stack begins with all of its message, which names what stands below.
  if (stack.startsWith(title) && !isGroup) return stack;
  return `${title}\n${stack.slice(stack.search(/^ +at /m) >>> 0)}`.trimEnd();
}
