/** An option that there is not is refused wherever options are taken: one that is misspelt would do nothing, silently. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CancelScope,
  Semaphore,
  Watchdog,
  failAfter,
  failAt,
  map,
  moveOnAfter,
  moveOnAt,
  openNursery,
  run,
  runSync,
  sleep,
  taskTree,
} from "../../src/index.ts";
import { MemoryReceiveStream, MemorySendStream, MockClock, inRun, memoryStreamPump } from "../../src/testing.ts";
import { filesUnder } from "../folders.ts";
import { thrownBy, virtual } from "./soundness.ts";

const body = () => sleep(0);

/** Every call that takes options, one misspelt, and what was meant. */
const CALLS: readonly (readonly [call: string, use: (options: any) => unknown, misspelt: string, meant: string])[] = [
  ["new CancelScope(options)", (o) => new CancelScope(o), "timout", "timeout"],
  ["scope.cancel({ grace, reason })", (o) => new CancelScope().cancel({ grace: 5, ...o }), "raeson", "reason"],
  ["moveOnAfter(ms, body, options)", (o) => moveOnAfter(1, body, o), "shielded", "shield"],
  ["moveOnAt(time, body, options)", (o) => moveOnAt(1, body, o), "Shield", "shield"],
  ["failAfter(ms, body, options)", (o) => failAfter(1, body, o), "sheild", "shield"],
  ["failAt(time, body, options)", (o) => failAt(1, body, o), "shild", "shield"],
  ["openNursery(body, options)", (o) => openNursery(body, o), "strictExceptionGroup", "strictExceptionGroups"],
  ["map(items, fn, options)", (o) => map([1], body, o), "conccurency", "concurrency"],
  ["new Semaphore(value, options)", (o) => new Semaphore(1, o), "maxvalue", "maxValue"],
  ["taskTree(options)", (o) => taskTree(o), "limits", "limit"],
  ["new Watchdog(options)", (o) => new Watchdog(o), "treshold", "threshold"],
  ["runSync(main, options)", (o) => runSync(body, o), "deadlockdetection", "deadlockDetection"],
  ["new MockClock(options)", (o) => new MockClock(o), "autoJumpThreshold", "autojumpThreshold"],
  ["inRun(body, options)", (o) => inRun(body, o), "checkLeftOvers", "checkLeftovers"],
  ["inRun(body, options)", (o) => inRun(body, o), "strictExceptiongroups", "strictExceptionGroups"],
  ["new MemorySendStream(hooks)", (o) => new MemorySendStream(o), "sendAllhook", "sendAllHook"],
  ["new MemoryReceiveStream(hooks)", (o) => new MemoryReceiveStream(o), "recieveSomeHook", "receiveSomeHook"],
  [
    "memoryStreamPump(from, to, options)",
    (o) => memoryStreamPump(new MemorySendStream(), new MemoryReceiveStream(), o),
    "maxBytse",
    "maxBytes",
  ],
];

test.each(CALLS)(
  "%s: the error names the call, the option, what was meant and what there is",
  (call, use, misspelt, meant) => {
    const error = thrownBy(() => use({ [misspelt]: undefined }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toStartWith(`${call}: there is no option "${misspelt}" (did you mean ${meant}?); `);
  },
);

test.each(CALLS)("%s: what is like none of them is refused, too, with the names there are", (call, use, _, meant) => {
  const { message } = thrownBy(() => use({ zzz: 5 }));
  expect(message).toStartWith(`${call}: there is no option "zzz"; `);
  expect(message.split("zzz")[1]).toContain(meant);
});

test("run() rejects, as for any other of its options", async () => {
  const error = await run(body, { sed: 5 } as object).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toStartWith('run(main, options): there is no option "sed" (did you mean seed?)');
});

test("the names there are", () => {
  const messageOf = (use: () => unknown): string => thrownBy(use).message;
  expect(messageOf(() => new CancelScope({ timout: 5 } as object))).toBe(
    'new CancelScope(options): there is no option "timout" (did you mean timeout?); there are deadline, timeout, shield, signal',
  );
  expect(messageOf(() => map([1], body, { limit: 3 } as object))).toBe(
    'map(items, fn, options): there is no option "limit"; the only one is concurrency',
  );
});

test("a name that objects have by themselves is no option; one that is inherited and would be read is judged", () => {
  expect(thrownBy(() => new CancelScope({ toString: 1 } as object))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => new CancelScope(Object.create({ timout: 5 }) as object))).toBeInstanceOf(TypeError);
  expect(new CancelScope(Object.create({ deadline: 5 }) as object).deadline).toBe(5);
});

test("a refused graceful cancel has cancelled nothing; an object without a grace is a reason, whatever is in it", () => {
  virtual(function* () {
    const scope = new CancelScope();
    yield* scope.run(function* () {
      expect(thrownBy(() => scope.cancel({ grace: 5, of: "law" }))).toBeInstanceOf(TypeError);
      expect([scope.stopRequested, scope.cancelCalled]).toEqual([false, false]);
      scope.cancel({ grase: 5 });
      expect(scope.cancelCalled).toBe(true);
      yield* sleep(0);
    });
  });
});

test("whatever file declares options judges them, and each that judges some stands in the table above", async () => {
  const src = fileURLToPath(new URL("../../src", import.meta.url));
  let judged = 0;
  const unjudged: string[] = [];
  for (const file of filesUnder(src)) {
    if (file === "kernel/options.ts") continue;
    const source = await Bun.file(join(src, file)).text();
    const calls = source.match(/\bcheckOptions\(/g)?.length ?? 0;
    judged += calls;
    if (calls === 0 && /^export interface \w+(?:Options|Hooks)\b/m.test(source)) unjudged.push(file);
  }
  expect(unjudged).toEqual([]);
  expect(judged).toBe(new Set(CALLS.map(([call]) => call)).size);
});
