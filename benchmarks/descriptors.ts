/**
 * What a wake-up costs against the number of descriptors that are waited for. So many tasks wait, each for an eventfd of
 * its own; one after the other, in no order, is written to, and its task reads it, wakes the writer and waits again.
 *
 * On epoll it is to be flat, but for the processor's caches; poll(2) is given the whole set at each wait, and grows.
 */
import { openNursery, run, runSync, type Coroutine } from "tribun";
import { ParkingLot, waitReadable } from "tribun/hazmat";
import { EPOLLIN, EPOLL_CTL_ADD, EPOLL_EVENT, epollCalls } from "../ffi/epoll.ts";
import { EVENTFD_VALUE_SIZE, eventfd } from "../ffi/eventfd.ts";
import { addressOf } from "../ffi/memory.ts";
import { descriptorCalls } from "../ffi/unistd.ts";
import { expectCount } from "./harness/expect.ts";
import { Laps } from "./harness/laps.ts";
import { scenario, type Case } from "./harness/scenario.ts";
import { tooManyDescriptors } from "./io/descriptor-limit.ts";
import { fullOnly, scaled } from "./kernel/turns.ts";

const SIZES = [10, 100, 1_000, 10_000];

const WAKE_UPS = 32;
const WARM_UP_BATCHES = 20;
const BATCHES = 100;
/** Prime to all sizes: every descriptor has its turn, and none is beside the one before it. */
const STRIDE = 7_919;

const one = BigUint64Array.of(1n).buffer;
const value = new ArrayBuffer(EVENTFD_VALUE_SIZE);

/** Opened when they are first needed, and shared by the cases. */
const eventfds: number[] = [];

/** So many descriptors, and how often each was found readable. */
class Crowd {
  readonly fds: readonly number[];
  readonly laps: Laps;
  wakeUps = 0;
  readonly #calls = descriptorCalls();
  #turn = 0;

  constructor(size: number, effort: number) {
    while (eventfds.length < size) eventfds.push(eventfd());
    this.fds = eventfds.slice(0, size);
    this.laps = new Laps(WAKE_UPS, scaled(BATCHES, effort), Math.min(WARM_UP_BATCHES, scaled(BATCHES, effort)));
  }

  /** Makes the next one readable. */
  write(): number {
    const fd = this.fds[(this.#turn++ * STRIDE) % this.fds.length]!;
    this.#calls.write(fd, addressOf(one), EVENTFD_VALUE_SIZE);
    return fd;
  }

  /** To be called by whoever waits for it. */
  read(fd: number): void {
    expectCount("bytes of an eventfd's value", this.#calls.read(fd, addressOf(value), EVENTFD_VALUE_SIZE), 8);
    this.wakeUps++;
  }

  /** In µs. */
  samples(): number[] {
    expectCount("wake-ups", this.wakeUps, this.laps.count * WAKE_UPS);
    return this.laps.samples().map((ns) => ns / 1_000);
  }
}

function* waiter(crowd: Crowd, fd: number, woken: ParkingLot) {
  for (;;) {
    yield* waitReadable(fd);
    crowd.read(fd);
    woken.unpark();
  }
}

function* crowded(size: number, effort: number): Generator<any, number[]> {
  const crowd = new Crowd(size, effort);
  const woken = new ParkingLot();
  yield* openNursery(function* (nursery) {
    for (const fd of crowd.fds) nursery.startSoon(waiter, crowd, fd, woken);
    for (let batch = 0; batch < crowd.laps.count; batch++) {
      crowd.laps.mark();
      for (let i = 0; i < WAKE_UPS; i++) {
        crowd.write();
        yield* woken.park();
      }
    }
    crowd.laps.mark();
    nursery.cancelScope.cancel();
  });
  return crowd.samples();
}

function floor(size: number, effort: number): number[] {
  const crowd = new Crowd(size, effort);
  const epolls = epollCalls();
  const epoll = epolls.create();
  const event = new Uint32Array(new ArrayBuffer(EPOLL_EVENT.size));
  const address = addressOf(event.buffer);
  const FD_WORD = EPOLL_EVENT.fields.data.offset / 4;
  for (const fd of crowd.fds) {
    event[0] = EPOLLIN;
    event[FD_WORD] = fd;
    epolls.control(epoll, EPOLL_CTL_ADD, fd, address);
  }
  for (let batch = 0; batch < crowd.laps.count; batch++) {
    crowd.laps.mark();
    for (let i = 0; i < WAKE_UPS; i++) {
      const fd = crowd.write();
      epolls.wait(epoll, address, 1, -1);
      expectCount("the descriptor that is readable", event[FD_WORD]!, fd);
      crowd.read(fd);
    }
  }
  crowd.laps.mark();
  descriptorCalls().close(epoll);
  return crowd.samples();
}

function cases(size: number): Case[] {
  const at = { group: `${size.toLocaleString("en")} descriptors`, x: size, missing: tooManyDescriptors(size) };
  const main =
    (effort: number): (() => Coroutine<number[]>) =>
    () =>
      crowded(size, effort);
  // Of what grows with the size fewer batches do.
  const onPoll = (effort: number): number => Math.min(effort, 10 / size);
  const all: Case[] = [
    { ...at, name: "epoll, runSync", floor: FLOOR, samples: (effort) => runSync(main(effort), { io: "epoll" }) },
    { ...at, name: "epoll, run", floor: FLOOR, samples: (effort) => run(main(effort), { io: "epoll" }) },
    { ...at, name: "poll, runSync", floor: FLOOR, samples: (effort) => runSync(main(onPoll(effort)), { io: "poll" }) },
    { ...at, name: FLOOR, samples: (effort) => floor(size, effort) },
  ];
  return size === SIZES.at(-1) ? all.map(fullOnly) : all;
}

const FLOOR = "floor: epoll_wait";

await scenario({
  name: "descriptors",
  title: "a wake-up by one of many descriptors",
  unit: "µs",
  processes: "shared",
  chart: { x: "descriptors waited for" },
  cases: SIZES.flatMap(cases),
});
