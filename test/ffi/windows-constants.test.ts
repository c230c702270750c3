/** The numbers of Windows' own calls, against its headers as mingw-w64 has them. */
import { expect, test } from "bun:test";
import * as baseSocket from "../../ffi/base-socket.ts";
import * as completionPort from "../../ffi/completion-port.ts";
import * as ntdll from "../../ffi/ntdll.ts";
import { WINDOWS_ERROR } from "../../ffi/windows-errors.ts";
import { windowsC } from "./compiler.ts";

/** What a module exports that is a number and has such a name. */
function numbersOf(module: object, name: RegExp): Record<string, number> {
  return Object.fromEntries(Object.entries(module).filter(([key]) => name.test(key)));
}

const CASES: [what: string, ours: Record<string, number>, headers: string[]][] = [
  ["error", WINDOWS_ERROR, ["windows.h"]],
  ["NTSTATUS", numbersOf(ntdll, /^STATUS_/), ["ntdef.h", "ntstatus.h"]],
  ["control code of a socket", numbersOf(baseSocket, /^SIO_/), ["winsock2.h", "mswsock.h"]],
  ["flag of a wait", numbersOf(completionPort, /^INFINITE$/), ["windows.h"]],
];

for (const [what, ours, headers] of CASES) {
  test.skipIf(windowsC.whyMissing !== "")(`every ${what} has the number of the C headers${windowsC.whyMissing}`, () => {
    const names = Object.keys(ours);
    expect(names.length).toBeGreaterThan(0);
    const values = windowsC.evaluate(
      headers,
      names.map((name) => `(unsigned)${name}`),
    );
    expect(Object.entries(ours)).toEqual(names.map((name, i) => [name, values[i]!]));
  });
}
