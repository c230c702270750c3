/**
 * A conversation with a program at a pseudo-terminal (pty(7)): it is asked, it answers, and each answer has a deadline.
 *
 *     bun examples/pty.ts
 *
 * Programs behave differently at a terminal: they prompt, they turn the echo off for a password, they draw. Through
 * pipes none of that can be seen.
 */
import { CString, dlopen, type Pointer } from "bun:ffi";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { failAfter, fromPromise, run } from "tribun";
import { notifyClosing, waitReadable } from "tribun/hazmat";

const libc = dlopen("libc.so.6", {
  posix_openpt: { args: ["i32"], returns: "i32" },
  grantpt: { args: ["i32"], returns: "i32" },
  unlockpt: { args: ["i32"], returns: "i32" },
  ptsname: { args: ["i32"], returns: "ptr" },
}).symbols;
const { O_NOCTTY, O_NONBLOCK, O_RDWR } = constants;

/** A program whose standard input, output and error are a terminal, and this end of it. Closed by `using`. */
class Conversation implements Disposable {
  readonly #terminal: number;
  readonly #program: Bun.Subprocess;
  readonly #buffer = Buffer.alloc(4096);
  #heard = "";

  constructor(command: string[]) {
    this.#terminal = libc.posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (this.#terminal === -1) throw new Error("no pseudo-terminal could be had");
    libc.grantpt(this.#terminal);
    libc.unlockpt(this.#terminal);
    const name = new CString(libc.ptsname(this.#terminal) as Pointer).toString();
    const itsEnd = openSync(name, O_RDWR | O_NOCTTY);
    this.#program = Bun.spawn(command, { stdio: [itsEnd, itsEnd, itsEnd] });
    // The program has its own copy. While this one is open, the terminal would never hang up.
    closeSync(itsEnd);
  }

  /** Waits until the program has written `text`, and gives everything up to there. */
  *expect(text: string) {
    for (;;) {
      const index = this.#heard.indexOf(text);
      if (index >= 0) {
        const end = index + text.length;
        const upToThere = this.#heard.slice(0, end);
        this.#heard = this.#heard.slice(end);
        return upToThere;
      }
      this.#heard += yield* this.#hear();
    }
  }

  *#hear() {
    for (;;) {
      yield* waitReadable(this.#terminal);
      try {
        return this.#buffer.toString("utf8", 0, readSync(this.#terminal, this.#buffer));
      } catch (error) {
        // A wait may end for nothing: then wait again.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
    }
  }

  /** Types a line. */
  say(line: string): void {
    writeSync(this.#terminal, `${line}\n`);
  }

  /** Waits until the program has ended, and gives its exit code. */
  *ended() {
    return yield* fromPromise(this.#program.exited);
  }

  [Symbol.dispose](): void {
    notifyClosing(this.#terminal);
    closeSync(this.#terminal);
    this.#program.kill();
  }
}

const SCRIPT = `
  printf 'Who is there? '; read name
  stty -echo; printf 'The word? '; read word; stty echo; echo
  echo "Welcome, $name, at $(tty). Your word has \${#word} letters."
`;

await run(async function* () {
  using shell = new Conversation(["sh", "-c", SCRIPT]);
  const patience = 10_000;
  const answers = [
    ["Who is there? ", "Trio"],
    ["The word? ", "structured"],
  ] as const;
  for (const [question, answer] of answers) {
    process.stdout.write(yield* failAfter(patience, () => shell.expect(question)));
    shell.say(answer);
  }
  process.stdout.write(yield* failAfter(patience, () => shell.expect("letters.\r\n")));
  const exitCode = yield* failAfter(patience, () => shell.ended());
  console.log(`sh ended with exit code ${exitCode}`);
});
