/** Child programs of the tests of the hosts: what may hang, and what is about a whole process, runs in one. */
import { fileURLToPath } from "node:url";

export interface Ending {
  /** What it wrote to its standard output, by lines. */
  readonly said: string[];
  /** How it ended: its exit code, or the signal that ended it. */
  readonly end: number | string | null;
}

/** A child that does not end by itself is hung: far above what any of them takes on a busy machine. */
const PATIENCE = 25_000;

/**
 * Runs `programs/${program}.ts` to its end.
 *
 * @param onLine called for each line that it writes, with the child, which can be sent a signal; what it promises is awaited
 */
export function runProgram(
  program: string,
  args: readonly string[] = [],
  onLine: (line: string, child: Bun.Subprocess) => unknown = () => {},
): Promise<Ending> {
  return runCommand([process.execPath, programPath(program), ...args], onLine);
}

export function programPath(program: string): string {
  return fileURLToPath(new URL(`./programs/${program}.ts`, import.meta.url));
}

export async function runCommand(
  command: string[],
  onLine: (line: string, child: Bun.Subprocess) => unknown = () => {},
): Promise<Ending> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit", timeout: PATIENCE });
  const said: string[] = [];
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) {
      said.push(line);
      await onLine(line, child);
    }
  }
  if (rest !== "") said.push(rest);
  await child.exited;
  return { said, end: child.signalCode ?? child.exitCode };
}
