/** Ctrl-C and Ctrl-Break for tests on Windows, where a process cannot be sent a signal. */
import { fileURLToPath } from "node:url";

export type ConsoleEvent = "SIGINT" | "SIGBREAK";

/**
 * A process that presses keys of others: a test has no console to press them on, and must not get the key itself. Made
 * at first use, and left when it is disposed of.
 */
export class ConsoleKeys implements Disposable {
  #child: Bun.Subprocess<"pipe", "pipe", "inherit"> | null = null;
  #answers: AsyncIterator<string> | null = null;
  #rest = "";

  /**
   * Has the handlers of process `pid` called, as the system itself does it: by a thread that begins in CtrlRoutine.
   * Resolves when the last of them has returned, or the process has ended.
   */
  press(pid: number, event: ConsoleEvent = "SIGINT"): Promise<void> {
    return this.#order(`${pid} thread ${event}`);
  }

  /**
   * Presses Ctrl-C on the console of process `pid`. Resolves when the system was told. (Ctrl-Break is nothing that Wine
   * has on a console.)
   */
  pressOnConsole(pid: number): Promise<void> {
    return this.#order(`${pid} console SIGINT`);
  }

  async #order(order: string): Promise<void> {
    this.#child ??= Bun.spawn(
      [process.execPath, fileURLToPath(new URL("./console-keys-program.ts", import.meta.url))],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    // It ends by itself when its input does; until then it keeps nobody waiting.
    this.#child.unref();
    this.#answers ??= this.#child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    this.#child.stdin.write(`${order}\n`);
    this.#child.stdin.flush();
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#answers!.next();
      if (done) throw new Error("the process that presses keys has ended");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const answer = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    if (answer !== "pressed") throw new Error(`${order}: ${answer}`);
  }

  [Symbol.dispose](): void {
    this.#child?.kill();
  }
}
