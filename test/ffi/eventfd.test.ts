import { expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import { EVENTFD_VALUE_SIZE, eventfd } from "../../ffi/eventfd.ts";
import { errno } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { whyNot } from "../platform.ts";
import { FD_CLOEXEC, O_NONBLOCK, descriptorFlags } from "./descriptor-flags.ts";

const notLinux = whyNot("linux");

test.skipIf(notLinux !== "")(`an eventfd gives the sum of what was written, once${notLinux}`, () => {
  const { read, write, close } = descriptorCalls();
  const fd = eventfd();
  const value = BigUint64Array.of(3n);
  for (let i = 0; i < 2; i++) expect(write(fd, addressOf(value.buffer), EVENTFD_VALUE_SIZE)).toBe(EVENTFD_VALUE_SIZE);
  expect(read(fd, addressOf(value.buffer), EVENTFD_VALUE_SIZE)).toBe(EVENTFD_VALUE_SIZE);
  expect(value[0]).toBe(6n);
  expect([read(fd, addressOf(value.buffer), EVENTFD_VALUE_SIZE), errno()]).toEqual([-1, ERRNO.EAGAIN]);
  close(fd);
});

test.skipIf(notLinux !== "")(`an eventfd is close-on-exec and non-blocking${notLinux}`, () => {
  const fd = eventfd();
  const wanted = FD_CLOEXEC | O_NONBLOCK;
  expect(descriptorFlags(fd) & wanted).toBe(wanted);
  descriptorCalls().close(fd);
});
