import { type CancelScope, nameOfCaller } from "./cancel-scope.ts";
import type { Runner } from "./runner.ts";

/**
 * Who listens to a signal: one listener serves all scopes, since an EventTarget looks through all it has for each that is
 * added.
 */
const listening = new WeakMap<AbortSignal, Set<ScopeSignals>>();

function cancelAll(this: AbortSignal): void {
  for (const signals of listening.get(this) as Set<ScopeSignals>) signals.cancel();
}

/**
 * What a scope has to do with AbortSignals, if anything: the one that cancels it, and the one that its own cancellation
 * aborts, which a cancellation reaches as it reaches the tasks in the scope.
 */
export class ScopeSignals {
  readonly #scope: CancelScope;
  readonly #source: AbortSignal | null;
  #controller: AbortController | null = null;

  constructor(scope: CancelScope, source: AbortSignal | null) {
    this.#scope = scope;
    this.#source = source;
  }

  /** Its source has aborted. The reason is one, whatever it looks like: nobody asked for grace. */
  cancel(): void {
    this.#runner.signalCame(this);
    this.#scope.cancelFor("explicit", (this.#source as AbortSignal).reason, nameOfCaller());
  }

  /** The scope was entered. */
  listen(): void {
    const source = this.#source;
    if (source === null) return;
    if (source.aborted) {
      this.cancel();
      return;
    }
    this.#runner.signalsHeard.add(this);
    const all = listening.get(source);
    if (all !== undefined) all.add(this);
    else {
      listening.set(source, new Set([this]));
      source.addEventListener("abort", cancelAll);
    }
  }

  /** The scope was left. */
  unlisten(): void {
    const source = this.#source;
    if (source === null) return;
    this.#runner.signalsHeard.delete(this);
    const all = listening.get(source);
    if (all === undefined || !all.delete(this) || all.size > 0) return;
    listening.delete(source);
    source.removeEventListener("abort", cancelAll);
  }

  /** The run of its scope, which has been entered. */
  get #runner(): Runner {
    return this.#scope.runner as Runner;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  /** The scope's cause has changed: if it is cancelled, so is the signal. Its listeners are called now. */
  deliver(): void {
    const cause = this.#scope.cause ?? this.#scope.own;
    if (cause !== null) this.#controller?.abort(cause.error);
  }
}
