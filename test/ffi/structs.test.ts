/**
 * A structure laid out wrongly makes the kernel write where it should not. So every structure that `ffi` describes is
 * held here against what a C compiler makes of its system's own headers, or, where no header has it, of the declaration
 * that its system documents.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SOCKADDR_STORAGE_SIZE } from "../../ffi/sockaddr.ts";
import type { Struct } from "../../ffi/struct.ts";
import { type Compiler, linuxC, windowsC } from "./compiler.ts";

/** Where C has a structure. */
interface InC {
  compiler: Compiler;
  headers: readonly string[];
  /** Its type: `struct pollfd`, or the name of a typedef. */
  type: string;
  /** The declaration, where the headers have none. */
  declaration?: string;
}

const linux = (type: string, ...headers: string[]): InC => ({ compiler: linuxC, headers, type });
const windows = (type: string): InC => ({ compiler: windowsC, headers: WINDOWS, type, declaration: AFD });

const LINUX_SOCKETS = ["sys/socket.h", "netinet/in.h", "sys/un.h"];
/** All that is asked of Windows, so that its headers, which are large, are compiled once. Winsock's come first. */
const WINDOWS = ["winsock2.h", "ws2tcpip.h", "afunix.h", "windows.h", "winternl.h"];
const sockaddr = (type: string): InC[] => [linux(type, ...LINUX_SOCKETS), windows(type)];

/** As `sys/event.h` declares it, which no system at hand has: compiled for a 64-bit one all the same. */
const kevent = (declaration: string): InC[] => [
  { compiler: linuxC, headers: ["stdint.h"], type: "struct kevent", declaration },
];
const MACOS_KEVENT = `
  #pragma pack(4)
  struct kevent {
    uintptr_t ident; int16_t filter; uint16_t flags; uint32_t fflags; intptr_t data; void *udata;
  };
  #pragma pack()`;
const FREEBSD_KEVENT = `struct kevent {
    uintptr_t ident; short filter; unsigned short flags; unsigned int fflags; int64_t data; void *udata; uint64_t ext[4];
  };`;
const LIBKQUEUE_KEVENT = `struct kevent {
    uintptr_t ident; short filter; unsigned short flags; unsigned int fflags; intptr_t data; void *udata;
  };`;
/** Of the driver beneath Windows' sockets, which no header of Windows declares: as wepoll, libuv and Trio know them. */
const AFD = `
typedef struct _AFD_POLL_HANDLE_INFO { HANDLE Handle; ULONG Events; NTSTATUS Status; } AFD_POLL_HANDLE_INFO;
typedef struct _AFD_POLL_INFO {
  LARGE_INTEGER Timeout;
  ULONG NumberOfHandles;
  ULONG Exclusive;
  AFD_POLL_HANDLE_INFO Handles[1];
} AFD_POLL_INFO;
`;

/** Every structure, by its file and its name there, and each system that has it. */
const IN_C: Record<string, readonly InC[]> = {
  "afd.ts AFD_POLL_HANDLE_INFO": [windows("AFD_POLL_HANDLE_INFO")],
  "afd.ts AFD_POLL_INFO": [windows("AFD_POLL_INFO")],
  "completion-port.ts OVERLAPPED_ENTRY": [windows("OVERLAPPED_ENTRY")],
  "epoll.ts EPOLL_EVENT": [linux("struct epoll_event", "sys/epoll.h")],
  "kqueue.ts KQUEUE_SYSTEMS.darwin.kevent": kevent(MACOS_KEVENT),
  "kqueue.ts KQUEUE_SYSTEMS.freebsd.kevent": kevent(FREEBSD_KEVENT),
  "kqueue.ts KQUEUE_SYSTEMS.linux.kevent": kevent(LIBKQUEUE_KEVENT),
  "kqueue.ts TIMESPEC": [linux("struct timespec", "time.h")],
  "ntdll.ts IO_STATUS_BLOCK": [windows("IO_STATUS_BLOCK")],
  "ntdll.ts OBJECT_ATTRIBUTES": [windows("OBJECT_ATTRIBUTES")],
  "ntdll.ts UNICODE_STRING": [windows("UNICODE_STRING")],
  "overlapped.ts OVERLAPPED": [windows("OVERLAPPED")],
  "poll.ts POLLFD": [linux("struct pollfd", "poll.h")],
  "sockaddr.ts SOCKADDR_IN": sockaddr("struct sockaddr_in"),
  "sockaddr.ts SOCKADDR_IN6": sockaddr("struct sockaddr_in6"),
  "sockaddr.ts SOCKADDR_UN": sockaddr("struct sockaddr_un"),
};

const folder = new URL("../../ffi/", import.meta.url);
const files = readdirSync(fileURLToPath(folder)).filter((file) => file.endsWith(".ts"));

const structs = new Map<string, Struct<string>>();
for (const file of files) {
  for (const [name, value] of Object.entries(await import(new URL(file, folder).href))) {
    for (const [path, struct] of structsIn(value, name)) structs.set(`${file} ${path}`, struct);
  }
}

/** The structures that an exported value is, or has somewhere in it. */
function structsIn(value: unknown, path: string): [string, Struct<string>][] {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  if ("tag" in value && "size" in value && "fields" in value) return [[path, value as Struct<string>]];
  return Object.entries(value).flatMap(([name, member]) => structsIn(member, `${path}.${name}`));
}

test("every structure of ffi is held against C", () => {
  expect([...structs.keys()].toSorted()).toEqual(Object.keys(IN_C).toSorted());
});

test("every structure is exported, so that it can be", () => {
  const found = new Set([...structs.values()].map(({ tag }) => tag));
  const written = files.flatMap((file) => {
    const source = readFileSync(new URL(file, folder), "utf8");
    return [...source.matchAll(/\btag: "(\w+)"/g)].map(([, tag]) => tag!);
  });
  expect(written.length).toBeGreaterThan(0);
  expect(written.filter((tag) => !found.has(tag))).toEqual([]);
});

/** The size of a structure, then the offset and size of each field. */
const layouts = new Map<string, number[]>();

/** What C says of a structure. Those that the same source can tell of are compiled together. */
function layoutInC(name: string, { compiler, headers, type, declaration }: InC): number[] {
  const key = (ofName: string, ofType: string): string => `${ofName}, ${ofType} of ${headers.join()}`;
  if (!layouts.has(key(name, type))) {
    const together = Object.entries(IN_C).flatMap(([each, places]) =>
      places
        .filter((one) => one.compiler === compiler && one.headers === headers && one.declaration === declaration)
        .map((one) => ({ name: each, type: one.type, fields: Object.keys(structs.get(each)!.fields) })),
    );
    const values = compiler.evaluate(
      headers,
      together.flatMap((one) => [
        `sizeof(${one.type})`,
        ...one.fields.flatMap((field) => [`offsetof(${one.type}, ${field})`, `sizeof(((${one.type} *)0)->${field})`]),
      ]),
      declaration,
    );
    for (const one of together) layouts.set(key(one.name, one.type), values.splice(0, 1 + 2 * one.fields.length));
  }
  return layouts.get(key(name, type))!;
}

for (const [name, places] of Object.entries(IN_C)) {
  for (const place of places) {
    const { compiler, type } = place;
    const system = compiler === linuxC ? "Linux" : "Windows";
    test.skipIf(compiler.whyMissing !== "")(
      `${name} lies as the C compiler lays ${type} for ${system}${compiler.whyMissing}`,
      () => {
        const { size, fields } = structs.get(name)!;
        const names = Object.keys(fields);
        const described = (values: number[]) => ({
          size: values[0],
          fields: Object.fromEntries(names.map((field, i) => [field, [values[1 + 2 * i], values[2 + 2 * i]]])),
        });
        const ours = [size, ...names.flatMap((field) => [fields[field]!.offset, fields[field]!.size])];
        expect(described(ours)).toEqual(described(layoutInC(name, place)));
      },
    );
  }
}

for (const [compiler, headers] of [
  [linuxC, LINUX_SOCKETS],
  [windowsC, WINDOWS],
] as const) {
  const system = compiler === linuxC ? "Linux" : "Windows";
  test.skipIf(compiler.whyMissing !== "")(
    `there is room for a socket address of any family of ${system}${compiler.whyMissing}`,
    () => {
      expect(compiler.evaluate(headers, ["sizeof(struct sockaddr_storage)"])).toEqual([SOCKADDR_STORAGE_SIZE]);
    },
  );
}
