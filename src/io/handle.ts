import { describe } from "../kernel/describe.ts";

/** A Windows HANDLE. */
export type Handle = bigint | number;

/** Handles are 32 bits wide, whatever holds them. */
const MAX_HANDLE = 0xffff_ffff;

/**
 * The handle an argument names, as a number. Whether it is open is the system's to say, later.
 *
 * @param name the call and its parameter, for the message: `"registerWithIocp(handle): handle"`.
 * @throws {TypeError} when it is neither a number nor a bigint.
 * @throws {RangeError} for what no handle is: 0 and -1 are how Windows' calls say that there is none.
 */
export function handleOf(handle: Handle, name: string): number {
  if (typeof handle !== "number" && typeof handle !== "bigint") {
    throw new TypeError(`${name} must be a HANDLE, a number or a bigint, not ${describe(handle)}`);
  }
  const number = Number(handle);
  if (!Number.isInteger(number) || number <= 0 || number > MAX_HANDLE) {
    throw new RangeError(
      `${name} must be a HANDLE, a whole number from 1 to ${MAX_HANDLE}, not ${handle}; what opened it may have failed`,
    );
  }
  return number;
}
