import { expect, test } from "bun:test";
import * as epoll from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { addressOf } from "../../ffi/memory.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { evaluateInC, whyNoCompiler } from "./compiler.ts";
import { descriptorFlags, FD_CLOEXEC } from "./descriptor-flags.ts";

const HEADERS = ["sys/epoll.h"];

test.skipIf(whyNoCompiler !== "")(`struct epoll_event lies as the C compiler lays it${whyNoCompiler}`, async () => {
  const { tag, size, fields } = epoll.EPOLL_EVENT;
  const { events, data } = fields;
  const layout = await evaluateInC(HEADERS, [
    `sizeof(struct ${tag})`,
    `offsetof(struct ${tag}, events)`,
    `sizeof(((struct ${tag} *)0)->events)`,
    `offsetof(struct ${tag}, data)`,
    `sizeof(((struct ${tag} *)0)->data)`,
  ]);
  expect([size, events.offset, events.size, data.offset, data.size]).toEqual(layout);
});

test.skipIf(whyNoCompiler !== "")(`the constants are those of the C headers${whyNoCompiler}`, async () => {
  const { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } = epoll;
  const ours = { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
  const names = Object.keys(ours);
  const values = await evaluateInC(
    HEADERS,
    names.map((name) => `(unsigned)${name}`),
  );
  expect(Object.entries(ours)).toEqual(names.map((name, i) => [name, values[i]]));
});

test("an epoll instance is close-on-exec", () => {
  const fd = epoll.epollCalls().create();
  expect(descriptorFlags(fd) & FD_CLOEXEC).toBe(FD_CLOEXEC);
  descriptorCalls().close(fd);
});

test("a call that fails answers -errno", () => {
  const event = new ArrayBuffer(epoll.EPOLL_EVENT.size);
  const { control, wait } = epoll.epollCalls();
  expect(control(-1, epoll.EPOLL_CTL_ADD, 0, addressOf(event))).toBe(-ERRNO.EBADF);
  expect(wait(-1, addressOf(event), 1, 0)).toBe(-ERRNO.EBADF);
});
