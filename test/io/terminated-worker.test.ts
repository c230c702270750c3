import { expect, test } from "bun:test";
import { map, runSync } from "../../src/index.ts";
import { waitReadable } from "../../src/hazmat.ts";
import { socketpair } from "../../src/socket.ts";

const SOCKETS = 40;

/** About what the system is given for one wait, so that memory that was freed becomes one of these. */
const VICTIM_SIZE = 48;
const VICTIMS = 20_000;
const UNTOUCHED = 0xee;

test("a Worker that is terminated while its run waits leaves nothing that the system writes to later", async () => {
  const pairs = Array.from({ length: SOCKETS }, () => socketpair());
  const worker = new Worker(new URL("./programs/waits-until-terminated.ts", import.meta.url));
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });
  expect(await next()).toBe("ready");
  worker.postMessage(pairs.map(([near]) => near.fd));
  expect(await next()).toBe("waiting");
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  worker.addEventListener("close", () => resolve());
  worker.terminate();
  await closed;
  Bun.gc(true);
  const victims = Array.from({ length: VICTIMS }, () => new Uint8Array(new ArrayBuffer(VICTIM_SIZE)).fill(UNTOUCHED));
  for (const [, far] of pairs) far.trySend(Uint8Array.of(1));
  runSync(() => map(pairs, ([near]) => waitReadable(near)));
  expect(victims.filter((victim) => victim.some((byte) => byte !== UNTOUCHED))).toEqual([]);
  for (const pair of pairs) for (const socket of pair) socket.close();
});
