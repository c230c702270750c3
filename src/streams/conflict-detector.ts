import { BusyResourceError } from "../errors.ts";

/**
 * Notices two tasks in what only one may do at a time: `using _alone = detector.enter()`. It waits for nobody: the second
 * one gets an error, and the first goes on undisturbed.
 */
export class ConflictDetector {
  readonly #message: string;
  #entered = false;
  readonly #exit: Disposable = { [Symbol.dispose]: () => void (this.#entered = false) };

  /** @param message what the error says. */
  constructor(message: string) {
    this.#message = message;
  }

  /** Not a checkpoint. @throws BusyResourceError while another task is in it. */
  enter(): Disposable {
    if (this.#entered) throw new BusyResourceError(this.#message);
    this.#entered = true;
    return this.#exit;
  }
}
