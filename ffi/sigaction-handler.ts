/**
 * SIGINT on Linux: a signal handler in C. It may run on any thread of the process: it touches nothing but its own static
 * data and calls only async-signal-safe functions (signal-safety(7)).
 */
import { toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { compileC } from "./compile-c.ts";
import { eventfd } from "./eventfd.ts";
import { type InterruptHandler, WORDS } from "./interrupt-handler.ts";
import { EVFILT_READ, EV_ADD, EV_CLEAR, EV_DELETE, encodeKevent, kqueueCalls } from "./kqueue.ts";
import { addressOf } from "./memory.ts";
import { descriptorCalls } from "./unistd.ts";

/** @throws {Error} where `cc` is missing. */
export function sigactionHandler(): InterruptHandler {
  const { shared, is_default, install, enter_script, uninstall, restore_default, reinstall } = compileC(SOURCE, {
    shared: { args: [], returns: "ptr" },
    is_default: { args: [], returns: "i32" },
    install: { args: ["i32", "i32"], returns: "void" },
    enter_script: { args: [], returns: "void" },
    reinstall: { args: [], returns: "void" },
    uninstall: { args: [], returns: "void" },
    restore_default: { args: [], returns: "void" },
  });
  let wakeUp: KqueueEventfd | null = null;
  return {
    signals: ["SIGINT"],
    words: new Int32Array(toArrayBuffer(shared() as Pointer, 0, 4 * WORDS)),
    isDefault: () => is_default() !== 0,
    install(wake, chained) {
      if (wake?.kind === "kqueue") wakeUp = new KqueueEventfd(wake.fd);
      install(wakeUp?.fd ?? (wake?.kind === "eventfd" ? wake.fd : -1), chained ? 1 : 0);
    },
    enterScript: enter_script,
    reinstall: (installed) => {
      if (installed) reinstall();
    },
    uninstall() {
      uninstall();
      wakeUp?.close();
      wakeUp = null;
    },
    restoreDefault: restore_default,
  };
}

/**
 * An eventfd in a kqueue. A kqueue on Linux is libkqueue's, which takes locks: a signal handler may not call it, but it
 * may write.
 */
class KqueueEventfd {
  readonly fd: number = eventfd();
  readonly #kqueue: number;

  constructor(kqueue: number) {
    this.#kqueue = kqueue;
    this.#change(EV_ADD | EV_CLEAR);
  }

  close(): void {
    this.#change(EV_DELETE);
    descriptorCalls().close(this.fd);
  }

  #change(flags: number): void {
    const calls = kqueueCalls();
    const memory = new ArrayBuffer(calls.system.kevent.size);
    const change = { ident: this.fd, filter: EVFILT_READ, flags, fflags: 0, data: 0n, udata: 0n };
    encodeKevent(new DataView(memory), 0, calls.system.kevent, change);
    calls.kevent(this.#kqueue, addressOf(memory), 1, 0, 0, 0);
  }
}

/**
 * The prototypes are written out, and so are the values of Linux. `struct action` is struct sigaction and `struct info`
 * the head of siginfo_t, of glibc and musl on x64 and arm64, where a sigset_t is 128 bytes with SIGINT as bit 1 of its
 * first word.
 *
 * On a terminal Bun starts with a handler of its own that restores the terminal's mode and raises the signal anew: it
 * has SA_RESETHAND, which JavaScript listeners, `node:vm` and most others have not. It counts as the default action.
 *
 * One key press may come twice: the terminal signals the whole foreground group, and a parent such as `bun run` passes
 * its own on to the script (0.2 ms later). Taken for a second Ctrl-C it would end every busy program started so.
 *
 * Two signals on two threads at the same instant may both see PENDING unset and count as one, as the kernel itself
 * counts a signal that comes while it is already pending.
 */
const SOURCE = `
enum { SIGINT = 2, SIG_UNBLOCK = 1, SA_SIGINFO = 4, SA_ONSTACK = 0x08000000, CLOCK_MONOTONIC = 1 };
enum { SI_USER = 0, SI_KERNEL = 128 };
enum { PENDING, IN_STEP, STOPPING, SEEN, TAKES_BREAK, WORDS };
enum { ELSEWHERE, TERMINAL, PARENT };
typedef struct { unsigned long word[16]; } signal_set;
struct action { void *handler; signal_set mask; unsigned flags; void (*restorer)(void); };
struct info { int number, error, code, padding, pid; };
struct time { long seconds, nanoseconds; };
static const unsigned SA_RESETHAND = 0x80000000u;
static void *const SIG_IGN = (void *)1;

int sigaction(int number, const struct action *action, struct action *old);
int pthread_sigmask(int how, const signal_set *set, signal_set *old);
int raise(int number);
int getppid(void);
void _exit(int status);
long write(int fd, const void *bytes, unsigned long count);
int clock_gettime(int clock, struct time *now);
int *__errno_location(void);

static struct action default_action;
static struct action previous;
static struct action ours;
static struct action script;
static int chained;
static int in_script;
static volatile int words[WORDS];
static int wake_fd = -1;
static int first_origin;
static long first_milliseconds;

static void end_process(void) {
  signal_set only_sigint = {{1ul << (SIGINT - 1)}};
  sigaction(SIGINT, &default_action, 0);
  pthread_sigmask(SIG_UNBLOCK, &only_sigint, 0);
  raise(SIGINT);
  /* Only the init process of a container is still here: default actions do not end it. */
  _exit(128 + SIGINT);
}

static int is_echo(const struct info *info) {
  struct time now;
  int origin = ELSEWHERE;
  if (info->code == SI_KERNEL) origin = TERMINAL;
  else if (info->code == SI_USER && info->pid == getppid()) origin = PARENT;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long milliseconds = now.seconds * 1000 + now.nanoseconds / 1000000;
  if (origin && first_origin && origin != first_origin && milliseconds - first_milliseconds < 1000) return 1;
  first_origin = origin;
  first_milliseconds = milliseconds;
  return 0;
}

static void pass_on(const struct action *to, int number, const struct info *info, void *context) {
  if (!to->handler) return;
  if (to->flags & SA_SIGINFO)
    ((void (*)(int, const struct info *, void *))to->handler)(number, info, context);
  else
    ((void (*)(int))to->handler)(number);
}

static void on_sigint(int number, const struct info *info, void *context) {
  int *error = __errno_location();
  int saved = *error;
  if (!is_echo(info)) {
    if (words[PENDING]) end_process();
    words[PENDING] = 1;
    words[SEEN]++;
    words[STOPPING] = in_script && words[IN_STEP];
    if (wake_fd >= 0) {
      unsigned long one = 1;
      write(wake_fd, &one, sizeof one);
    }
    /* The step may have ended meanwhile, on another thread: then it waits for this word. */
    if (words[STOPPING]) {
      if (words[IN_STEP]) pass_on(&script, number, info, context);
      else words[STOPPING] = 0;
    }
    if (chained) pass_on(&previous, number, info, context);
  }
  *error = saved;
}

volatile int *shared(void) { return words; }

/* Remembers the default action when it finds it in place. */
int is_default(void) {
  struct action now;
  if (sigaction(SIGINT, 0, &now) != 0) return 0;
  if (now.handler == SIG_IGN || (now.handler && !(now.flags & SA_RESETHAND))) return 0;
  default_action = now;
  return 1;
}

void install(int fd, int chain) {
  sigaction(SIGINT, 0, &previous);
  words[PENDING] = words[IN_STEP] = words[STOPPING] = words[SEEN] = 0;
  in_script = 0;
  first_origin = ELSEWHERE;
  wake_fd = fd;
  chained = chain;
  ours.handler = (void *)on_sigint;
  ours.mask = previous.mask;
  /* No SA_RESTART: a blocking epoll_wait has to return. */
  ours.flags = SA_SIGINFO | (previous.flags & SA_ONSTACK);
  sigaction(SIGINT, &ours, 0);
}

void enter_script(void) {
  sigaction(SIGINT, 0, &script);
  in_script = script.handler != (void *)on_sigint;
  sigaction(SIGINT, &ours, 0);
}

void reinstall(void) {
  in_script = 0;
  sigaction(SIGINT, &ours, 0);
}

void uninstall(void) {
  struct action now;
  if (sigaction(SIGINT, 0, &now) == 0 && now.handler == (void *)on_sigint) sigaction(SIGINT, &previous, 0);
  wake_fd = -1;
}

void restore_default(void) {
  struct action now;
  if (sigaction(SIGINT, 0, &now) == 0 && now.handler == 0) sigaction(SIGINT, &default_action, 0);
}
`;
