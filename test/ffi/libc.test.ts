import { expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import { bindLibc, check, errno, negateErrno, systemError } from "../../ffi/libc.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";
import { SystemError, UnsupportedError } from "../../src/errors.ts";

/** A system call that fails with EBADF. */
const closeNothing = (): number => descriptorCalls().close(-1);

test("errno is what the call just made left", () => {
  expect([closeNothing(), errno()]).toEqual([-1, ERRNO.EBADF]);
});

test("-1 becomes -errno, and anything else stays", () => {
  expect(negateErrno(closeNothing())).toBe(-ERRNO.EBADF);
  expect(negateErrno(7)).toBe(7);
});

test("a failed call becomes a SystemError with errno's name, its number, and the call", () => {
  let thrown: unknown;
  try {
    check(closeNothing(), "close", "fd -1");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SystemError);
  expect(thrown).toMatchObject({
    code: "EBADF",
    errno: ERRNO.EBADF,
    syscall: "close",
    message: "close: EBADF (fd -1)",
  });
});

test("a result that is no failure passes through", () => {
  expect(check(3, "dup")).toBe(3);
});

test("a SystemError can be made for a number", () => {
  expect(systemError(ERRNO.EPERM, "epoll_ctl")).toMatchObject({ code: "EPERM", message: "epoll_ctl: EPERM" });
});

test("a function that the C library lacks is named", () => {
  expect(() => bindLibc({ no_such_function: { args: [], returns: "i32" } })).toThrow(UnsupportedError);
  expect(() => bindLibc({ no_such_function: { args: [], returns: "i32" } })).toThrow("no_such_function");
});

test("a Worker's errno is its own, from its first call on", async () => {
  const library = new URL("../../ffi/libc.ts", import.meta.url).href;
  const unistd = new URL("../../ffi/unistd.ts", import.meta.url).href;
  const source = `
    const { errno } = await import(${JSON.stringify(library)});
    const { descriptorCalls } = await import(${JSON.stringify(unistd)});
    postMessage([descriptorCalls().close(-1), errno()]);
  `;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const seen = await new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
  worker.terminate();
  expect(seen).toEqual([-1, ERRNO.EBADF]);
});
