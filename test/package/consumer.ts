/**
 * Type-checked by check.ts against the packed declarations, in a folder that has nothing else, with and without Bun's
 * types. It is never run: it says what a user's code may rely on the types to say.
 */
import { CancelScope, fromPromise, moveOnAfter, openNursery, run, runSync, sleep } from "tribun";
import type { Coroutine, Nursery, Operation, TaskFunction } from "tribun";
import { Abort, ParkingLot, Result, currentTask, reschedule, waitReadable, yieldIndefinitely } from "tribun/hazmat";
import { checkpoint, currentTrioToken, waitTaskRescheduled } from "tribun/lowlevel";
import lint from "tribun/lint";
import { type Socket, socket } from "tribun/socket";
import { MockClock, Sequencer, waitAllTasksBlocked } from "tribun/testing";

/** Holds for the very same type only: an `any` that slipped into the declarations does not pass. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Claim extends true>(): void {}

async function* child(lot: ParkingLot, n: number): AsyncGenerator<never, string> {
  return `${lot.size + n}`;
}
const generator: TaskFunction<[number], string> = function* (n: number) {
  yield* sleep(n);
  return String(n);
};
const operation: Coroutine<void> = sleep(1);
holds<Same<typeof operation extends Coroutine<infer T> ? T : never, void>>();

declare const maybe: { signal: AbortSignal | undefined; ms: number | undefined };
void run(() => sleep(1), { signal: maybe.signal, seed: maybe.ms });
new CancelScope({ signal: maybe.signal, timeout: maybe.ms });

export const result: Promise<number> = run(
  async function* () {
    const lot = new ParkingLot();
    const value = yield* openNursery(async function* (nursery: Nursery) {
      nursery.startSoon(child, lot, 1);
      nursery.startSoon(generator, 1);
      // @ts-expect-error: the arguments are the task function's
      nursery.startSoon(child, "no lot", 1);
      yield* checkpoint();
      nursery.cancelScope.cancel("enough");
      return 1;
    });
    holds<Same<typeof value, number | undefined>>();

    const cut = yield* moveOnAfter(10, function* (scope: CancelScope) {
      yield* sleep(20);
      return scope.deadline;
    });
    holds<Same<typeof cut, number | undefined>>();

    const task = currentTask();
    const woken = yield* yieldIndefinitely<boolean>(() => Abort.SUCCEEDED);
    holds<Same<typeof woken, boolean>>();
    reschedule(task, Result.value(true));
    yield* waitTaskRescheduled<void>(() => Abort.FAILED);
    currentTrioToken().runSyncSoon((n: number) => n, 1);

    const item = yield* fromPromise(Promise.resolve("text"));
    holds<Same<typeof item, string>>();

    using listener: Socket = socket();
    const [peer] = yield* listener.accept();
    const bytes = yield* peer.recv(100);
    holds<Same<(typeof bytes)["length"], number>>();
    const readable: Operation<void> = waitReadable(listener.fd);
    yield* readable;

    yield* waitAllTasksBlocked();
    using _turn = yield* new Sequencer().at(0);
    return (value ?? 0) + (cut ?? 0);
  },
  { clock: new MockClock({ rate: 1 }), seed: 1 },
);

export const text: string = runSync(() => generator(1));
export const scope: CancelScope = new CancelScope({ timeout: 100, shield: true });

/** As an ESLint configuration takes it. */
export const linted: { plugins: Record<string, unknown>; rules: Record<string, unknown> }[] = [
  lint.configs.recommended,
];
