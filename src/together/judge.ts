/** @throws TypeError if `bodies` is no array of functions. */
export function checkBodies(bodies: unknown, call: string): void {
  if (!Array.isArray(bodies))
    throw new TypeError(`${call}: bodies must be an array of functions, not ${typeof bodies}`);
  for (const [index, body] of bodies.entries()) {
    if (typeof body === "function") continue;
    const what = typeof body === "object" && body !== null && "next" in body ? "a generator object" : typeof body;
    throw new TypeError(
      `${call}: bodies[${index}] must be a function that returns a coroutine or an operation, not ${what}; ` +
        "write () => fn(1) for fn(1)",
    );
  }
}
