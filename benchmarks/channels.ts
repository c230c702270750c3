/**
 * One value sent through a memory channel and received at its other end: capacities 0, 1 and 100, one task at each end.
 *
 * Beside it: a hand-written queue on promises, which waits by `await` only where it must; effect's bounded queue, which has
 * no capacity 0; Trio's memory channels; asyncio's `Queue`, which has none either.
 */
import { openMemoryChannel, openNursery, type ReceiveChannel, type SendChannel } from "tribun";
import { CountedLaps } from "./harness/laps.ts";
import type { EffectModule } from "./harness/peer-types.ts";
import { effect, peerCase, pythonCase } from "./harness/peers.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { inTribun, settle, type Program } from "./kernel/in-tribun.ts";
import { PromiseChannel } from "./kernel/promise-channel.ts";
import { fullOnly, left, scaled } from "./kernel/turns.ts";

const MESSAGES = 200;
const BATCHES = 1_000;
const WARM_UP = 50;

class Work extends CountedLaps {
  /** How many values go through in all. */
  readonly messages: number;
  constructor(effort: number) {
    super("messages", MESSAGES, scaled(BATCHES, effort), WARM_UP);
    this.messages = MESSAGES * this.count;
  }

  /** A value came out. */
  received(number: number): void {
    if (number % MESSAGES === 0) this.mark();
    this.done++;
  }
}

function* plainSender(send: SendChannel<number>, { messages }: Work) {
  for (let i = 0; i < messages; i++) yield* send.send(i);
}

function* plainReceiver(receive: ReceiveChannel<number>, work: Work) {
  for (let i = 0; i < work.messages; i++) work.received(yield* receive.receive());
}

async function* asyncSender(send: SendChannel<number>, { messages }: Work) {
  for (let i = 0; i < messages; i++) yield* send.send(i);
}

async function* asyncReceiver(receive: ReceiveChannel<number>, work: Work) {
  for (let i = 0; i < work.messages; i++) work.received(yield* receive.receive());
}

function through(capacity: number, asynchronous: boolean): Program {
  return (effort) =>
    function* () {
      const work = new Work(effort);
      yield* settle();
      yield* openNursery(function* (nursery) {
        const [send, receive] = openMemoryChannel<number>(capacity);
        nursery.startSoon(asynchronous ? asyncSender : plainSender, send, work);
        nursery.startSoon(asynchronous ? asyncReceiver : plainReceiver, receive, work);
      });
      work.mark();
      return work.samples();
    };
}

async function promises(capacity: number, work: Work): Promise<number[]> {
  const channel = new PromiseChannel<number>(capacity);
  const send = async (): Promise<void> => {
    for (let i = 0; i < work.messages; i++) await channel.send(i);
  };
  const receive = async (): Promise<void> => {
    for (let i = 0; i < work.messages; i++) work.received(await channel.receive());
  };
  await Promise.all([send(), receive()]);
  work.mark();
  return work.samples();
}

async function withEffect({ Effect, Fiber, Queue }: EffectModule, capacity: number, work: Work): Promise<number[]> {
  await Effect.runPromise(
    Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(capacity);
      const sender = Effect.gen(function* () {
        for (let i = 0; i < work.messages; i++) yield* Queue.offer(queue, i);
      });
      const receiver = Effect.gen(function* () {
        for (let i = 0; i < work.messages; i++) work.received(yield* Queue.take(queue));
      });
      yield* Fiber.joinAll([yield* Effect.forkChild(sender), yield* Effect.forkChild(receiver)]);
    }),
  );
  work.mark();
  return work.samples();
}

const withinEffect = await effect();

function cases(capacity: number): Case[] {
  const at = { group: `capacity ${capacity}`, x: capacity };
  const inPython = (library: "trio" | "asyncio", name: string): Case =>
    fullOnly(
      pythonCase({ ...at, name }, "channels.py", library, (effort) => [
        library,
        capacity,
        MESSAGES,
        scaled(BATCHES, effort / 10),
      ]),
    );
  const none = "it has no capacity 0";
  return [
    { ...at, name: "native promises", samples: (effort) => promises(capacity, new Work(effort)) },
    ...inTribun(at, { plain: through(capacity, false), asynchronous: through(capacity, true) }),
    capacity === 0
      ? left({ ...at, name: "effect" }, none)
      : peerCase(withinEffect, { ...at, name: "effect" }, (module, effort) =>
          withEffect(module, capacity, new Work(effort)),
        ),
    inPython("trio", "Trio"),
    capacity === 0 ? left({ ...at, name: "asyncio" }, none) : inPython("asyncio", "asyncio"),
  ];
}

await scenario({
  name: "channels",
  title: "one value sent and received",
  unit: "ns",
  processes: "shared",
  rival: "native promises",
  cases: [0, 1, 100].flatMap(cases),
});
