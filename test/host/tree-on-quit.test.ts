/** `taskTreeOnQuit`: real processes, and a real SIGQUIT. */
import { describe, expect, test } from "bun:test";
import { UnsupportedError, run, runSync, sleep } from "../../src/index.ts";
import { whyNot } from "../platform.ts";
import { programPath } from "./children.ts";

const why = whyNot("linux", "signals");

const program = programPath("quit");
const PATIENCE = 20_000;

interface Ending {
  /** What it said, less the lines that ask for a SIGQUIT. */
  readonly said: string[];
  /** The trees that it printed. */
  readonly trees: string[];
  readonly end: number | string | null;
}

const HEADER = /^SIGQUIT: the tasks of process \d+ at \d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Runs a program, and answers what it asks for. */
async function play(command: string[]): Promise<Ending> {
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe", timeout: PATIENCE });
  const errors = child.stderr.pipeThrough(new TextDecoderStream());
  const trees: string[] = [];
  const reading = (async () => {
    let text = "";
    for await (const chunk of errors) {
      text += chunk;
      // A tree ends with the line of its last task, which is the reader of stdin or main.
      if (trees.length === 0 && /^SIGQUIT.*\n(?:.*\n)+$/.test(text)) {
        child.stdin.write("\n");
        child.stdin.flush();
        trees.push("");
      }
    }
    return text;
  })();
  const said: string[] = [];
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "ready") child.kill("SIGQUIT");
      else said.push(line);
    }
  }
  const text = await reading;
  await child.exited;
  return { said, trees: treesOf(text), end: child.signalCode ?? child.exitCode };
}

/** What is printed between two headers, without the lines of the program. */
function treesOf(text: string): string[] {
  const trees: string[] = [];
  for (const line of text.split("\n")) {
    if (HEADER.test(line)) trees.push("");
    else if (trees.length > 0 && !/^ *at /.test(line) && line !== "") {
      trees.push(`${trees.pop()}${line.replace(/, at .*$/, "")}\n`);
    }
  }
  return trees;
}

for (const host of ["run", "runSync"]) {
  describe.skipIf(why !== "")(`${host}${why}`, () => {
    async function expectTree(
      scenario: string,
      tree: string | RegExp,
      io = "epoll",
      said: string[] = [],
    ): Promise<void> {
      const ending = await play([process.execPath, program, scenario, host, io]);
      expect({ said: ending.said, end: ending.end, trees: ending.trees.length }).toEqual({
        said: [...said, "ended, 0 listeners"],
        end: 0,
        trees: 1,
      });
      if (typeof tree === "string") expect(ending.trees[0]).toBe(tree);
      else expect(ending.trees[0]).toMatch(tree);
    }

    for (const how of ["", "Plainly"]) {
      describe(how === "" ? "async function*" : "function*", () => {
        for (const io of ["epoll", "poll"]) {
          test(`a run that waits for I/O prints its tree, and goes on: ${io}`, () =>
            expectTree(
              `waiting${how}`,
              "main: openNursery(), until its child has ended\n  nursery\n    reader: waitReadable(fd 0)\n",
              io,
            ));
        }

        test("a run that is busy prints it between two steps, and goes on", () =>
          expectTree(
            `busy${how}`,
            new RegExp(`^main: waitReadable\\(fd 0\\)\n  nursery\n    busy(Plainly)?: runnable\n$`),
          ));
      });
    }

    test("a run that waits for a deadline alone waits for the rest of it", () =>
      expectTree("sleeping", /^main: sleep\(\), \d+ ms left\n {2}moveOnAfter\(\): deadline in \d+ ms\n$/, "epoll", [
        "the whole second",
      ]));

    test("one that comes within a long step is heard when that is over", () =>
      expectTree("oneStep", "main: waitReadable(fd 0)\n"));

    test("unless it is asked for, SIGQUIT ends the process", async () => {
      const { trees, end } = await play([
        "sh",
        "-c",
        `ulimit -c 0; exec "$@"`,
        "sh",
        process.execPath,
        program,
        "unasked",
        host,
      ]);
      expect({ trees, end }).toEqual({ trees: [], end: "SIGQUIT" });
    });

    for (const before of ["default", "ignored"]) {
      test(`during the run it is caught, and afterwards as it was: ${before}`, async () => {
        const prepare = before === "ignored" ? `trap "" QUIT; exec "$@"` : `exec "$@"`;
        const { said, end } = await play(["sh", "-c", prepare, "sh", process.execPath, program, "nothing", host]);
        expect({ said, end }).toEqual({
          said: [
            `before the run SIGQUIT is ${before}`,
            "in the run SIGQUIT is caught",
            `after the run SIGQUIT is ${before}`,
            "ended, 0 listeners",
          ],
          end: 0,
        });
      });
    }

    test("at a terminal, the key is Ctrl-\\", async () => {
      const CTRL_BACKSLASH = "\x1c";
      let text = "";
      let asked = false;
      let answered = false;
      const child = Bun.spawn([process.execPath, program, "waiting", host], {
        timeout: PATIENCE,
        terminal: {
          data(terminal, data) {
            text += new TextDecoder().decode(data);
            if (!asked && text.includes("ready\r\n")) {
              asked = true;
              terminal.write(CTRL_BACKSLASH);
            }
            if (!answered && text.includes("waitReadable(fd 0)")) {
              answered = true;
              terminal.write("\n");
            }
          },
        },
      });
      await child.exited;
      child.terminal!.close();
      expect({ end: child.signalCode ?? child.exitCode, tree: /reader: (.*)\r/.exec(text)?.[1] }).toEqual({
        end: 0,
        tree: "waitReadable(fd 0)",
      });
      expect(text).toContain("ended, 0 listeners");
    });

    test("it is refused in a Worker", async () => {
      const source = `
        import { ${host} } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
        try {
          await ${host}(function* () {}, { taskTreeOnQuit: true });
          postMessage("ran");
        } catch (error) {
          postMessage(error.name + ": " + error.message);
        }
      `;
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const worker = new Worker(url);
      const message = await new Promise((resolve) => worker.addEventListener("message", ({ data }) => resolve(data)));
      worker.terminate();
      URL.revokeObjectURL(url);
      expect(message).toBe(
        `UnsupportedError: ${host}(main, { taskTreeOnQuit: true }): signals come to the main thread only, and this is a Worker`,
      );
    });
  });
}

test.skipIf(why !== "")(`in run, it is printed while a task waits for a promise of Bun's loop${why}`, async () => {
  const { said, trees, end } = await play([process.execPath, program, "promise", "run"]);
  expect({ said, trees, end }).toEqual({ said: ["ended, 0 listeners"], trees: ["main: fromPromise()\n"], end: 0 });
});

test.if(process.platform === "win32")("on Windows, which has no SIGQUIT, it is refused", async () => {
  expect(() => runSync(() => sleep(1), { taskTreeOnQuit: true })).toThrow(UnsupportedError);
  expect(await run(() => sleep(1), { taskTreeOnQuit: true }).catch((error) => error)).toBeInstanceOf(UnsupportedError);
});

test.skipIf(why !== "")(`a listener of the program's own is called as well${why}`, async () => {
  const script = `
    import { run, runSync, sleep } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    let calls = 0;
    const { promise, resolve } = Promise.withResolvers();
    process.on("SIGQUIT", () => { calls++; resolve(); });
    const main = function* () { process.kill(process.pid, "SIGQUIT"); yield* sleep(20); };
    if (process.argv[1] === "run") await run(main, { taskTreeOnQuit: true });
    else runSync(main, { taskTreeOnQuit: true });
    await promise;
    console.log(calls, process.listenerCount("SIGQUIT"));
    process.exit();
  `;
  for (const host of ["run", "runSync"]) {
    const { said, trees, end } = await play([process.execPath, "-e", script, host]);
    expect({ host, said, trees, end }).toEqual({
      host,
      said: ["1 1"],
      trees: [expect.stringContaining("sleep()")],
      end: 0,
    });
  }
});
