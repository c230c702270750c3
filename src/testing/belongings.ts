import { constants, fstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";

/** How long something that was closed may take to be gone, in ms: a Worker ends when its thread does. */
const GRACE = 1000;
const LOOK_EVERY = 5;

/** Where the system lists this process's descriptors; null where it does not. */
const FOLDER = { linux: "/proc/self/fd", darwin: "/dev/fd", freebsd: "/dev/fd" }[process.platform as string] ?? null;

interface AWorker {
  /** -1 once it has ended. */
  readonly threadId: number;
  /** Node's have one; of the web's Bun does not tell it. */
  readonly threadName?: string;
}

/** What belongs to this process from here on: the descriptors that get opened, and the Workers that get made. */
export class Belongings implements Disposable {
  readonly #before = descriptors();
  readonly #workers = new Set<AWorker>();
  readonly #note = (worker: AWorker): void => void this.#workers.add(worker);

  constructor() {
    process.on("worker", this.#note);
  }

  /** What of it is still there, when it had time to go. */
  async leftBehind(): Promise<string[]> {
    // The process is told of a Worker in a turn after the one in which it was made.
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + GRACE;
    for (;;) {
      const left = this.#now();
      if (left.length === 0 || performance.now() > until) return left;
      await Bun.sleep(LOOK_EVERY);
    }
  }

  #now(): string[] {
    const left: string[] = [];
    for (const { threadId, threadName } of this.#workers) {
      if (threadId !== -1) left.push(`a Worker, thread ${threadId}${threadName ? `, named ${threadName}` : ""}`);
    }
    const open = descriptors();
    const opened = [...open].filter(([fd, identity]) => this.#before.get(fd) !== identity);
    if (opened.length === 0) return left;
    // Of all that is open: of a loop, one part may have the number of something that was open before.
    const targets = new Map([...open.keys()].map((fd) => [fd, targetOf(fd)]));
    const loops = loopsOf(targets);
    for (const [fd] of opened) {
      const target = targets.get(fd);
      if (!loops.has(fd)) left.push(`descriptor ${fd}${target && `, ${target}`}`);
    }
    return left;
  }

  [Symbol.dispose](): void {
    process.off("worker", this.#note);
  }
}

/** The open descriptors, and what tells them from others that later have the same number. */
function descriptors(): Map<number, string> {
  const open = new Map<number, string>();
  if (FOLDER === null) return open;
  for (const name of readdirSync(FOLDER)) {
    const fd = Number(name);
    try {
      const { dev, ino, rdev, mode } = fstatSync(fd);
      open.set(fd, `${dev} ${ino} ${rdev} ${mode & constants.S_IFMT}`);
    } catch {
      // Closed by now, as the listing's own is.
    }
  }
  return open;
}

/** What it is, in the system's words; empty where it has none. */
function targetOf(fd: number): string {
  try {
    return readlinkSync(`${FOLDER}/${fd}`);
  } catch {
    return ""; // links are there on Linux alone
  }
}

/** Event loops of Bun's own, each an epoll instance that watches an eventfd: its first spawnSync makes one, for good. */
function loopsOf(targets: ReadonlyMap<number, string>): Set<number> {
  const loops = new Set<number>();
  for (const [fd, target] of targets) {
    if (target !== "anon_inode:[eventpoll]") continue;
    const waker = watchedBy(fd).find((each) => targets.get(each) === "anon_inode:[eventfd]");
    if (waker !== undefined) loops.add(fd).add(waker);
  }
  return loops;
}

/** The descriptors that an epoll instance watches. */
function watchedBy(epoll: number): number[] {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${epoll}`, "utf8");
    return [...info.matchAll(/^tfd:\s*(\d+)/gm)].map(([, fd]) => Number(fd));
  } catch {
    return []; // closed by now
  }
}
