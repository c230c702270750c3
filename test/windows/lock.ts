/** A lock on a file that the system itself releases when the process ends, however it ends. */
import { closeSync, openSync } from "node:fs";
import { bindLibc } from "../../ffi/libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Holds the file (which is made if it is missing), unless another process does. */
export function tryLock(path: string): Disposable | null {
  const { flock } = bindLibc({ flock: { args: ["i32", "i32"], returns: "i32" } });
  const fd = openSync(path, "a");
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return { [Symbol.dispose]: () => closeSync(fd) };
  closeSync(fd);
  return null;
}
