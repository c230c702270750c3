/** The rules of the Trace Event Format (array form), as far as a file of ours has to keep them. */
import { readFileSync } from "node:fs";

export interface Event {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly name?: string;
  readonly cat?: string;
  readonly ts?: number;
  readonly id?: number;
  readonly bp?: string;
  readonly s?: string;
  readonly args?: Record<string, unknown>;
}

const COMMON = ["ph", "pid", "tid"];
/** By the phase, the fields that the format knows and viewers may need. */
const FIELDS: Record<string, readonly string[]> = {
  M: [...COMMON, "name", "args"],
  B: [...COMMON, "name", "cat", "ts", "args"],
  E: [...COMMON, "ts", "args"],
  i: [...COMMON, "name", "cat", "ts", "s"],
  s: [...COMMON, "name", "cat", "ts", "id"],
  f: [...COMMON, "name", "cat", "ts", "id", "bp"],
};

/** What viewers do with a file that has no end: they take the events that are there. */
export function readTrace(path: string): Event[] {
  const text = readFileSync(path, "utf8");
  return JSON.parse(text.trimEnd().endsWith("]") ? text : `${text}]`) as Event[];
}

/** What is wrong with the events, a line each. */
export function mistakes(events: readonly Event[], isOver = true): string[] {
  const wrong: string[] = [];
  const open = new Map<number, string[]>();
  /** Where each arrow begins; viewers find its end by the name, the category and the number together. */
  const arrows = new Map<number, Event | "ended">();
  const named = new Set<number>();
  let last = 0;
  for (const [index, event] of events.entries()) {
    const { ph, pid, tid, name, ts, id } = event;
    const say = (what: string): void => void wrong.push(`event ${index} (${JSON.stringify(event)}): ${what}`);
    if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(tid)) say("pid and tid must be whole numbers");
    if (pid !== events[0]!.pid) say("of another process");
    for (const field of Object.keys(event))
      if (!FIELDS[ph]?.includes(field)) say(`no field of such an event: ${field}`);
    if (ph === "M") {
      if (!["process_name", "thread_name", "thread_sort_index"].includes(name ?? "")) say("unknown metadata");
      const value = event.args?.[name === "thread_sort_index" ? "sort_index" : "name"];
      if (typeof value !== (name === "thread_sort_index" ? "number" : "string")) say("metadata without its argument");
      if (name === "thread_name") named.add(tid);
      continue;
    }
    if (!named.has(tid)) say("a track that has no name yet");
    if (ph !== "E" && (typeof name !== "string" || typeof event.cat !== "string")) say("without a name or a category");
    if (typeof ts !== "number" || !(ts >= last && ts < Infinity)) say(`its time is before the last one, ${last}`);
    last = ts ?? last;
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    switch (ph) {
      case "B":
        stack.push(name ?? "");
        break;
      case "E":
        if (stack.pop() === undefined) say("an end without a beginning");
        break;
      case "i":
        if (event.s !== "t") say("an instant without its scope");
        break;
      case "s":
        if (!Number.isSafeInteger(id)) say("an arrow without a number");
        if (arrows.has(id!)) say("an arrow that has begun already");
        if (stack.length === 0) say("an arrow that begins outside of a slice");
        arrows.set(id!, event);
        break;
      case "f": {
        const begun = arrows.get(id!);
        if (begun === undefined || begun === "ended") say("an arrow that ends and has not begun, or has ended");
        else if (begun.name !== name || begun.cat !== event.cat)
          say("an arrow that is called otherwise where it begins");
        if (event.bp !== "e") say("an arrow that does not end in its slice");
        if (stack.length === 0) say("an arrow that ends outside of a slice");
        arrows.set(id!, "ended");
        break;
      }
      default:
        say("an unknown phase");
    }
  }
  if (isOver)
    for (const [tid, stack] of open) if (stack.length > 0) wrong.push(`open in track ${tid}: ${stack.join()}`);
  return wrong;
}
