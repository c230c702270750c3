import { programLines } from "../kernel/stack.ts";

/** Tells the user of a mistake that does not end the run, as a process warning with a stack that shows the mistake. */
export function warn(message: string, code: string, stack: string | null): void {
  const warning = new Error(message) as Error & { code: string };
  warning.name = "TribunWarning";
  warning.code = code;
  warning.stack = [`${warning.name}: ${message}`, ...(stack === null ? [] : programLines(stack))].join("\n");
  process.emitWarning(warning);
}
