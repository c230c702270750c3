/** The programs of the system that running the tests under Wine takes: where they are, and what to say where not. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Tools {
  /** Wine's loader for 64-bit programs. */
  readonly wine: string;
  readonly wineserver: string;
  /** The C compiler for Windows. */
  readonly mingw: string;
  readonly npm: string;
  readonly git: string;
  readonly tar: string;
}

/** Debian lays its loader aside when the package `wine`, which puts one on the PATH, is not installed. */
const WINE_NAMES = ["wine64", "wine", "/usr/lib/wine/wine64"];
const WINESERVER_NAMES = ["wineserver", "wineserver64"];

/** What is missing, each with how to get it. */
export class MissingTools extends Error {}

/** @throws {MissingTools} */
export function findTools(): Tools {
  const missing: string[] = [];
  const find = (what: string, names: readonly string[], remedy: string): string => {
    for (const name of names) {
      const found = name.startsWith("/") ? (existsSync(name) ? name : null) : Bun.which(name);
      if (found !== null) return found;
    }
    missing.push(`${what} (${names.join(", ")}): ${remedy}`);
    return "";
  };
  const wine = find("Wine", WINE_NAMES, "apt-get install wine64");
  // Wine finds its server by itself; it is asked for by name only to be shut down.
  const besides = ["/usr/lib/wine", ...(wine === "" ? [] : [dirname(wine)])];
  const servers = besides.flatMap((folder) => WINESERVER_NAMES.toReversed().map((name) => join(folder, name)));
  const wineserver = find("Wine's server", [...servers, ...WINESERVER_NAMES], "apt-get install wine64");
  const mingw = find("the C compiler for Windows", ["x86_64-w64-mingw32-gcc"], "apt-get install gcc-mingw-w64-x86-64");
  const npm = find("npm", ["npm"], "apt-get install npm");
  const git = find("git", ["git"], "apt-get install git");
  const tar = find("tar", ["tar"], "apt-get install tar");
  if (missing.length > 0) {
    throw new MissingTools(`To run the tests under Wine, install what is missing:\n  ${missing.join("\n  ")}`);
  }
  return { wine, wineserver, mingw, npm, git, tar };
}
