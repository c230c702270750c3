/** What the calls of streams say of arguments they cannot take. `call` is how a message names the call. */

/** The bytes of `data`, as they lie there. @throws TypeError */
export function judgeBytes(data: unknown, call: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const wayOut =
    typeof data === "string"
      ? "; new TextEncoder().encode(text) makes one of a text"
      : data instanceof ArrayBuffer
        ? "; new Uint8Array(buffer) makes one of an ArrayBuffer"
        : "";
  throw new TypeError(`${call}: data must be a Uint8Array or another view, not ${typeOf(data)}${wayOut}`);
}

/** @throws TypeError, RangeError */
export function judgeMaxBytes(maxBytes: unknown, call: string): void {
  if (maxBytes === undefined) return;
  if (typeof maxBytes !== "number") {
    throw new TypeError(`${call}: maxBytes must be a number, or undefined, not ${typeOf(maxBytes)}`);
  }
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 1) return;
  throw new RangeError(`${call}: maxBytes must be a whole number, 1 or more, not ${maxBytes}`);
}

function typeOf(value: unknown): string {
  return value === null ? "null" : value instanceof ArrayBuffer ? "an ArrayBuffer" : typeof value;
}
