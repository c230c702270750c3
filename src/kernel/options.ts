import { describe } from "./describe.ts";

/** The names of all options there are, which the type checker compares with their interface. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * Judges an options object: one that is misspelt would do nothing, and nobody would know. Where none was given there is
 * nothing to judge.
 *
 * @param what the call it was given to, for the message: `"openNursery(body, options)"`
 * @throws TypeError if it is no object, or has an option that there is not.
 */
export function checkOptions<Options>(options: Options | undefined, names: OptionNames<Options>, what: string): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${what}: options must be an object, not ${describe(options)}`);
  }
  for (const name in options) if (!Object.hasOwn(names, name)) throw unknownOption(name, Object.keys(names), what);
}

function unknownOption(name: string, known: string[], what: string): TypeError {
  const [nearest = ""] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  const isNear = distance(name, nearest) <= nearest.length / 3;
  const meant = isNear ? ` (did you mean ${nearest}?)` : "";
  const all = known.length === 1 ? "the only one is" : "there are";
  return new TypeError(`${what}: there is no option ${JSON.stringify(name)}${meant}; ${all} ${known.join(", ")}`);
}

/** How many letters are to be put in, taken out or changed to make one of the other, capitals or not (Levenshtein). */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const above = row;
    row = [line];
    for (let column = 1; column <= b.length; column++) {
      const changed = (above[column - 1] as number) + (a[line - 1] === b[column - 1] ? 0 : 1);
      row.push(Math.min(changed, (above[column] as number) + 1, (row[column - 1] as number) + 1));
    }
  }
  return row[b.length] as number;
}
