/** Pressing Ctrl-C, whatever the platform. */
import { callHandlers } from "./console-handlers.ts";
import { ConsoleKeys } from "./console-keys.ts";

const onWindows = process.platform === "win32";
const keys = new ConsoleKeys();

/** Presses it for a child. Resolves when it is pending there, or was taken. */
export async function pressCtrlC(child: Bun.Subprocess): Promise<void> {
  if (onWindows) await keys.press(child.pid);
  else child.kill("SIGINT");
}

/** Presses it for this process: it is pending, as the system sees it, when this returns. */
export function pressOwnCtrlC(): void {
  if (onWindows) callHandlers(process.pid, 0);
  else process.kill(process.pid, "SIGINT");
}
