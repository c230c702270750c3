/**
 * SIGQUIT (Ctrl-\ at a terminal) as a flag, for a run that owns the thread: listeners of `process.on` are called by Bun's
 * loop, which does not turn then. The handler may run on any thread of the process: it touches nothing but its own static
 * data and calls only async-signal-safe functions (signal-safety(7)).
 */
import { toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { compileC } from "./compile-c.ts";
import type { WakeAddress } from "./wake-address.ts";

/** What the process does at a SIGQUIT, to be looked at and changed. One at a time. */
export interface SigquitAction {
  /** A SIGQUIT came since {@link SigquitAction.taken}. Costs no foreign call. */
  readonly pending: boolean;
  taken(): void;
  /**
   * From here on a SIGQUIT makes it pending, and adds 1 to the eventfd of `wake`; a handler that was there before is
   * called as well. A system call that blocks the thread which took the signal fails with EINTR.
   */
  install(wake: WakeAddress | null): void;
  /** What was there before, unless somebody else took SIGQUIT over in the meantime. */
  uninstall(): void;
  /** Remembers what is there, for {@link SigquitAction.restore}. */
  remember(): void;
  /** Makes up for what Bun does when the last listener is removed: brings back what was remembered. */
  restore(): void;
}

let compiled: SigquitAction | null | undefined;

/** @returns null where it cannot be had: off Linux, and where `cc` or /proc is missing. */
export function sigquitAction(): SigquitAction | null {
  if (compiled === undefined) {
    compiled = null;
    try {
      if (process.platform === "linux") compiled = compile();
    } catch {
      // No TinyCC in this Bun, or no /proc: the null says so.
    }
  }
  return compiled;
}

function compile(): SigquitAction {
  const { shared, install, uninstall, remember, restore } = compileC(SOURCE, {
    shared: { args: [], returns: "ptr" },
    install: { args: ["i32"], returns: "void" },
    uninstall: { args: [], returns: "void" },
    remember: { args: [], returns: "void" },
    restore: { args: [], returns: "void" },
  });
  const flag = new Int32Array(toArrayBuffer(shared() as Pointer, 0, 4));
  return {
    get pending() {
      return Atomics.load(flag, 0) !== 0;
    },
    taken: () => void Atomics.store(flag, 0, 0),
    install: (wake) => install(wake?.kind === "eventfd" ? wake.fd : -1),
    uninstall,
    remember,
    restore,
  };
}

/** The prototypes are written out, and so are the values of Linux; `struct action` is as in `sigint.ts`. */
const SOURCE = `
enum { SIGQUIT = 3, SA_SIGINFO = 4, SA_ONSTACK = 0x08000000 };
typedef struct { unsigned long word[16]; } signal_set;
struct action { void *handler; signal_set mask; unsigned flags; void (*restorer)(void); };
static void *const SIG_IGN = (void *)1;

int sigaction(int number, const struct action *action, struct action *old);
long write(int fd, const void *bytes, unsigned long count);
int *__errno_location(void);

static struct action previous;
static struct action remembered;
static volatile int pending;
static int wake_fd = -1;

static void on_sigquit(int number, void *info, void *context) {
  int *error = __errno_location();
  int saved = *error;
  pending = 1;
  if (wake_fd >= 0) {
    unsigned long one = 1;
    write(wake_fd, &one, sizeof one);
  }
  if (previous.handler && previous.handler != SIG_IGN) {
    if (previous.flags & SA_SIGINFO) ((void (*)(int, void *, void *))previous.handler)(number, info, context);
    else ((void (*)(int))previous.handler)(number);
  }
  *error = saved;
}

volatile int *shared(void) { return &pending; }

void install(int fd) {
  struct action ours;
  sigaction(SIGQUIT, 0, &previous);
  pending = 0;
  wake_fd = fd;
  ours.handler = (void *)on_sigquit;
  ours.mask = previous.mask;
  /* No SA_RESTART: a blocking epoll_wait has to return. */
  ours.flags = SA_SIGINFO | (previous.flags & SA_ONSTACK);
  ours.restorer = 0;
  sigaction(SIGQUIT, &ours, 0);
}

void uninstall(void) {
  struct action now;
  if (sigaction(SIGQUIT, 0, &now) == 0 && now.handler == (void *)on_sigquit) sigaction(SIGQUIT, &previous, 0);
  wake_fd = -1;
}

void remember(void) { sigaction(SIGQUIT, 0, &remembered); }

void restore(void) {
  struct action now;
  if (sigaction(SIGQUIT, 0, &now) == 0 && now.handler == 0) sigaction(SIGQUIT, &remembered, 0);
}
`;
