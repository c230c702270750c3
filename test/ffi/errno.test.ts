import { expect, test } from "bun:test";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { evaluateInC, whyNoCompiler } from "./compiler.ts";

test.skipIf(whyNoCompiler !== "")(`every errno has the number of the C headers${whyNoCompiler}`, async () => {
  const names = Object.keys(ERRNO);
  const numbers = await evaluateInC(["errno.h"], names);
  expect(Object.entries(ERRNO)).toEqual(names.map((name, i) => [name, numbers[i]]));
});

test("an errno's name is found by its number", () => {
  expect(errnoName(ERRNO.EBADF)).toBe("EBADF");
  expect(errnoName(ERRNO.EAGAIN)).toBe("EAGAIN");
});

test("a number without a name is named by itself", () => {
  expect(errnoName(4242)).toBe("errno 4242");
});
