/** What `src/index.ts` has, where a run that names no backend is one on kqueue. */
import { run as runOn, runSync as runSyncOn } from "../../../src/index.ts";

export * from "../../../src/index.ts";

export const run: typeof runOn = (main, options) => runOn(main, withKqueue(options));
export const runSync: typeof runSyncOn = (main, options) => runSyncOn(main, withKqueue(options));

/** What is no object is handed on, to be refused. */
function withKqueue<T>(options: T): T {
  return options === undefined || (typeof options === "object" && options !== null)
    ? ({ io: "kqueue", ...options } as T)
    : options;
}
