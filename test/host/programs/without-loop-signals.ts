/**
 * A run on a Bun whose `Bun.connect` does something else with a descriptor than what the library rests on: by the
 * argument. Says what was heard by the run, and how many threads it took.
 */
import { waitReadable } from "../../../src/hazmat.ts";
import { run } from "../../../src/index.ts";
import { Descriptors, drain, openDescriptors, signal, write } from "../../io/descriptors.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const real = Bun.connect;
type Options = { fd: number; socket: { open(socket: object): void; close(socket: object): void } };
const fake = { terminate() {} };
const never = new Promise<never>(() => {});
const ways: Record<string, (options: Options) => Promise<unknown>> = {
  throws() {
    throw new TypeError("no such option");
  },
  rejects: () => Promise.reject(new Error("refused")),
  "opens later"({ socket }) {
    setTimeout(() => socket.open(fake), 1);
    return never;
  },
  "is never closed"({ socket }) {
    socket.open(fake);
    return never;
  },
  "is closed at once"({ socket }) {
    socket.open(fake);
    socket.close(fake);
    return never;
  },
  "is closed too early"({ socket }) {
    const own = { terminate() {} };
    socket.open(own);
    setImmediate(() => socket.close(own));
    return never;
  },
};

const way = process.argv[2]!;
let threads = 0;
const RealWorker = globalThis.Worker;
globalThis.Worker = class extends RealWorker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    threads++;
  }
};
if (way in ways) Bun.connect = ways[way] as unknown as typeof Bun.connect;

const descriptors = new Descriptors();
if (way === "ends at once") {
  const fd = descriptors.eventfd();
  const before = openDescriptors().size;
  queueMicrotask(() => setImmediate(() => signal(fd)));
  await run(() => waitReadable(fd));
  const left = openDescriptors().size - before; // first: standard output may take one
  say("ended");
  say(`descriptors left: ${left}`);
} else {
  const [reading, writing] = descriptors.pipe();
  await run(function* () {
    let heard = 0;
    while (heard < 20) {
      setTimeout(() => write(writing), heard % 3);
      yield* waitReadable(reading);
      heard += drain(reading);
    }
    say(`heard ${heard}`);
  });
  say("ended");
  say(`helper threads: ${threads}`);
}
Bun.connect = real;
descriptors[Symbol.dispose]();
