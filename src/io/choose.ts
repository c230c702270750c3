/**
 * Which backend a run gets.
 *
 * What a backend supplies is `IoManager` (`src/kernel/io-manager.ts`): poll, wake, waiting, statistics, close. One for
 * descriptors supplies `FdIoManager` on top, which `DescriptorWaits` does most of. A backend is one file here, a line in
 * {@link BACKENDS}, and a call of the contract tests (`test/io/contract.ts`).
 */
import { UnsupportedError } from "../errors.ts";
import type { IoManager } from "../kernel/io-manager.ts";
import { EpollIoManager } from "./epoll.ts";
import { IocpIoManager } from "./iocp.ts";
import { KqueueIoManager } from "./kqueue.ts";
import { PollIoManager } from "./poll.ts";

/** Makes the I/O manager of one run, which closes it at its end. */
export type IoManagerFactory = () => IoManager;

/** A backend by its name. */
export type IoBackend = "epoll" | "poll" | "kqueue" | "iocp";

/** What `RunOptions.io` takes. `"auto"`: the best that the platform has. */
export type IoChoice = "auto" | IoBackend | IoManagerFactory;

/** The platforms' backends, by `process.platform`, the best one first. */
const BACKENDS: { readonly [platform: string]: Partial<Record<IoBackend, IoManagerFactory>> | undefined } = {
  linux: {
    epoll: () => new EpollIoManager(),
    poll: () => new PollIoManager(),
    kqueue: () => new KqueueIoManager(), // by libkqueue, where it is installed
  },
  darwin: {
    kqueue: () => new KqueueIoManager(),
  },
  freebsd: {
    kqueue: () => new KqueueIoManager(),
  },
  win32: {
    iocp: () => new IocpIoManager(),
  },
};

const NAMES: ReadonlySet<unknown> = new Set<IoBackend>(["epoll", "poll", "kqueue", "iocp"]);

/**
 * Makes the I/O manager that a run asked for.
 *
 * @throws {TypeError} when `choice` is no backend's name and no function, or the function gives no I/O manager.
 * @throws {UnsupportedError} when this platform lacks the backend; the message names those it has.
 */
export function chooseIo(choice: IoChoice = "auto"): IoManager {
  if (typeof choice === "function") return checked(choice());
  if (choice !== "auto" && !NAMES.has(choice)) {
    throw new TypeError(
      `io must be "auto", "epoll", "poll", "kqueue", "iocp" or a function that makes an I/O manager, not ` +
        (typeof choice === "string" ? JSON.stringify(choice) : String(choice)),
    );
  }
  const here = BACKENDS[process.platform] ?? {};
  const make = choice === "auto" ? Object.values(here)[0] : here[choice];
  if (make !== undefined) return make();
  const others = Object.keys(here).map((name) => JSON.stringify(name));
  throw new UnsupportedError(
    `io: ${JSON.stringify(choice)} has no backend on ${process.platform}` +
      (others.length === 0 ? "; Linux, macOS, FreeBSD and Windows have one" : `; use ${others.join(" or ")}`),
  );
}

function checked(manager: IoManager): IoManager {
  if (typeof manager !== "object" || manager === null || typeof manager.poll !== "function") {
    throw new TypeError("io: the function must return an I/O manager, an object with poll(), wake() and close()");
  }
  return manager;
}
