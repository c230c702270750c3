import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Deadlines, type Deadline } from "../../src/kernel/deadlines.ts";

class Entry<T> implements Deadline {
  time: number;
  order = 0;
  index = -1;
  readonly owner: T;
  constructor(time: number, owner: T) {
    this.time = time;
    this.owner = owner;
  }
}

test("takes out what is due: by time, and of one time in the order of adding", () => {
  const deadlines = new Deadlines<Entry<string>>();
  for (const [time, name] of [
    [20, "c"],
    [10, "a"],
    [20, "d"],
    [10, "b"],
    [-Infinity, "first"],
    [30, "e"],
  ] as const) {
    deadlines.add(new Entry<string>(time, name));
  }
  expect([deadlines.size, deadlines.next]).toEqual([6, -Infinity]);
  const taken: string[] = [];
  for (let entry; (entry = deadlines.takeDue(20)) !== null;) taken.push(entry.owner);
  expect(taken).toEqual(["first", "a", "b", "c", "d"]);
  expect([deadlines.size, deadlines.next]).toEqual([1, 30]);
});

test("an entry that is not in it is removed without effect", () => {
  const deadlines = new Deadlines<Entry<number>>();
  const entry = new Entry<number>(1, 1);
  deadlines.remove(entry);
  deadlines.add(entry);
  deadlines.remove(entry);
  deadlines.remove(entry);
  expect([deadlines.size, deadlines.next]).toEqual([0, Infinity]);
  expect(deadlines.takeDue(Infinity)).toBeNull();
});

type Step =
  | { readonly add: number }
  | { readonly remove: number }
  | { readonly move: number; readonly to: number }
  | { readonly take: number };

test("behaves as a sorted list would, whatever is added, moved, removed and taken", () => {
  const time = fc.integer({ min: 0, max: 20 });
  const index = fc.nat();
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: time }) },
    { weight: 2, arbitrary: fc.record({ remove: index }) },
    { weight: 2, arbitrary: fc.record({ move: index, to: time }) },
    { weight: 1, arbitrary: fc.record({ take: time }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines<Entry<number>>();
      let list: { entry: Entry<number>; order: number }[] = [];
      let order = 0;
      for (const step of steps) {
        const pick = (index: number) => list[index % list.length];
        if ("add" in step) {
          const entry = new Entry<number>(step.add, order);
          deadlines.add(entry);
          list.push({ entry, order: order++ });
        } else if ("remove" in step) {
          const item = pick(step.remove);
          if (item !== undefined) deadlines.remove(item.entry);
          list = list.filter((other) => other !== item);
        } else if ("move" in step) {
          const item = pick(step.move);
          if (item === undefined) continue;
          deadlines.remove(item.entry);
          item.entry.time = step.to;
          deadlines.add(item.entry);
          item.order = order++;
        } else {
          list.sort((a, b) => a.entry.time - b.entry.time || a.order - b.order);
          const due = list.filter(({ entry }) => entry.time <= step.take).map(({ entry }) => entry);
          list = list.filter(({ entry }) => entry.time > step.take);
          const taken: Entry<number>[] = [];
          for (let entry; (entry = deadlines.takeDue(step.take)) !== null;) taken.push(entry);
          expect(taken.map(({ owner }) => owner)).toEqual(due.map(({ owner }) => owner));
        }
        expect(deadlines.size).toBe(list.length);
        expect(deadlines.next).toBe(Math.min(Infinity, ...list.map(({ entry }) => entry.time)));
      }
    }),
    { numRuns: 100 },
  );
});
