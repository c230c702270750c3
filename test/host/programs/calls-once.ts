/** A Worker that says it is there, and then calls once by the handle that it is sent. */
import { type WorkerHandle, connectCallSoon } from "../../../src/hazmat.ts";

addEventListener("message", ({ data }: MessageEvent<WorkerHandle>) => {
  // Long enough for the run to be asleep in the system's wait; it makes no difference if it is not.
  setTimeout(() => connectCallSoon(data)("from the Worker"), 30);
});
postMessage("there");
