/**
 * What a run asks of the kernel, as strace counts it from outside. The counting binding of `epoll.test.ts` sees the
 * library's own calls; this sees whatever the process really did.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dir, "programs", "system-calls.ts");
const strace = Bun.which("strace");
const worksHere = strace !== null && Bun.spawnSync([strace, "-o", "/dev/null", "true"]).exitCode === 0;
const title = worksHere ? "" : " (skipped: strace is missing, or may not trace here)";

/** How often each of the polling calls was made by the main thread of the program, run with `mode`. */
function count(mode: string): { [call: string]: number } {
  const folder = mkdtempSync(join(tmpdir(), "tribun-strace-"));
  try {
    const output = join(folder, "counts");
    const calls = "trace=epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll";
    const { exitCode, stderr } = Bun.spawnSync({
      cmd: [strace as string, "-c", "-e", calls, "-o", output, process.execPath, PROGRAM, mode],
      timeout: 20_000,
      stdout: "ignore",
      stderr: "pipe",
    });
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr.toString()}`);
    const counts: { [call: string]: number } = {};
    for (const line of readFileSync(output, "utf8").split("\n")) {
      const columns = line.trim().split(/\s+/);
      const name = columns.at(-1) ?? "";
      if (/^(epoll|poll|ppoll)/.test(name)) counts[name] = Number(columns[3]);
    }
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.skipIf(!worksHere)(`strace -c: 5,000 waits on descriptors in steady use cost no epoll_ctl each${title}`, () => {
  const idle = count("nothing");
  const steady = count("waits");
  // The two descriptors' registrations, and those of the run itself.
  expect((steady.epoll_ctl ?? 0) - (idle.epoll_ctl ?? 0)).toBeLessThan(20);
  expect(steady.epoll_wait ?? steady.epoll_pwait ?? 0).toBeGreaterThan(1_000);
});

test.skipIf(!worksHere)(
  `strace -c: while tasks are runnable the kernel is asked once a time slice only${title}`,
  () => {
    const idle = count("nothing");
    const busy = count("checkpoints");
    const asked = (counts: { [call: string]: number }): number => (counts.epoll_wait ?? 0) + (counts.epoll_pwait ?? 0);
    // 100,000 passes; Trio would ask 100,000 times.
    expect(asked(busy) - asked(idle)).toBeLessThan(5_000);
  },
);
