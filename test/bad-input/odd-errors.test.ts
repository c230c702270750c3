/** What user code throws comes out as it is, Error or not, however odd. */
import { describe, expect, test } from "bun:test";
import { Result, reschedule, yieldIndefinitely, Abort, currentTask, type Task } from "../../src/hazmat.ts";
import {
  CancelScope,
  ExceptionGroup,
  abortable,
  call,
  failAfter,
  fromPromise,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  runSync,
  sleepForever,
  type TaskStatus,
} from "../../src/index.ts";
import { passes, stillSound, virtual } from "./soundness.ts";

const frozen = Object.freeze(new Error("frozen"));
const sealed = Object.seal(new Error("sealed"));
const withoutStack = Object.defineProperty(new Error("stack not writable"), "stack", {
  value: "kept",
  writable: false,
  configurable: false,
});
const evilStack = Object.defineProperty(new Error("evil stack"), "stack", {
  get() {
    throw new Error("who reads my stack?");
  },
});
const evilMessage = Object.defineProperty(new Error("x"), "message", {
  get() {
    throw new Error("who reads my message?");
  },
});
const symbolName = Object.assign(new Error("named by a symbol"), { name: Symbol("name") });
const stackless = Object.assign(new Error("no stack"), { stack: undefined });
const deaf = new Proxy(new Error("behind a proxy"), {
  defineProperty() {
    return false;
  },
});

const ODD: readonly (readonly [what: string, thrown: unknown])[] = [
  ["a string", "boom"],
  ["the empty string", ""],
  ["undefined", undefined],
  ["null", null],
  ["zero", 0],
  ["NaN", NaN],
  ["false", false],
  ["a symbol", Symbol("boom")],
  ["a bigint", 5n],
  ["an object", { boom: true }],
  ["an object without a prototype", Object.create(null)],
  ["a function", () => {}],
  ["a frozen Error", frozen],
  ["a sealed Error", sealed],
  ["an Error whose stack cannot be written", withoutStack],
  ["an Error whose stack throws", evilStack],
  ["an Error whose message throws", evilMessage],
  ["an Error whose name is a symbol", symbolName],
  ["an Error without a stack", stackless],
  ["an Error behind a proxy", deaf],
  ["an AggregateError of nothing", new AggregateError([])],
  ["a promise", Promise.resolve()],
];

/** What `fn` throws, as [it]; [] if it throws nothing. */
function thrown(fn: () => unknown): unknown[] {
  try {
    fn();
  } catch (error) {
    return [error];
  }
  return [];
}

function* throws(value: unknown): Generator<any, never> {
  yield* passes(1);
  throw value;
}

for (const [what, value] of ODD) {
  describe(what, () => {
    const same = (got: readonly unknown[]): void => {
      expect(got).toHaveLength(1);
      expect(Object.is(got[0], value)).toBe(true);
    };

    test("out of main", async () => {
      same(thrown(() => runSync(() => throws(value))));
      same(
        await run(() => throws(value)).then(
          () => [],
          (error: unknown) => [error],
        ),
      );
      runSync(stillSound);
    });

    test("out of main at its first step, and out of calling main", () => {
      same(
        thrown(() =>
          runSync(function* () {
            throw value;
          }),
        ),
      );
      same(
        thrown(() =>
          runSync(() => {
            throw value;
          }),
        ),
      );
    });

    test("through frames and scopes of every kind", () => {
      same(
        thrown(() =>
          virtual(() =>
            call(() =>
              new CancelScope().run(() => moveOnAfter(5, () => failAfter(5, () => call(() => throws(value))))),
            ),
          ),
        ),
      );
    });

    test("out of a nursery's body and a child: in a group, the siblings cancelled", () => {
      const log: string[] = [];
      const [group] = thrown(() =>
        virtual(() =>
          openNursery(function* (nursery) {
            nursery.startSoon(() => throws(value));
            nursery.startSoon(function* () {
              try {
                yield* sleepForever();
              } catch (error) {
                log.push(isCancelled(error) ? "sibling cancelled" : "something else");
                throw error;
              }
            });
            try {
              yield* sleepForever();
            } finally {
              log.push("body unwound");
            }
          }),
        ),
      ) as [ExceptionGroup];
      expect(group).toBeInstanceOf(ExceptionGroup);
      same(group.errors);
      expect(log.toSorted()).toEqual(["body unwound", "sibling cancelled"]);

      const [bodys] = thrown(() => virtual(() => openNursery(() => throws(value)))) as [ExceptionGroup];
      same(bodys.errors);
    });

    test("bare out of a nursery that is not strict, and out of start()", () => {
      same(thrown(() => virtual(() => openNursery(() => throws(value), { strictExceptionGroups: false }))));
      virtual(function* () {
        yield* openNursery(function* (nursery) {
          let got: unknown[] = [];
          try {
            yield* nursery.start(function* (_status: TaskStatus) {
              yield* throws(value);
            });
          } catch (error) {
            got = [error];
          }
          same(got);
        });
        yield* stillSound();
      });
    });

    test("out of promises and reschedule()", () => {
      for (const wait of [() => fromPromise(Promise.reject(value)), () => abortable(() => Promise.reject(value))]) {
        same(thrown(() => virtual(() => call(wait))));
      }
      same(
        thrown(() =>
          virtual(function* () {
            let task!: Task;
            yield* openNursery(
              function* (nursery) {
                nursery.startSoon(function* () {
                  task = currentTask();
                  yield* yieldIndefinitely(() => Abort.SUCCEEDED);
                });
                yield* passes(2);
                reschedule(task, Result.error(value));
              },
              { strictExceptionGroups: false },
            );
          }),
        ),
      );
    });

    test("as the reason of a cancel, and of the signal of a run", async () => {
      virtual(function* () {
        const scope = new CancelScope();
        yield* scope.run(function* () {
          scope.cancel(value);
          let reason: unknown;
          try {
            yield* sleepForever();
          } catch (error) {
            reason = (error as { reason: unknown }).reason;
            throw error;
          } finally {
            expect(Object.is(reason, value)).toBe(true);
          }
        });
        yield* stillSound();
      });
      if (value === undefined) return; // abort(undefined) makes an AbortError
      const controller = new AbortController();
      const finished = run(sleepForever, { signal: controller.signal }).then(
        () => [],
        (error: unknown) => [error],
      );
      controller.abort(value);
      same(await finished);
    });
  });
}
