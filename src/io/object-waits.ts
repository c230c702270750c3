/**
 * The tasks of a run that wait for Windows' objects, and the watchers that do it for them: as many as are needed, and one.
 *
 * A watcher takes an object the moment that it is signalled, and a packet tells. So a cancelled task whose object was
 * taken before gets it; of one whose was not, nobody takes anything any more.
 *
 * - What is watched is a handle of our own of the object: it is the same object whatever becomes of the task's handle.
 * - A mutex belongs to the thread that takes it. When a watcher finds one free, the run's thread takes it itself; if
 *   somebody else was faster the wait goes on.
 * - A packet belongs to a wait by its number, and no number is given twice.
 */
import { statusError } from "../../ffi/ntdll.ts";
import {
  FREE_MUTEX,
  LOST,
  OBJECTS_A_WATCHER,
  TAKEN,
  type ObjectWatcherCalls,
  objectWatcherCalls,
} from "../../ffi/object-watcher.ts";
import {
  STATUS_ABANDONED_WAIT_0,
  STATUS_TIMEOUT,
  STATUS_WAIT_0,
  type WaitableObjectCalls,
  waitableObjectCalls,
} from "../../ffi/waitable-object.ts";
import { WINDOWS_ERROR, windowsError } from "../../ffi/windows-errors.ts";
import { ClosedResourceError } from "../errors.ts";
import { Abort, type AbortResult } from "../kernel/abort.ts";
import { Suspension, wake, wakeWithError } from "../kernel/suspension.ts";
import type { Task } from "../kernel/task.ts";

const OPERATION = "waitForSingleObject()";

interface Watcher {
  readonly address: number;
  objects: number;
}

export class ObjectWaits {
  readonly #port: number;
  readonly #objects: WaitableObjectCalls = waitableObjectCalls();
  readonly #calls: () => ObjectWatcherCalls;
  readonly #watchers: Watcher[] = [];
  readonly #waits = new Map<number, ObjectWait>();
  #lastNumber = 0;

  constructor(port: number, calls: () => ObjectWatcherCalls = objectWatcherCalls) {
    this.#port = port;
    this.#calls = calls;
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#waits.size;
  }

  /** Takes the object, if it is signalled, without waiting. @throws {SystemError} when `handle` is none of an object. */
  take(handle: number): boolean {
    const status = this.#objects.take(handle);
    if (status === STATUS_TIMEOUT) return false;
    if (status === STATUS_WAIT_0 || status === STATUS_ABANDONED_WAIT_0) return true;
    throw statusError(status, OPERATION, `handle ${handle}`);
  }

  /** @throws {SystemError} what the system refuses. @throws {UnsupportedError} where there is no compiler for C. */
  begin(wait: ObjectWait): void {
    const duplicate = this.#objects.duplicate(wait.handle);
    if (duplicate < 0) throw statusError(-duplicate, OPERATION, `handle ${wait.handle}`);
    wait.duplicate = duplicate;
    wait.number = ++this.#lastNumber;
    try {
      this.#watch(wait);
    } catch (error) {
      this.#objects.close(duplicate);
      throw error;
    }
    this.#waits.set(wait.number, wait);
  }

  /** @returns whether nothing was taken, and nothing will be: else a packet tells. */
  end(wait: ObjectWait): boolean {
    if (!this.#calls().remove(wait.watcher!.address, wait.number)) return false;
    this.#unwatched(wait);
    this.#forget(wait);
    return true;
  }

  /** A packet came. @returns how many tasks it woke. */
  complete(number: number, what: number): number {
    const wait = this.#waits.get(number);
    if (wait === undefined) return 0;
    this.#unwatched(wait);
    if (what !== FREE_MUTEX || wait.raiseCancel !== null) {
      this.#forget(wait, what === LOST);
      wait.complete(what);
      return 1;
    }
    try {
      if (!this.take(wait.duplicate)) {
        this.#watch(wait);
        return 0;
      }
    } catch (error) {
      this.#forget(wait);
      wakeWithError(wait.task!, error);
      return 1;
    }
    this.#forget(wait);
    wake(wait.task!);
    return 1;
  }

  /** To be called right before a handle is closed: who waits for it gets ClosedResourceError. */
  notifyClosing(handle: number): void {
    for (const wait of this.#waits.values()) {
      if (wait.handle !== handle || !this.end(wait)) continue;
      const why = `handle ${handle} was closed while task ${wait.task!.name} waited for it`;
      wakeWithError(wait.task!, new ClosedResourceError(why));
    }
  }

  /** The run is over: its threads end. To be called before the port is closed. */
  close(): void {
    for (const { address } of this.#watchers.splice(0)) this.#calls().close(address);
    for (const wait of this.#waits.values()) this.#forget(wait);
  }

  /** @throws {SystemError} when there is no memory, or thread. */
  #watch(wait: ObjectWait): void {
    let watcher = this.#watchers.find(({ objects }) => objects < OBJECTS_A_WATCHER);
    if (watcher === undefined) {
      const address = this.#calls().open(this.#port);
      if (address < 0) throw windowsError(-address, "CreateThread");
      watcher = { address, objects: 0 };
      this.#watchers.push(watcher);
    }
    this.#calls().add(watcher.address, wait.duplicate, wait.number);
    watcher.objects++;
    wait.watcher = watcher;
  }

  /** A watcher does not know an object any more. If it is left with none, and there are others, it ends. */
  #unwatched(wait: ObjectWait): void {
    const watcher = wait.watcher!;
    wait.watcher = null;
    if (--watcher.objects > 0 || this.#watchers.length === 1) return;
    this.#watchers.splice(this.#watchers.indexOf(watcher), 1);
    this.#calls().close(watcher.address);
  }

  #forget(wait: ObjectWait, closed = false): void {
    this.#waits.delete(wait.number);
    if (!closed) this.#objects.close(wait.duplicate);
  }
}

/** A task that waits for an object. */
export class ObjectWait extends Suspension<void> {
  static {
    this.prototype.operationName = OPERATION;
  }
  readonly #waits: ObjectWaits;
  readonly handle: number;
  /** Our own handle of the object. */
  duplicate = 0;
  /** What its packet names it by. */
  number = 0;
  watcher: Watcher | null = null;
  /** Set once the task was cancelled too late. */
  raiseCancel: (() => never) | null = null;

  constructor(waits: ObjectWaits, handle: number) {
    super();
    this.#waits = waits;
    this.handle = handle;
  }

  protected begin(): void {
    this.#waits.begin(this);
  }

  abort(_task: Task, raiseCancel: () => never): AbortResult {
    if (this.#waits.end(this)) return Abort.SUCCEEDED;
    this.raiseCancel = raiseCancel;
    return Abort.FAILED;
  }

  complete(what: number): void {
    const task = this.task!;
    if (what === TAKEN) {
      wake(task);
      return;
    }
    try {
      // A mutex that was found free is free still: nothing has happened.
      if (what === FREE_MUTEX) this.raiseCancel!();
      const why = `handle ${this.duplicate}, this library's own for handle ${this.handle}, was closed by somebody else`;
      throw windowsError(WINDOWS_ERROR.ERROR_INVALID_HANDLE, OPERATION, why);
    } catch (error) {
      wakeWithError(task, error);
    }
  }
}
