import { closeSync, openSync, writeSync } from "node:fs";
import { UsageError } from "../errors.ts";
import type { Instrument, Task } from "../hazmat.ts";

/** So many characters are written at once. */
const CHUNK = 65_536;

/** Real milliseconds: what was noted is written at the next look for I/O after that, even if it is little. */
const WRITE_EVERY = 10;

/** The track of the waits for I/O; the tasks' have the numbers from here on. */
const IO_TRACK = 1;

/** An event of the Trace Event Format. Times are microseconds. */
interface TraceEvent {
  readonly ph: "B" | "E" | "M" | "i" | "s" | "f";
  readonly tid: number;
  readonly name?: string;
  readonly [field: string]: unknown;
}

/** A task that has not ended. */
interface Track {
  readonly tid: number;
  /** The arrow from the step that started the task, until its own first step. */
  arrow: number | null;
}

/**
 * An instrument that writes what a run does to a file which Perfetto (ui.perfetto.dev) and Chrome (chrome://tracing) open:
 * each task is a track with its steps, with arrows from the step that started a task to its first one, and marks where it
 * ended; the waits for I/O are a track of their own (in `run` it is Bun's loop that waits, and there are only looks). A
 * step says what its task does next, as `task.status()` says it.
 *
 *     await run(main, { instruments: [new TraceFile("run.trace.json")] });
 *
 * The file is written as the run goes on, by whole events: one of a process that crashed, or is still running, opens as
 * well. What was noted last may be missing from it then, 64 KiB at most. It takes some microseconds and 200 bytes a step.
 * Good for one run; at its end the file is closed. Code that goes on after a native `await`, outside of any step, does
 * not show. Its times are real ones, whatever the run's clock.
 */
export class TraceFile implements Instrument, Disposable {
  readonly #tracks = new Map<Task, Track>();
  #fd: number;
  #pending = "[\n";
  #isFirst = true;
  #tracksMade = 0;
  #arrows = 0;
  #writtenAt = 0;
  /** The task whose step is under way. */
  #stepping: Task | null = null;
  /** The task that has ended in it. */
  #ended: Task | null = null;
  #waiting = false;
  readonly #write: () => void = () => this.#writeOut();

  /**
   * Makes the file, or empties it.
   *
   * @throws TypeError if `path` is neither text nor a URL. What `node:fs` throws where it cannot be written.
   */
  constructor(path: string | URL) {
    if (typeof path !== "string" && !(path instanceof URL)) {
      throw new TypeError(`new TraceFile(path): path must be text or a file URL, not ${typeof path}`);
    }
    this.#fd = openSync(path, "w");
    process.on("exit", this.#write);
    this.#note({ ph: "M", name: "process_name", tid: IO_TRACK, args: { name: "tribun" } });
    this.#note({ ph: "M", name: "thread_name", tid: IO_TRACK, args: { name: "I/O" } });
  }

  beforeRun(): void {
    if (this.#fd === -1) throw new UsageError("this TraceFile is closed: it is good for one run, make a new one");
    this.#writeOut();
  }

  afterRun(): void {
    this.close();
  }

  taskSpawned(task: Task): void {
    const track = this.#trackOf(task);
    const ts = now();
    const starter = this.#stepping === null ? undefined : this.#tracks.get(this.#stepping);
    if (starter !== undefined) {
      track.arrow = ++this.#arrows;
      this.#note({ ph: "s", name: "start", cat: "start", id: track.arrow, tid: starter.tid, ts });
    }
    this.#note({ ph: "i", name: "started", cat: "task", s: "t", tid: track.tid, ts });
  }

  beforeTaskStep(task: Task): void {
    const track = this.#trackOf(task);
    const ts = now();
    this.#stepping = task;
    this.#note({ ph: "B", name: task.name, cat: "step", tid: track.tid, ts });
    if (track.arrow === null) return;
    this.#note({ ph: "f", name: "start", cat: "start", id: track.arrow, bp: "e", tid: track.tid, ts });
    track.arrow = null;
  }

  afterTaskStep(task: Task): void {
    if (this.#stepping !== task) return; // the step that it was added in
    this.#endStep({ next: task.status() });
    if (task !== this.#ended) return;
    this.#tracks.delete(task);
    this.#ended = null;
  }

  taskExited(task: Task): void {
    this.#ended = task;
    this.#note({ ph: "i", name: "ended", cat: "task", s: "t", tid: this.#trackOf(task).tid, ts: now() });
  }

  beforeIoWait(ms: number): void {
    const name = ms === 0 ? "look" : "wait";
    this.#waiting = true;
    const ts = now();
    const most = ms === Infinity ? "for ever" : ms;
    this.#note({ ph: "B", name, cat: "io", tid: IO_TRACK, ts, args: { "at most, ms": most } });
    if (ms > 0 || ts - this.#writtenAt > 1_000 * WRITE_EVERY) this.#writeOut();
  }

  afterIoWait(): void {
    this.#endWait();
  }

  /** Writes what is left, and closes the file. Closing twice is fine. Not a checkpoint. */
  close(): void {
    if (this.#fd === -1) return;
    if (this.#stepping !== null) this.#endStep({});
    this.#endWait();
    this.#pending += "\n]\n";
    this.#writeOut();
    this.#shut();
  }

  /** {@link TraceFile.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #endStep(args: object): void {
    const tid = this.#trackOf(this.#stepping as Task).tid;
    this.#stepping = null;
    this.#note({ ph: "E", tid, ts: now(), args });
  }

  #endWait(): void {
    if (this.#waiting) this.#note({ ph: "E", tid: IO_TRACK, ts: now() });
    this.#waiting = false;
  }

  #trackOf(task: Task): Track {
    let track = this.#tracks.get(task);
    if (track === undefined) {
      track = { tid: IO_TRACK + ++this.#tracksMade, arrow: null };
      this.#tracks.set(task, track);
      this.#note({ ph: "M", name: "thread_name", tid: track.tid, args: { name: task.name } });
      this.#note({ ph: "M", name: "thread_sort_index", tid: track.tid, args: { sort_index: track.tid } });
    }
    return track;
  }

  #note(event: TraceEvent): void {
    if (this.#fd === -1) return;
    this.#pending += `${this.#isFirst ? "" : ",\n"}${JSON.stringify({ pid: process.pid, ...event })}`;
    this.#isFirst = false;
    if (this.#pending.length >= CHUNK) this.#writeOut();
  }

  #writeOut(): void {
    if (this.#fd === -1 || this.#pending === "") return;
    let left: Uint8Array = new TextEncoder().encode(this.#pending);
    this.#pending = "";
    this.#writtenAt = now();
    try {
      while (left.length > 0) left = left.subarray(writeSync(this.#fd, left));
    } catch (error) {
      this.#shut(); // the disk is full: the run takes the instrument out, and says why
      throw error;
    }
  }

  #shut(): void {
    process.off("exit", this.#write);
    closeSync(this.#fd);
    this.#fd = -1;
    this.#tracks.clear();
  }
}

/** Microseconds, to the nanosecond. */
function now(): number {
  return Math.round(performance.now() * 1e6) / 1e3;
}
