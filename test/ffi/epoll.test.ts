import { expect, test } from "bun:test";
import * as epoll from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { addressOf } from "../../ffi/memory.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { whyNot } from "../platform.ts";
import { linuxC } from "./compiler.ts";
import { descriptorFlags, FD_CLOEXEC } from "./descriptor-flags.ts";

const notLinux = whyNot("linux");
const HEADERS = ["sys/epoll.h"];

test.skipIf(linuxC.whyMissing !== "")(`the constants are those of the C headers${linuxC.whyMissing}`, () => {
  const { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } = epoll;
  const ours = { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
  const names = Object.keys(ours);
  const values = linuxC.evaluate(
    HEADERS,
    names.map((name) => `(unsigned)${name}`),
  );
  expect(Object.entries(ours)).toEqual(names.map((name, i) => [name, values[i]]));
});

test.skipIf(notLinux !== "")(`an epoll instance is close-on-exec${notLinux}`, () => {
  const fd = epoll.epollCalls().create();
  expect(descriptorFlags(fd) & FD_CLOEXEC).toBe(FD_CLOEXEC);
  descriptorCalls().close(fd);
});

test.skipIf(notLinux !== "")(`a call that fails answers -errno${notLinux}`, () => {
  const event = new ArrayBuffer(epoll.EPOLL_EVENT.size);
  const { control, wait } = epoll.epollCalls();
  expect(control(-1, epoll.EPOLL_CTL_ADD, 0, addressOf(event))).toBe(-ERRNO.EBADF);
  expect(wait(-1, addressOf(event), 1, 0)).toBe(-ERRNO.EBADF);
});
