/** Folders and what is in them, at every depth, with no call but those that Wine has right. */
import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** The files in a folder and in the folders within, by their paths from it, with forward slashes. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name)).map((file) => `${entry.name}/${file}`) : [entry.name],
  );
}

/** Removes a folder with all that is in it, and links without what they lead to: what `rmSync` does recursively, which Bun cannot under Wine. */
export function removeFolder(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeFolder(path);
    else unlinkSync(path);
  }
  removeEmpty(folder);
}

/** Windows keeps a file that was removed until the last process that had it open has ended, which may be just about to. */
function removeEmpty(folder: string): void {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY" || tries === 100) throw error;
      Bun.sleepSync(20);
    }
  }
}
