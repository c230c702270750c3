/** A run that waits for a descriptor while the process has opened as many as it may. Started with a low limit. */
import { closeSync, openSync } from "node:fs";
import { waitReadable } from "../../../src/hazmat.ts";
import { run } from "../../../src/index.ts";
import { Descriptors, drain, write } from "../../io/descriptors.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const descriptors = new Descriptors();
const [reading, writing] = descriptors.pipe();
const taken: number[] = [];

/** Opens files until there are no descriptors left. */
function takeAll(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    // EMFILE
  }
}

function* hear(before: () => void): Generator<any, number, any> {
  let heard = 0;
  while (heard < 10) {
    before();
    setTimeout(() => write(writing), heard % 3);
    yield* waitReadable(reading);
    heard += drain(reading);
  }
  return heard;
}

await run(function* () {
  say(`heard ${yield* hear(takeAll)} with all descriptors taken`);
  for (const fd of taken) closeSync(fd);
  say(`heard ${yield* hear(() => {})} afterwards`);
});
say("ended");
descriptors[Symbol.dispose]();
