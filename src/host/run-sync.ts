import { drainMicrotasks } from "bun:jsc";
import { UsageError } from "../errors.ts";
import type { Host } from "../kernel/host.ts";
import type { Coroutine } from "../kernel/operation.ts";
import type { Runner } from "../kernel/runner.ts";
import { CtrlC } from "./ctrl-c.ts";
import { type Beginning, type RunOptions, begin } from "./options.ts";
import { outOfTheLoop, stillStuck } from "./no-way-on.ts";
import { openThreadCalls, wakeAddressOf } from "./thread-calls.ts";
import { TreeOnQuit } from "./tree-on-quit.ts";
import { warn } from "./warn.ts";

/**
 * Runs `main` to its end on this thread, and gives what it returned: blocks in the system's own wait, so a wake-up costs
 * one system call. Bun's event loop does not turn meanwhile: no timer, no `fetch`, no `Bun.serve`; a task that waits for
 * a promise of theirs, and for nothing else that could happen, gets a UsageError. Can be called from async code.
 *
 * Trio: `trio.run`.
 *
 * @throws What main throws, as it is. UsageError inside a run. TypeError, RangeError, UnsupportedError for options.
 * @throws KeyboardInterrupt, TrioInternalError, DeadlockError, and the reason of `options.signal`.
 */
export function runSync<T>(main: () => Coroutine<T>, options: RunOptions = {}): T {
  const beginning = begin("runSync", main, options, new SyncHost(), true);
  const { runner, signal, taskTreeOnQuit } = beginning;
  const wakeAddress = wakeAddressOf(runner);
  const ctrlC = new CtrlC(beginning, wakeAddress, undefined);
  const quit = taskTreeOnQuit ? new TreeOnQuit(runner, "runSync", wakeAddress) : null;
  try {
    ctrlC.turn(() => loop(beginning, ctrlC, quit));
  } catch (error) {
    throw outOfTheLoop(error);
  } finally {
    ctrlC.close();
    quit?.close();
    runner.close();
  }
  return runner.outcome(signal) as T;
}

function loop({ runner, deadlockDetection }: Beginning, ctrlC: CtrlC, quit: TreeOnQuit | null): void {
  let complained = false;
  while (!runner.done) {
    let ms = runner.timeToWait();
    if (ms > 0 || !runner.isBusy) {
      // What only microtasks hold up goes on first.
      drainMicrotasks();
      ms = runner.timeToWait();
      if (ms === Infinity && runner.isStuck) {
        if (runner.awaitsPromises) {
          complained = refusePromises(runner, complained);
          continue;
        }
        if (deadlockDetection) {
          if (!runner.deadlock()) throw stillStuck(runner);
          continue;
        }
      }
      const events = runner.poll(ms);
      ctrlC.check();
      quit?.check();
      runner.pass(events);
    } else if (runner.mustLook()) {
      drainMicrotasks();
      const events = runner.poll(0);
      ctrlC.check();
      quit?.check();
      runner.pass(events);
    } else runner.passes();
  }
}

/**
 * Nothing can go on but a promise that needs Bun's event loop, which does not turn. Tasks in an operation get an error;
 * a generator in a native await cannot be reached, so the rest is unwound and the run given up.
 */
function refusePromises(runner: Runner, complained: boolean): boolean {
  const advice = "runSync() owns the thread, so no promise of Bun's event loop can settle: use run()";
  for (const wait of [...runner.promiseWaits]) {
    wait.giveUp(new UsageError(`this promise can never settle: ${advice}`));
  }
  if (runner.isBusy) return complained;
  const names = runner.awaitingTasks().map((task) => task.name);
  const error = new UsageError(`in a native await that can never end: task ${names.join(", ")}; ${advice}`);
  if (complained) throw error;
  runner.fail(error);
  return true;
}

class SyncHost implements Host {
  readonly drainMicrotasks: () => void = drainMicrotasks;
  /** It is never asleep where anything of this thread could call. */
  wake(): void {}
  warn = warn;
  openThreadCalls(): ReturnType<Host["openThreadCalls"]> {
    return openThreadCalls();
  }
}
