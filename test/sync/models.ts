/**
 * What the primitives do, said again as simply as can be: who holds, who waits, in what order. Tasks are numbers here, what
 * they do are words, and what comes of it is a word: a value, or an error's name.
 */

/** What became of something: `"ok"`, a value, the name of an error. */
export type Outcome = string;

export abstract class Model {
  /** What came of waits since it was last asked. */
  #woken: (readonly [who: number, outcome: Outcome])[] = [];
  readonly waiting: Set<number> = new Set<number>();

  /** `who` does something that does not wait. */
  abstract act(who: number, what: string): Outcome;
  /** `who` does something that may have to wait. */
  protected abstract attempt(who: number, what: string): Outcome | "waits";
  /** `who`, which waits, is cancelled. */
  protected abstract abort(who: number): void;
  /** The task ends; another one has its number from then on. */
  end(_who: number): void {}
  /** What the step has set going comes to its end. */
  settle(): void {}
  /** What the real thing says of itself. */
  abstract state(): unknown;

  wait(who: number, what: string): void {
    const outcome = this.attempt(who, what);
    this.waiting.add(who);
    if (outcome !== "waits") this.wake(who, outcome);
  }

  cancel(who: number): void {
    if (!this.waiting.has(who)) return;
    this.waiting.delete(who);
    this.abort(who);
  }

  /** Its wait ended so. */
  protected wake(who: number, outcome: Outcome): void {
    this.waiting.delete(who);
    this.#woken.push([who, outcome]);
  }

  woken(): (readonly [who: number, outcome: Outcome])[] {
    const woken = this.#woken;
    this.#woken = [];
    return woken;
  }
}

function without(list: number[], who: number): boolean {
  const index = list.indexOf(who);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}

export class EventModel extends Model {
  #set = false;
  #queue: number[] = [];

  act(_who: number, what: string): Outcome {
    if (what !== "set") throw new Error(what);
    this.#set = true;
    for (const who of this.#queue.splice(0)) this.wake(who, "ok");
    return "ok";
  }

  attempt(who: number): Outcome {
    if (this.#set) return "ok";
    this.#queue.push(who);
    return "waits";
  }

  abort(who: number): void {
    without(this.#queue, who);
    this.wake(who, "cancelled");
  }

  state(): unknown {
    return { isSet: this.#set, tasksWaiting: this.#queue.length };
  }
}

export class SemaphoreModel extends Model {
  #value = 1;
  #queue: number[] = [];

  act(_who: number, what: string): Outcome {
    if (what === "acquireNoWait") {
      if (this.#value === 0) return "WouldBlock";
      this.#value--;
      return "ok";
    }
    const next = this.#queue.shift();
    if (next !== undefined) this.wake(next, "ok");
    else if (this.#value === 2) return "UsageError";
    else this.#value++;
    return "ok";
  }

  attempt(who: number): Outcome {
    if (this.#value > 0) return this.act(who, "acquireNoWait");
    this.#queue.push(who);
    return "waits";
  }

  abort(who: number): void {
    without(this.#queue, who);
    this.wake(who, "cancelled");
  }

  state(): unknown {
    return { value: this.#value, tasksWaiting: this.#queue.length };
  }
}

export class LimiterModel extends Model {
  #total = 1;
  readonly #borrowers: (number | string)[] = [];
  #queue: (readonly [who: number, borrower: number | string])[] = [];

  act(who: number, what: string): Outcome {
    const [verb, name] = what.split(" ");
    const borrower = name ?? who;
    if (verb === "tokens") {
      this.#total = Number(name);
    } else if (verb === "release") {
      const index = this.#borrowers.indexOf(borrower);
      if (index < 0) return "UsageError";
      this.#borrowers.splice(index, 1);
    } else {
      const outcome = this.#take(borrower);
      return outcome === "waits" ? "WouldBlock" : outcome;
    }
    while (this.#queue.length > 0 && this.#borrowers.length < this.#total) {
      const [waiter, forWhom] = this.#queue.shift()!;
      this.#borrowers.push(forWhom);
      this.wake(waiter, "ok");
    }
    return "ok";
  }

  attempt(who: number, what: string): Outcome {
    const borrower = what.split(" ")[1] ?? who;
    const outcome = this.#take(borrower);
    if (outcome === "waits") this.#queue.push([who, borrower]);
    return outcome;
  }

  override end(who: number): void {
    const index = this.#borrowers.indexOf(who);
    if (index >= 0) this.#borrowers[index] = "gone";
  }

  #take(borrower: number | string): Outcome {
    if (this.#borrowers.includes(borrower)) return "UsageError";
    if (this.#queue.some(([, other]) => other === borrower)) return "UsageError";
    if (this.#queue.length > 0 || this.#borrowers.length >= this.#total) return "waits";
    this.#borrowers.push(borrower);
    return "ok";
  }

  abort(who: number): void {
    this.#queue = this.#queue.filter(([waiter]) => waiter !== who);
    this.wake(who, "cancelled");
  }

  state(): unknown {
    return {
      borrowedTokens: this.#borrowers.length,
      availableTokens: this.#total - this.#borrowers.length,
      totalTokens: this.#total,
      borrowers: [...this.#borrowers],
      tasksWaiting: this.#queue.length,
    };
  }
}

/** A lock, and the waiting room of a condition over it. */
export class LockModel extends Model {
  #owner: number | "gone" | null = null;
  #acquisition = 0;
  #acquisitions = 0;
  /** Which acquisition the last thing is of that each task was given. */
  readonly #held = new Map<number, number>();
  readonly #queue: { readonly who: number; readonly finish: () => void }[] = [];
  readonly #room: number[] = [];
  /** Of who waits in the room, or has been moved to the queue. */
  readonly #before = new Map<number, number>();
  /** Cancelled there, they take the lock again when they come to run. */
  #returning: number[] = [];

  act(who: number, what: string): Outcome {
    const [verb, count] = what.split(" ");
    switch (verb) {
      case "acquireNoWait":
        if (this.#owner === who) return "UsageError";
        if (this.#owner === "gone") return "BrokenResourceError";
        if (this.#owner !== null) return "WouldBlock";
        this.#own(who);
        this.#held.set(who, this.#acquisition);
        return "ok";
      case "release":
        if (this.#owner !== who) return "UsageError";
        this.#release();
        return "ok";
      case "dispose": // of what its last acquire() gave
        if (this.#held.get(who) !== this.#acquisition) return "ok";
        return this.act(who, "release");
      case "notify":
        if (this.#owner !== who) return "UsageError";
        for (const waiter of this.#room.splice(0, Number(count))) this.#queue.push(this.#returner(waiter, "ok"));
        return "ok";
      default:
        throw new Error(what);
    }
  }

  attempt(who: number, what: string): Outcome {
    if (what === "wait") {
      if (this.#owner !== who) return "UsageError";
      this.#before.set(who, this.#acquisition);
      this.#room.push(who);
      this.#release();
      return "waits";
    }
    const outcome = this.act(who, "acquireNoWait");
    if (outcome !== "WouldBlock") return outcome;
    this.#queue.push({
      who,
      finish: () => {
        this.#held.set(who, this.#acquisition);
        this.wake(who, "ok");
      },
    });
    return "waits";
  }

  abort(who: number): void {
    without(this.#room, who);
    const index = this.#queue.findIndex((one) => one.who === who);
    if (index >= 0) this.#queue.splice(index, 1);
    if (!this.#before.has(who)) this.wake(who, "cancelled");
    else {
      this.waiting.add(who);
      this.#returning.push(who);
    }
  }

  override cancel(who: number): void {
    // Its cancellation is under way, and takes the lock again behind a shield.
    if (this.#returning.includes(who) || this.#queue.some((one) => one.who === who && "shielded" in one)) return;
    super.cancel(who);
  }

  override settle(): void {
    for (const who of this.#returning.splice(0)) {
      const returner = { ...this.#returner(who, "cancelled"), shielded: true };
      if (this.#owner === "gone") this.wake(who, "BrokenResourceError");
      else if (this.#owner !== null) this.#queue.push(returner);
      else {
        this.#own(who);
        returner.finish();
      }
    }
  }

  override end(who: number): void {
    if (this.#owner !== who) return;
    this.#owner = "gone";
    for (const one of this.#queue.splice(0)) {
      this.#before.delete(one.who);
      this.wake(one.who, "BrokenResourceError");
    }
  }

  /** Takes the lock as it had it before it waited. */
  #returner(who: number, outcome: Outcome): { who: number; finish: () => void } {
    const finish = (): void => {
      this.#acquisition = this.#before.get(who)!;
      this.#before.delete(who);
      this.wake(who, outcome);
    };
    return { who, finish };
  }

  #own(who: number | null): void {
    this.#owner = who;
    this.#acquisition = ++this.#acquisitions;
  }

  #release(): void {
    const next = this.#queue.shift();
    this.#own(next?.who ?? null);
    next?.finish();
  }

  state(): unknown {
    return {
      locked: this.#owner !== null,
      owner: this.#owner,
      tasksWaiting: this.#queue.length,
      tasksInRoom: this.#room.length,
    };
  }
}

interface Wait {
  readonly who: number;
  /** A plain send or receive does not tell which case it was. */
  readonly selects: boolean;
}

interface Place {
  readonly wait: Wait;
  readonly index: number;
  readonly end: string;
  readonly value: string;
}

class OneChannel {
  readonly capacity: number;
  readonly buffer: string[] = [];
  peak = 0;
  senders: Place[] = [];
  receivers: Place[] = [];
  readonly openSend = new Set(["a", "b"]);
  readonly openReceive = new Set(["a", "b"]);

  constructor(capacity: number) {
    this.capacity = capacity;
  }
}

/**
 * Two channels, P and Q, each with two ends a and b on either side. `"send Pa"` and `"receive Qb"` may wait; several of them
 * with commas between are a select. What is sent is numbered by `stamp`.
 */
export class ChannelsModel extends Model {
  readonly #channels: ReadonlyMap<string, OneChannel>;
  #waits: Wait[] = [];

  constructor(capacities: readonly [number, number]) {
    super();
    this.#channels = new Map(["P", "Q"].map((name, index) => [name, new OneChannel(capacities[index]!)]));
  }

  act(who: number, what: string): Outcome {
    const { verb, channel, end, stamp } = this.#parse(what);
    switch (verb) {
      case "sendNoWait":
      case "receiveNoWait": {
        const outcome = this.#try(verb === "sendNoWait" ? "send" : "receive", channel, end, stamp);
        return outcome === "waits" ? "WouldBlock" : outcome;
      }
      case "closeSend":
        if (!channel.openSend.delete(end)) return "ok";
        for (const place of channel.senders.filter((one) => one.end === end)) this.#wake(place, "ClosedResourceError");
        if (channel.openSend.size === 0) this.#wakeAll(channel.receivers, "EndOfChannel");
        return "ok";
      case "closeReceive":
        if (!channel.openReceive.delete(end)) return "ok";
        for (const place of channel.receivers.filter((one) => one.end === end))
          this.#wake(place, "ClosedResourceError");
        if (channel.openReceive.size > 0) return "ok";
        this.#wakeAll(channel.senders, "BrokenResourceError");
        channel.buffer.length = 0;
        return "ok";
      default:
        throw new Error(`${what} by ${who}`);
    }
  }

  attempt(who: number, what: string): Outcome {
    const cases = what.split(", ");
    const wait = { who, selects: cases.length > 1 };
    for (const [index, one] of cases.entries()) {
      const { verb, channel, end, stamp } = this.#parse(one);
      const outcome = this.#try(verb as "send" | "receive", channel, end, stamp);
      if (outcome === "waits") continue;
      return wait.selects && !/[A-Z]/.test(outcome) ? `${index}: ${outcome}` : outcome;
    }
    for (const [index, one] of cases.entries()) {
      const { verb, channel, end, stamp } = this.#parse(one);
      (verb === "send" ? channel.senders : channel.receivers).push({ wait, index, end, value: stamp });
    }
    this.#waits.push(wait);
    return "waits";
  }

  abort(who: number): void {
    this.#leave(this.#waits.find((wait) => wait.who === who)!);
    this.wake(who, "cancelled");
  }

  #try(verb: "send" | "receive", channel: OneChannel, end: string, stamp: string): Outcome | "waits" {
    if (verb === "send") {
      if (!channel.openSend.has(end)) return "ClosedResourceError";
      if (channel.openReceive.size === 0) return "BrokenResourceError";
      if (channel.receivers.length > 0) {
        this.#wake(channel.receivers[0]!, stamp);
        return "ok";
      }
      if (channel.buffer.length >= channel.capacity) return "waits";
      channel.buffer.push(stamp);
      channel.peak = Math.max(channel.peak, channel.buffer.length);
      return "ok";
    }
    if (!channel.openReceive.has(end)) return "ClosedResourceError";
    const sender = channel.senders[0];
    if (sender !== undefined) {
      channel.buffer.push(sender.value);
      this.#wake(sender, "ok");
    }
    const value = channel.buffer.shift();
    if (value !== undefined) return value;
    return channel.openSend.size === 0 ? "EndOfChannel" : "waits";
  }

  #wakeAll(places: readonly Place[], outcome: Outcome): void {
    // Two of them may be of one task.
    while (places.length > 0) places = this.#wake(places[0]!, outcome, places);
  }

  #wake({ wait, index }: Place, outcome: Outcome, places: readonly Place[] = []): readonly Place[] {
    this.#leave(wait);
    this.wake(wait.who, wait.selects && !/[A-Z]/.test(outcome) ? `${index}: ${outcome}` : outcome);
    return places.filter((place) => place.wait !== wait);
  }

  #leave(wait: Wait): void {
    this.#waits = this.#waits.filter((other) => other !== wait);
    for (const channel of this.#channels.values()) {
      channel.senders = channel.senders.filter((place) => place.wait !== wait);
      channel.receivers = channel.receivers.filter((place) => place.wait !== wait);
    }
  }

  #parse(what: string): { verb: string; channel: OneChannel; end: string; stamp: string } {
    const [verb, place, stamp] = what.split(" ") as [string, string, string];
    return { verb, channel: this.#channels.get(place[0]!)!, end: place[1]!, stamp };
  }

  state(): unknown {
    return [...this.#channels.values()].map((channel) => ({
      currentBufferUsed: channel.buffer.length,
      peakBufferUsed: channel.peak,
      maxBufferSize: channel.capacity,
      openSendChannels: channel.openSend.size,
      openReceiveChannels: channel.openReceive.size,
      tasksWaitingSend: channel.senders.length,
      tasksWaitingReceive: channel.receivers.length,
    }));
  }
}
