import type { CancelCause, CancelScope } from "./cancel-scope.ts";
import { describe, inMilliseconds } from "./describe.ts";
import type { Nursery } from "./nursery.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import type { Runner } from "./runner.ts";
import type { FrameOpener } from "./frame.ts";
import { TaskState, type Task } from "./task.ts";
import { currentRunner } from "./thread.ts";
import { placeOf } from "./undriven.ts";

export interface TaskTreeOptions {
  /** How many lines to write, at most; how many tasks did not fit is said at the end. Default: `Infinity`. */
  readonly limit?: number | undefined;
}

const OPTIONS: OptionNames<TaskTreeOptions> = { limit: true };

/**
 * The run of this thread as text, for people to read: its tasks, each with what it is doing and the lines of the program
 * at which it is suspended, innermost first (`task.status()`, `task.stack()`); under it the scopes and nurseries that it
 * has open, with deadlines (from now, on the run's clock), shields and cancellations; under a nursery, its children. The
 * run's own tasks are left out, but for the one that serves call-soon, when it is calling.
 *
 *     main: openNursery(), until its 2 children have ended
 *       at main (/app/server.ts:12:10)
 *       moveOnAfter(): deadline in 5000 ms, at main (/app/server.ts:11:10)
 *         nursery, at main (/app/server.ts:12:10)
 *           accept: waitReadable(fd 7)
 *             at accept (/app/server.ts:20:12)
 *
 * From anywhere in the thread of the run: tasks, call-soon callbacks, instruments, and host code beside `run`. It costs
 * nothing until it is called, changes nothing, and is safe at any depth. Not a checkpoint.
 *
 * @throws UsageError outside a run. TypeError, RangeError for `limit`.
 */
export function taskTree(options: TaskTreeOptions = {}): string {
  checkOptions(options, OPTIONS, "taskTree(options)");
  const { limit = Infinity } = options;
  if (typeof limit !== "number") {
    throw new TypeError(`taskTree({ limit }): limit must be a number of lines, not ${describe(limit)}`);
  }
  if (!(limit >= 1)) throw new RangeError(`taskTree({ limit }): limit must be 1 or more, not ${limit}`);
  return treeOf(currentRunner("taskTree()"), limit);
}

/** Every task at and below `root`, each before its children, as a walk that any depth is safe for. */
export function tasksBelow(root: Task): Task[] {
  const tasks: Task[] = [];
  const todo: Task[] = [root];
  for (let task = todo.pop(); task !== undefined; task = todo.pop()) {
    tasks.push(task);
    const children: Task[] = [];
    for (const nursery of task.childNurseries) children.push(...nursery.childTasks);
    todo.push(...children.reverse());
  }
  return tasks;
}

/** Lines are indented so far and no further; from there on the depth is a number. */
const DEEPEST_INDENTATION = 32;

/** So many lines of a stack are written: calls may be thousands deep. */
const LONGEST_STACK = 16;

/** Of the reason of a cancellation, so many characters. */
const LONGEST_REASON = 60;

/** What is still to be written: a task with all below it, or a task's scopes from `index` on. */
type Todo =
  | { readonly depth: number; readonly task: Task }
  | { readonly depth: number; readonly opened: readonly Opened[]; readonly index: number };

/** A scope that a task has open, with the nursery and the operation that it belongs to. */
interface Opened {
  readonly scope: CancelScope;
  readonly nursery: Nursery | null;
  readonly opener: FrameOpener | null;
}

/** @param limit of lines */
export function treeOf(runner: Runner, limit: number): string {
  const lines = new Lines(limit);
  const { mainTask } = runner;
  if (mainTask === null) lines.add(0, () => "main has not begun");
  else if (mainTask.state === TaskState.Exited) lines.add(0, () => `${mainTask.name}: ended`);
  else writeBelow(mainTask, 0, lines);
  const systemTasks = [
    ...(runner.systemNursery?.childTasks ?? []),
    ...[...(runner.rootTask.openNurseries?.[0]?.childTasks ?? [])].filter(
      (task) => task !== runner.callSoonTask || task.state === TaskState.Running,
    ),
  ];
  if (systemTasks.length > 0) lines.add(0, () => "system tasks");
  for (const task of systemTasks) writeBelow(task, 1, lines);
  return lines.text();
}

class Lines {
  readonly #lines: string[] = [];
  readonly #limit: number;
  #tasksLeftOut = 0;
  #leftOut = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#lines.length >= this.#limit;
  }

  add(depth: number, line: () => string): void {
    if (this.full) {
      this.#leftOut = true;
      return;
    }
    const indentation = "  ".repeat(Math.min(depth, DEEPEST_INDENTATION));
    const level = depth > DEEPEST_INDENTATION ? `(level ${depth}) ` : "";
    // Names, and what blocks a task, are the program's texts: each is a line all the same.
    this.#lines.push(`${indentation}${level}${line().replaceAll(/\s*[\r\n]\s*/g, " ")}`);
  }

  /** So many tasks do not fit. */
  leaveOut(tasks: number): void {
    this.#tasksLeftOut += tasks;
    this.#leftOut = true;
  }

  addTask(depth: number, task: Task): void {
    this.add(depth, () => `${task.name}: ${task.status()}${task.scope.cause === null ? "" : ", cancelled"}`);
    if (this.full) return;
    const stack = task.stack();
    for (const line of stack.slice(0, LONGEST_STACK)) this.add(depth + 1, () => line);
    const more = stack.length - LONGEST_STACK;
    if (more > 0) this.add(depth + 1, () => `… through ${more} more`);
  }

  text(): string {
    if (!this.#leftOut) return this.#lines.join("\n");
    const tasks = this.#tasksLeftOut;
    const what = tasks === 0 ? "more lines" : tasks === 1 ? "and 1 more task" : `and ${tasks} more tasks`;
    return [...this.#lines, `… ${what}`].join("\n");
  }
}

function writeBelow(root: Task, depth: number, lines: Lines): void {
  const todo: Todo[] = [{ depth, task: root }];
  for (let item = todo.pop(); item !== undefined; item = todo.pop()) {
    const { depth } = item;
    if ("task" in item) {
      if (lines.full) {
        lines.leaveOut(tasksBelow(item.task).length);
        continue;
      }
      lines.addTask(depth, item.task);
      todo.push({ depth: depth + 1, opened: openedBy(item.task), index: 0 });
      continue;
    }
    const { opened, index } = item;
    const next = opened[index];
    if (next === undefined) continue;
    lines.add(depth, () => describeOpened(next));
    // What is in it comes first: the children of a nursery, before the scopes that its body has open.
    todo.push({ depth: depth + 1, opened, index: index + 1 });
    if (next.nursery === null) continue;
    for (const task of [...next.nursery.childTasks].reverse()) todo.push({ depth: depth + 1, task });
  }
}

/** The scopes that a task has open, outermost first. */
function openedBy(task: Task): Opened[] {
  const openers = new Map<CancelScope, FrameOpener>();
  const note = (opener: FrameOpener | null): void => {
    if (opener?.opened !== undefined && opener.opened !== null) openers.set(opener.opened, opener);
  };
  for (let frame = task.frame; frame !== null; frame = frame.parent) note(frame.opener);
  note(task.suspension); // a nursery whose body has ended
  const nurseries = new Map<CancelScope, Nursery>();
  for (const nursery of task.openNurseries ?? []) nurseries.set(nursery.cancelScope, nursery);
  const opened: Opened[] = [];
  const outside = task.parentNursery === null ? null : task.parentNursery.cancelScope;
  for (let scope: CancelScope | null = task.scope; scope !== null && scope !== outside; scope = scope.parent) {
    opened.push({ scope, nursery: nurseries.get(scope) ?? null, opener: openers.get(scope) ?? null });
  }
  return opened.reverse();
}

function describeOpened({ scope, nursery, opener }: Opened): string {
  let what = opener?.operationName ?? "scope";
  if (nursery !== null) what = opener === null || what === "openNursery()" ? "nursery" : `nursery of ${what}`;
  const parts: string[] = [];
  if (scope.time !== Infinity) {
    const left = scope.time - (scope.runner as Runner).clock.currentTime();
    parts.push(left > 0 ? `deadline in ${inMilliseconds(left)}` : `deadline ${inMilliseconds(-left)} ago`);
  }
  if (scope.shield) parts.push("shielded");
  if (scope.own !== null) parts.push(`cancelled ${describeCause(scope.own)}`);
  else if (scope.cause !== null) parts.push("cancelled from outside");
  else if (scope.stopRequested && !scope.cancelCalled) parts.push("asked to stop"); // its deadline is the end of the grace
  const place = opener === null ? undefined : placeOf(opener)[0];
  return `${what}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}${place === undefined ? "" : `, ${place}`}`;
}

function describeCause({ source, sourceTask, reason }: CancelCause): string {
  const by = sourceTask === undefined ? "" : ` by task ${sourceTask}`;
  const why = reason === undefined ? "" : `: ${(describe(reason).split("\n") as [string])[0].slice(0, LONGEST_REASON)}`;
  return `(${source}${by}${why})`;
}
