/** So many taken places at the beginning are let go at once. */
const COMPACT_AT = 1_024;

/** Values first in, first out, in constant time. */
export class Fifo<T> {
  #values: (T | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#values.length - this.#first;
  }

  put(value: T): void {
    this.#values.push(value);
  }

  /** The oldest; undefined when there is none. */
  take(): T | undefined {
    if (this.#first === this.#values.length) return undefined;
    const value = this.#values[this.#first];
    this.#values[this.#first++] = undefined; // nothing here keeps it alive
    if (this.#first === this.#values.length) this.clear();
    else if (this.#first >= COMPACT_AT && 2 * this.#first >= this.#values.length) {
      this.#values.splice(0, this.#first);
      this.#first = 0;
    }
    return value;
  }

  clear(): void {
    this.#values.length = 0;
    this.#first = 0;
  }
}
