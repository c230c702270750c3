/** Ctrl-C on real processes: what each program of `programs/ctrl-c.ts` says, and how it ends. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "bun:test";
import { ConsoleKeys } from "../console-keys.ts";
import { whyNot } from "../platform.ts";
import { programPath } from "./children.ts";

const program = programPath("ctrl-c");
const inWorker = programPath("ctrl-c-worker");
const SECONDS = 1000;

const onWindows = process.platform === "win32";
/** How a process ends by an unheeded Ctrl-C. STATUS_CONTROL_C_EXIT is 0xc000013a; Bun gives its lowest byte. */
const INTERRUPTED = onWindows ? 0x3a : "SIGINT";

const keys = new ConsoleKeys();
afterAll(() => keys[Symbol.dispose]());

/** One Ctrl-C; resolves when the process has taken it. */
async function interrupt(child: Bun.Subprocess): Promise<void> {
  if (onWindows) return keys.press(child.pid);
  child.kill("SIGINT");
  while (isPending(child.pid)) await new Promise(setImmediate);
}

interface Ending {
  /** What it said, less the lines that ask for a SIGINT. */
  readonly said: string[];
  /** Its exit code, or the signal that ended it. */
  readonly end: number | string | null;
}

/** Whether a SIGINT was sent to the process that none of its threads has taken yet. */
function isPending(pid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return false; // it was ended by it
  }
  const mask = /^ShdPnd:\s*(\w+)/m.exec(status)![1]!;
  return (BigInt(`0x${mask}`) & 2n) !== 0n;
}

/** Runs a program, and answers what it asks for. */
async function play(command: string[], stderr: "inherit" | "pipe" = "inherit"): Promise<Ending & { errors: string }> {
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr });
  const tooLong = setTimeout(() => child.kill("SIGKILL"), 20 * SECONDS);
  const errors = stderr === "pipe" ? new Response(child.stderr as ReadableStream).text() : "";
  const said: string[] = [];
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "ready") await interrupt(child);
      else if (line === "press") {
        await interrupt(child);
        child.stdin.write("\n");
        child.stdin.flush();
      } else if (line === "stuck") {
        await interrupt(child);
        expect(child.exitCode ?? child.signalCode).toBeNull();
        await interrupt(child);
      } else said.push(line);
    }
  }
  await child.exited;
  clearTimeout(tooLong);
  return { said, end: child.signalCode ?? child.exitCode, errors: await errors };
}

const whyNoProc = whyNot("linux");
const whyNoShell = whyNot("shell", "linux");
const whyNoSignals = whyNot("signals");
const whyNoConsole = onWindows ? "" : " (skipped: Windows' consoles)";

for (const host of ["run", "runSync"]) {
  describe(host, () => {
    async function expectEnding(scenario: string, said: string[], end: number | string = 0): Promise<void> {
      const ending = await play([process.execPath, program, scenario, host]);
      expect({ said: ending.said, end: ending.end }).toEqual({ said, end });
    }

    for (const how of ["", "Plainly"]) {
      describe(how === "" ? "async function*" : "function*", () => {
        test("a sleeping main gets KeyboardInterrupt, cleans up, and the run throws it", () =>
          expectEnding(`sleeping${how}`, ["cleaned up", "threw KeyboardInterrupt"]));

        test("a main that never sleeps gets it at a checkpoint", () =>
          expectEnding(`busy${how}`, ["threw KeyboardInterrupt"]));

        test("a second Ctrl-C into an endless loop in main ends the process", () =>
          expectEnding(`stuckInMain${how}`, [], INTERRUPTED));

        test("unrestricted, an endless loop is interrupted where it stands: only outer frames clean up", () =>
          expectEnding(`unrestrictedMain${how}`, [
            "around: KeyboardInterrupt",
            "finally of an outer frame",
            "threw KeyboardInterrupt",
          ]));
      });
    }

    test("a wait for a descriptor is interrupted, and the descriptor can be waited for again", () =>
      expectEnding("readable", ["waitReadable: KeyboardInterrupt", "and again: nothing", "ended"]));

    test("a wait for a promise is interrupted", () =>
      expectEnding("promise", ["fromPromise: KeyboardInterrupt", "and again: nothing", "ended"]));

    test("a shield keeps nothing off", () => expectEnding("shielded", ["in the shield: KeyboardInterrupt", "ended"]));

    test("it comes once", () => expectEnding("once", ["first: KeyboardInterrupt", "later: nothing", "ended"]));

    test("a main that caught it goes on, and the next Ctrl-C is a first one again", () =>
      expectEnding("again", [
        ...Array.from({ length: 3 }, () => ["sleep: KeyboardInterrupt", "checkpoint: KeyboardInterrupt"]).flat(),
        "ended",
      ]));

    test("protected code is not interrupted but at its own checkpoints, and never at yieldBrieflyNoCancel", () =>
      expectEnding("protected", [
        "computed 499999500000",
        "yieldBrieflyNoCancel: nothing",
        "checkpoint: KeyboardInterrupt",
        "next: nothing",
        "ended",
      ]));

    for (const where of ["inNurseryBody", "atNurseryExit"]) {
      test(`a nursery cancels its children, and has it in its group: ${where}`, () =>
        expectEnding(where, ["child: Cancelled", "threw ExceptionGroup(KeyboardInterrupt)"]));
    }

    test("one that is pending when main returns is thrown by the run", () =>
      expectEnding("mainEnds", ["main ends", "threw KeyboardInterrupt"]));

    test("one that is pending when main throws is thrown by the run, with main's error as its cause", () =>
      expectEnding("mainFails", ["threw KeyboardInterrupt", "because of RangeError"]));

    test("main gets it while a system task is busy, which is not interrupted", () =>
      expectEnding("besideSystemTask", ["main: KeyboardInterrupt", "system task: Cancelled", "ended"]));

    test("main gets one that comes while a system task's code runs", () =>
      expectEnding("whileSystemTaskRuns", [
        "system task goes on",
        "main: KeyboardInterrupt",
        "system task: Cancelled",
        "ended",
      ]));

    for (const where of ["Child", "SystemTask", "CallSoon"]) {
      test(`a second Ctrl-C into an endless loop ends the process: ${where}`, () =>
        expectEnding(`stuckIn${where}`, [], INTERRUPTED));
    }

    test("unrestricted, an endless loop in a child ends that task, and what it takes with it", () =>
      expectEnding("unrestrictedChild", ["sibling: Cancelled", "threw ExceptionGroup(KeyboardInterrupt)"]));

    test("unrestricted, a sleeping main gets it at its checkpoint", () =>
      expectEnding("unrestrictedSleeping", ["threw KeyboardInterrupt"]));

    test("unrestricted, the next endless loops are interrupted as well, and so is a sleep after them", () =>
      expectEnding("unrestrictedTwice", [
        "round 0: KeyboardInterrupt",
        "round 1: KeyboardInterrupt",
        "round 2: KeyboardInterrupt",
        "asleep: KeyboardInterrupt",
        "ended",
      ]));

    test("unrestricted, a protected frame is not interrupted", () =>
      expectEnding("unrestrictedProtected", [
        "not interrupted",
        "call: nothing",
        "checkpoint: KeyboardInterrupt",
        "ended",
      ]));

    test("unrestricted, a second Ctrl-C into an endless loop in a protected frame ends the process", () =>
      expectEnding("unrestrictedProtectedStuck", [], INTERRUPTED));

    test("unrestricted, the interruption of one frame leaves the AsyncLocalStorage of others alone", () =>
      expectEnding("unrestrictedStorage", [
        "interrupted: KeyboardInterrupt",
        "main has undefined",
        "a has a",
        "b has b",
        "main has undefined",
        "ended",
      ]));

    /** On Bun's loop the program's listener is called during the run, by runSync after it. */
    async function expectEndingOfListener(scenario: string, said: string[]): Promise<void> {
      const ending = await play([process.execPath, program, scenario, host]);
      const others = ending.said.filter((line) => line !== "the program's listener");
      expect({ said: others, end: ending.end }).toEqual({ said, end: 0 });
      expect(ending.said).toContain("the program's listener");
    }

    for (const mode of ["l", "unrestrictedL"]) {
      test(`a program that listens to SIGINT before the run keeps it: ${mode}istenerBefore`, () =>
        expectEndingOfListener(`${mode}istenerBefore`, ["main: nothing", "ended", "1 listeners"]));

      test(`a program that begins to listen during the run has it from then on: ${mode}istenerDuring`, () =>
        expectEndingOfListener(`${mode}istenerDuring`, ["main: nothing", "ended", "1 listeners"]));
    }

    test("one that came before the program began to listen is still the run's", async () => {
      const { said, end } = await play([process.execPath, program, "listenerAfterPress", host]);
      expect(end).toBe(0);
      expect(said).toContain("main: KeyboardInterrupt");
    });

    test.skipIf(whyNoProc !== "")(`after the run SIGINT has its default action again${whyNoProc}`, () =>
      expectEnding("nothing", ["in the run SIGINT is caught", "ended", "after the run SIGINT is default"], "SIGINT"),
    );

    for (const scenario of ["ignored", "unrestrictedIgnored"]) {
      test.skipIf(whyNoShell !== "")(`where SIGINT is ignored it stays so: ${scenario}${whyNoShell}`, async () => {
        const ignoring = ["sh", "-c", `trap "" INT; exec "$@"`, "sh", process.execPath, program, scenario, host];
        const { said, end } = await play(ignoring);
        expect({ said, end }).toEqual({
          said: ["in the run SIGINT is ignored", "main: nothing", "ended", "after the run SIGINT is ignored"],
          end: 0,
        });
      });
    }

    test.skipIf(whyNoProc !== "")(`a run in a Worker does not touch SIGINT${whyNoProc}`, async () => {
      const { said, end } = await play([process.execPath, inWorker, host]);
      expect({ said, end }).toEqual({ said: ["SIGINT is default", "SIGINT is default"], end: "SIGINT" });
    });

    test("uncaught, it says what happened and fails the program", async () => {
      const { said, end, errors } = await play([process.execPath, program, "uncaught", host], "pipe");
      expect({ said, end }).toEqual({ said: ["cleaned up"], end: 1 });
      expect(errors).toContain("KeyboardInterrupt: interrupted by Ctrl-C (SIGINT)");
    });

    describe.skipIf(!onWindows)(`on a console${whyNoConsole}`, () => {
      /** As `play`, with the key pressed on a console that the program has as its own, without a window. */
      async function playOnConsole(scenario: string): Promise<Ending> {
        const said: string[] = [];
        let rest = "";
        // It is given a console of its own where none of the three is inherited.
        const child = Bun.spawn([process.execPath, program, scenario, host], {
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
          windowsHide: true,
          timeout: 20 * SECONDS,
        });
        for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop()!;
          for (const line of lines) {
            if (line === "ready") await keys.pressOnConsole(child.pid);
            else said.push(line);
          }
        }
        await child.exited;
        return { said, end: child.signalCode ?? child.exitCode };
      }

      test("the key is KeyboardInterrupt in main", async () => {
        expect(await playOnConsole("sleeping")).toEqual({ said: ["cleaned up", "threw KeyboardInterrupt"], end: 0 });
      });

      test("unrestricted, it interrupts an endless loop", async () => {
        expect(await playOnConsole("unrestrictedMain")).toEqual({
          said: ["around: KeyboardInterrupt", "finally of an outer frame", "threw KeyboardInterrupt"],
          end: 0,
        });
      });
    });

    describe.skipIf(whyNoSignals !== "")(`at a terminal${whyNoSignals}`, () => {
      /** As `play`, with the keys pressed at a terminal that the program has as its own. */
      async function playAtTerminal(scenario: string): Promise<Ending> {
        const CTRL_C = "\x03";
        const said: string[] = [];
        let rest = "";
        let awaitsEcho = false;
        const child = Bun.spawn([process.execPath, program, scenario, host], {
          terminal: {
            data(terminal, data) {
              const text = new TextDecoder().decode(data);
              // The echo of a key may come in two pieces.
              if (awaitsEcho && (rest + text).includes("^C")) {
                awaitsEcho = false;
                while (isPending(child.pid));
                terminal.write(CTRL_C);
              }
              const lines = (rest + text).split("\r\n");
              rest = lines.pop()!;
              for (const raw of lines) {
                const line = raw.replaceAll("^C", ""); // the terminal's own echo of the key
                if (line === "ready" || line === "stuck") terminal.write(CTRL_C);
                else said.push(line);
                if (line === "stuck") awaitsEcho = true;
              }
            },
          },
        });
        const tooLong = setTimeout(() => child.kill("SIGKILL"), 20 * SECONDS);
        await child.exited;
        clearTimeout(tooLong);
        child.terminal!.close();
        return { said, end: child.signalCode ?? child.exitCode };
      }

      test("the key is KeyboardInterrupt in main", async () => {
        expect(await playAtTerminal("sleeping")).toEqual({ said: ["cleaned up", "threw KeyboardInterrupt"], end: 0 });
      });

      test("a second one into an endless loop ends the process", async () => {
        expect(await playAtTerminal("stuckInMain")).toEqual({ said: [], end: "SIGINT" });
      });

      test("unrestricted, it interrupts an endless loop", async () => {
        expect(await playAtTerminal("unrestrictedMain")).toEqual({
          said: ["around: KeyboardInterrupt", "finally of an outer frame", "threw KeyboardInterrupt"],
          end: 0,
        });
      });
    });
  });
}
