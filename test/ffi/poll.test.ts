import { expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import * as poll from "../../ffi/poll.ts";
import { whyNot } from "../platform.ts";
import { linuxC } from "./compiler.ts";

const noPoll = whyNot("files");
const HEADERS = ["poll.h"];

test.skipIf(linuxC.whyMissing !== "")(`the constants are those of the C headers${linuxC.whyMissing}`, () => {
  const { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } = poll;
  const ours = { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT };
  const names = Object.keys(ours);
  const values = linuxC.evaluate(HEADERS, names);
  expect(Object.entries(ours)).toEqual(names.map((name, i) => [name, values[i]]));
});

test.skipIf(noPoll !== "")(`a poll of nothing finds nothing${noPoll}`, () => {
  expect(poll.pollCalls().poll(0, 0, 0)).toBe(0);
});

test.skipIf(noPoll !== "")(`a call that fails answers -errno${noPoll}`, () => {
  expect(poll.pollCalls().poll(8, 1, 0)).toBe(-ERRNO.EFAULT);
});
