/** What somebody would write without a library: a bounded queue of values on promises, with nothing to cancel or close. */
export class PromiseChannel<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  readonly #senders: { readonly value: T; readonly resolve: () => void }[] = [];
  readonly #receivers: ((value: T) => void)[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  send(value: T): Promise<void> | void {
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) receiver(value);
    else if (this.#values.length < this.#capacity) this.#values.push(value);
    else return new Promise<void>((resolve) => void this.#senders.push({ value, resolve }));
  }

  receive(): Promise<T> | T {
    const sender = this.#senders.shift();
    if (sender !== undefined) {
      sender.resolve();
      this.#values.push(sender.value);
    }
    if (this.#values.length > 0) return this.#values.shift() as T;
    return new Promise<T>((resolve) => void this.#receivers.push(resolve));
  }
}
