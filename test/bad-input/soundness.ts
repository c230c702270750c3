/** What the tests of wrong uses share: that a run is as sound after one as before. */
import { expect } from "bun:test";
import { currentStatistics } from "../../src/hazmat.ts";
import { CancelScope, call, openNursery, sleep, sleepForever, type Coroutine } from "../../src/index.ts";
import { passes, virtual } from "../kernel/programs.ts";

/** What `fn` throws; undefined if it throws nothing. */
export { errorOf, passes, thrownBy, virtual } from "../kernel/programs.ts";

/** Something of the wrong type, as an argument: the types would not let it pass. */
export function wrong(value: unknown): any {
  return value;
}

/** Tasks sleep, start, are cancelled and joined as if nothing had happened. */
export function* stillSound(): Generator<any, void, any> {
  const ran: string[] = [];
  const scope = new CancelScope();
  yield* openNursery(function* (nursery) {
    nursery.startSoon(function* () {
      yield* sleep(1);
      ran.push("sleeper");
    });
    nursery.startSoon(function* () {
      yield* scope.run(function* () {
        yield* sleepForever();
      });
      ran.push("cancelled");
    });
    yield* sleep(2);
    scope.cancel();
  });
  expect(ran.toSorted()).toEqual(["cancelled", "sleeper"]);
  expect(scope.cancelledCaught).toBe(true);
}

/** Runs `body` in a task; it throws, and the run goes on soundly, with nothing left. Gives what it threw. */
export function* survived(body: () => Coroutine<unknown>): Generator<any, any, any> {
  yield* passes(3);
  const before = currentStatistics();
  let error: unknown;
  let threw = false;
  try {
    yield* call(body);
  } catch (thrown) {
    error = thrown;
    threw = true;
  }
  expect(threw).toBe(true);
  yield* stillSound();
  yield* passes(3);
  expect(currentStatistics()).toEqual(before);
  return error;
}

/** Runs `body` as main; it throws, and the run goes on soundly. Gives what it threw. */
export function thrownInRun(body: () => Coroutine<unknown>): any {
  return virtual(function* () {
    return yield* survived(body);
  });
}

/** `error` is of exactly this class, and its message holds every one of `parts`. */
export function expectError(error: unknown, type: abstract new (...args: any[]) => Error, ...parts: string[]): void {
  expect(error).toBeInstanceOf(type);
  const { name, message } = error as Error;
  expect(name).toBe((type.prototype as Error).name);
  for (const part of parts) expect(message).toContain(part);
}
