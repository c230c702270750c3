/** What the calls of this folder say of numbers they cannot take. `call` is how a message names the call. */

/**
 * @param most `Infinity` is allowed only where it is the most.
 * @throws TypeError, RangeError
 */
export function judgeCount(value: unknown, name: string, least: number, most: number, call: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${call}: ${name} must be a number, not ${value === null ? "null" : typeof value}`);
  }
  const whole = Number.isSafeInteger(value) || (value === Infinity && most === Infinity);
  if (whole && value >= least && value <= most) return value;
  const upTo = most === Infinity ? `${least} or more, or Infinity` : `from ${least} to ${most}`;
  throw new RangeError(`${call}: ${name} must be a whole number, ${upTo}, not ${value}`);
}
