/** Presses keys of other processes, for `console-keys.ts`: a line on stdin for each, a line on stdout when it is done. */
import { bindDll } from "../ffi/dll.ts";
import { callHandlers } from "./console-handlers.ts";

const EVENTS: Readonly<Record<string, number>> = { SIGINT: 0, SIGBREAK: 1 };

const kernel32 = bindDll("kernel32.dll", {
  FreeConsole: { args: [], returns: "i32" },
  AttachConsole: { args: ["u32"], returns: "i32" },
  SetConsoleCtrlHandler: { args: ["u64", "i32"], returns: "i32" },
  GenerateConsoleCtrlEvent: { args: ["u32", "u32"], returns: "i32" },
});

const ways: Readonly<Record<string, (pid: number, event: number) => string>> = {
  thread: callHandlers,
  console(pid, event) {
    kernel32.FreeConsole();
    if (kernel32.AttachConsole(pid) === 0) return "it has no console";
    kernel32.SetConsoleCtrlHandler(0, 1); // the key is for everybody on the console, but for those that ignore it
    const generated = kernel32.GenerateConsoleCtrlEvent(event, 0);
    kernel32.FreeConsole();
    return generated === 0 ? "the console refused" : "pressed";
  },
};

for await (const line of console) {
  const [pid, way, event] = line.trim().split(" ") as [string, string, string];
  process.stdout.write(`${ways[way]!(Number(pid), EVENTS[event]!)}\n`);
}
