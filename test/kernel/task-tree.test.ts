/** What `taskTree()` prints, in every state of a run and from every place in its thread. */
import { describe, expect, test } from "bun:test";
import {
  CancelScope,
  Event,
  Semaphore,
  Lock,
  type Nursery,
  TASK_STATUS_IGNORED,
  type TaskStatus,
  UsageError,
  abortable,
  all,
  call,
  fromPromise,
  map,
  moveOnAfter,
  named,
  openMemoryChannel,
  openNursery,
  select,
  race,
  run,
  runSync,
  sleep,
  sleepForever,
  taskTree,
  untilStopRequested,
} from "../../src/index.ts";
import {
  Abort,
  ParkingLot,
  type Task,
  addInstrument,
  currentCallSoonThreadAndSignalSafe,
  currentTask,
  reschedule,
  spawnSystemTask,
  waitReadable,
  waitWritable,
  yieldBriefly,
  yieldIndefinitely,
} from "../../src/hazmat.ts";
import { socketpair } from "../../src/socket.ts";
import { MockClock, waitAllTasksBlocked } from "../../src/testing.ts";
import { withoutWineNoise } from "../wine-noise.ts";
import { thrownBy, virtual } from "./programs.ts";

/** The tree without the lines of the program, which differ between the two kinds of generator. */
function shape(tree: string): string[] {
  return tree
    .split("\n")
    .filter((line) => !/^ *at /.test(line))
    .map((line) => line.replace(/, at .*$/, ""));
}

/** What the tree says of the one task that waits in `operation`, while it does. */
function statusIn(operation: (nursery: Nursery) => Generator<any, any, any>): string {
  let status = "";
  virtual(() =>
    openNursery(function* (nursery) {
      nursery.startSoon(named("it", operation), nursery);
      yield* waitAllTasksBlocked();
      const [task] = nursery.childTasks as Set<Task>;
      status = task!.status();
      expect(shape(taskTree())).toContain(`    it: ${status}`);
      nursery.cancelScope.cancel();
    }),
  );
  return status;
}

test("tasks, nurseries, scopes, deadlines, shields and cancellations stand as they are nested", () => {
  let tree = "";
  virtual(
    named("main", function* () {
      yield* moveOnAfter(5_000, function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(named("first", sleepForever));
          nursery.startSoon(
            named("second", function* () {
              yield* new CancelScope({ shield: true }).run(() =>
                openNursery(function* (inner) {
                  inner.startSoon(named("grandchild", sleep), 300);
                  yield* moveOnAfter(100, sleepForever);
                }),
              );
            }),
          );
          yield* waitAllTasksBlocked();
          const scope = new CancelScope();
          yield* scope.run(function* () {
            scope.cancel("no longer needed");
            tree = taskTree();
          });
          nursery.cancelScope.cancel();
        });
      });
    }),
  );
  expect(shape(tree)).toEqual([
    "main: running, cancelled",
    "  moveOnAfter(): deadline in 5000 ms",
    "    nursery",
    "      first: sleepForever()",
    "      second: sleepForever()",
    "        scope.run(): shielded",
    "          nursery",
    "            grandchild: sleep(), 300 ms left",
    "            moveOnAfter(): deadline in 100 ms",
    '      scope.run(): cancelled (explicit by task main: "no longer needed")',
  ]);
});

test("where each task is suspended, innermost first, through scopes, nurseries and calls", () => {
  function* leaf(): Generator<any, void, any> {
    yield* sleepForever(); // leaf
  }
  function* middle(): Generator<any, void, any> {
    yield* call(leaf); // middle
  }
  virtual(function* outermost() {
    yield* openNursery(function* body(nursery) {
      nursery.startSoon(function* worker() {
        yield* new CancelScope().run(middle); // worker
      });
      yield* waitAllTasksBlocked();
      const [task] = nursery.childTasks as Set<Task>;
      const source = require("node:fs").readFileSync(import.meta.filename.replace(/\?.*/, ""), "utf8");
      const line = (marker: string): number =>
        source.split("\n").findIndex((text: string) => text.endsWith(`// ${marker}`)) + 1;
      expect(task!.stack().map((place) => place.replace(/^at (\w+) \(.*?:(\d+):\d+\)$/, "$1 $2"))).toEqual([
        `leaf ${line("leaf")}`,
        `middle ${line("middle")}`,
        `worker ${line("worker")}`,
      ]);
      for (const place of task!.stack()) expect(taskTree()).toContain(`      ${place}\n`);
      // The caller's own.
      expect(currentTask().stack()[0]).toMatch(/^at body \(.*task-tree\.test\.ts.*\)$/);
      nursery.cancelScope.cancel();
    });
  });
});

test("through a dozen generators that delegate to one another, all the way down into a lock", () => {
  const lock = new Lock();
  const chain = {
    // Plain ones in both kinds of test: of asynchronous ones the engine keeps no stack.
    *link(left: number): Generator<any, void, any> {
      if (left > 1) yield* chain.link(left - 1);
      else yield* lock.acquire();
    },
  };
  virtual(() =>
    openNursery(function* (nursery) {
      yield* lock.acquire();
      nursery.startSoon(chain.link, 12);
      yield* waitAllTasksBlocked();
      const [task] = nursery.childTasks;
      expect(task!.status()).toBe(`Lock.acquire(), in ParkingLot.park(), held by task ${currentTask().name}`);
      expect(task!.stack().map((line) => line.replace(/ \(.*/, ""))).toEqual(
        Array.from({ length: 12 }, () => "at link"),
      );
      nursery.cancelScope.cancel();
    }),
  );
});

test("how deep the program's own stacks are is left as it was, also where it cannot be changed", () => {
  const limits: unknown[] = [];
  virtual(function* () {
    yield* yieldBriefly();
    limits.push(Error.stackTraceLimit, new Error().stack!.split("\n").length);
  });
  expect(limits).toEqual([Error.stackTraceLimit, expect.any(Number)]);
  expect(limits[1]).toBeLessThanOrEqual(Error.stackTraceLimit + 1);
  const script = `
    import { runSync, sleep, taskTree } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    Object.freeze(Error);
    runSync(function* main() { yield* sleep(1); console.log(taskTree().split(" (")[0]); });
  `;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(`${stdout}${withoutWineNoise(stderr.toString())}`).toBe("main: running\n  at main\n");
});

describe("what a task is called", () => {
  test("services, and what all(), race() and map() start, by the names of their functions", () => {
    const names: string[] = [];
    const note = function* (): Generator<any, void, any> {
      names.push(currentTask().name);
    };
    virtual(function* () {
      yield* openNursery(function* (nursery) {
        nursery.startService(named("service", note));
        nursery.startService(named(() => {}, note));
      });
      yield* all([named("of all()", note), () => note()]);
      yield* race([named("of race()", note)]);
      yield* map([1], named("of map()", note));
    });
    expect(names).toEqual(["service", "(anonymous)", "of all()", "(anonymous)", "of race()", "of map()"]);
  });

  test("a name, or a text of the program's, of several lines takes one", () => {
    let tree = "";
    virtual(
      named("main", () =>
        openNursery(function* (nursery) {
          nursery.startSoon(
            named("two\r\n  lines", function* () {
              const wait = yieldIndefinitely(() => Abort.SUCCEEDED);
              const task = currentTask();
              currentCallSoonThreadAndSignalSafe()(() => (task.customSleepData = "a\nb"));
              yield* wait;
            }),
          );
          yield* waitAllTasksBlocked();
          tree = taskTree();
          nursery.cancelScope.cancel();
        }),
      ),
    );
    expect(shape(tree)).toEqual(["main: running", "  nursery", "    two lines: a b, in yieldIndefinitely()"]);
  });
});

describe("what a task does", () => {
  test("in a sleep: how long it has left, on the run's clock", () => {
    expect(statusIn(() => (sleep as any)(250))).toBe("sleep(), 250 ms left");
    expect(statusIn(() => sleepForever() as any)).toBe("sleepForever()");
  });

  test("in a wait for a descriptor: which", () => {
    const [left, right] = socketpair();
    using _left = left;
    using _right = right;
    let tree = "";
    runSync(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(named("reader", waitReadable), left);
        nursery.startSoon(
          named("receiver", function* () {
            yield* right.recv(1);
          }),
        );
        yield* waitAllTasksBlocked();
        tree = taskTree();
        nursery.cancelScope.cancel();
      }),
    );
    expect(shape(tree)).toContain(`    reader: waitReadable(fd ${left.fd})`);
    expect(shape(tree)).toContain(`    receiver: Socket.recv(), in waitReadable(fd ${right.fd})`);
    const status = runSync(function* () {
      let status = "";
      addInstrument({ afterTaskStep: (task) => void (status ||= task.status().replace("running", "")) });
      yield* waitWritable(left);
      return status;
    });
    expect(status).toBe(`waitWritable(fd ${left.fd})`);
  });

  test("in an operation that is made of others: both", () => {
    const lock = new Lock();
    const [, receiver] = openMemoryChannel<void>(0);
    expect(
      statusIn(function* (nursery) {
        yield* lock.acquire();
        nursery.startSoon(
          named("waiter", function* () {
            yield* lock.acquire();
          }),
        );
        yield* receiver.receive();
      }),
    ).toBe("ReceiveChannel.receive(), 1 sending end open");
    expect(
      statusIn(function* () {
        yield* new Event().wait();
      }),
    ).toBe("Event.wait()");
    expect(
      statusIn(function* () {
        yield* new Semaphore(0).acquire();
      }),
    ).toBe("Semaphore.acquire()");
  });

  test("at a channel: how many ends the other side has open", () => {
    const [sender, receiver] = openMemoryChannel<number>(0);
    const clone = receiver.clone();
    expect(
      statusIn(function* () {
        yield* sender.send(1);
      }),
    ).toBe("SendChannel.send(), 2 receiving ends open");
    clone.close();
    expect(
      statusIn(function* () {
        yield* select([sender.send(1), openMemoryChannel<number>(1)[1].receive()]);
      }),
    ).toBe("select() of SendChannel.send(), 1 receiving end open; ReceiveChannel.receive(), 1 sending end open");
    expect(
      statusIn(function* () {
        yield* all([sleepForever]);
      }),
    ).toBe("all(), in openNursery(), until its child has ended");
  });

  test("what it was in before does not stick to it", () => {
    const [, receiver] = openMemoryChannel<void>(0);
    expect(
      statusIn(function* (nursery) {
        const scope = new CancelScope();
        nursery.startSoon(function* () {
          scope.cancel();
        });
        yield* scope.run(() => receiver.receive());
        yield* new ParkingLot().park();
      }),
    ).toBe("ParkingLot.park()");
    expect(
      statusIn(function* () {
        const scope = new CancelScope();
        scope.cancel();
        yield* scope.run(() => receiver.receive());
        yield* new ParkingLot().park();
      }),
    ).toBe("ParkingLot.park()");
  });

  test("in the end of a nursery: for how many it waits", () => {
    expect(
      statusIn(function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(sleepForever);
          nursery.startSoon(sleepForever);
        });
      }),
    ).toBe("openNursery(), until its 2 children have ended");
  });

  test("in nursery.start(): and the task that starts is its child until it has started", () => {
    const trees: string[][] = [];
    virtual(
      named("main", function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(
            named("starter", function* () {
              yield* nursery.start(
                named("service", function* (status: TaskStatus = TASK_STATUS_IGNORED) {
                  yield* sleep(10);
                  status.started();
                  yield* sleepForever();
                }),
              );
              yield* sleepForever();
            }),
          );
          yield* sleep(5);
          trees.push(shape(taskTree()));
          yield* sleep(10);
          trees.push(shape(taskTree()));
          nursery.cancelScope.cancel();
        });
      }),
    );
    expect(trees).toEqual([
      [
        "main: running",
        "  nursery",
        "    starter: nursery.start(), until its task has started",
        "      nursery of nursery.start()",
        "        service: sleep(), 5 ms left",
      ],
      ["main: running", "  nursery", "    starter: sleepForever()", "    service: sleepForever()"],
    ]);
  });

  test("until it is asked to stop, as a service: said once, in the scope that ends it", () => {
    expect(statusIn(() => untilStopRequested() as any)).toBe("untilStopRequested()");
    let tree = "";
    virtual(
      named("main", () =>
        openNursery(function* (nursery) {
          nursery.startService(named("service", untilStopRequested));
          yield* waitAllTasksBlocked();
          tree = taskTree();
        }),
      ),
    );
    expect(shape(tree)).toEqual([
      "main: running",
      "  nursery",
      "    service: untilStopRequested()",
      "      nursery.startService()",
    ]);
  });

  test("in a body that leaves its call to another: its line stands once", () => {
    virtual(() =>
      openNursery(function* (nursery) {
        nursery.startSoon(function* worker() {
          yield* moveOnAfter(10, () => sleepForever());
        });
        yield* waitAllTasksBlocked();
        const [task] = nursery.childTasks;
        const lines = task!.stack();
        expect(lines).toHaveLength(1);
        expect(lines[0]).toStartWith("at worker (");
        nursery.cancelScope.cancel();
      }),
    );
  });

  test("what whoever blocked it has put down as text", () => {
    expect(
      statusIn(function* () {
        currentTask().customSleepData = undefined;
        const wait = yieldIndefinitely(() => Abort.SUCCEEDED);
        const task = currentTask();
        currentCallSoonThreadAndSignalSafe()(() => (task.customSleepData = "a turn of the wheel"));
        yield* wait;
      }),
    ).toBe("a turn of the wheel, in yieldIndefinitely()");
  });

  test("one that was woken, one that has not begun, and one that runs", () => {
    let tree = "";
    virtual(
      named("main", function* () {
        yield* openNursery(function* (nursery) {
          const lot = new ParkingLot();
          nursery.startSoon(
            named("woken", function* () {
              yield* lot.park();
            }),
          );
          yield* waitAllTasksBlocked();
          lot.unpark();
          nursery.startSoon(named("new", yieldBriefly));
          tree = taskTree();
        });
      }),
    );
    expect(shape(tree)).toEqual([
      "main: running",
      "  nursery",
      "    woken: runnable",
      "    new: runnable, has not begun",
    ]);
  });

  test("one that is cancelled and does not give way", () => {
    let tree = "";
    virtual(
      named("main", function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(
            named("refuses", function* () {
              let task: Task | undefined = currentTask();
              yield* yieldIndefinitely(() => {
                currentCallSoonThreadAndSignalSafe()(() => {
                  tree = taskTree();
                  reschedule(task!);
                  task = undefined;
                });
                return Abort.FAILED;
              });
            }),
          );
          yield* waitAllTasksBlocked();
          nursery.cancelScope.cancel();
        });
      }),
    );
    expect(shape(tree)).toContain("  nursery: cancelled (explicit by task main)");
    expect(shape(tree)).toContain("    refuses: yieldIndefinitely(), cancelled");
  });

  test("one in a native await, and one that waits for a promise", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let tree = "";
    const look = (): void => {
      tree = taskTree();
      resolve();
    };
    await run(
      named("main", function* () {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(
            named("awaits", async function* (): AsyncGenerator<any, void, any> {
              yield* yieldBriefly();
              await promise;
            }),
          );
          nursery.startSoon(
            named("waits", function* () {
              yield* fromPromise(promise);
            }),
          );
          nursery.startSoon(
            named("aborts", function* () {
              yield* abortable(() => promise);
            }),
          );
          nursery.startSoon(function* () {
            yield* waitAllTasksBlocked();
            setTimeout(look, 0);
          });
        });
      }),
    );
    expect(shape(tree)).toEqual([
      "main: openNursery(), until its 3 children have ended",
      "  nursery",
      "    awaits: in a native await",
      "    waits: fromPromise()",
      "    aborts: abortable()",
    ]);
    // Where it was last suspended.
    expect(tree).toMatch(/awaits: in a native await\n +at .*task-tree\.test\.ts/);
  });
});

describe("it can be had", () => {
  test("from a call-soon callback: the task that calls it is there then, and system tasks are", () => {
    let tree = "";
    virtual(
      named("main", function* () {
        spawnSystemTask(named("watcher", sleepForever));
        yield* sleep(1);
        currentCallSoonThreadAndSignalSafe()(() => (tree = taskTree()));
        yield* sleep(1);
      }),
    );
    expect(shape(tree)).toEqual([
      "main: sleep(), 1 ms left",
      "system tasks",
      "  watcher: sleepForever()",
      "  <call-soon task>: running",
    ]);
  });

  test("from the host's code beside run, before main has begun and until the run has ended", async () => {
    const trees: string[][] = [];
    const lot = new ParkingLot();
    const look = (): void => {
      trees.push(shape(taskTree()));
      lot.unpark();
    };
    const over = run(
      named("main", function* () {
        setTimeout(look, 0);
        yield* lot.park();
      }),
    );
    trees.push(shape(taskTree()));
    await over;
    expect(trees).toEqual([["main: runnable, has not begun"], ["main: ParkingLot.park()"]]);
    expect(thrownBy(() => taskTree())).toBeInstanceOf(UsageError);
  });

  test("from the hooks of an instrument, all of them; and taking it changes nothing", () => {
    const program = (look: () => void): string[] => {
      const order: string[] = [];
      const work = function* (name: string): Generator<any, void, any> {
        for (let i = 0; i < 5; i++) {
          yield* sleep(name.charCodeAt(0) % (i + 2));
          order.push(name);
        }
      };
      const hook = { beforeRun: look, taskSpawned: look, taskScheduled: look, beforeTaskStep: look };
      virtual(
        () =>
          openNursery(function* (nursery) {
            for (const name of "abcdef") nursery.startSoon(work, name);
          }),
        {
          seed: 7,
          instruments: [{ ...hook, afterTaskStep: look, taskExited: look, beforeIoWait: look, afterIoWait: look }],
        },
      );
      return order;
    };
    const trees = new Set<string>();
    expect(program(() => trees.add(taskTree()))).toEqual(program(() => {}));
    expect(trees.has("main has not begun")).toBe(true);
    expect([...trees].some((tree) => tree.endsWith(": ended"))).toBe(true);
  });
});

describe("what is large", () => {
  const DEPTH = 5_000;

  test("5,000 nested tasks, with as many scopes: no line is indented without bound", () => {
    let tree = "";
    const nest = function* (left: number): Generator<any, void, any> {
      yield* new CancelScope().run(() =>
        openNursery(function* (nursery) {
          if (left > 1) nursery.startSoon(nest, left - 1);
          else tree = taskTree();
          yield* yieldBriefly();
        }),
      );
    };
    virtual(() => nest(DEPTH));
    const lines = shape(tree);
    expect(lines.filter((line) => line.includes("nest: "))).toHaveLength(DEPTH - 1);
    expect(lines.filter((line) => line.trim().endsWith("scope.run()"))).toHaveLength(DEPTH);
    const here = import.meta.dirname.length; // the lines hold this file's path
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(150 + here);
    expect(tree).toMatch(/\(level \d+\) nest: running/);
  });

  test("a task 5,000 calls deep", () => {
    let tree = "";
    const nest = function* (left: number): Generator<any, void, any> {
      if (left > 0) yield* call(nest, left - 1);
      else {
        yield* yieldBriefly();
        tree = taskTree();
      }
    };
    virtual(() => nest(DEPTH));
    expect(tree.split("\n").length).toBeLessThan(25);
    expect(tree).toMatch(/… through \d+ more$/);
  });

  test("limit says how many lines there are at most, and how many tasks were left out", () => {
    let trees: string[] = [];
    virtual(
      named("main", () =>
        openNursery(function* (nursery) {
          for (let i = 0; i < 100; i++) nursery.startSoon(named("child", sleepForever));
          yield* waitAllTasksBlocked();
          trees = [1, 2, 50].map((limit) => taskTree({ limit }));
          trees.push(taskTree());
          nursery.cancelScope.cancel();
        }),
      ),
    );
    expect(trees[0]).toBe("main: running\n… and 100 more tasks");
    expect(trees[1]!.split("\n")).toHaveLength(3);
    expect(trees[2]!.split("\n")).toHaveLength(51);
    const children = (tree: string): number => tree.split("child: ").length - 1;
    expect(trees[2]).toEndWith(`\n… and ${100 - children(trees[2]!)} more tasks`);
    expect(children(trees[3]!)).toBe(100);
  });
});

test("tasks that are left out are counted with all that is below them, and system tasks with them", () => {
  let trees: string[] = [];
  virtual(
    named("main", () =>
      openNursery(function* (nursery) {
        spawnSystemTask(sleepForever);
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(
            named("child", () =>
              openNursery(function* (inner) {
                for (let j = 0; j < 4; j++) inner.startSoon(named("grandchild", sleepForever));
              }),
            ),
          );
        }
        yield* waitAllTasksBlocked();
        const lines = taskTree().split("\n");
        trees = lines.map((_, index) => taskTree({ limit: index + 1 }));
        nursery.cancelScope.cancel();
      }),
    ),
  );
  const isTask = (line: string): boolean => /^ *(main|child|grandchild|sleepForever): /.test(line);
  for (const tree of trees) {
    const left = /\n… and (\d+) more tasks?$/.exec(tree)?.[1] ?? 0;
    expect(tree.split("\n").filter(isTask).length + Number(left)).toBe(1 + 3 + 12 + 1);
  }
});

test("bad limits are refused", () => {
  virtual(function* () {
    expect(thrownBy(() => taskTree({ limit: "5" as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => taskTree(5 as never))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => taskTree({ limit: 0 }))).toBeInstanceOf(RangeError);
    expect(thrownBy(() => taskTree({ limit: Number.NaN }))).toBeInstanceOf(RangeError);
    yield* yieldBriefly();
  });
});

test("a program's own way to write stacks does no harm", () => {
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = (_error, sites) => sites;
  try {
    const tree = virtual(
      named("main", function* () {
        yield* yieldBriefly();
        return taskTree();
      }),
    );
    expect(tree).toBe("main: running");
  } finally {
    Error.prepareStackTrace = before;
  }
});

test("deadlines are from now, on the run's clock; one that is past says so", () => {
  const clock = new MockClock();
  runSync(
    function* () {
      const scope = new CancelScope({ deadline: 100 });
      yield* scope.run(function* () {
        expect(shape(taskTree())[1]).toBe("  scope.run(): deadline in 100 ms");
        clock.jump(130);
        expect(shape(taskTree())[1]).toStartWith("  scope.run(): deadline 30 ms ago");
      });
    },
    { clock },
  );
});

test("a scope in its grace has been asked to stop, and the deadline is when it is cut off", () => {
  virtual(function* () {
    const scope = new CancelScope();
    yield* scope.run(function* () {
      scope.cancel({ grace: 500 });
      expect(shape(taskTree())[1]).toBe("  scope.run(): deadline in 500 ms, asked to stop");
      scope.cancel();
      expect(shape(taskTree())[1]).toStartWith("  scope.run(): deadline in 500 ms, cancelled (explicit by task ");
      yield* sleepForever();
    });
  });
});

test("a task that is an operation of the library's, made of others, shows the line that made it", () => {
  virtual(function* () {
    const event = new Event();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => event.wait());
      yield* waitAllTasksBlocked();
      const [task] = nursery.childTasks;
      expect(task!.stack()).toHaveLength(1);
      expect(task!.stack()[0]).toContain("task-tree.test.ts");
      nursery.cancelScope.cancel();
    });
  });
});

test("a task that is a scope's run shows its line once", () => {
  virtual(function* () {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => new CancelScope().run(sleepForever));
      yield* waitAllTasksBlocked();
      const [task] = nursery.childTasks;
      expect(task!.stack()).toHaveLength(1);
      nursery.cancelScope.cancel();
    });
  });
});
