/** run's `signal` option. */
import { describe, expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import {
  CancelScope,
  Cancelled,
  openNursery,
  run,
  runSync,
  sleep,
  sleepForever,
  type Coroutine,
  type RunOptions,
} from "../../src/index.ts";
import { errorOf } from "./programs.ts";

const HOSTS: [string, <T>(main: () => Coroutine<T>, options: RunOptions) => Promise<T>][] = [
  ["run", run],
  ["runSync", async (main, options) => runSync(main, options)],
];

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "nothing was thrown",
    (error) => error,
  );

describe.each(HOSTS)("%s", (_, start) => {
  test("throws the signal's reason when main was cut off", async () => {
    const controller = new AbortController();
    const reason = new Error("the reason");
    let seen: unknown;
    const got = await failure(
      start(
        function* () {
          controller.abort(reason);
          seen = yield* errorOf(sleepForever());
          yield* sleepForever();
        },
        { signal: controller.signal },
      ),
    );
    expect(got).toBe(reason);
    expect(seen).toBeInstanceOf(Cancelled);
    expect((seen as Cancelled).reason).toBe(reason);
  });

  test("a reason need be no Error", async () => {
    for (const reason of ["text", null, 0]) {
      expect(await failure(start(sleepForever, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    }
    expect(await failure(start(sleepForever, { signal: AbortSignal.abort() }))).toBeInstanceOf(DOMException);
  });

  test("a reason with a grace is a reason: main is cut off at once", async () => {
    const reason = { grace: "period" };
    const signal = AbortSignal.abort(reason);
    expect(await failure(start(sleepForever, { signal }))).toBe(reason);
  });

  test("aborted before: main runs to its first checkpoint", async () => {
    const trail: string[] = [];
    const got = await failure(
      start(
        function* () {
          trail.push("began");
          yield* sleep(0);
          trail.push("not reached");
        },
        { signal: AbortSignal.abort("why") },
      ),
    );
    expect(got).toBe("why");
    expect(trail).toEqual(["began"]);
  });

  test("a main that ends all the same gives what it gave", async () => {
    const value = await start(
      function* () {
        yield* errorOf(sleepForever());
        return "ended all the same";
      },
      { signal: AbortSignal.abort("why") },
    );
    expect(value).toBe("ended all the same");
  });

  test("a main that throws another error throws that", async () => {
    const error = new Error("mine");
    const got = await failure(
      start(
        function* () {
          yield* errorOf(sleepForever());
          throw error;
        },
        { signal: AbortSignal.abort("why") },
      ),
    );
    expect(got).toBe(error);
  });

  test("tasks below main are cancelled and waited for; a group of nothing but their Cancelled is caught", async () => {
    const trail: string[] = [];
    const got = await failure(
      start(
        () =>
          openNursery(function* (nursery) {
            nursery.startSoon(function* () {
              try {
                yield* sleepForever();
              } finally {
                yield* new CancelScope({ shield: true }).run(() => sleep(1));
                trail.push("cleaned up");
              }
            });
            yield* sleepForever();
          }),
        { signal: AbortSignal.abort("why") },
      ),
    );
    expect(got).toBe("why");
    expect(trail).toEqual(["cleaned up"]);
  });

  test("without an abort it changes nothing, and no listener is left", async () => {
    const controller = new AbortController();
    expect(
      await start(
        function* () {
          expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
          yield* sleep(1);
          return "value";
        },
        { signal: controller.signal },
      ),
    ).toBe("value");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    controller.abort();
  });

  test("what is no AbortSignal is refused", async () => {
    expect(await failure(start(sleepForever, { signal: {} as AbortSignal }))).toBeInstanceOf(TypeError);
  });
});

test("an abort by the host's code reaches a sleeping run", async () => {
  const before = performance.now();
  expect(await failure(run(sleepForever, { signal: AbortSignal.timeout(10) }))).toMatchObject({ name: "TimeoutError" });
  expect(performance.now() - before).toBeLessThan(1000);
});
