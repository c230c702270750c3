/** Something with a deadline. It carries its own place in the {@link Deadlines}, so moving and removing need no search. */
export interface Deadline {
  time: number;
  /** Written by the heap. */
  order: number;
  /** Written by the heap; -1 outside of it. */
  index: number;
}

/**
 * Deadlines by time, and of equal times by the order in which they were set: a 4-ary heap whose entries know their
 * place, so set, move and remove are O(log n) and nothing stale stays behind.
 */
export class Deadlines<T extends Deadline> {
  private readonly heap: T[] = [];
  private order = 0;

  get size(): number {
    return this.heap.length;
  }

  /** The earliest time, `Infinity` when there is none. */
  get next(): number {
    return this.heap.length === 0 ? Infinity : (this.heap[0] as T).time;
  }

  add(entry: T): void {
    entry.order = this.order++;
    this.heap.push(entry);
    this.up(entry, this.heap.length - 1);
  }

  remove(entry: T): void {
    const index = entry.index;
    if (index < 0) return;
    entry.index = -1;
    const last = this.heap.pop() as T;
    if (last === entry) return;
    this.down(last, index);
    if (last.index === index) this.up(last, index);
  }

  /** The earliest entry that is due at `now`, taken out; null when none is. */
  takeDue(now: number): T | null {
    const first = this.heap[0];
    if (first === undefined || first.time > now) return null;
    this.remove(first);
    return first;
  }

  private up(entry: T, from: number): void {
    const heap = this.heap;
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 2;
      const parent = heap[above] as T;
      if (!before(entry, parent)) break;
      heap[index] = parent;
      parent.index = index;
      index = above;
    }
    heap[index] = entry;
    entry.index = index;
  }

  private down(entry: T, from: number): void {
    const heap = this.heap;
    const size = heap.length;
    let index = from;
    for (;;) {
      const first = index * 4 + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + 4, size);
      for (let i = first + 1; i < end; i++) {
        if (before(heap[i] as T, heap[least] as T)) least = i;
      }
      const child = heap[least] as T;
      if (!before(child, entry)) break;
      heap[index] = child;
      child.index = index;
      index = least;
    }
    heap[index] = entry;
    entry.index = index;
  }
}

function before(a: Deadline, b: Deadline): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
