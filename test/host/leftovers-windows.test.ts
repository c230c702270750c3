/** As `leftovers.test.ts`, by Windows' own account of what a process has. */
import { describe, expect, test } from "bun:test";
import { bindKernel32 } from "../../ffi/kernel32.ts";
import { addressOf } from "../../ffi/memory.ts";
import { currentCallSoonThreadAndSignalSafe, waitReadable } from "../../src/hazmat.ts";
import { moveOnAfter, openNursery, run, runSync, sleep } from "../../src/index.ts";
import { Descriptors, signal } from "../io/descriptors.ts";

const why = process.platform === "win32" ? "" : " (skipped: Windows' handles)";

function handles(): number {
  const { GetProcessHandleCount, GetCurrentProcess } = bindKernel32({
    GetProcessHandleCount: { args: ["u64", "u64"], returns: "i32" },
    GetCurrentProcess: { args: [], returns: "u64" },
  });
  const count = new Uint32Array(new ArrayBuffer(4));
  GetProcessHandleCount(GetCurrentProcess(), addressOf(count.buffer));
  return count[0]!;
}

const endings: Record<string, (fd: number) => Generator<any, unknown, any>> = {
  *"a wait that ends"(fd) {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => waitReadable(fd));
      yield* sleep(5);
      signal(fd);
    });
  },
  *"a wait that is cancelled"(fd) {
    yield* moveOnAfter(5, () => waitReadable(fd));
  },
  *"an error beside a wait"(fd) {
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => waitReadable(fd));
      yield* sleep(5);
      throw new RangeError("mine");
    });
  },
  *"a handle given out"() {
    currentCallSoonThreadAndSignalSafe().forThread(() => {});
    yield* sleep(5);
  },
};

describe.skipIf(why !== "")(`no handle is left${why}`, () => {
  for (const [ending, main] of Object.entries(endings)) {
    test(
      ending,
      async () => {
        const round = async (): Promise<void> => {
          using descriptors = new Descriptors();
          const fd = descriptors.bell();
          await run(() => main(fd)).catch(() => {});
          try {
            runSync(() => main(descriptors.bell()));
          } catch {
            // as above
          }
        };
        for (let warm = 0; warm < 5; warm++) await round();
        Bun.gc(true);
        const before = handles();
        for (let times = 0; times < 20; times++) await round();
        Bun.gc(true);
        // The engine's own threads come and go; one leaked by each run would be 40.
        expect(handles() - before).toBeLessThan(10);
      },
      60_000,
    );
  }
});
