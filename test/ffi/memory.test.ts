import { expect, test } from "bun:test";
import { addressOf } from "../../ffi/memory.ts";

test("memory keeps its address through collections, views and growing neighbours", () => {
  const memory = Array.from({ length: 100 }, () => new ArrayBuffer(16));
  const addresses = memory.map(addressOf);
  Bun.gc(true);
  const views = memory.map((buffer) => new Uint8Array(buffer).buffer);
  Bun.gc(true);
  expect(views.map(addressOf)).toEqual(addresses);
});
