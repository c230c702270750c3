/** pipe(2). */
import { closeOnExec } from "./close-on-exec.ts";
import { bindLibc, check } from "./libc.ts";
import { addressOf } from "./memory.ts";

let bound: ((pair: number) => number) | undefined;

/**
 * A new pipe that no child process inherits: where it is read, and where it is written. Both block.
 *
 * @throws {SystemError} EMFILE, ENFILE or ENOMEM.
 */
export function pipe(): [readFd: number, writeFd: number] {
  bound ??= bindLibc({ pipe: { args: ["u64"], returns: "i32" } }).pipe;
  const pair = new Int32Array(new ArrayBuffer(8));
  check(bound(addressOf(pair.buffer)), "pipe");
  for (const fd of pair) closeOnExec(fd);
  return [pair[0]!, pair[1]!];
}
