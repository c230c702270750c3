import type { CancelScope } from "./cancel-scope.ts";

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

  readonly #cancel = (): void => this.#scope.cancel((this.#source as AbortSignal).reason);

  /** The scope was entered. */
  listen(): void {
    if (this.#source === null) return;
    if (this.#source.aborted) this.#cancel();
    else this.#source.addEventListener("abort", this.#cancel);
  }

  /** The scope was left. */
  unlisten(): void {
    this.#source?.removeEventListener("abort", this.#cancel);
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
