/** ioctl(2) with FIOCLEX: no child process inherits the descriptor. */
import { bindLibc, check } from "./libc.ts";

/** A request without an argument, so it matters not that ioctl is variadic, as fcntl is. */
const FIOCLEX = process.platform === "linux" ? 0x5451 : 0x20006601;

let bound: ((fd: number, request: number) => number) | undefined;

/** @throws {SystemError} EBADF. */
export function closeOnExec(fd: number): void {
  bound ??= bindLibc({ ioctl: { args: ["i32", "u64"], returns: "i32" } }).ioctl;
  check(bound(fd, FIOCLEX), "ioctl");
}
