/**
 * The layouts of `struct kevent`, against bytes written down by hand from the headers (`sys/event.h` of macOS, FreeBSD 13
 * and libkqueue): neither of the first two systems is at hand to compile for.
 */
import { describe, expect, test } from "bun:test";
import { WAKE_IDENT, triggerChange, wakeRegistration } from "../../ffi/kqueue-wake.ts";
import { KQUEUE_SYSTEMS, decodeKevent, encodeKevent, type Kevent } from "../../ffi/kqueue.ts";

const bytesOf = (text: string): number[] =>
  text
    .trim()
    .split(/\s+/)
    .map((byte) => Number.parseInt(byte, 16));

const EVENTS: readonly [what: string, kevent: Kevent, bytes: string][] = [
  [
    "fd 258 to be read, once, udata 0x0a0b0c0d",
    { ident: 258, filter: -1, flags: 0x11, fflags: 0, data: 0n, udata: 0x0a0b0c0dn },
    `02 01 00 00 00 00 00 00  ff ff  11 00  00 00 00 00
     00 00 00 00 00 00 00 00  0d 0c 0b 0a 00 00 00 00`,
  ],
  [
    "process 70000 ended with status 256",
    { ident: 70_000, filter: -5, flags: 0x8030, fflags: 0x80000000, data: 256n, udata: 0n },
    `70 11 01 00 00 00 00 00  fb ff  30 80  00 00 00 80
     00 01 00 00 00 00 00 00  00 00 00 00 00 00 00 00`,
  ],
  [
    "numbers beyond 32 bits, and negative data",
    { ident: 2 ** 40 + 3, filter: -11, flags: 0, fflags: 0x01000000, data: -2n, udata: 2n ** 64n - 1n },
    `03 00 00 00 00 01 00 00  f5 ff  00 00  00 00 00 01
     fe ff ff ff ff ff ff ff  ff ff ff ff ff ff ff ff`,
  ],
];

for (const [platform, size] of [
  ["darwin", 32],
  ["freebsd", 64],
  ["linux", 32],
] as const) {
  const { kevent: layout } = KQUEUE_SYSTEMS[platform];

  describe(`struct kevent of ${platform}`, () => {
    test(`has ${size} bytes, and its members lie where the header puts them`, () => {
      expect(layout).toEqual({
        tag: "kevent",
        size,
        fields: {
          ident: { offset: 0, size: 8 },
          filter: { offset: 8, size: 2 },
          flags: { offset: 10, size: 2 },
          fflags: { offset: 12, size: 4 },
          data: { offset: 16, size: 8 },
          udata: { offset: 24, size: 8 },
        },
      });
    });

    test.each(EVENTS)("%s: written and read as recorded", (_, kevent, text) => {
      const bytes = bytesOf(text);
      const memory = new Uint8Array(3 * size).fill(0xee);
      memory.fill(0, size, 2 * size); // one of an array of three
      const view = new DataView(memory.buffer);
      encodeKevent(view, size, layout, kevent);
      expect([...memory.subarray(size, 2 * size)]).toEqual([...bytes, ...Array(size - 32).fill(0)]);
      for (const other of [memory.subarray(0, size), memory.subarray(2 * size)]) {
        expect(other.every((byte) => byte === 0xee)).toBe(true);
      }
      expect(decodeKevent(view, size, layout)).toEqual(kevent);
    });
  });
}

test("a user event is -10 on macOS, and -11 elsewhere", () => {
  const { darwin, freebsd, linux } = KQUEUE_SYSTEMS;
  expect([darwin.EVFILT_USER, freebsd.EVFILT_USER, linux.EVFILT_USER]).toEqual([-10, -11, -11]);
});

test("the wake-up is added to be told once for each trigger, and triggered", () => {
  for (const system of Object.values(KQUEUE_SYSTEMS)) {
    const read = (memory: ArrayBuffer): Kevent => decodeKevent(new DataView(memory), 0, system.kevent);
    const common = { ident: WAKE_IDENT, filter: system.EVFILT_USER, data: 0n, udata: 0n };
    const registration = wakeRegistration(system);
    expect(registration.byteLength).toBe(system.kevent.size);
    expect(read(registration)).toEqual({ ...common, flags: 0x21, fflags: 0 });
    expect(read(triggerChange(system))).toEqual({ ...common, flags: 0, fflags: 0x01000000 });
  }
});
