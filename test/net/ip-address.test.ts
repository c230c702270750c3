import { expect, test } from "bun:test";
import { isIPv4, isIPv6 } from "node:net";
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from "../../src/net/ip-address.ts";

/** The text that the URL standard gives an IPv6 address: RFC 5952, but that it never writes a dotted quad. */
function urlForm(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

const IPV4 = ["0.0.0.0", "127.0.0.1", "255.255.255.255", "1.20.255.4"];
const NOT_IPV4 = [
  "",
  "1",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.04",
  "1.2.3.-4",
  "1.2.3.4 ",
  "1.2..4",
  "0x7f.1.1.1",
  "a.b.c.d",
  "1.2.3.1e1",
];
const IPV6 = [
  "::",
  "::1",
  "1::",
  "2001:db8::1",
  "2001:DB8:0:0:1:0:0:1",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "1:0:0:4:0:0:0:8",
  "0:0:1::",
  "fe80::1",
  "ff02::fb",
  "1:2:3:4:5:6:1.2.3.4",
  "64:ff9b::192.0.2.33",
  "0001:0:0:0:0:0:0:000a",
];
const NOT_IPV6 = [
  "",
  ":",
  ":::",
  "1",
  "1:2",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7:8::",
  "::1:2:3:4:5:6:7:8",
  "1::2::3",
  "12345::",
  "g::",
  "1.2.3.4",
  "::1.2.3",
  "::1.2.3.4:5",
  "1.2.3.4::",
  ":1::",
  "1:2:3:4:5:6:7:1.2.3.4",
  "::01.2.3.4",
  " ::1",
];

test.each(IPV4)("IPv4 %p survives parsing and formatting", (text) => {
  expect(isIPv4(text)).toBe(true);
  expect(formatIPv4(parseIPv4(text)!)).toBe(text);
});

test.each(NOT_IPV4)("IPv4 %p is refused", (text) => {
  expect(isIPv4(text)).toBe(false);
  expect(parseIPv4(text)).toBeUndefined();
});

test.each(IPV6)("IPv6 %p is formatted as RFC 5952 has it", (text) => {
  expect(isIPv6(text)).toBe(true);
  expect(formatIPv6(parseIPv6(text)!)).toBe(urlForm(text));
});

test.each(NOT_IPV6)("IPv6 %p is refused", (text) => {
  expect(isIPv6(text)).toBe(false);
  expect(parseIPv6(text)).toBeUndefined();
});

test("a zone is no part of an IPv6 address here", () => {
  expect(parseIPv6("::1%2")).toBeUndefined();
});

test("an IPv4-mapped address is written with its dotted quad", () => {
  expect(formatIPv6(parseIPv6("::ffff:c000:201")!)).toBe("::ffff:192.0.2.1");
  expect(formatIPv6(parseIPv6("::ffff:192.0.2.1")!)).toBe("::ffff:192.0.2.1");
});

test("every arrangement of zero groups survives formatting and parsing, as the URL standard writes it", () => {
  for (let zeros = 0; zeros < 256; zeros++) {
    const bytes = new Uint8Array(16);
    for (let group = 0; group < 8; group++) if ((zeros & (1 << group)) === 0) bytes[2 * group + 1] = group + 1;
    const text = formatIPv6(bytes);
    expect(text).toBe(urlForm(text));
    expect([...parseIPv6(text)!]).toEqual([...bytes]);
  }
});
