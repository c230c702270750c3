/** Python's Trio, which runs programs of `program.ts` in a process of its own. */
import { join } from "node:path";
import type { Outcome, Program } from "./program.ts";

/** Debian's packages belong to Debian's own Python, which need not be the first that is found. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** The Python that has Trio; undefined where none has. */
export const python: string | undefined = PYTHONS.filter((name) => Bun.which(name) !== null).find(
  (name) => Bun.spawnSync([name, "-c", "import trio, trio.testing"], { stdin: "ignore" }).exitCode === 0,
);

export class Trio implements AsyncDisposable {
  readonly #child = Bun.spawn([python!, join(import.meta.dirname, "in_trio.py")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  readonly #lines = linesOf(this.#child.stdout);

  /** @throws when Python has ended: it has said why. */
  async run(program: Program): Promise<Outcome> {
    void this.#child.stdin.write(`${JSON.stringify(program)}\n`);
    await this.#child.stdin.flush();
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error("Python has ended");
    return JSON.parse(value) as Outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.end();
    await this.#child.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}
