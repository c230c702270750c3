import { Channel } from "./channel.ts";
import { judgeCount } from "./judge.ts";
import { ReceiveChannel } from "./receive-channel.ts";
import { SendChannel } from "./send-channel.ts";

/**
 * A queue between tasks, as its two ends: what is sent through the first is received from the second, in order, each
 * value by one task. `capacity` values may lie in between; sending one more waits until one is taken. With 0 nothing lies
 * in between: a send waits for its receive.
 *
 * Each end may be cloned, so that every task closes its own: when all of one side are closed, the other side knows that
 * no more will come, or that nobody will take it.
 *
 * Trio: `trio.open_memory_channel`. Not a checkpoint.
 *
 * @param capacity a whole number, 0 or more, or `Infinity`.
 * @throws TypeError, RangeError
 */
export function openMemoryChannel<T>(capacity: number): [SendChannel<T>, ReceiveChannel<T>] {
  judgeCount(capacity, "capacity", 0, Infinity, "openMemoryChannel(capacity)");
  const channel = new Channel<T>(capacity);
  return [new SendChannel(channel), new ReceiveChannel(channel)];
}
