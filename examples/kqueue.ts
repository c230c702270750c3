/**
 * What only a kqueue tells (kqueue(2)): that a process has ended, whoever started it; that a file changed; that a signal
 * came, and how often. A helper for each, on the public API.
 *
 *     bun examples/kqueue.ts
 *
 * For macOS and FreeBSD. On Linux it runs where libkqueue is installed, but for the signals: that library hears of one
 * only while every thread of the process blocks it, and Bun's do not.
 *
 * The pattern is the same each time. The program registers what it wants with `currentKqueue().control`, and takes the
 * registration back when it is done. In between `waitKevent` waits for one event, or `monitorKevent` collects them all.
 */
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { constants as system, tmpdir } from "node:os";
import { join } from "node:path";
import { type Coroutine, SystemError, failAfter, runSync } from "tribun";
import {
  Abort,
  type AbortResult,
  type EventQueue,
  type Kevent,
  currentKqueue,
  monitorKevent,
  waitKevent,
} from "tribun/hazmat";

// From <sys/event.h>; these are the same on all three systems.
const EVFILT_VNODE = -4;
const EVFILT_PROC = -5;
const EVFILT_SIGNAL = -6;
const EV_ADD = 0x1;
const EV_DELETE = 0x2;
const EV_ONESHOT = 0x10;
const EV_CLEAR = 0x20;
const NOTE_EXIT = 0x80000000;
/** What may happen to a file, besides the rest that only some systems tell. */
export const NOTE = { deleted: 0x1, written: 0x2, extended: 0x4, attributes: 0x8, linked: 0x10, renamed: 0x20 };

/** macOS tells how a process ended only when asked to. */
const NOTE_EXITSTATUS = process.platform === "darwin" ? 0x04000000 : 0;
/** On macOS a file that is open like this does not keep its volume from being ejected. */
const O_EVTONLY = 0x8000;

/** Takes a registration back. It may be gone: then there is nothing to take. */
function takeBack(ident: number, filter: number): void {
  try {
    currentKqueue().control([{ ident, filter, flags: EV_DELETE }]);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/**
 * Waits until a process has ended, and gives its status as wait(2) encodes it; null when there is none of that number.
 * The process is still to be waited for by its parent. A checkpoint, unless there is none.
 */
export function* processExit(pid: number): Generator<any, number | null, any> {
  const flags = EV_ADD | EV_ONESHOT;
  try {
    currentKqueue().control([{ ident: pid, filter: EVFILT_PROC, flags, fflags: NOTE_EXIT + NOTE_EXITSTATUS }]);
  } catch (error) {
    if (error instanceof SystemError && error.code === "ESRCH") return null;
    throw error;
  }
  const { data } = yield* waitKevent(pid, EVFILT_PROC, (): AbortResult => {
    takeBack(pid, EVFILT_PROC);
    return Abort.SUCCEEDED;
  });
  return Number(data);
}

/**
 * Runs `body` with the changes of a file or a folder, from now on: events whose `fflags` say what happened ({@link NOTE}).
 * Changes that nobody has taken yet are told as one. A file is named by its path, or by a descriptor that stays open.
 */
export function* fileChanges<T>(
  file: string | number,
  fflags: number,
  body: (changes: EventQueue<Kevent>) => Coroutine<T>,
): Generator<any, T, any> {
  const fd = typeof file === "number" ? file : openSync(file, onlyToWatch());
  try {
    currentKqueue().control([{ ident: fd, filter: EVFILT_VNODE, flags: EV_ADD | EV_CLEAR, fflags }]);
    return yield* monitorKevent(fd, EVFILT_VNODE, body);
  } finally {
    takeBack(fd, EVFILT_VNODE);
    if (fd !== file) closeSync(fd);
  }
}

function onlyToWatch(): number {
  return process.platform === "darwin" ? O_EVTONLY : constants.O_RDONLY;
}

/**
 * Runs `body` with the signals of one kind that come from now on: events whose `data` says how often it came since the
 * last. Its default action is off meanwhile; listeners of the program's own are called as well.
 */
export function* signals<T>(
  signal: NodeJS.Signals,
  body: (signals: EventQueue<Kevent>) => Coroutine<T>,
): Generator<any, T, any> {
  const number = system.signals[signal];
  const inPlaceOfTheDefault = (): void => {};
  process.on(signal, inPlaceOfTheDefault);
  try {
    currentKqueue().control([{ ident: number, filter: EVFILT_SIGNAL, flags: EV_ADD }]);
    return yield* monitorKevent(number, EVFILT_SIGNAL, body);
  } finally {
    takeBack(number, EVFILT_SIGNAL);
    process.off(signal, inPlaceOfTheDefault);
  }
}

function* main(folder: string) {
  const child = Bun.spawn(["sh", "-c", "exit 3"], { stdio: ["ignore", "ignore", "ignore"] });
  const status = yield* processExit(child.pid);
  console.log(status === null ? "the child was gone" : `the child ended with exit code ${status >> 8}`);

  const path = join(folder, "letter.txt");
  writeFileSync(path, "Dear kernel,");
  yield* fileChanges(path, NOTE.written | NOTE.extended, function* (changes) {
    writeFileSync(path, "\nthank you.", { flag: "a" });
    for (const { fflags } of yield* changes.get()) {
      const what = Object.entries(NOTE).filter(([, bit]) => fflags & bit);
      console.log(`the file was ${what.map(([name]) => name).join(" and ")}`);
    }
  });

  if (process.platform === "linux") return;
  yield* signals("SIGUSR1", function* (news) {
    process.kill(process.pid, "SIGUSR1");
    const [first] = yield* news.get();
    console.log(`SIGUSR1 came ${first?.data} time(s)`);
  });
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), "tribun-kqueue-"));
  try {
    // With `run` as well; but there Bun's own loop takes the child's status, and libkqueue could not say it any more.
    runSync(() => failAfter(10_000, () => main(folder)), { io: "kqueue" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
