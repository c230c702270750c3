import { expect, test } from "bun:test";
import { Fifo } from "../../src/sync/fifo.ts";

test("values come out in the order in which they went in, undefined among them", () => {
  const fifo = new Fifo<number | undefined>();
  for (const value of [1, undefined, 2]) fifo.put(value);
  expect(fifo.size).toBe(3);
  expect([fifo.take(), fifo.take(), fifo.take()]).toEqual([1, undefined, 2]);
  expect(fifo.size).toBe(0);
  expect(fifo.take()).toBeUndefined();
});

test("a queue that is never empty keeps its order, however much goes through", () => {
  const fifo = new Fifo<number>();
  let next = 0;
  for (let i = 0; i < 50_000; i++) {
    fifo.put(i);
    if (i % 3 > 0) expect(fifo.take()).toBe(next++);
  }
  while (fifo.size > 0) expect(fifo.take()).toBe(next++);
  expect(next).toBe(50_000);
});

test("clear() drops what is left", () => {
  const fifo = new Fifo<number>();
  fifo.put(1);
  fifo.clear();
  expect(fifo.size).toBe(0);
  fifo.put(2);
  expect(fifo.take()).toBe(2);
});
