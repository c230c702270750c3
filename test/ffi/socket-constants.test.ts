import { expect, test } from "bun:test";
import { LINUX_SOCKET_CONSTANTS } from "../../ffi/linux-socket-constants.ts";
import * as constants from "../../ffi/socket-constants.ts";
import { WINDOWS_SOCKET_CONSTANTS } from "../../ffi/windows-socket-constants.ts";
import * as winsock from "../../ffi/winsock.ts";
import { definedOrMinusOne, linuxC, windowsC } from "./compiler.ts";

const LINUX = ["sys/types.h", "sys/socket.h", "netinet/in.h", "netinet/tcp.h", "sys/un.h"];
const WINDOWS = ["winsock2.h", "ws2tcpip.h", "mswsock.h"];

test.skipIf(linuxC.whyMissing !== "")(
  `Linux: every constant has the value of the C headers, and -1 is what they lack${linuxC.whyMissing}`,
  () => {
    const table: Record<string, number> = LINUX_SOCKET_CONSTANTS;
    const names = Object.keys(table);
    const values = linuxC.evaluate(LINUX, names, definedOrMinusOne(names.filter((name) => table[name] === -1)));
    expect(Object.entries(table)).toEqual(names.map((name, i) => [name, values[i]!]));
  },
);

/** What winsock2.h calls what POSIX has another name for. */
const WINDOWS_NAMES: Record<string, string> = { SHUT_RD: "SD_RECEIVE", SHUT_WR: "SD_SEND", SHUT_RDWR: "SD_BOTH" };

/** Which Windows has, and mingw-w64 10 has not: as Microsoft's `ws2ipdef.h` numbers them. */
const NOT_IN_MINGW: Record<string, number> = {
  TCP_MAXSEG: 4,
  TCP_KEEPIDLE: 3,
  TCP_KEEPINTVL: 17,
  TCP_KEEPCNT: 16,
  TCP_FASTOPEN: 15,
};

test.skipIf(windowsC.whyMissing !== "")(
  `Windows: every constant has the value of the C headers, and -1 is what they lack${windowsC.whyMissing}`,
  () => {
    const table: Record<string, number> = WINDOWS_SOCKET_CONSTANTS;
    const names = Object.keys(table);
    const inC = names.map((name) => WINDOWS_NAMES[name] ?? name);
    const unsigned = inC.map((name) => (name === "SO_EXCLUSIVEADDRUSE" ? `(unsigned)${name}` : name));
    const lacking = names.filter((name) => table[name] === -1 || name in NOT_IN_MINGW);
    const values = windowsC.evaluate(WINDOWS, unsigned, definedOrMinusOne(lacking));
    expect(Object.entries(table)).toEqual(
      names.map((name, i) => [name, values[i] === -1 ? (NOT_IN_MINGW[name] ?? -1) : values[i]!]),
    );
  },
);

test.skipIf(windowsC.whyMissing !== "")(
  `Windows: the flags and codes of Winsock's own calls are those of the C headers${windowsC.whyMissing}`,
  () => {
    const { WSADATA_SIZE, bindWinsock: _, ...ours } = winsock;
    const values = windowsC.evaluate(WINDOWS, [
      ...Object.keys(ours).map((name) => `(unsigned)${name}`),
      "sizeof(WSADATA)",
    ]);
    expect([...Object.values(ours), WSADATA_SIZE]).toEqual(values);
  },
);

test("the constants are this platform's", () => {
  const table = process.platform === "win32" ? WINDOWS_SOCKET_CONSTANTS : LINUX_SOCKET_CONSTANTS;
  expect({ ...constants }).toEqual({ ...table });
});
