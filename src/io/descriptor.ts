/** The largest `int`, or on Windows the largest handle: no descriptor is above it. */
const MAX_DESCRIPTOR = process.platform === "win32" ? 0xffffffff : 0x7fffffff;

/**
 * The descriptor an argument names: a number, or anything that has one as its `fd` (a Socket, a `Bun.file` writer, a
 * node handle). Whether it is open is the kernel's to say, later.
 *
 * @param name the call and its parameter, for the message: `"waitReadable(fd)"`.
 * @throws {TypeError} when it is no number and has none as its `fd`.
 * @throws {RangeError} when the number is negative (an `fd` of -1 is how many objects say that they are closed), not
 *   whole, or too large.
 */
export function descriptorOf(what: number | { readonly fd: number }, name: string): number {
  const fd: unknown = typeof what === "object" && what !== null ? what.fd : what;
  if (typeof fd !== "number") {
    const got = fd === what ? describe(what) : `an object whose fd is ${describe(fd)}`;
    throw new TypeError(`${name} must be a file descriptor (a number) or an object that has one as its fd, not ${got}`);
  }
  if (!Number.isInteger(fd) || fd < 0 || fd > MAX_DESCRIPTOR) {
    const closed = fd === -1 ? ": -1 is what is left of a closed one" : "";
    throw new RangeError(`${name} must be a whole number from 0 to ${MAX_DESCRIPTOR}, not ${fd}${closed}`);
  }
  return fd;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  return `a ${typeof value}`;
}
