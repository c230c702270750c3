/**
 * A world of its own for the kernel: a clock, an I/O manager over nothing and a host, without Bun, FFI, timers or real
 * time. Its time moves when the run waits, and then straight to what comes next.
 */
import { drainMicrotasks } from "bun:jsc";
import { ClosedResourceError } from "../../src/errors.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import type { Host } from "../../src/kernel/host.ts";
import type { Instrument } from "../../src/kernel/instrument.ts";
import type { IoManager, IoStatistics } from "../../src/kernel/io-manager.ts";
import type { Coroutine, Operation } from "../../src/kernel/operation.ts";
import { Runner } from "../../src/kernel/runner.ts";
import { Abort, type AbortResult } from "../../src/kernel/abort.ts";
import { Suspension, wake, wakeWithError } from "../../src/kernel/suspension.ts";
import type { Task } from "../../src/kernel/task.ts";

/** A task that waits until the source `name` has something. */
class SimulatedWait extends Suspension<number> {
  static {
    this.prototype.operationName = "io.receive()";
  }
  readonly #io: SimulatedIo;
  readonly name: string;
  constructor(io: SimulatedIo, name: string) {
    super();
    this.#io = io;
    this.name = name;
  }
  protected begin(): void {
    this.#io.waits.push(this);
  }
  abort(): AbortResult {
    this.#io.waits.splice(this.#io.waits.indexOf(this), 1);
    return Abort.SUCCEEDED;
  }
}

/** Sources that have something at times that a test wrote down beforehand. */
export class SimulatedIo implements IoManager, Clock {
  readonly backend = "simulated";
  now = 0;
  closed = false;
  /** The timeouts that the run polled with. */
  readonly polls: number[] = [];
  readonly waits: SimulatedWait[] = [];
  readonly #script: { time: number; name: string; value: number }[];

  /** @param script what comes when from where, in the order of its times. */
  constructor(script: readonly (readonly [time: number, name: string, value: number])[] = []) {
    this.#script = script.map(([time, name, value]) => ({ time, name, value }));
  }

  /** Waits for what `name` gives next. */
  receive(name: string): Operation<number> {
    return new SimulatedWait(this, name);
  }

  /** Ends every wait for `name` with ClosedResourceError. */
  closeSource(name: string): void {
    for (const wait of this.waits.filter((wait) => wait.name === name)) {
      wait.abort();
      wakeWithError(wait.task as Task, new ClosedResourceError(`${name} was closed`));
    }
  }

  get waiting(): number {
    return this.waits.length;
  }

  poll(timeout: number): number {
    this.polls.push(timeout);
    const next = this.#script.find(({ name }) => this.waits.some((wait) => wait.name === name));
    if (next === undefined || next.time > this.now + timeout) {
      if (timeout === Infinity) throw new Error("a poll that would never end");
      this.now += timeout;
      return 0;
    }
    this.now = Math.max(this.now, next.time);
    let events = 0;
    for (const event of this.#script.filter(({ time }) => time <= this.now)) {
      const wait = this.waits.find(({ name }) => name === event.name);
      if (wait === undefined) continue;
      wait.abort();
      this.#script.splice(this.#script.indexOf(event), 1);
      wake(wait.task as Task, event.value);
      events++;
    }
    return events;
  }

  wake(): void {}

  statistics(): IoStatistics {
    return { backend: this.backend, tasksWaitingRead: this.waiting, tasksWaitingWrite: 0 };
  }

  close(): void {
    this.closed = true;
  }

  startClock(): void {}

  currentTime(): number {
    return this.now;
  }

  deadlineToSleepTime(deadline: number): number {
    return deadline - this.now;
  }
}

export interface SimulationOptions {
  io?: SimulatedIo;
  seed?: number;
  instruments?: Instrument[];
  signal?: AbortSignal;
}

/** Runs `main` on the kernel alone. */
export function simulate<T>(main: (io: SimulatedIo) => Coroutine<T>, options: SimulationOptions = {}): T {
  const { io = new SimulatedIo(), seed, signal, instruments = [] } = options;
  const host: Host = {
    drainMicrotasks,
    wake(): void {},
    warn(message: string): void {
      throw new Error(message);
    },
    openThreadCalls(): never {
      throw new Error("no threads here");
    },
  };
  const runner = new Runner(
    {
      clock: io,
      io,
      host,
      instruments,
      signal,
      seed,
      strictExceptionGroups: true,
      fulfilled: () => undefined,
      interruptibly: null,
    },
    () => main(io),
  );
  try {
    runner.pass(0);
    while (!runner.done) {
      drainMicrotasks();
      const ms = runner.timeToWait();
      if (ms === Infinity && runner.isStuck) {
        if (!runner.deadlock()) throw new Error("stuck for good");
      } else if (runner.isBusy && !runner.mustLook()) runner.pass(0);
      else runner.pass(runner.poll(runner.isBusy ? 0 : ms));
    }
  } finally {
    runner.close();
  }
  return runner.outcome(signal) as T;
}
