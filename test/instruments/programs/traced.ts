/** A traced run in a process of its own, which ends as its argument says. */
import { writeSync } from "node:fs";
import { TraceFile, named, openNursery, runSync, sleep } from "../../../src/index.ts";

const [path = "", ending = ""] = process.argv.slice(2);

runSync(
  named("main", () =>
    openNursery(function* (nursery) {
      nursery.startSoon(named("child", sleep), 1_000_000);
      yield* sleep(5);
      if (ending === "exit") process.exit(3);
      writeSync(1, "ready\n");
      yield* sleep(1_000_000);
    }),
  ),
  { instruments: [new TraceFile(path)] },
);
