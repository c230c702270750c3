import { describe, expect, test } from "bun:test";
import { CancelScope, UsageError, named, openNursery, run, runSync, sleep, type Instrument } from "../../src/index.ts";
import {
  addInstrument,
  currentCallSoonThreadAndSignalSafe,
  currentTask,
  removeInstrument,
  yieldBriefly,
} from "../../src/hazmat.ts";
import { errorOf, passes, thrownBy, virtual } from "./programs.ts";
import { simulate } from "./simulated.ts";

/** Notes every call, with the name of the task. */
function recorder(only?: string): { log: string[]; instrument: Instrument } {
  const log: string[] = [];
  const note =
    (hook: string) =>
    (task?: any): void => {
      if (only === undefined || task?.name === only) log.push(task?.name === undefined ? hook : `${hook} ${task.name}`);
    };
  const hooks = [
    "beforeRun",
    "afterRun",
    "taskSpawned",
    "taskScheduled",
    "beforeTaskStep",
    "afterTaskStep",
    "taskExited",
    "beforeIoWait",
    "afterIoWait",
  ];
  return { log, instrument: Object.fromEntries(hooks.map((hook) => [hook, note(hook)])) };
}

test("the hooks are called in order over a task's life", () => {
  const { log, instrument } = recorder("child");
  virtual(
    () =>
      openNursery(function* (nursery) {
        nursery.startSoon(
          named("child", function* () {
            yield* yieldBriefly();
          }),
        );
      }),
    { instruments: [instrument] },
  );
  expect(log).toEqual([
    "taskSpawned child",
    "taskScheduled child",
    "beforeTaskStep child",
    // At a schedule point the task is runnable before its step is over.
    "taskScheduled child",
    "afterTaskStep child",
    "beforeTaskStep child",
    "taskExited child",
    "afterTaskStep child",
  ]);
});

test("a run begins with beforeRun and ends with afterRun, and sees every task once", () => {
  const { log, instrument } = recorder();
  virtual(
    named("main", () => sleep(5)),
    { instruments: [instrument] },
  );
  expect(log[0]).toBe("beforeRun");
  expect(log.at(-1)).toBe("afterRun");
  for (const hook of ["taskSpawned", "taskExited"]) {
    expect(log.filter((line) => line.startsWith(hook)).toSorted()).toEqual([
      `${hook} <call-soon task>`,
      `${hook} <root>`,
      `${hook} main`,
    ]);
  }
});

test("I/O waits come in pairs, with how long they may last", () => {
  const waits: [string, number][] = [];
  simulate(() => sleep(5), {
    instruments: [{ beforeIoWait: (ms) => waits.push(["before", ms]), afterIoWait: (ms) => waits.push(["after", ms]) }],
  });
  for (let i = 0; i < waits.length; i += 2) {
    const ms = waits[i]![1];
    expect(waits.slice(i, i + 2)).toEqual([
      ["before", ms],
      ["after", ms],
    ]);
  }
  // The others are looks, which wait for nothing.
  expect(waits.filter(([, ms]) => ms > 0)).toEqual([
    ["before", 5],
    ["after", 5],
  ]);
});

test("beforeRun has the run's context: it can take the call-soon function", () => {
  const trail: string[] = [];
  virtual(
    function* () {
      yield* passes(3);
    },
    {
      instruments: [
        {
          beforeRun() {
            currentCallSoonThreadAndSignalSafe()(() => trail.push("called"));
          },
        },
      ],
    },
  );
  expect(trail).toEqual(["called"]);
});

test("instruments are added and removed while the run goes on; adding twice changes nothing", () => {
  virtual(function* () {
    yield* passes(3); // the run's own tasks have begun
    let steps = 0;
    const instrument: Instrument = { beforeTaskStep: () => void steps++ };
    addInstrument(instrument);
    addInstrument(instrument);
    yield* passes(3);
    expect(steps).toBe(3);
    removeInstrument(instrument);
    yield* passes(3);
    expect(steps).toBe(3);
    expect(thrownBy(() => removeInstrument(instrument))).toBeInstanceOf(UsageError);
  });
});

test("a hook is called on its instrument, with the order of adding kept", () => {
  virtual(function* () {
    yield* passes(3);
    const order: string[] = [];
    class Named implements Instrument {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
      beforeTaskStep(): void {
        order.push(this.name);
      }
    }
    const [first, second] = [new Named("first"), new Named("second")];
    addInstrument(first);
    addInstrument(second);
    yield* passes(1);
    removeInstrument(first);
    removeInstrument(second);
    expect(order).toEqual(["first", "second"]);
  });
});

describe("one that throws", () => {
  test("is reported and taken out, and the run goes on", async () => {
    const { promise, resolve } = Promise.withResolvers<Error & { code?: string }>();
    process.once("warning", resolve);
    let calls = 0;
    const value = virtual(
      function* () {
        yield* passes(3);
        return "the run's value";
      },
      {
        instruments: [
          {
            beforeTaskStep() {
              calls++;
              throw new Error("a faulty instrument");
            },
          },
        ],
      },
    );
    expect([value, calls]).toEqual(["the run's value", 1]);
    const warning = await promise;
    expect(warning.code).toBe("TRIBUN_INSTRUMENT");
    expect(warning.message).toContain("a faulty instrument");
  });

  test("does not keep the hook from the others", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    process.once("warning", resolve);
    let calls = 0;
    virtual(
      function* () {
        yield* passes(2);
      },
      {
        instruments: [
          {
            taskSpawned() {
              throw new Error("a faulty instrument");
            },
          },
          { taskSpawned: () => void calls++ },
        ],
      },
    );
    expect(calls).toBe(3);
    await promise;
  });
});

test("what is no instrument is refused, also by the run", async () => {
  virtual(function* () {
    expect(thrownBy(() => addInstrument(5 as never))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => addInstrument({ beforeTaskStep: 5 } as never))).toBeInstanceOf(TypeError);
    yield* yieldBriefly();
  });
  for (const instruments of [5, "text", [5], { beforeRun() {} }]) {
    expect(thrownBy(() => runSync(yieldBriefly, { instruments } as never))).toBeInstanceOf(TypeError);
    await expect(run(yieldBriefly, { instruments } as never)).rejects.toBeInstanceOf(TypeError);
  }
  expect(thrownBy(() => addInstrument({}))).toBeInstanceOf(UsageError);
});

test("hooks may wake, cancel and start tasks", () => {
  const trail: string[] = [];
  virtual(function* () {
    const scope = new CancelScope();
    const instrument: Instrument = {
      taskExited(task) {
        if (task.name === "quick") scope.cancel();
      },
    };
    addInstrument(instrument);
    yield* openNursery(function* (nursery) {
      nursery.startSoon(named("quick", yieldBriefly));
      yield* scope.run(function* () {
        trail.push(String(yield* errorOf(sleep(1000))));
      });
    });
    expect(currentTask()).toBeDefined();
  });
  expect(trail[0]).toContain("Cancelled");
});
