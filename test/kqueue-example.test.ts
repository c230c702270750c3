/**
 * The helpers of `examples/kqueue.ts` on a model of a kqueue, with the layouts of macOS and FreeBSD; and on a kqueue of
 * libkqueue where that is installed, as far as it can: it hears of signals only while all threads block them.
 */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { NOTE, fileChanges, processExit, signals } from "../examples/kqueue.ts";
import { KQUEUE_SYSTEMS } from "../ffi/kqueue.ts";
import { type Kevent, notifyClosing } from "../src/hazmat.ts";
import {
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  SystemError,
  moveOnAfter,
  openNursery,
  runSync,
} from "../src/index.ts";
import { KqueueModel, ModelIoManager } from "./io/kqueue-model.ts";
import { whyNoKqueue } from "./io/libkqueue.ts";
import { errorOf, passes } from "./kernel/programs.ts";

const PID = 1_234;
const FILE = 50;

for (const platform of ["darwin", "freebsd"] as const) {
  describe(`on a model of a kqueue, with the layout of ${platform}`, () => {
    function withModel(main: (model: KqueueModel, io: ModelIoManager) => Generator<any, void, any>): void {
      const model = new KqueueModel(KQUEUE_SYSTEMS[platform]);
      model.startProcess(PID);
      model.open(FILE);
      const io = new ModelIoManager(model);
      runSync(() => main(model, io), { io: () => io });
      expect(model.registered).toEqual([]);
    }

    test("processExit gives the status of a process that ends", () => {
      withModel(function* (model) {
        model.after(100, () => model.exit(PID, 3 << 8));
        expect(yield* processExit(PID)).toBe(3 << 8);
      });
    });

    test("processExit of a process that is gone gives null", () => {
      withModel(function* () {
        expect(yield* processExit(99)).toBeNull();
      });
    });

    test("processExit is given up with its scope, and asked again", () => {
      withModel(function* (model) {
        const scope = new CancelScope();
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => scope.run(() => processExit(PID)));
          yield* passes(3);
          scope.cancel();
        });
        expect(scope.cancelledCaught).toBe(true);
        expect(model.registered).toEqual([]);
        model.after(1, () => model.exit(PID, 9));
        expect(yield* processExit(PID)).toBe(9);
      });
    });

    test("two tasks cannot ask for one process", () => {
      withModel(function* (model) {
        yield* openNursery(function* (nursery) {
          nursery.startSoon(() => processExit(PID));
          yield* passes(3);
          expect(yield* errorOf({ [Symbol.iterator]: () => processExit(PID) })).toBeInstanceOf(BusyResourceError);
          model.exit(PID, 0);
        });
      });
    });

    test("fileChanges tells what happens to a file, and takes its registration back", () => {
      withModel(function* (model) {
        const told = yield* fileChanges(FILE, NOTE.written | NOTE.deleted, function* (changes) {
          model.after(1, () => model.touch(FILE, NOTE.written | NOTE.extended));
          const [first] = yield* changes.get();
          model.after(1, () => model.touch(FILE, NOTE.deleted));
          const [second] = yield* changes.get();
          return [first!.fflags, second!.fflags];
        });
        expect(told).toEqual([NOTE.written, NOTE.deleted]);
      });
    });

    test("fileChanges ends with what its body throws, and with the closing of its file", () => {
      withModel(function* () {
        const failing = fileChanges(FILE, NOTE.written, function* () {
          throw new RangeError("the body's");
        });
        expect(yield* errorOf({ [Symbol.iterator]: () => failing })).toBeInstanceOf(RangeError);
        const closing = fileChanges(FILE, NOTE.written, function* (changes) {
          notifyClosing(FILE);
          yield* changes.get();
        });
        expect(yield* errorOf({ [Symbol.iterator]: () => closing })).toBeInstanceOf(ClosedResourceError);
      });
    });

    test("fileChanges of what is no descriptor is a SystemError", () => {
      withModel(function* () {
        const failing = fileChanges(99, NOTE.written, function* () {});
        expect(yield* errorOf({ [Symbol.iterator]: () => failing })).toBeInstanceOf(SystemError);
      });
    });

    test.skipIf(process.platform === "win32")("signals are counted, and the default action is back afterwards", () => {
      const number = constants.signals.SIGUSR2;
      withModel(function* (model) {
        const before = process.listenerCount("SIGUSR2");
        const counts = yield* signals("SIGUSR2", function* (news) {
          expect(process.listenerCount("SIGUSR2")).toBe(before + 1);
          const seen: bigint[] = [];
          for (const times of [1, 3]) {
            model.after(1, () => {
              for (let i = 0; i < times; i++) model.signal(number);
            });
            seen.push(...((yield* news.get()) as Kevent[]).map(({ data }) => data));
          }
          return seen;
        });
        expect(counts).toEqual([1n, 3n]);
        expect(process.listenerCount("SIGUSR2")).toBe(before);
      });
    });
  });
}

describe.skipIf(whyNoKqueue !== "")(`on a kqueue${whyNoKqueue}`, () => {
  /** Bun's loop does not turn in runSync, so a child's status is left for the kqueue. */
  const onKqueue = (main: () => Generator<any, void, any>): void => runSync(main, { io: "kqueue" });

  test("processExit gives the status of a child that ends by itself, or by a signal", () => {
    for (const [script, status] of [
      ["exit 0", 0],
      ["exit 3", 3 << 8],
      ["kill -TERM $$", 15],
    ] as const) {
      const child = Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "ignore", "ignore"] });
      onKqueue(function* () {
        expect(yield* processExit(child.pid)).toBe(status);
      });
    }
  });

  test("processExit of a child that goes on is given up at a deadline", () => {
    const child = Bun.spawn(["sleep", "100"], { stdio: ["ignore", "ignore", "ignore"] });
    onKqueue(function* () {
      expect(yield* moveOnAfter(20, () => processExit(child.pid))).toBeUndefined();
      child.kill("SIGKILL");
      expect(yield* processExit(child.pid)).toBe(9);
    });
  });

  test("fileChanges tells of writing, renaming and deleting, by path and by descriptor", () => {
    const folder = mkdtempSync(join(tmpdir(), "tribun-kqueue-"));
    try {
      for (const named of ["path", "descriptor"]) {
        const path = join(folder, `${named}.txt`);
        writeFileSync(path, "a");
        const fd = openSync(path, "r");
        const all = Object.values(NOTE).reduce((sum, bit) => sum | bit);
        onKqueue(function* () {
          yield* fileChanges(named === "path" ? path : fd, all, function* (changes) {
            /** What is told after `change`, of one happening or of several. */
            function* after(change: () => void): Generator<any, number, any> {
              change();
              return ((yield* changes.get()) as Kevent[]).reduce((sum, { fflags }) => sum | fflags, 0);
            }
            expect(yield* after(() => appendFileSync(path, "b"))).toBe(NOTE.written | NOTE.extended);
            expect((yield* after(() => renameSync(path, `${path}2`))) & NOTE.renamed).toBe(NOTE.renamed);
            if (named === "path") return;
            expect(yield* after(() => unlinkSync(`${path}2`))).not.toBe(0);
          });
        });
        closeSync(fd);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
