import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  Lock,
  TraceFile,
  call,
  moveOnAfter,
  named,
  openMemoryChannel,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
} from "../../src/index.ts";
import { addInstrument, removeInstrument, yieldBriefly } from "../../src/hazmat.ts";
import { errorOf, thrownBy } from "../kernel/programs.ts";
import { removeFolder } from "../folders.ts";
import { whyNot } from "../platform.ts";
import { mistakes, readTrace, type Event } from "./trace-events.ts";

const folder = mkdtempSync(join(tmpdir(), "tribun-trace-"));
afterAll(() => removeFolder(folder));
let files = 0;
const fresh = (): string => join(folder, `${++files}.json`);

/** The events of one task's track, by the track's name. */
function trackOf(events: readonly Event[], name: string): Event[] {
  const tid = events.find((event) => event.name === "thread_name" && event.args!["name"] === name)!.tid;
  return events.filter((event) => event.tid === tid && event.ph !== "M");
}

function* busyProgram(): Generator<any, void, any> {
  const lock = new Lock();
  const [sender, receiver] = openMemoryChannel<number>(1);
  yield* openNursery(function* (nursery) {
    for (let i = 0; i < 5; i++) {
      nursery.startSoon(
        named(`worker "${i}"`, function* () {
          using _held = yield* lock.acquire();
          yield* sleep(1);
          yield* call(() => sender.send(i));
        }),
      );
    }
    nursery.startSoon(
      named("collector", function* () {
        for (let i = 0; i < 5; i++) yield* receiver.receive();
        yield* moveOnAfter(1, sleepForever);
      }),
    );
    yield* errorOf(
      openNursery(function* (inner) {
        inner.startSoon(
          named("fails", function* () {
            throw new Error("of the program");
          }),
        );
      }),
    );
  });
}

for (const host of ["run", "runSync"]) {
  test(`${host}: the file keeps the rules of the format, and ends as strict JSON`, async () => {
    const path = fresh();
    const options = { instruments: [new TraceFile(path)] };
    if (host === "run") await run(busyProgram, options);
    else runSync(busyProgram, options);
    const events = JSON.parse(readFileSync(path, "utf8")) as Event[];
    expect(mistakes(events)).toEqual([]);
    const names = events.filter(({ name }) => name === "thread_name").map(({ args }) => args!["name"]);
    expect(names).toContain('worker "0"');
    expect(names).toContain("collector");
    // Whatever was started was started once, and ended once.
    for (const what of ["started", "ended"]) {
      const marks = events.filter((event) => event.ph === "i" && event.name === what).map(({ tid }) => tid);
      expect(marks).toHaveLength(new Set(marks).size);
      expect(marks.length).toBe(names.length - 1); // the I/O's track is no task's
    }
  });
}

test("the rules are kept by no file by chance: each of these breaks one", () => {
  const track = { ph: "M", name: "thread_name", pid: 1, tid: 2, args: { name: "a" } };
  const at = (ts: number, event: object): object => ({ pid: 1, tid: 2, ts, name: "x", cat: "c", ...event });
  const begin = at(1, { ph: "B" });
  const broken: object[][] = [
    [begin],
    [track, { ...begin, pid: 1.5 }],
    [track, { ...begin, pid: 2 }],
    [track, { ...begin, name: undefined }],
    [track, { ...begin, cat: undefined }],
    [track, { ...begin, ts: Number.NaN }],
    [track, { ...begin, dur: 5 }],
    [track, begin, { ph: "E", pid: 1, tid: 2, ts: 0 }],
    [track, { ph: "E", pid: 1, tid: 2, ts: 2 }],
    [track, at(1, { ph: "i" })],
    [track, at(1, { ph: "s", id: 1 })],
    [track, begin, at(1, { ph: "s" })],
    [track, begin, at(1, { ph: "s", id: 1 }), at(2, { ph: "s", id: 1 })],
    [track, begin, at(1, { ph: "f", id: 1, bp: "e" })],
    [track, begin, at(1, { ph: "s", id: 1 }), at(2, { ph: "f", id: 1 })],
    [track, begin, at(1, { ph: "s", id: 1 }), at(2, { ph: "f", id: 1, bp: "e", name: "y" })],
    [track, begin, at(1, { ph: "X", dur: 1 })],
    [{ ...track, args: {} }],
    [{ ...track, name: "thread" }],
  ];
  for (const events of broken) expect(mistakes(events as Event[], false)).not.toEqual([]);
  expect(mistakes([track, begin] as Event[], false)).toEqual([]);
  expect(mistakes([track, begin] as Event[])).not.toEqual([]);
});

test("a run that fails, and names that JSON has to escape: the file is whole", () => {
  const path = fresh();
  const name = '\u0000\ud800"\\\n</script>\u2028';
  const error = thrownBy(() =>
    runSync(
      () =>
        openNursery(function* (nursery) {
          nursery.startSoon(
            named(name, function* () {
              yield* sleep(1);
              throw new Error("of the program");
            }),
          );
          yield* sleepForever();
        }),
      { instruments: [new TraceFile(path)] },
    ),
  );
  expect(error.message).toContain("errors in a nursery");
  const events = JSON.parse(readFileSync(path, "utf8")) as Event[];
  expect(mistakes(events)).toEqual([]);
  expect(trackOf(events, name).at(-1)).toMatchObject({ ph: "E", args: { next: "ended" } });
});

test("a task's track: an arrow from the step that started it, its steps, what it did next, and its end", () => {
  const path = fresh();
  runSync(
    named("main", () =>
      openNursery(function* (nursery) {
        nursery.startSoon(
          named("child", function* () {
            yield* sleep(5);
            yield* yieldBriefly();
          }),
        );
      }),
    ),
    { instruments: [new TraceFile(path)] },
  );
  const events = readTrace(path);
  const child = trackOf(events, "child");
  expect(child.map(({ ph, name }) => (name === undefined ? ph : `${ph} ${name}`))).toEqual([
    "i started",
    "B child",
    "f start",
    "E",
    "B child",
    "E",
    "B child",
    "i ended",
    "E",
  ]);
  expect(child.filter(({ ph }) => ph === "E").map(({ args }) => args!["next"])).toEqual([
    "sleep(), 5 ms left",
    "runnable",
    "ended",
  ]);
  const { id } = child.find(({ ph }) => ph === "f")!;
  expect(trackOf(events, "main").find(({ ph }) => ph === "s")).toMatchObject({ id, name: "start" });
});

test("waits for I/O are slices of their own track, as long as they lasted", () => {
  const path = fresh();
  runSync(() => sleep(30), { instruments: [new TraceFile(path)] });
  const io = trackOf(readTrace(path), "I/O");
  const begin = io.findIndex(({ name }) => name === "wait");
  expect(io[begin]!.ph).toBe("B");
  expect(io[begin + 1]!.ph).toBe("E");
  const waited = io.reduce((sum, { ph, ts }) => sum + (ph === "E" ? ts! : -ts!), 0);
  expect(waited).toBeGreaterThan(20_000); // microseconds
});

test("one that is added while the run goes on, within a step, and taken out again", () => {
  const path = fresh();
  runSync(
    named("main", function* () {
      yield* yieldBriefly();
      using trace = new TraceFile(path);
      addInstrument(trace);
      yield* sleep(1);
      removeInstrument(trace);
      yield* yieldBriefly();
    }),
  );
  const events = JSON.parse(readFileSync(path, "utf8")) as Event[];
  expect(mistakes(events)).toEqual([]);
  expect(trackOf(events, "main").map(({ ph }) => ph)).toEqual(["B", "E"]);
});

test("one that is closed during the run notes nothing more, and harms nobody", () => {
  const path = fresh();
  const trace = new TraceFile(path);
  runSync(
    function* () {
      yield* yieldBriefly();
      trace.close();
      trace.close();
      yield* sleep(1);
    },
    { instruments: [trace] },
  );
  expect(mistakes(JSON.parse(readFileSync(path, "utf8")) as Event[])).toEqual([]);
});

test("a second run does not spoil the file of the first: the instrument is taken out, with a warning", async () => {
  const path = fresh();
  const trace = new TraceFile(path);
  runSync(() => sleep(1), { instruments: [trace] });
  const before = readFileSync(path, "utf8");
  const { promise, resolve } = Promise.withResolvers<Error>();
  process.once("warning", resolve);
  runSync(() => sleep(1), { instruments: [trace] });
  expect((await promise).message).toContain("it is good for one run");
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("many thousands of events are written as the run goes on, a chunk at a time", () => {
  const path = fresh();
  let meanwhile: Event[] = [];
  runSync(
    function* () {
      for (let i = 0; i < 20_000; i++) yield* yieldBriefly();
      meanwhile = readTrace(path);
      yield* yieldBriefly();
    },
    { instruments: [new TraceFile(path)] },
  );
  expect(meanwhile.length).toBeGreaterThan(30_000);
  expect(mistakes(meanwhile, false)).toEqual([]);
  expect(mistakes(readTrace(path))).toEqual([]);
});

const noSignals = whyNot("signals");

describe.skipIf(noSignals !== "")(`a process that ends in the middle${noSignals}`, () => {
  const program = fileURLToPath(new URL("./programs/traced.ts", import.meta.url));

  test("killed without notice while it waits: the file opens, with all that had happened", async () => {
    const path = fresh();
    const child = Bun.spawn([process.execPath, program, path, "killed"], {
      stdout: "pipe",
      stderr: "inherit",
      timeout: 20_000,
    });
    for await (const _ready of child.stdout) break;
    const waits = (): boolean => {
      const last = readTrace(path).at(-1);
      return last?.name === "wait" && (last.args!["at most, ms"] as number) > 1_000;
    };
    while (!waits()) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill("SIGKILL");
    await child.exited;
    expect(readFileSync(path, "utf8").trimEnd()).not.toEndWith("]");
    const events = readTrace(path);
    expect(mistakes(events, false)).toEqual([]);
    expect(trackOf(events, "main").length).toBeGreaterThan(0);
  });

  test("by process.exit(): nothing is missing", async () => {
    const path = fresh();
    const child = Bun.spawn([process.execPath, program, path, "exit"], { stdout: "pipe", stderr: "inherit" });
    expect(await child.exited).toBe(3);
    const events = readTrace(path);
    expect(mistakes(events, false)).toEqual([]);
    expect(trackOf(events, "main").at(-1)).toMatchObject({ ph: "B", name: "main" });
  });

  test("nothing is left: no descriptor, no listener", () => {
    const listeners = process.listenerCount("exit");
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    runSync(() => sleep(1), { instruments: [new TraceFile(fresh())] });
    expect(process.listenerCount("exit")).toBe(listeners);
    expect(descriptors()).toBeLessThanOrEqual(before);
  });
});

test.skipIf(!existsSync("/dev/full"))(
  "a disk that is full: the instrument is taken out, and the run goes on",
  async () => {
    const { promise, resolve } = Promise.withResolvers<Error>();
    process.once("warning", resolve);
    const value = runSync(
      function* () {
        yield* sleep(1);
        return "the run's value";
      },
      { instruments: [new TraceFile("/dev/full")] },
    );
    expect(value).toBe("the run's value");
    expect((await promise).message).toContain("ENOSPC");
  },
);

test("bad paths are refused where the file is named; a URL will do", () => {
  expect(thrownBy(() => new TraceFile(5 as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new TraceFile(join(folder, "no", "such", "folder"))).code).toBe("ENOENT");
  const path = fresh();
  new TraceFile(pathToFileURL(path)).close();
  expect(mistakes(readTrace(path))).toEqual([]);
});
