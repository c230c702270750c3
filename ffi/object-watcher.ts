/**
 * Threads, in C, that wait for Windows' objects, up to 63 each, and post a packet to a completion port for each object
 * that they took.
 *
 * The system has a pool of such threads itself (RegisterWaitForSingleObject). It will not do: between the moment at which
 * its thread has taken an object (reset an event, counted a semaphore down) and the one at which it says so, a wait can
 * be unregistered without a word, and what was taken is lost. Here one thread does both, and is asked.
 */
import { FFIType } from "bun:ffi";
import { UnsupportedError } from "../src/errors.ts";
import { compileC } from "./compile-c.ts";
import { OBJECT_KEY } from "./completion-port.ts";

/** What a packet says, by its bytes transferred, of the object whose number is its lpOverlapped. */

/** It is taken. */
export const TAKEN: number = 0;
/** It is a mutex, and free: it would be the thread's that took it, which has given it back. */
export const FREE_MUTEX: number = 1;
/** It cannot be waited for: its handle is not open any more. */
export const LOST: number = 2;

/** How many objects a watcher takes: a thread waits for 64 at most (MAXIMUM_WAIT_OBJECTS), one of which is its own. */
export const OBJECTS_A_WATCHER: number = 63;

export interface ObjectWatcherCalls {
  /** A new watcher, which posts to `port`, or minus a Windows error number. */
  open(port: number): number;
  /**
   * Has the watcher wait for the object of `handle`, which stays open until it is removed or its packet has come. One
   * packet comes, when it is taken, with `number` as its lpOverlapped; then it is waited for no more.
   */
  add(watcher: number, handle: number, number: number): void;
  /** Takes an object back. @returns whether it was there: if not it is taken, and its packet in the port. */
  remove(watcher: number, number: number): boolean;
  /** Returns when its thread has ended. */
  close(watcher: number): void;
}

let calls: ObjectWatcherCalls | undefined;

/** @throws {UnsupportedError} where `cc` is missing. */
export function objectWatcherCalls(): ObjectWatcherCalls {
  return (calls ??= bindObjectWatcher());
}

/** @internal */
export function bindObjectWatcher(compile: typeof compileC = compileC): ObjectWatcherCalls {
  try {
    const { open_watcher, add_object, remove_object, close_watcher } = compile(SOURCE, {
      open_watcher: { args: ["u64"], returns: FFIType.i64_fast },
      add_object: { args: ["u64", "u64", "u64"], returns: "void" },
      remove_object: { args: ["u64", "u64"], returns: "i32" },
      close_watcher: { args: ["u64"], returns: "void" },
    });
    return {
      open: (port) => open_watcher(port) as number,
      add: add_object,
      remove: (watcher, number) => remove_object(watcher, number) !== 0,
      close: close_watcher,
    };
  } catch (cause) {
    throw new UnsupportedError("waiting for a Windows object takes the C compiler of bun:ffi, which failed", { cause });
  }
}

/**
 * The prototypes are written out, and so are the values of Windows.
 *
 * The thread that opened a watcher is the one that asks things of it: it leaves a request, sets the event that the
 * watcher waits for beside the objects, and waits for the answer, which comes at once. Nothing else is shared.
 *
 * Objects stand in the order in which they came: Windows takes the first of several that are signalled.
 */
const SOURCE = `
enum { ADD, REMOVE, CLOSE };
enum { TAKEN = ${TAKEN}, FREE_MUTEX = ${FREE_MUTEX}, LOST = ${LOST} };
enum { ABANDONED = 128, TIMEOUT = 258, INVALID_HANDLE = 6, ALL = ${OBJECTS_A_WATCHER} + 1 };
static const unsigned INFINITE = 0xffffffffu, FAILED = 0xffffffffu;
typedef unsigned long long u64;

void *CreateEventW(void *security, int manual, int signalled, void *name);
int SetEvent(void *event);
void *CreateThread(void *security, u64 stack, unsigned (*start)(void *), void *argument, unsigned flags, void *id);
unsigned WaitForSingleObject(void *object, unsigned ms);
unsigned WaitForMultipleObjects(unsigned count, void **objects, int all, unsigned ms);
int ReleaseMutex(void *mutex);
int PostQueuedCompletionStatus(void *port, unsigned bytes, u64 key, void *overlapped);
int CloseHandle(void *handle);
unsigned GetLastError(void);
void Sleep(unsigned ms);
void *LocalAlloc(unsigned flags, u64 size);
void *LocalFree(void *memory);

struct watcher {
  void *objects[ALL]; /* the first one says that there is a request */
  u64 numbers[ALL];
  unsigned count;
  void *port, *thread, *answered;
  int request, answer;
  void *object;
  u64 number;
};

static void take_out(struct watcher *w, unsigned i) {
  for (w->count--; i < w->count; i++) {
    w->objects[i] = w->objects[i + 1];
    w->numbers[i] = w->numbers[i + 1];
  }
}

static void report(struct watcher *w, unsigned i, unsigned what) {
  /* What was taken must not be lost for want of memory. */
  while (!PostQueuedCompletionStatus(w->port, what, ${OBJECT_KEY}, (void *)w->numbers[i])) {
    if (GetLastError() == INVALID_HANDLE) break;
    Sleep(1);
  }
  take_out(w, i);
}

/* Nothing but a mutex can be released. */
static void took(struct watcher *w, unsigned i) {
  report(w, i, ReleaseMutex(w->objects[i]) ? FREE_MUTEX : TAKEN);
}

/* One that cannot be waited for spoils the wait for all. */
static void one_by_one(struct watcher *w) {
  for (unsigned i = 1; i < w->count;) {
    unsigned result = WaitForSingleObject(w->objects[i], 0);
    if (result == FAILED) report(w, i, LOST);
    else if (result == TIMEOUT) i++;
    else took(w, i);
  }
  Sleep(1);
}

static int obey(struct watcher *w) {
  if (w->request == ADD) {
    w->objects[w->count] = w->object;
    w->numbers[w->count++] = w->number;
  } else if (w->request == REMOVE) {
    unsigned i = 1;
    while (i < w->count && w->numbers[i] != w->number) i++;
    w->answer = i < w->count;
    if (w->answer) take_out(w, i);
  }
  return w->request != CLOSE;
}

static unsigned watch(void *argument) {
  struct watcher *w = argument;
  for (;;) {
    unsigned i = WaitForMultipleObjects(w->count, w->objects, 0, INFINITE);
    if (i >= ABANDONED && i < ABANDONED + ALL) i -= ABANDONED;
    if (i == FAILED) one_by_one(w);
    else if (i > 0) took(w, i);
    else if (obey(w)) SetEvent(w->answered);
    else return 0;
  }
}

static int ask(struct watcher *w, int request, void *object, u64 number) {
  w->request = request;
  w->object = object;
  w->number = number;
  SetEvent(w->objects[0]);
  WaitForSingleObject(request == CLOSE ? w->thread : w->answered, INFINITE);
  return w->answer;
}

static void forget(struct watcher *w) {
  if (w->objects[0]) CloseHandle(w->objects[0]);
  if (w->answered) CloseHandle(w->answered);
  if (w->thread) CloseHandle(w->thread);
  LocalFree(w);
}

long long open_watcher(void *port) {
  enum { ZEROED = 0x40, STACK = 0x10000, STACK_IS_RESERVED = 0x10000 };
  struct watcher *w = LocalAlloc(ZEROED, sizeof *w);
  if (!w) return -(long long)GetLastError();
  w->port = port;
  w->count = 1;
  w->objects[0] = CreateEventW(0, 0, 0, 0);
  w->answered = w->objects[0] ? CreateEventW(0, 0, 0, 0) : 0;
  w->thread = w->answered ? CreateThread(0, STACK, watch, w, STACK_IS_RESERVED, 0) : 0;
  if (w->thread) return (long long)w;
  unsigned error = GetLastError();
  forget(w);
  return -(long long)error;
}

void add_object(struct watcher *w, void *object, u64 number) { ask(w, ADD, object, number); }

int remove_object(struct watcher *w, u64 number) { return ask(w, REMOVE, 0, number); }

void close_watcher(struct watcher *w) {
  ask(w, CLOSE, 0, 0);
  forget(w);
}
`;
