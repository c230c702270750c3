/** A small reproducible generator (mulberry32) for the order of tasks in a pass. */
export class Random {
  #state: number;
  constructor(seed: number) {
    // A seed has 54 bits and a sign: what is above the lower half stirs it.
    this.#state = (seed ^ Math.imul(Math.floor(seed / 4_294_967_296), 0x9e3779b9)) >>> 0;
  }

  /** A whole number from 0 to `below` - 1. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  }

  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.next(i + 1);
      const held = list[i] as T;
      list[i] = list[j] as T;
      list[j] = held;
    }
    return list;
  }
}
