/** Forgets a yield*. Its line is told on stderr. */
import { runSync, sleep } from "../../../src/index.ts";

runSync(function* main() {
  sleep(1_000);
  yield* sleep(1);
  console.log("done");
});
