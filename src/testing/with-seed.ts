import { describe } from "../kernel/describe.ts";

/**
 * What a test with `seed` failed with, with the seed in its message: `error` itself, where that can be written. Of a group
 * the message of an error in it has the seed, too: bun:test prints those, and not the group's.
 */
export function withSeed(error: unknown, seed: number): unknown {
  const note = `(with the seed ${seed}: inRun(body, { seed: ${seed} }) makes the same order again)`;
  if (!leavesOf(error).some((leaf) => add(note, leaf))) {
    return new Error(`${describe(error)}\n\n${note}`, { cause: error });
  }
  if (error instanceof AggregateError && error.errors.length > 0) add(note, error);
  return error;
}

/** What bun:test prints of an error. */
function leavesOf(error: unknown): unknown[] {
  const leaves: unknown[] = [];
  const todo = [error];
  while (todo.length > 0) {
    const each = todo.pop();
    if (each instanceof AggregateError && each.errors.length > 0) todo.push(...each.errors.toReversed());
    else leaves.push(each);
  }
  return leaves;
}

/** @returns whether its message could be written. */
function add(note: string, error: unknown): boolean {
  return error instanceof Error && Reflect.set(error, "message", `${error.message.trimEnd()}\n\n${note}`);
}
