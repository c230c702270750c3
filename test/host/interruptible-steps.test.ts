import { expect, test } from "bun:test";
import type { SigintWatch } from "../../ffi/sigint.ts";
import { InterruptibleSteps } from "../../src/host/interruptible-steps.ts";
import { whyNot } from "../platform.ts";

const why = whyNot("signals");

test.skipIf(why !== "")(`a SIGINT that stops the code only after its step has ended is noted${why}`, () => {
  const log: string[] = [];
  const steps = new InterruptibleSteps();
  // The script's own handler stays in charge, as while a turn is set up: nobody but the engine hears of the signal.
  steps.watch = {
    pending: false,
    note: () => void log.push("noted"),
    delivered: () => void log.push("delivered"),
    enterScript() {},
    beginStep() {},
    endStep() {
      process.kill(process.pid, "SIGINT");
      for (;;);
    },
    stepStopped: () => void log.push("stopped"),
    leaveBreak() {},
    reinstall() {},
    uninstall() {},
  } satisfies SigintWatch;
  steps.turn(() => {
    steps.run(() => void log.push("step"));
    log.push("the turn goes on");
  });
  expect(log).toEqual(["step", "stopped", "noted", "the turn goes on"]);
});
