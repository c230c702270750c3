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

/** What viewers do with a file that has no end: they take the events that are there. */
export function readTrace(path: string): Event[] {
  const text = readFileSync(path, "utf8");
  return JSON.parse(text.trimEnd().endsWith("]") ? text : `${text}]`) as Event[];
}

/** What is wrong with the events, a line each. */
export function mistakes(events: readonly Event[], isOver = true): string[] {
  const wrong: string[] = [];
  const open = new Map<number, string[]>();
  const arrows = new Map<number, "s" | "f">();
  const named = new Set<number>();
  let last = 0;
  for (const [index, event] of events.entries()) {
    const { ph, pid, tid, name, ts, id } = event;
    const say = (what: string): void => void wrong.push(`event ${index} (${JSON.stringify(event)}): ${what}`);
    if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(tid)) say("pid and tid must be whole numbers");
    if (ph === "M") {
      if (!["process_name", "thread_name", "thread_sort_index"].includes(name ?? "")) say("unknown metadata");
      const value = event.args?.[name === "thread_sort_index" ? "sort_index" : "name"];
      if (typeof value !== (name === "thread_sort_index" ? "number" : "string")) say("metadata without its argument");
      if (name === "thread_name") named.add(tid);
      continue;
    }
    if (!named.has(tid)) say("a track that has no name yet");
    if (typeof ts !== "number" || !(ts >= last)) say(`its time is before the last one, ${last}`);
    last = ts ?? last;
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    switch (ph) {
      case "B":
        if (typeof name !== "string") say("a slice without a name");
        stack.push(name ?? "");
        break;
      case "E":
        if (stack.pop() === undefined) say("an end without a beginning");
        break;
      case "i":
        if (event.s !== "t") say("an instant without its scope");
        break;
      case "s":
        if (arrows.has(id!)) say("an arrow that has begun already");
        if (stack.length === 0) say("an arrow that begins outside of a slice");
        arrows.set(id!, "s");
        break;
      case "f":
        if (arrows.get(id!) !== "s") say("an arrow that ends and has not begun");
        if (event.bp !== "e") say("an arrow that does not end in its slice");
        if (stack.length === 0) say("an arrow that ends outside of a slice");
        arrows.set(id!, "f");
        break;
      default:
        say("an unknown phase");
    }
  }
  if (isOver)
    for (const [tid, stack] of open) if (stack.length > 0) wrong.push(`open in track ${tid}: ${stack.join()}`);
  return wrong;
}
