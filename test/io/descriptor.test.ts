import { expect, test } from "bun:test";
import { descriptorOf } from "../../src/io/descriptor.ts";
import { wholeMilliseconds } from "../../src/io/descriptor-waits.ts";

const NAME = "waitReadable(fd): fd";

test("a descriptor is a number, or what an object has as its fd", () => {
  expect(descriptorOf(0, NAME)).toBe(0);
  expect(descriptorOf({ fd: 7 }, NAME)).toBe(7);
  class Port {
    get fd(): number {
      return 2 ** 31 - 1;
    }
  }
  expect(descriptorOf(new Port(), NAME)).toBe(2 ** 31 - 1);
});

const WRONG: [what: unknown, named: string][] = [
  ["5", '"5"'],
  [undefined, "undefined"],
  [null, "null"],
  [5n, "a bigint"],
  [true, "a boolean"],
  [() => 5, "a function"],
  [{}, "an object whose fd is undefined"],
  [{ fd: "5" }, 'an object whose fd is "5"'],
  [{ fd: null }, "an object whose fd is null"],
];
for (const [what, named] of WRONG) {
  test(`${named} is a TypeError that names the argument and the value`, () => {
    expect(() => descriptorOf(what as number, NAME)).toThrow(TypeError);
    expect(() => descriptorOf(what as number, NAME)).toThrow(
      `${NAME} must be a file descriptor (a number) or an object that has one as its fd, not ${named}`,
    );
  });
}

/** The largest `int`; on Windows the largest handle. */
const MAX = process.platform === "win32" ? 2 ** 32 - 1 : 2 ** 31 - 1;
test.each([-1, -2, 1.5, NaN, Infinity, MAX + 1])("%p is a RangeError that names the argument and the value", (fd) => {
  for (const what of [fd, { fd }]) {
    expect(() => descriptorOf(what, NAME)).toThrow(RangeError);
    expect(() => descriptorOf(what, NAME)).toThrow(`${NAME} must be a whole number from 0 to ${MAX}, not ${fd}`);
  }
});

test("-1 is said to be what a closed object has", () => {
  expect(() => descriptorOf({ fd: -1 }, NAME)).toThrow("not -1: -1 is what is left of a closed one");
});

test.each([
  [0, 0],
  [-5, 0],
  [0.001, 1],
  [0.3, 1],
  [1, 1],
  [1.2, 2],
  [2 ** 40, 2 ** 31 - 1],
  [Infinity, -1],
  [-Infinity, 0],
])("a timeout of %p ms goes to the kernel as %p", (timeout, whole) => {
  expect(wholeMilliseconds(timeout)).toBe(whole);
});
