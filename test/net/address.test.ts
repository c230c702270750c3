import { expect, test } from "bun:test";
import { SockaddrStorage } from "../../ffi/sockaddr.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../ffi/socket-constants.ts";
import { type Address, decodeAddress, encodeAddress } from "../../src/net/address.ts";

/** What the kernel would give back for an address that it was given. */
function roundTrip(family: number, address: Address): Address {
  const encoded = encodeAddress(family, address, "test");
  const storage = new SockaddrStorage();
  storage.reset();
  storage.bytes.set(encoded);
  storage.length[0] = encoded.length;
  return decodeAddress(family, storage);
}

const UNCHANGED: [family: number, address: Address][] = [
  [AF_INET, { host: "0.0.0.0", port: 0 }],
  [AF_INET, { host: "192.0.2.255", port: 65_535 }],
  [AF_INET6, { host: "::", port: 1 }],
  [AF_INET6, { host: "2001:db8::8:800:200c:417a", port: 443 }],
  [AF_INET6, { host: "::ffff:192.0.2.1", port: 443 }],
  [AF_INET6, { host: "fe80::1%2", port: 80 }],
  [AF_INET6, { host: "fe80::1%4294967295", port: 80 }],
  [AF_UNIX, { path: "" }],
  [AF_UNIX, { path: "relative" }],
  [AF_UNIX, { path: "/tmp/ünïx" }],
  [AF_UNIX, { path: "\0abstract" }],
  [AF_UNIX, { path: "\0with\0zero\0bytes\0" }],
  [AF_UNIX, { path: "/".padEnd(107, "x") }],
  [AF_UNIX, { path: "\0".padEnd(108, "x") }],
];

for (const [family, address] of UNCHANGED) {
  test(`${JSON.stringify(address)} comes back from the kernel's structure as it went`, () => {
    expect(roundTrip(family, address)).toEqual(address);
  });
}

test("localhost is the family's own loopback address", () => {
  expect(roundTrip(AF_INET, { host: "localhost", port: 80 })).toEqual({ host: "127.0.0.1", port: 80 });
  expect(roundTrip(AF_INET6, { host: "localhost", port: 80 })).toEqual({ host: "::1", port: 80 });
});

test("an IPv6 address is read in any spelling and written in one", () => {
  expect(roundTrip(AF_INET6, { host: "2001:DB8:0:0:0:0:0:1%0", port: 1 })).toEqual({ host: "2001:db8::1", port: 1 });
});

test("where the kernel gave no address it is the family's empty one", () => {
  const storage = new SockaddrStorage();
  storage.reset();
  storage.length[0] = 0;
  expect(decodeAddress(AF_INET, storage)).toEqual({ host: "0.0.0.0", port: 0 });
  expect(decodeAddress(AF_INET6, storage)).toEqual({ host: "::", port: 0 });
  expect(decodeAddress(AF_UNIX, storage)).toEqual({ path: "" });
});
