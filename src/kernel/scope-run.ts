import { TooSlowError } from "../errors.ts";
import type { CancelScope } from "./cancel-scope.ts";
import { FrameOperation } from "./frame-operation.ts";
import { DONE, type Coroutine, type Trap } from "./operation.ts";
import type { Task } from "./task.ts";

/** How a scope's body ended, and then how its scope ends. */
export interface ScopeOutcome {
  failed: boolean;
  error: unknown;
}

/** `scope.run(body)`, and the timeouts built on it. */
export class ScopeRun<T> extends FrameOperation<T | undefined> {
  override readonly operationName: string;
  readonly #scope: CancelScope;
  readonly #body: (scope: CancelScope) => Coroutine<T>;
  /** For `failAfter` and `failAt`: what to say when the time was up. */
  readonly #tooSlow: string | null;

  constructor(name: string, scope: CancelScope, body: (scope: CancelScope) => Coroutine<T>, tooSlow: string | null) {
    super();
    this.operationName = name;
    this.#scope = scope;
    this.#body = body;
    this.#tooSlow = tooSlow;
  }

  get opened(): CancelScope {
    return this.#scope;
  }

  protected open(task: Task): void {
    this.#scope.enter(task);
    try {
      this.pushFrame(task, this.#body, this.#scope);
    } catch (error) {
      const outcome = { failed: true, error };
      this.#scope.exit(task, outcome);
      throw error;
    }
  }

  protected resumed(task: Task): IteratorResult<Trap, T | undefined> {
    const failed = task.failed;
    const scope = this.#scope;
    if (!failed) {
      scope.exit(task, SUCCEEDED);
      return task.takeResult();
    }
    const outcome: ScopeOutcome = { failed, error: task.error };
    task.failed = false;
    task.error = undefined;
    scope.exit(task, outcome);
    if (outcome.failed) throw this.passOn(outcome.error);
    if (this.#tooSlow !== null && scope.cancelledCaught) throw new TooSlowError(this.#tooSlow);
    return DONE;
  }
}

const SUCCEEDED: ScopeOutcome = Object.freeze({ failed: false, error: undefined });
