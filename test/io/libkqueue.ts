import { kqueueCalls } from "../../ffi/kqueue.ts";

function loads(): boolean {
  try {
    kqueueCalls();
    return true;
  } catch {
    return false;
  }
}

/** Why a test that needs a kqueue cannot run here, for its name; empty when it can. On Linux it runs over libkqueue. */
export const whyNoKqueue: string = loads() ? "" : " (skipped: no kqueue here, which on Linux is libkqueue.so.0)";
