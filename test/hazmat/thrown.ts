/** What a call throws; fails when it throws nothing. */
export function thrown(call: () => unknown): any {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return error;
  }
  throw new Error(`it threw nothing, and gave ${Bun.inspect(value)}`);
}
