import { expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import * as poll from "../../ffi/poll.ts";
import { evaluateInC, whyNoCompiler } from "./compiler.ts";

const HEADERS = ["poll.h"];

test.skipIf(whyNoCompiler !== "")(`struct pollfd lies as the C compiler lays it${whyNoCompiler}`, async () => {
  const { tag, size, fields } = poll.POLLFD;
  const names = Object.keys(fields) as (keyof typeof fields)[];
  const layout = await evaluateInC(HEADERS, [
    `sizeof(struct ${tag})`,
    ...names.flatMap((name) => [`offsetof(struct ${tag}, ${name})`, `sizeof(((struct ${tag} *)0)->${name})`]),
  ]);
  expect([size, ...names.flatMap((name) => [fields[name].offset, fields[name].size])]).toEqual(layout);
});

test.skipIf(whyNoCompiler !== "")(`the constants are those of the C headers${whyNoCompiler}`, async () => {
  const { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } = poll;
  const ours = { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT };
  const names = Object.keys(ours);
  const values = await evaluateInC(HEADERS, names);
  expect(Object.entries(ours)).toEqual(names.map((name, i) => [name, values[i]]));
});

test("a poll of nothing finds nothing", () => {
  expect(poll.pollCalls().poll(0, 0, 0)).toBe(0);
});

test("a call that fails answers -errno", () => {
  expect(poll.pollCalls().poll(8, 1, 0)).toBe(-ERRNO.EFAULT);
});
