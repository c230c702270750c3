import { expect, test } from "bun:test";
import { UnsupportedError } from "../../src/errors.ts";
import { type IoChoice, chooseIo } from "../../src/io/choose.ts";
import { whyNot } from "../platform.ts";
import { whyNoKqueue } from "./libkqueue.ts";

/** What each platform has, the best first; kqueue on Linux where libkqueue is installed. */
const HERE = { linux: ["epoll", "poll"], win32: ["iocp"], darwin: ["kqueue"], freebsd: ["kqueue"] } as const;
const here = HERE[process.platform as keyof typeof HERE];

test(`auto is the best backend of the platform, and the default: ${here[0]}`, () => {
  for (const choice of [undefined, "auto"] as const) {
    const io = chooseIo(choice);
    expect(io.backend).toBe(here[0]);
    io.close();
  }
});

test.each(here)("%s can be had by its name", (choice) => {
  const io = chooseIo(choice);
  expect(io.backend).toBe(choice);
  io.close();
});

test("a function makes its own", () => {
  const io = chooseIo("auto");
  expect(chooseIo(() => io)).toBe(io);
  io.close();
});

test("another platform's backend is unsupported, and the error names what there is", () => {
  const elsewhere = process.platform === "win32" ? "epoll" : "iocp";
  expect(() => chooseIo(elsewhere)).toThrow(UnsupportedError);
  expect(() => chooseIo(elsewhere)).toThrow(
    `io: "${elsewhere}" has no backend on ${process.platform}; use ${here.map((name) => `"${name}"`).join(" or ")}`,
  );
});

const notLinux = whyNot("linux");
test.skipIf(whyNoKqueue !== "")(`kqueue can be had by its name where it is${whyNoKqueue}`, () => {
  const io = chooseIo("kqueue");
  expect(io.backend).toBe("kqueue");
  io.close();
});

const itLoads = notLinux !== "" ? notLinux : whyNoKqueue === "" ? " (skipped: it is installed here)" : "";
test.skipIf(itLoads !== "")(`kqueue on a Linux without libkqueue is refused by that name${itLoads}`, () => {
  expect(() => chooseIo("kqueue")).toThrow(UnsupportedError);
  expect(() => chooseIo("kqueue")).toThrow(/needs the library libkqueue \(libkqueue\.so\.0\).*use "epoll" or "poll"/);
});

test.each(["uring", "", "toString", 5, null, {}])("%p is no backend: a TypeError that names the option", (choice) => {
  expect(() => chooseIo(choice as IoChoice)).toThrow(TypeError);
  expect(() => chooseIo(choice as IoChoice)).toThrow(/^io must be "auto", "epoll", "poll"/);
});

test("a function that makes no I/O manager is a TypeError that names the option", () => {
  expect(() => chooseIo((() => undefined) as unknown as IoChoice)).toThrow(/^io: the function must return/);
});
