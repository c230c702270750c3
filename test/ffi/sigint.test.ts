import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNot } from "../platform.ts";

const why = whyNot("linux");

const program = new URL("./programs/sigint.ts", import.meta.url).pathname;

interface Outcome {
  readonly said: string[];
  readonly code: number | null;
  readonly signal: string | number | null;
}

/** Runs a scenario, sends it one SIGINT for each of `cues` when it says so, and reports what it said and how it ended. */
async function run(args: string[], cues: string[], command = [process.execPath, program]): Promise<Outcome> {
  const child = Bun.spawn([...command, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const said: string[] = [];
  let rest = "";
  const left = [...cues];
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      said.push(line);
      if (line === left[0]) {
        left.shift();
        child.kill("SIGINT");
      }
    }
  }
  await child.exited;
  return { said, code: child.exitCode, signal: child.signalCode };
}

describe.skipIf(why !== "")(`installSigint${why}`, () => {
  for (const beneath of ["nothing", "listener"]) {
    describe(`over ${beneath === "listener" ? "a process.on listener" : "the default action"}`, () => {
      const listener = beneath === "listener" ? ["listener"] : [];

      test("the first SIGINT sets the flag and ends a poll on the eventfd", async () => {
        const outcome = await run(["poll", beneath], ["ready"]);
        // The listener runs once the loop has its turn, which is the program's end.
        expect(outcome).toEqual({ said: ["ready", "pending", ...listener], code: 0, signal: null });
      });

      test("the second SIGINT into an endless loop ends the process by SIGINT", async () => {
        const outcome = await run(["loop", beneath], ["ready", "pending"]);
        expect(outcome).toEqual({ said: ["ready", "pending"], code: null, signal: "SIGINT" });
      });

      test("once delivered, the next SIGINT is a first one", async () => {
        const { said, code, signal } = await run(["deliver", beneath], ["ready", "once"]);
        expect({ said: said.filter((line) => line !== "listener"), code, signal }).toEqual({
          said: ["ready", "once", "twice"],
          code: 0,
          signal: null,
        });
      });

      test("uninstall restores the default action", async () => {
        const outcome = await run(["uninstall", beneath], ["ready"]);
        expect(outcome).toEqual({ said: ["caught", "restored", "ready"], code: null, signal: "SIGINT" });
      });

      test("the flag outlives uninstall, and a new handler starts without it", async () => {
        const { said, code } = await run(["pendingAfterUninstall", beneath], ["ready"]);
        expect(said.filter((line) => line !== "listener")).toEqual(["ready", "pending", "not pending"]);
        expect(code).toBe(0);
      });

      test("a listener that others add is left in charge by uninstall", async () => {
        const outcome = await run(["takenOver", beneath], ["ready"]);
        expect(outcome).toEqual({ said: ["ready", "theirs"], code: 0, signal: null });
      });

      test("after a script with breakOnSigint, reinstall puts the handler back and uninstall undoes Bun's", async () => {
        const { said, code } = await run(["interruptedScript", beneath], ["ready", "reinstalled"]);
        expect(said.filter((line) => line !== "listener")).toEqual([
          "ready",
          "ERR_SCRIPT_EXECUTION_INTERRUPTED",
          "reinstalled",
          "pending",
          "not caught",
        ]);
        expect(code).toBe(0);
      });

      test("runs on whichever thread takes the signal, the second one too", async () => {
        const outcome = await run(["otherThread", beneath], []);
        expect(outcome).toEqual({ said: ["pending"], code: null, signal: "SIGINT" });
      });

      test("leaves errno as it was", async () => {
        const { said } = await run(["keepsErrno", beneath], []);
        expect(said[0]).toBe("true 22");
      });
    });
  }

  test("is null where somebody listens already, where it is installed, and not afterwards", async () => {
    expect((await run(["refusals"], [])).said).toEqual(["refused", "refused", "installed"]);
  });

  test("is null where SIGINT is ignored, and leaves it so", async () => {
    const ignoring = ["sh", "-c", `trap "" INT; exec "$@"`, "sh", process.execPath, program];
    expect((await run(["refusal"], [], ignoring)).said).toEqual(["refused"]);
  });

  test("works in a bundle and in a compiled binary", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tribun-"));
    try {
      const bundle = join(folder, "bundle.js");
      const binary = join(folder, "binary");
      const build = [process.execPath, "build", "--target=bun", "--minify", program];
      expect((await run([`--outfile=${bundle}`], [], build)).code).toBe(0);
      expect((await run(["--compile", `--outfile=${binary}`], [], build)).code).toBe(0);
      for (const command of [[process.execPath, bundle], [binary]]) {
        const outcome = await run(["loop", "listener"], ["ready", "pending"], command);
        expect(outcome).toEqual({ said: ["ready", "pending"], code: null, signal: "SIGINT" });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("is null in a Worker", async () => {
    const url = new URL("../../ffi/sigint.ts", import.meta.url).href;
    const source = `import { installSigint } from ${JSON.stringify(url)}; postMessage(installSigint(-1) === null);`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const answer = await new Promise((resolve) => {
      worker.addEventListener("message", (event) => resolve(event.data));
    });
    worker.terminate();
    expect(answer).toBe(true);
  });
});

describe.skipIf(why !== "")(`on a terminal, where Bun has a SIGINT handler of its own${why}`, () => {
  const CTRL_C = "\x03";

  /** As `run`, in a terminal; `steps` says by which line to do what. */
  async function runInTerminal(
    args: string[],
    steps: [line: string, act: (type: (key: string) => void, parentSends: () => void) => void][],
  ): Promise<Outcome> {
    const said: string[] = [];
    const left = [...steps];
    let rest = "";
    const child = Bun.spawn([process.execPath, program, ...args], {
      terminal: {
        data(terminal, data) {
          const lines = (rest + new TextDecoder().decode(data)).split("\r\n");
          rest = lines.pop()!;
          for (const line of lines) {
            // The terminal itself echoes "^C" before the next line.
            said.push(line.replaceAll("^C", ""));
            if (said.at(-1) === left[0]?.[0]) {
              left.shift()![1](
                (key) => terminal.write(key),
                () => child.kill("SIGINT"),
              );
            }
          }
        },
      },
    });
    await child.exited;
    child.terminal!.close();
    return { said, code: child.exitCode, signal: child.signalCode };
  }

  for (const beneath of ["nothing", "listener"]) {
    test(`two key presses end the process by SIGINT, over ${beneath}`, async () => {
      const outcome = await runInTerminal(
        ["loop", beneath],
        [
          ["ready", (type) => type(CTRL_C)],
          ["pending", (type) => type(CTRL_C)],
        ],
      );
      expect(outcome).toEqual({ said: ["ready", "pending"], code: null, signal: "SIGINT" });
    });

    test(`uninstall restores Bun's own handler, over ${beneath}`, async () => {
      const outcome = await runInTerminal(["uninstall", beneath], [["ready", (type) => type(CTRL_C)]]);
      expect(outcome).toEqual({ said: ["caught", "restored", "ready"], code: null, signal: "SIGINT" });
    });
  }

  test("a key press that the parent passes on as well counts once", async () => {
    const outcome = await runInTerminal(
      ["echo"],
      [
        ["ready", (type) => type(CTRL_C)],
        ["delivered", (type, parentSends) => (parentSends(), type("\r"))],
      ],
    );
    const { said, ...end } = outcome;
    expect({ said: said.filter((line) => line !== ""), ...end }).toEqual({
      said: ["ready", "delivered", "not pending"],
      code: 0,
      signal: null,
    });
  });
});
