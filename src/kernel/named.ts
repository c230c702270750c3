import { describe } from "./describe.ts";

/**
 * The function again, with the name its tasks show: text as it is, of a function its name (`"(anonymous)"` of one without),
 * of anything else its text (S18). Trio: the `name=` argument of everything that starts a task.
 */
export function named<F extends (...args: any[]) => unknown>(name: unknown, fn: F): F {
  if (typeof fn !== "function") throw new TypeError(`named(name, fn): fn must be a function, not ${describe(fn)}`);
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return fn.apply(this, args);
  };
  const text = typeof name === "function" ? name.name || "(anonymous)" : String(name);
  Object.defineProperty(wrapper, "name", { value: text, configurable: true });
  Object.defineProperty(wrapper, "length", { value: fn.length, configurable: true });
  return wrapper as unknown as F;
}
