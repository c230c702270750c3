/**
 * Stack traces across frames.
 *
 * A body runs as a frame of its own, so the engine's stack at an error inside it ends at the scheduler, and the
 * functions around the body are missing. When an error leaves a frame, the stack of the place that waited for the frame
 * is joined to its own, and the scheduler's lines are left out.
 */

/** This file, as stacks name it: with the platform's separator. No match in a bundle. */
const HERE = /^(.*([\\/]))src\2kernel\2stack\.ts$/.exec(import.meta.filename);
/** Where the library's sources are; null in a bundle, where its lines cannot be told from the program's. */
const LIBRARY = HERE?.[1] ?? null;
const SEPARATOR = HERE?.[2] ?? "/";
const SOURCES = `${LIBRARY}src${SEPARATOR}`;
const BINDINGS = `${LIBRARY}ffi${SEPARATOR}`;
const STEPPER = `${SOURCES}kernel${SEPARATOR}stepper.ts`;
const joined = new WeakSet<Error>();

/** A stack that has grown to so many characters says enough: an error may pass through thousands of frames. */
const LONGEST_STACK = 10_000;

/** The engine takes ten lines unless told otherwise, of which the library's own can be seven. */
const DEEPEST = 32;

/** A stack of this place, deep enough to have a dozen of the program's lines in it. */
export function deepStack(): Error {
  const limit: unknown = Error.stackTraceLimit;
  // A program that wants none has none.
  if (typeof limit !== "number" || limit === 0 || limit >= DEEPEST) return new Error();
  // It may be frozen: then the stack is as deep as it is.
  Reflect.set(Error, "stackTraceLimit", DEEPEST);
  const stack = new Error();
  Reflect.set(Error, "stackTraceLimit", limit);
  return stack;
}

/** Called where an error passes from a frame to the one around it, with the latter on the engine's stack. */
export function joinStacks(error: Error): void {
  if (Object.isFrozen(error)) return;
  let inner: unknown;
  try {
    inner = error.stack;
  } catch {
    // A getter of its own mind.
  }
  if (typeof inner !== "string" || inner.length > LONGEST_STACK) return;
  const outer = programLines(new Error().stack ?? "");
  if (outer.length === 0) return;
  if (!joined.has(error)) {
    joined.add(error);
    inner = aboveScheduler(inner)
      .filter((line) => !isScheduler(line))
      .join("\n");
  }
  const stack = `${inner}\n${outer.join("\n")}`;
  try {
    Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true, enumerable: false });
  } catch {
    // A class that seals its stack keeps the one it has.
  }
}

/** The lines of a stack that are the program's own; none in a bundle, where they cannot be told from the library's. */
export function programLines(stack: string): string[] {
  if (LIBRARY === null) return [];
  return aboveScheduler(stack).filter((line) => /^\s+at /.test(line) && !isScheduler(line));
}

/** The lines down to where the scheduler resumed the task: below are those of whoever gave it the thread. */
function aboveScheduler(stack: string): string[] {
  const lines = stack.split("\n");
  const resumed = LIBRARY === null ? -1 : lines.findIndex((line) => line.includes(STEPPER));
  return resumed < 0 ? lines : lines.slice(0, resumed);
}

function isScheduler(line: string): boolean {
  if (!/^\s+at /.test(line)) return false;
  if (/\(unknown\b/.test(line)) return true; // a constructor that the engine made up
  if (LIBRARY !== null && (line.includes(SOURCES) || line.includes(BINDINGS))) return true;
  return /node:async_hooks|\(native|\bat native|\bat (next|throw|snapshot|run|asyncGeneratorResumeNext)\b.*native/.test(
    line,
  );
}
