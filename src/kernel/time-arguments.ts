import { describe } from "./describe.ts";

/** @throws TypeError, RangeError */
export function checkDuration(value: number, name: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number of milliseconds, not ${describe(value)}`);
  }
  if (!(value >= 0)) {
    throw new RangeError(`${name} must be a number of milliseconds, 0 or more, not ${value}`);
  }
  return value;
}

/** @throws TypeError, RangeError */
export function checkTime(value: number, name: string): number {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a time in milliseconds of the run's clock, not ${describe(value)}`);
  }
  if (Number.isNaN(value)) {
    throw new RangeError(`${name} must be a time in milliseconds of the run's clock, not NaN`);
  }
  return value;
}
