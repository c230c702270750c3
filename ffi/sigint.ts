/**
 * SIGINT as a flag. No signal can interrupt running JavaScript, so the one thing that has to happen at once (a second
 * Ctrl-C ending a program that never looks at the first) is done by a signal handler in C.
 *
 * The handler may run on any thread of the process: it touches nothing but its own static data and calls only
 * async-signal-safe functions (signal-safety(7)).
 */
import { toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { compileC } from "./compile-c.ts";
import type { WakeAddress } from "./wake-address.ts";

/** A SIGINT handler in place. One at a time per process. */
export interface SigintWatch {
  /** A SIGINT came and {@link SigintWatch.delivered} was not called since. Costs no foreign call. Readable after `uninstall`. */
  readonly pending: boolean;
  /** A SIGINT came of which the handler does not know: makes it pending. */
  note(): void;
  /** The pending SIGINT was dealt with: the next one is a first one again. */
  delivered(): void;
  /**
   * Called from within a script that `node:vm` runs with `breakOnSigint`: the handler takes the place of the script's
   * own, which would forget a SIGINT that comes while no code is left to stop. It calls it between
   * {@link SigintWatch.beginStep} and {@link SigintWatch.endStep}. Left by {@link SigintWatch.reinstall}.
   */
  enterScript(): void;
  /** From here on a SIGINT stops the code of the innermost script with `breakOnSigint`. Costs no foreign call. */
  beginStep(): void;
  /** Ends that. When a SIGINT has come and the script is to be stopped for it, then it is stopped in here. */
  endStep(): void;
  /** Ends that, after the script was stopped. */
  stepStopped(): void;
  /** Puts the handler back after something else took its place, as `breakOnSigint` of `vm.Script` does for good. */
  reinstall(): void;
  /** Restores what was there before, unless somebody else took SIGINT over in the meantime. May be repeated. */
  uninstall(): void;
}

/**
 * Makes SIGINT set a flag. While the flag is set and undelivered, the next SIGINT ends the process with SIGINT's default
 * action, from within the handler. A system call that blocks the thread which took the signal fails with EINTR.
 *
 * @param wake the eventfd that the handler adds 1 to, if any.
 * @param listener registered by `process.on("SIGINT")` beneath the handler, so that Bun's own handler runs as well and
 *   a main thread that sleeps in Bun's event loop is woken; removed again by `uninstall`.
 * @returns null when there is no handler to be had: off the main thread, off Linux, where `cc` is missing, or when SIGINT
 *   has not its default action, because somebody else handles it or it is ignored (a job started by `nohup` or `&`).
 */
export function installSigint(wake: WakeAddress | null, listener?: () => void): SigintWatch | null {
  if (!Bun.isMainThread || process.listenerCount("SIGINT") > 0) return null;
  const handler = compileOnce();
  if (handler === null || handler.is_default() === 0) return null;
  let watch: Watch | null = null;
  let heard = 0;
  const underneath =
    listener === undefined
      ? undefined
      : (): void => {
          heard++;
          if (watch !== null && watch.seen < heard) watch.note();
          listener();
        };
  if (underneath !== undefined) process.on("SIGINT", underneath);
  handler.install(wake?.fd ?? -1, listener === undefined ? 0 : 1);
  watch = new Watch(handler, underneath);
  return watch;
}

class Watch implements SigintWatch {
  readonly #handler: Handler;
  #listener: (() => void) | undefined;

  constructor(handler: Handler, listener: (() => void) | undefined) {
    this.#handler = handler;
    this.#listener = listener;
  }

  get pending(): boolean {
    // An atomic load, since a plain one may be hoisted out of a loop that waits for the flag.
    return Atomics.load(this.#handler.words, PENDING) !== 0;
  }

  /** How many SIGINTs the handler has passed on to Bun's. */
  get seen(): number {
    return Atomics.load(this.#handler.words, SEEN);
  }

  note(): void {
    Atomics.store(this.#handler.words, PENDING, 1);
  }

  delivered(): void {
    Atomics.store(this.#handler.words, PENDING, 0);
  }

  enterScript(): void {
    this.#handler.enter_script();
  }

  beginStep(): void {
    Atomics.store(this.#handler.words, IN_STEP, 1);
  }

  endStep(): void {
    Atomics.store(this.#handler.words, IN_STEP, 0);
    // The engine stops code some microseconds after the signal, from another thread.
    while (Atomics.load(this.#handler.words, STOPPING) !== 0);
  }

  stepStopped(): void {
    Atomics.store(this.#handler.words, IN_STEP, 0);
    Atomics.store(this.#handler.words, STOPPING, 0);
  }

  reinstall(): void {
    this.#handler.reinstall();
  }

  uninstall(): void {
    this.#handler.uninstall();
    if (this.#listener === undefined) return;
    // Removing the last listener makes Bun set SIG_DFL; on a terminal it was Bun's own handler before.
    process.off("SIGINT", this.#listener);
    this.#listener = undefined;
    this.#handler.restore_default();
  }
}

/** Indices into the words that the handler shares. */
const PENDING = 0;
const IN_STEP = 1;
const STOPPING = 2;
const SEEN = 3;

interface Handler {
  readonly words: Int32Array;
  is_default(): number;
  install(wakeFd: number, chain: number): void;
  enter_script(): void;
  reinstall(): void;
  uninstall(): void;
  restore_default(): void;
}

let compiled: Handler | null | undefined;

function compileOnce(): Handler | null {
  if (compiled === undefined) {
    compiled = null;
    if (process.platform === "linux") {
      try {
        compiled = compile();
      } catch {
        // No TinyCC in this Bun, or no /proc: the null of installSigint says so.
      }
    }
  }
  return compiled;
}

function compile(): Handler {
  const { shared, ...functions } = compileC(SOURCE, {
    shared: { args: [], returns: "ptr" },
    is_default: { args: [], returns: "i32" },
    install: { args: ["i32", "i32"], returns: "void" },
    enter_script: { args: [], returns: "void" },
    reinstall: { args: [], returns: "void" },
    uninstall: { args: [], returns: "void" },
    restore_default: { args: [], returns: "void" },
  });
  return { ...functions, words: new Int32Array(toArrayBuffer(shared() as Pointer, 0, 16)) };
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
enum { PENDING, IN_STEP, STOPPING, SEEN };
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
static volatile int words[4];
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
}

void restore_default(void) {
  struct action now;
  if (sigaction(SIGINT, 0, &now) == 0 && now.handler == 0) sigaction(SIGINT, &default_action, 0);
}
`;
