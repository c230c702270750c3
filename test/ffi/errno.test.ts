import { expect, test } from "bun:test";
import {
  BSD_ERRNO,
  DARWIN_ERRNO,
  ERRNO,
  FREEBSD_ERRNO,
  LINUX_ERRNO,
  WINDOWS_ERRNO,
  WINSOCK_ERRNO,
  errnoName,
} from "../../ffi/errno.ts";
import { type Compiler, linuxC, windowsC } from "./compiler.ts";

/** A Winsock name as the headers have it. */
function winsockName(name: string): string {
  if (name === "EAGAIN") return "WSAEWOULDBLOCK";
  return name.startsWith("WSA") ? name : `WSA${name}`;
}

const TABLES: [string, Readonly<Record<string, number>>, Compiler, string[], (name: string) => string][] = [
  ["Linux", LINUX_ERRNO, linuxC, ["errno.h"], (name) => name],
  ["Windows' C runtime", WINDOWS_ERRNO, windowsC, ["errno.h"], (name) => name],
  ["Winsock", WINSOCK_ERRNO, windowsC, ["winsock2.h"], winsockName],
];

for (const [system, table, compiler, headers, inC] of TABLES) {
  test.skipIf(compiler.whyMissing !== "")(
    `${system}: every errno has the number of the C headers${compiler.whyMissing}`,
    () => {
      const names = Object.keys(table);
      const numbers = compiler.evaluate(headers, names.map(inC));
      expect(Object.entries(table)).toEqual(names.map((name, i) => [name, numbers[i]!]));
    },
  );
}

test("ERRNO is this platform's: on Windows Winsock's, and the C runtime's for what Winsock has no number for", () => {
  const { EAGAIN, EINVAL, EPIPE } = ERRNO;
  const expected = process.platform === "win32" ? [10035, 10022, 32] : [LINUX_ERRNO.EAGAIN, 22, 32];
  expect([EAGAIN, EINVAL, EPIPE]).toEqual(expected);
});

test("macOS and FreeBSD: recorded numbers of their sys/errno.h, no number twice", () => {
  expect([BSD_ERRNO.EBADF, BSD_ERRNO.EDEADLK, BSD_ERRNO.EAGAIN, BSD_ERRNO.EINPROGRESS]).toEqual([9, 11, 35, 36]);
  expect([BSD_ERRNO.ECONNREFUSED, BSD_ERRNO.ELOOP, BSD_ERRNO.ENOLCK, BSD_ERRNO.ENOSYS]).toEqual([61, 62, 77, 78]);
  expect([DARWIN_ERRNO.EOPNOTSUPP, DARWIN_ERRNO.ECANCELED, DARWIN_ERRNO.EOWNERDEAD]).toEqual([102, 89, 105]);
  expect([FREEBSD_ERRNO.EOPNOTSUPP, FREEBSD_ERRNO.ECANCELED, FREEBSD_ERRNO.EOWNERDEAD]).toEqual([45, 85, 96]);
  for (const own of [DARWIN_ERRNO, FREEBSD_ERRNO]) {
    const numbers = Object.values({ ...BSD_ERRNO, ...own });
    expect(new Set(numbers).size).toBe(numbers.length);
  }
});

test("an errno's name is found by its number", () => {
  expect(errnoName(ERRNO.EBADF)).toBe("EBADF");
  expect(errnoName(ERRNO.EAGAIN)).toBe("EAGAIN");
});

test("a number without a name is named by itself", () => {
  expect(errnoName(4242)).toBe("errno 4242");
});
