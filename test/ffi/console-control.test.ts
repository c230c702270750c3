/** Ctrl-C and Ctrl-Break on Windows, on real processes: what `programs/console-control.ts` says, and how it ends. */
import { afterAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { type ConsoleEvent, ConsoleKeys } from "../console-keys.ts";

const WINDOWS = process.platform === "win32";
const WHY = WINDOWS ? "" : " (skipped: Windows' console control events)";

const program = fileURLToPath(new URL("./programs/console-control.ts", import.meta.url));

/** STATUS_CONTROL_C_EXIT is 0xc000013a; Bun gives the lowest byte of an exit status. */
const CONTROL_C_EXIT = 0x3a;

const keys = new ConsoleKeys();
afterAll(() => keys[Symbol.dispose]());

interface Outcome {
  readonly said: string[];
  readonly end: number | string | null;
}

/** Runs a scenario, presses a key for each of `cues` when it says so, and reports what it said and how it ended. */
async function play(
  args: string[],
  cues: string[],
  press: (pid: number) => Promise<void> = (pid) => keys.press(pid),
): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, program, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe", // with none of the three inherited the system gives it a console of its own, without a window
    windowsHide: true,
    timeout: 20_000,
  });
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
        await press(child.pid);
      }
    }
  }
  await child.exited;
  return { said, end: child.signalCode ?? child.exitCode };
}

describe.skipIf(!WINDOWS)(`installSigint on Windows${WHY}`, () => {
  for (const event of ["SIGINT", "SIGBREAK"] as ConsoleEvent[]) {
    const press = (pid: number): Promise<void> => keys.press(pid, event);

    for (const beneath of ["nothing", "listener"]) {
      describe(`${event}, over ${beneath === "listener" ? "a process.on listener" : "the default action"}`, () => {
        test("the first one sets the flag and posts the wake packet to the port", async () => {
          const { said, end } = await play(["port", beneath], ["ready"], press);
          expect(said.filter((line) => line !== "listener")).toEqual([
            "ready",
            "1 packet with the wake key",
            "pending",
          ]);
          expect(end).toBe(0);
        });

        test("the second one into an endless loop ends the process as Ctrl-C does", async () => {
          const outcome = await play(["loop", beneath], ["ready", "pending"], press);
          expect(outcome).toEqual({ said: ["ready", "pending"], end: CONTROL_C_EXIT });
        });

        test("once delivered, the next one is a first one", async () => {
          const { said, end } = await play(["deliver", beneath], ["ready", "once"], press);
          expect(said.filter((line) => line !== "listener")).toEqual(["ready", "once", "twice"]);
          expect(end).toBe(0);
        });

        test("the flag outlives uninstall, and a new handler starts without it", async () => {
          const { said, end } = await play(["pendingAfterUninstall", beneath], ["ready"], press);
          expect(said.filter((line) => line !== "listener")).toEqual(["ready", "pending", "not pending"]);
          expect(end).toBe(0);
        });
      });
    }

    test(`${event} wakes a main thread that sleeps in Bun's loop, through the listener beneath`, async () => {
      expect(await play(["asleep"], ["ready"], press)).toEqual({ said: ["ready", "pending"], end: 0 });
    });
  }

  test("uninstall restores the default action", async () => {
    for (const beneath of ["nothing", "listener"]) {
      const { said, end } = await play(["uninstall", beneath], ["ready"], (pid) => keys.press(pid, "SIGBREAK"));
      expect(said).toEqual(["ready"]);
      expect(end).not.toBe("SIGTERM"); // that is the test's patience
    }
  });

  test("a listener that others add is left in charge by uninstall", async () => {
    for (const beneath of ["nothing", "listener"]) {
      expect(await play(["takenOver", beneath], ["ready"])).toEqual({ said: ["ready", "theirs"], end: 0 });
    }
  });

  test("SIGBREAK is left to those who listen to it before, and to those who do later", async () => {
    const press = (pid: number): Promise<void> => keys.press(pid, "SIGBREAK");
    for (const beneath of ["nothing", "listener"]) {
      for (const scenario of ["breakListenedTo", "breakTakenOver"]) {
        const outcome = await play([scenario, beneath], ["ready"], press);
        expect([scenario, beneath, outcome]).toEqual([scenario, beneath, { said: ["ready", "theirs"], end: 0 }]);
      }
    }
  });

  test("after a script with breakOnSigint, the handler is still there", async () => {
    const { said, end } = await play(["interruptedScript", "nothing"], ["ready", "ready"]);
    expect(said).toEqual(["ready", "ERR_SCRIPT_EXECUTION_INTERRUPTED", "ready", "pending"]);
    expect(end).toBe(0);
  });

  test("is null where somebody listens already, and not afterwards", async () => {
    expect((await play(["refusals"], [])).said).toEqual(["refused", "installed"]);
  });

  test("a key on a real console is taken, the second one too", async () => {
    const outcome = await play(["loop"], ["ready", "pending"], (pid) => keys.pressOnConsole(pid));
    expect(outcome).toEqual({ said: ["ready", "pending"], end: CONTROL_C_EXIT });
  });
});
