/** A short phrase for error messages: what `value` is. Never throws, whatever it is given. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "bigint":
      return `${value}n (a bigint)`;
    case "function":
      return `the ${isClass(value) ? "class" : "function"} ${nameOf(value) || "(anonymous)"}`;
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return String(value);
  }
}

/** A duration for people to read. */
export function inMilliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function describeObject(value: object): string {
  try {
    if (isThenable(value)) return "a promise";
    if ("operationName" in value) return `the operation ${String(value.operationName)}`;
    if ("next" in value) return "a generator object (pass the function itself, not a call of it)";
    if (value instanceof Error) return value.message === "" ? `${value.name}` : `${value.name}: ${value.message}`;
    const name = Object.getPrototypeOf(value) === null ? "" : nameOf(value.constructor);
    return name === "" ? "an object" : `an object of class ${name}`;
  } catch {
    return "an object"; // a getter or a proxy of its own mind
  }
}

function nameOf(fn: Function): string {
  return typeof fn.name === "string" ? fn.name : "";
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** Slow: it reads the source. */
export function isClass(fn: Function): boolean {
  return /^class\b/.test(Function.prototype.toString.call(fn));
}
