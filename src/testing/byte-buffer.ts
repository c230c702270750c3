/** Bytes in a row, put in at one end and taken out at the other. Both copy: nobody's array is kept or given away. */
export class ByteBuffer {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  put(data: Uint8Array): void {
    const size = this.size + data.length;
    if (this.#end + data.length > this.#bytes.length) {
      const bytes = size * 2 > this.#bytes.length ? new Uint8Array(size * 2) : this.#bytes;
      bytes.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = bytes;
      this.#end -= this.#start;
      this.#start = 0;
    }
    this.#bytes.set(data, this.#end);
    this.#end += data.length;
  }

  /** Takes the first `most` bytes, or all there are if they are fewer. */
  take(most: number = Infinity): Uint8Array {
    const taken = this.#bytes.slice(this.#start, Math.min(this.#end, this.#start + most));
    this.#start += taken.length;
    return taken;
  }

  clear(): void {
    this.#start = this.#end = 0;
  }
}
