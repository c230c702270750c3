import type { Task } from "./task.ts";

/** The runnable tasks, first in, first out: a ring whose size is a power of two. */
export class RunQueue {
  length = 0;
  private ring: (Task | null)[] = new Array<Task | null>(64).fill(null);
  private mask = 63;
  private head = 0;

  push(task: Task): void {
    if (this.length > this.mask) this.grow();
    this.ring[(this.head + this.length) & this.mask] = task;
    this.length++;
  }

  /** The task that has waited longest. The queue must not be empty. */
  shift(): Task {
    const head = this.head;
    const task = this.ring[head] as Task;
    this.ring[head] = null;
    this.head = (head + 1) & this.mask;
    this.length--;
    return task;
  }

  private grow(): void {
    const old = this.ring;
    const ring = new Array<Task | null>(old.length * 2).fill(null);
    for (let i = 0; i < this.length; i++) ring[i] = old[(this.head + i) & this.mask] as Task;
    this.ring = ring;
    this.mask = ring.length - 1;
    this.head = 0;
  }
}
