/**
 * What tests need beyond Bun and this library, where it is not everywhere. Each need is looked for, where it can be;
 * nothing here knows which backends there are.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const onWindows = process.platform === "win32";

export type Need = "linux" | "proc" | "signals" | "shell" | "fifos" | "files" | "compiling" | "typescript" | "linter";

const NEEDS: Record<Need, { readonly met: boolean; readonly lacking: string }> = {
  /** Linux's own calls and files: epoll, eventfd, inotify, pseudo-terminals by their names. */
  linux: { met: process.platform === "linux", lacking: "Linux's own system calls" },
  /** What a process has open, and how it fares, as files. */
  proc: { met: existsSync("/proc/self/fd"), lacking: "/proc" },
  /** Signals that are sent to a process and can be caught by it. */
  signals: { met: !onWindows, lacking: "signals between processes" },
  /** A POSIX shell, with `ulimit`. */
  shell: { met: !onWindows, lacking: "POSIX shell" },
  /** Pipes that have a name in the file system. */
  fifos: { met: !onWindows, lacking: "named pipes among the files" },
  /** Waiting for what is no socket: pipes, terminals. */
  files: { met: !onWindows, lacking: "readiness but of sockets" },
  /** `bun build --compile`, which copies Bun by a path that Wine does not know. */
  compiling: { met: !("WINEPREFIX" in process.env), lacking: "`bun build --compile` under Wine" },
  /** The type checker, whose npm packages are each platform's own. */
  typescript: {
    met: existsSync(fileURLToPath(new URL("../node_modules/typescript/package.json", import.meta.url))),
    lacking: "type checker installed",
  },
  /** oxlint, likewise. */
  linter: {
    met: existsSync(fileURLToPath(new URL("../node_modules/oxlint/package.json", import.meta.url))),
    lacking: "linter installed",
  },
};

/**
 * Why a test with these needs cannot run here, for the end of its name: `" (skipped: no /proc on win32)"`. Empty when it
 * can.
 */
export function whyNot(...needs: Need[]): string {
  const lacking = needs.filter((need) => !NEEDS[need].met).map((need) => `no ${NEEDS[need].lacking}`);
  return lacking.length === 0 ? "" : ` (skipped: ${lacking.join(", ")} on ${process.platform})`;
}
