import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { ERRNO } from "../../ffi/errno.ts";
import { SockaddrStorage } from "../../ffi/sockaddr.ts";
import { AF_UNSPEC, SOCK_STREAM } from "../../ffi/socket-constants.ts";
import { socketCalls } from "../../ffi/socket.ts";

const calls = socketCalls();

test("a call that fails answers -errno", () => {
  const notOpen = process.platform === "win32" ? -ERRNO.ENOTSOCK : -ERRNO.EBADF;
  // Odd: no handle of Windows' is.
  const fd = 0x7ffffff7;
  const buffer = new Uint8Array(8);
  expect([
    calls.close(fd),
    calls.recv(fd, buffer, 8),
    calls.send(fd, buffer),
    calls.listen(fd, 1),
    calls.shutdown(fd, 0),
    calls.getpeername(fd, new SockaddrStorage()),
    calls.accept(fd, new SockaddrStorage()),
  ]).toEqual(Array(7).fill(notOpen));
  expect(calls.socket(AF_UNSPEC, 77, 0)).toBeLessThan(0);
});

test("lengths beyond an int: a call moves what it can", () => {
  const pair = new Int32Array(new ArrayBuffer(8));
  expect(calls.socketpair(calls.pairFamily, SOCK_STREAM, 0, pair)).toBe(0);
  const [from, to] = [pair[0]!, pair[1]!];
  // As much of a longer buffer as a call looks at on Windows; elsewhere it looks at what it writes.
  const buffer = new Uint8Array(0x100_0000);
  for (const length of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1]) {
    expect(calls.send(from, Uint8Array.of(1, 2, 3))).toBe(3);
    let count: number;
    do count = calls.recv(to, buffer, length);
    while (count === -ERRNO.EAGAIN);
    expect([length, count, ...buffer.subarray(0, 3)]).toEqual([length, 3, 1, 2, 3]);
  }
  for (const fd of pair) calls.close(fd);
});

for (const platform of ["darwin", "freebsd", "sunos"]) {
  test(`on ${platform}, whose sockets have no binding, they are refused with UnsupportedError`, () => {
    const program = `
      Object.defineProperty(process, "platform", { value: "${platform}" });
      const { socket } = await import("./src/socket.ts");
      try {
        socket();
      } catch (error) {
        console.log(error.name, error.message);
      }`;
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const child = Bun.spawnSync([process.execPath, "--eval", program], { cwd });
    const expected = `UnsupportedError no binding to the sockets of ${platform}; Linux and Windows have one`;
    expect(child.stdout.toString().trim()).toBe(expected);
  });
}
