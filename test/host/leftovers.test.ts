/** When a run is over, however it ended, nothing of it is left: no thread, descriptor, timer, handler or listener. */
import { describe, expect, test } from "bun:test";
import { runProgram } from "./children.ts";
import { whyNot } from "../platform.ts";

const OUTCOMES: Record<string, string> = {
  nothing: "ended",
  success: "ended",
  throws: "RangeError",
  signal: "RangeError",
  deadlock: "DeadlockError",
  crash: "TrioInternalError",
  interrupt: "KeyboardInterrupt",
  "wrong option": "TypeError",
  "wrong clock": "RangeError",
  "no such backend": "UnsupportedError",
};

const why = whyNot("linux");

describe.skipIf(why !== "")(`nothing is left${why}`, () => {
  for (const host of ["run", "runSync"]) {
    for (const io of ["epoll", "poll"]) {
      for (const [ending, outcome] of Object.entries(OUTCOMES)) {
        test(`${host} on ${io}: ${ending}`, async () => {
          expect(await runProgram("leftovers", [host, ending, io])).toEqual({
            said: [outcome, "no more than before", "threads: ; handler: false; listeners: 0"],
            end: 0,
          });
        }, 30_000);
      }
    }

    test(`${host}: SIGINT afterwards does what it did before`, async () => {
      for (const ending of ["success", "throws", "interrupt"]) {
        const { end } = await runProgram("leftovers", [host, ending, "epoll", "press"]);
        expect([ending, end]).toEqual([ending, "SIGINT"]);
      }
    }, 60_000);
  }
});
