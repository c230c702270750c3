/**
 * What the calls of this folder say of arguments they cannot take. `call` is how a message names the call
 * (`"Socket.recv(size)"`); an argument of the wrong type is a TypeError, a number out of range a RangeError.
 */

/** @throws TypeError, RangeError */
export function judgeWholeNumber(value: unknown, name: string, lowest: number, highest: number, call: string): number {
  if (typeof value !== "number") throw new TypeError(`${call}: ${name} must be a number, not ${describe(value)}`);
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new RangeError(`${call}: ${name} must be a whole number from ${lowest} to ${highest}, not ${value}`);
}

/** @throws TypeError */
export function judgeView(value: unknown, name: string, call: string): void {
  if (ArrayBuffer.isView(value)) return;
  const wayOut =
    typeof value === "string"
      ? "; new TextEncoder().encode(text) makes one of a string"
      : value instanceof ArrayBuffer
        ? "; new Uint8Array(buffer) makes one of an ArrayBuffer"
        : "";
  throw new TypeError(`${call}: ${name} must be a Uint8Array or another view, not ${describe(value)}${wayOut}`);
}

/** A value as messages show it, cut where it gets long. */
export function describe(value: unknown): string {
  let text: string | undefined;
  try {
    text = typeof value === "function" ? `function ${value.name}` : JSON.stringify(value);
  } catch {
    // A cycle or a BigInt: its type must do.
  }
  text ??= typeof value === "bigint" ? `${value}n` : String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
