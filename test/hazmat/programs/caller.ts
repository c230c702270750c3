/** A Worker that calls into a run: the numbers from 0, something to clone, and something that cannot be. */
import { type WorkerHandle, connectCallSoon } from "../../../src/hazmat.ts";

addEventListener("message", ({ data }: MessageEvent<{ handle: WorkerHandle; worker: number; count: number }>) => {
  const call = connectCallSoon(data.handle);
  for (let n = 0; n < data.count; n++) call(data.worker, n);
  call(data.worker, new Map([["key", [1n, undefined]]]));
  try {
    call(data.worker, () => {});
  } catch (error) {
    call(data.worker, (error as Error).name);
  }
});
postMessage("ready");
