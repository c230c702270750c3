import { CancelScope } from "./cancel-scope.ts";
import { isClass } from "./describe.ts";
import { call, checkCoroutine, notAClass } from "./frame-operation.ts";
import { openNursery, type Nursery } from "./nursery.ts";
import type { Coroutine, Trap } from "./operation.ts";
import { nameOf, type Runner } from "./runner.ts";

/**
 * The root task of a run: three nurseries, one in the other (S14). The outermost holds the task that serves call-soon,
 * which is the last to end, so that accepted calls run; the next holds the system tasks, cancelled when main has ended
 * (S16); the innermost holds main.
 */
export function* root(
  runner: Runner,
  main: () => Coroutine<unknown>,
  signal: AbortSignal | undefined,
): Generator<Trap, void, any> {
  yield* openNursery(function* (entryNursery) {
    yield* openNursery(function* (systemNursery) {
      runner.systemNursery = systemNursery;
      yield* openNursery(function* (mainNursery) {
        runner.mainNursery = mainNursery;
        startMain(runner, mainNursery, main, signal);
        const { entryQueue } = runner;
        const serve = (): Coroutine<unknown> => entryQueue.serve();
        runner.callSoonTask = runner.spawn(serve, [], entryNursery, "run()", true, "<call-soon task>");
      });
      systemNursery.cancelScope.cancelFor("shutdown");
    });
    entryNursery.cancelScope.cancelFor("shutdown");
  });
}

function startMain(
  runner: Runner,
  nursery: Nursery,
  main: () => Coroutine<unknown>,
  signal: AbortSignal | undefined,
): void {
  const body = signal === undefined ? () => callMain(runner, main) : () => callMainUnder(runner, main, signal);
  runner.mainTask = runner.spawn(body, [], nursery, "run(main)", false, nameOf(main));
  runner.mainTask.kiPending = runner.keyboardInterruptPending;
}

/** Main is called in its own task, on the first pass. */
function* callMain(runner: Runner, main: () => Coroutine<unknown>): Generator<Trap, unknown, any> {
  return yield* call(function run() {
    let made: unknown;
    try {
      made = main();
    } catch (error) {
      throw isClass(main) ? notAClass(main, "run(main)") : error;
    }
    const coroutine = checkCoroutine(made, main, "run(main)");
    (runner.mainTask as { coroutine: Coroutine<unknown> }).coroutine = coroutine;
    return coroutine;
  });
}

/** Main in a scope that `signal` cancels. */
function* callMainUnder(
  runner: Runner,
  main: () => Coroutine<unknown>,
  signal: AbortSignal,
): Generator<Trap, unknown, any> {
  const scope = new CancelScope({ signal });
  const value = yield* scope.run(() => callMain(runner, main));
  if (scope.cancelledCaught) runner.abortedBySignal();
  return value;
}
