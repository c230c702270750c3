/** What is said, from here on, of operations that nobody drove: the warnings of runs (code `TRIBUN_UNDRIVEN`). */
export class Forgotten implements Disposable {
  readonly #messages: string[] = [];
  readonly #note = (warning: Error & { readonly code?: unknown }): void => {
    if (warning.code === "TRIBUN_UNDRIVEN") this.#messages.push(warning.message);
  };

  constructor() {
    process.on("warning", this.#note);
  }

  async messages(): Promise<readonly string[]> {
    // The process is told of a warning in a turn after the one in which it was given.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#messages;
  }

  [Symbol.dispose](): void {
    process.off("warning", this.#note);
  }
}
