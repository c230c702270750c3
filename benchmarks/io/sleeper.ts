/**
 * A process that sleeps until its standard input, a socket, is readable, and answers each byte with one:
 * `bun benchmarks/io/sleeper.ts <name>`. It ends with its input.
 */
import { run, runSync } from "tribun";
import { waitReadable } from "tribun/hazmat";
import { EPOLLIN, EPOLL_CTL_ADD, EPOLL_EVENT, epollCalls } from "../../ffi/epoll.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { negateErrno, systemError } from "../../ffi/libc.ts";
import { addressOf } from "../../ffi/memory.ts";
import { descriptorCalls } from "../../ffi/unistd.ts";

const INPUT = 0;
/** Kept here, since an address keeps nothing alive. */
const byte = new ArrayBuffer(1);
const { read, write } = descriptorCalls();

/** @returns false at the end of the input */
function answer(): boolean {
  const count = negateErrno(read(INPUT, addressOf(byte), 1));
  if (count === 0) return false;
  // A wait may end for nothing.
  if (count > 0) write(INPUT, addressOf(byte), 1);
  else if (count !== -ERRNO.EAGAIN) throw systemError(-count, "read");
  return true;
}

function* plain() {
  do yield* waitReadable(INPUT);
  while (answer());
}

async function* asynchronous() {
  do yield* waitReadable(INPUT);
  while (answer());
}

function floor(): void {
  const epolls = epollCalls();
  const epoll = epolls.create();
  const event = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
  event[0] = EPOLLIN;
  const result = epolls.control(epoll, EPOLL_CTL_ADD, INPUT, addressOf(event.buffer));
  if (result < 0) throw systemError(-result, "epoll_ctl");
  do epolls.wait(epoll, addressOf(event.buffer), 1, -1);
  while (answer());
}

/** Bun's own loop reads before it tells. */
function stdin(): void {
  process.stdin.on("data", (data: Uint8Array) => {
    for (let i = 0; i < data.length; i++) write(INPUT, addressOf(byte), 1);
  });
}

/** By the names that `readiness.ts` asks for them by. */
const sleepers: Readonly<Record<string, () => void | Promise<void>>> = {
  "plain-runSync": () => runSync(plain),
  "plain-run": () => run(plain),
  "async-runSync": () => runSync(asynchronous),
  "async-run": () => run(asynchronous),
  "process.stdin": stdin,
  floor,
};

const [, , name = ""] = process.argv;
const sleeper = sleepers[name];
if (sleeper === undefined) throw new RangeError(`no sleeper is named ${name}: ${Object.keys(sleepers).join(", ")}`);
await sleeper();
