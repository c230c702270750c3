import { readFileSync } from "node:fs";

export const FD_CLOEXEC = 0o2000000;
export const O_NONBLOCK = 0o4000;

/** The flags a descriptor was opened with, O_CLOEXEC among them: proc(5). */
export function descriptorFlags(fd: number): number {
  return parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1], 8);
}
