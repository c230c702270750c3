/** A Worker that says its thread's id and lives on. */
import { bindLibc } from "../../../ffi/libc.ts";

const { gettid } = bindLibc({ gettid: { args: [], returns: "i32" } });
postMessage(gettid());
addEventListener("message", () => {});
