/**
 * Waiting on an inotify descriptor: what happens to the files of a folder, as the kernel tells it (inotify(7)).
 *
 *     bun examples/inotify.ts
 *
 * Any descriptor that the kernel can poll works like this: make it non-blocking, wait until it is readable, read. Where
 * the library has no binding for what makes it, a few lines of `bun:ffi` do.
 */
import { dlopen } from "bun:ffi";
import { closeSync, mkdtempSync, readSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failAfter, openNursery, run } from "tribun";
import { notifyClosing, waitReadable } from "tribun/hazmat";

const libc = dlopen("libc.so.6", {
  inotify_init1: { args: ["i32"], returns: "i32" },
  inotify_add_watch: { args: ["i32", "buffer", "u32"], returns: "i32" },
}).symbols;

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;

const EVENTS = {
  modified: 0x2,
  "closed after writing": 0x8,
  "moved away": 0x40,
  "moved here": 0x80,
  created: 0x100,
  deleted: 0x200,
};
const ALL_EVENTS = Object.values(EVENTS).reduce((all, bit) => all | bit);

interface Change {
  what: string;
  name: string;
}

/** The changes in a folder, from the moment it is made. Closed by `using`. */
class Watcher implements Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(4096);

  constructor(folder: string) {
    this.#fd = libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (this.#fd === -1) throw new Error("inotify_init1 failed: too many instances? See inotify(7)");
    if (libc.inotify_add_watch(this.#fd, Buffer.from(`${folder}\0`), ALL_EVENTS) === -1) {
      this[Symbol.dispose]();
      throw new Error(`${folder} cannot be watched`);
    }
  }

  /** Waits until something happens, and gives all that has happened. Nothing is lost if it is cancelled: it stays queued. */
  *changes() {
    const length = yield* this.#read();
    const found: Change[] = [];
    // struct inotify_event: wd, mask, cookie and len, 32 bits each, then the name, filled up with zero bytes.
    for (let at = 0; at < length;) {
      const mask = this.#buffer.readUInt32LE(at + 4);
      const nameLength = this.#buffer.readUInt32LE(at + 12);
      const name = this.#buffer.toString("utf8", at + 16, at + 16 + nameLength).replace(/\0+$/, "");
      for (const [what, bit] of Object.entries(EVENTS)) if (mask & bit) found.push({ what, name });
      at += 16 + nameLength;
    }
    return found;
  }

  *#read() {
    for (;;) {
      yield* waitReadable(this.#fd);
      try {
        return readSync(this.#fd, this.#buffer);
      } catch (error) {
        // A wait may end for nothing: then wait again.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    // Whoever waits for it gets a ClosedResourceError, instead of waiting for a number that may become another file.
    notifyClosing(this.#fd);
    closeSync(this.#fd);
  }
}

/** Prints the changes in `folder`, until `name` is deleted. */
async function* reportUntilDeleted(name: string, watcher: Watcher) {
  for (;;) {
    for (const change of yield* watcher.changes()) {
      console.log(`${change.name}: ${change.what}`);
      if (change.what === "deleted" && change.name === name) return;
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "tribun-inotify-"));
try {
  await run(async function* () {
    using watcher = new Watcher(folder);
    yield* failAfter(10_000, () =>
      openNursery(async function* (nursery) {
        nursery.startSoon(reportUntilDeleted, "letter.txt", watcher);
        writeFileSync(join(folder, "draft.txt"), "Dear kernel,");
        renameSync(join(folder, "draft.txt"), join(folder, "letter.txt"));
        unlinkSync(join(folder, "letter.txt"));
      }),
    );
  });
} finally {
  rmSync(folder, { recursive: true });
}
