import type { Task } from "./task.ts";

/** Every task at and below `root`, each before its children, as a walk that any depth is safe for. */
export function tasksBelow(root: Task, visit?: (task: Task, depth: number) => void): Task[] {
  const tasks: Task[] = [];
  const todo: { task: Task; depth: number }[] = [{ task: root, depth: 0 }];
  for (let entry = todo.pop(); entry !== undefined; entry = todo.pop()) {
    const { task, depth } = entry;
    tasks.push(task);
    visit?.(task, depth);
    const children: Task[] = [];
    for (const nursery of task.childNurseries) children.push(...nursery.childTasks);
    for (const child of children.reverse()) todo.push({ task: child, depth: depth + 1 });
  }
  return tasks;
}

/** The tree of tasks below `root` as text: a task a line, with what each is waiting in. */
export function taskTree(root: Task): string {
  const lines: string[] = [];
  tasksBelow(root, (task, depth) => lines.push(`${"  ".repeat(depth)}${task.name}: in ${task.waitsFor()}`));
  return lines.join("\n");
}
