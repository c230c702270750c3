import { expect, test } from "bun:test";
import { UnsupportedError } from "../../src/errors.ts";
import { type IoChoice, chooseIo } from "../../src/io/choose.ts";
import { PollIoManager } from "../../src/io/poll.ts";
import { NOT_LINUX } from "../not-linux.ts";

const onLinux = test.skipIf(NOT_LINUX);

onLinux("auto is epoll on Linux, and the default", () => {
  for (const choice of [undefined, "auto"] as const) {
    const io = chooseIo(choice);
    expect(io.backend).toBe("epoll");
    io.close();
  }
});

onLinux.each(["epoll", "poll"] as const)("%s can be had by its name on Linux", (choice) => {
  const io = chooseIo(choice);
  expect(io.backend).toBe(choice);
  io.close();
});

test("a function makes its own", () => {
  const io = new PollIoManager();
  expect(chooseIo(() => io)).toBe(io);
  io.close();
});

onLinux.each(["kqueue", "iocp"] as const)("%s is unsupported on Linux, and the error names what is", (choice) => {
  expect(() => chooseIo(choice)).toThrow(UnsupportedError);
  expect(() => chooseIo(choice)).toThrow(`io: "${choice}" has no backend on linux; use "epoll" or "poll"`);
});

test.each(["uring", "", "toString", 5, null, {}])("%p is no backend: a TypeError that names the option", (choice) => {
  expect(() => chooseIo(choice as IoChoice)).toThrow(TypeError);
  expect(() => chooseIo(choice as IoChoice)).toThrow(/^io must be "auto", "epoll", "poll"/);
});

test("a function that makes no I/O manager is a TypeError that names the option", () => {
  expect(() => chooseIo((() => undefined) as unknown as IoChoice)).toThrow(/^io: the function must return/);
});
