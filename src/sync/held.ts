/**
 * What an acquired thing is held by: disposing of it gives the thing back, once.
 *
 *     using held = yield* lock.acquire();
 */
export interface Held extends Disposable {}

/** Gives back, once. */
export class HeldOnce implements Held {
  #giveBack: (() => void) | null;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  [Symbol.dispose](): void {
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack?.();
  }
}
