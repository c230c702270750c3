import { expect, test } from "bun:test";
import { ERRNO } from "../../ffi/errno.ts";
import { bindLibc, check, errno, negateErrno, systemError } from "../../ffi/libc.ts";
import { SystemError, UnsupportedError } from "../../src/errors.ts";

/** A call that every C library has, and that fails with ENOENT. */
const RMDIR = process.platform === "win32" ? "_rmdir" : "rmdir";
const rmdir = bindLibc({ [RMDIR]: { args: ["buffer"], returns: "i32" } })[RMDIR]!;
const removeNothing = (): number => rmdir(Buffer.from("no such folder\0")) as number;

test("errno is what the call just made left", () => {
  expect([removeNothing(), errno()]).toEqual([-1, ERRNO.ENOENT]);
});

test("-1 becomes -errno, and anything else stays", () => {
  expect(negateErrno(removeNothing())).toBe(-ERRNO.ENOENT);
  expect(negateErrno(7)).toBe(7);
});

test("a failed call becomes a SystemError with errno's name, its number, and the call", () => {
  let thrown: unknown;
  try {
    check(removeNothing(), "rmdir", "no such folder");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SystemError);
  expect(thrown).toMatchObject({
    code: "ENOENT",
    errno: ERRNO.ENOENT,
    syscall: "rmdir",
    message: "rmdir: ENOENT (no such folder)",
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
  const source = `
    const { bindLibc, errno } = await import(${JSON.stringify(library)});
    const rmdir = bindLibc({ ${RMDIR}: { args: ["buffer"], returns: "i32" } }).${RMDIR};
    postMessage([rmdir(Buffer.from("no such folder\\0")), errno()]);
  `;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const seen = await new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
  worker.terminate();
  expect(seen).toEqual([-1, ERRNO.ENOENT]);
});
