/** What `bun.exe` says under Wine, and nowhere else, whenever it reads a `package.json` or a `tsconfig.json`. */
const WINE_NOISE = /^Internal error: directory mismatch for directory "[^"]*", fd .*\r?\n/gm;

/**
 * What a child wrote to its standard error, without what only Wine made it write: Bun opens the files named above by the
 * `\Device\HarddiskVolume1` form of their paths, which Wine does not know, and says so before it uses the usual form.
 */
export function withoutWineNoise(errors: string): string {
  return errors.replaceAll(WINE_NOISE, "");
}
