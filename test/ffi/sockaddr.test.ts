import { expect, test } from "bun:test";
import * as sockaddr from "../../ffi/sockaddr.ts";
import * as constants from "../../ffi/socket-constants.ts";

function stored(encoded: Uint8Array, length: number = encoded.length): sockaddr.SockaddrStorage {
  const storage = new sockaddr.SockaddrStorage();
  storage.reset();
  storage.bytes.set(encoded);
  storage.length[0] = length;
  return storage;
}

test("sockaddr_in: the port and the address go in network order", () => {
  const encoded = sockaddr.encodeSockaddrIn(0x1234, Uint8Array.of(192, 0, 2, 1));
  expect([...encoded]).toEqual([2, 0, 0x12, 0x34, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const storage = stored(encoded);
  expect(storage.family).toBe(constants.AF_INET);
  expect(storage.port).toBe(0x1234);
  expect([...storage.ipv4]).toEqual([192, 0, 2, 1]);
});

test("sockaddr_in6: the scope goes in host order", () => {
  const address = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const encoded = sockaddr.encodeSockaddrIn6(0xfffe, address, 0x01020304);
  expect([...encoded.subarray(0, 8)]).toEqual([constants.AF_INET6, 0, 0xff, 0xfe, 0, 0, 0, 0]);
  expect([...encoded.subarray(24)]).toEqual([4, 3, 2, 1]);
  const storage = stored(encoded);
  expect(storage.family).toBe(constants.AF_INET6);
  expect(storage.port).toBe(0xfffe);
  expect([...storage.ipv6]).toEqual([...address]);
  expect(storage.scopeId).toBe(0x01020304);
});

test("sockaddr_un: a path is ended by a zero byte, an abstract name and no name by their length", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect([...sockaddr.encodeSockaddrUn(bytes("/a"))]).toEqual([1, 0, 0x2f, 0x61, 0]);
  expect([...sockaddr.encodeSockaddrUn(bytes("\0a"))]).toEqual([1, 0, 0, 0x61]);
  expect([...sockaddr.encodeSockaddrUn(bytes(""))]).toEqual([1, 0]);
  for (const name of ["/a", "\0a", "\0a\0b\0", ""]) {
    expect([...stored(sockaddr.encodeSockaddrUn(bytes(name))).unixPath]).toEqual([...bytes(name)]);
  }
});

test("sockaddr_un: a path that fills the structure has no zero byte, and its length may be one more", () => {
  const full = new Uint8Array(110).fill(0x61);
  full.set([1, 0]);
  expect(stored(full, 111).unixPath.length).toBe(108);
});

test("an address the kernel did not give has no family", () => {
  const storage = stored(sockaddr.encodeSockaddrIn(80, Uint8Array.of(127, 0, 0, 1)));
  storage.reset();
  expect(storage.family).toBe(constants.AF_UNSPEC);
  storage.length[0] = 0;
  expect(storage.family).toBe(constants.AF_UNSPEC);
  expect(storage.unixPath.length).toBe(0);
});
