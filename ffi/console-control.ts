/**
 * Ctrl-C and Ctrl-Break on Windows: a console control handler in C.
 *
 * Windows runs the handlers on a thread that it makes for the event, the last one registered first, until one of them
 * says that it has dealt with it. So to pass an event on is to return 0, and no handler knows those beneath it. One that
 * is the first of all is called whatever the process does: an endless loop in JavaScript keeps no thread from running.
 */
import { toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { compileC } from "./compile-c.ts";
import { WAKE_KEY } from "./completion-port.ts";
import { type InterruptHandler, WORDS } from "./interrupt-handler.ts";

/** By the number of the event: CTRL_C_EVENT, CTRL_BREAK_EVENT. */
const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGBREAK"];

/** @throws {Error} where `cc` is missing. */
export function consoleControlHandler(): InterruptHandler {
  const { shared, install, enter_script, leave_script, take_held, uninstall } = compileC(SOURCE, {
    shared: { args: [], returns: "ptr" },
    install: { args: ["u64", "i32"], returns: "void" },
    enter_script: { args: [], returns: "void" },
    leave_script: { args: [], returns: "void" },
    take_held: { args: ["i32"], returns: "i32" },
    uninstall: { args: [], returns: "void" },
  });
  return {
    signals: SIGNALS,
    words: new Int32Array(toArrayBuffer(shared() as Pointer, 0, 4 * WORDS)),
    // A process that ignores Ctrl-C (as one in a new process group does) has its handlers not called: nothing to look for.
    isDefault: () => true,
    install: (wake, chained) => install(wake?.kind === "iocp" ? wake.port : 0, chained ? 1 : 0),
    enterScript: enter_script,
    reinstall() {
      leave_script();
      for (const [event, signal] of SIGNALS.entries()) {
        for (let held = take_held(event); held > 0; held--) setImmediate(() => process.emit(signal, signal));
      }
    },
    uninstall,
    restoreDefault() {}, // what is beneath stays there all the time
  };
}

/**
 * The prototypes are written out, and so are the values of Windows.
 *
 * Returning 0 for the second event, for the system's own handler to end the process, will not do: a listener of Bun's
 * beneath would take it. TerminateProcess asks nobody, with the exit status that Ctrl-C has.
 *
 * The handler of a script with `breakOnSigint` would stop code whenever it is called, and it knows Ctrl-C alone. So it
 * is not called between steps, nor for Ctrl-Break, and nor is Bun's listener beneath it: at a script's end the
 * caller looks at the flag.
 *
 * When the program takes over within a script, what comes until the script's end is kept from the script's handler and
 * handed to the program's listeners then.
 *
 * Windows calls the handlers of one event after those of another; `busy` lets `uninstall` wait for one that runs.
 */
const SOURCE = `
enum { CTRL_C = 0, CTRL_BREAK = 1 };
enum { PENDING, IN_STEP, STOPPING, SEEN, TAKES_BREAK, WORDS };
static const unsigned STATUS_CONTROL_C_EXIT = 0xc000013au;

int SetConsoleCtrlHandler(int (*handler)(unsigned event), int add);
int PostQueuedCompletionStatus(void *port, unsigned bytes, unsigned long long key, void *overlapped);
void *GetCurrentProcess(void);
int TerminateProcess(void *process, unsigned status);
void FlushProcessWriteBuffers(void);

static volatile int words[WORDS];
static void *volatile wake_port;
static int chained;
static volatile int in_script;
static volatile int busy;
static volatile int left_in_script;
static volatile int held[2];

static int on_event(unsigned event) {
  int dealt_with = 1;
  if (event != CTRL_C && !(event == CTRL_BREAK && words[TAKES_BREAK])) return 0;
  busy = 1;
  if (left_in_script) {
    held[event]++;
    busy = 0;
    return 1;
  }
  if (words[PENDING]) TerminateProcess(GetCurrentProcess(), STATUS_CONTROL_C_EXIT);
  words[PENDING] = 1;
  /* What the other thread wrote before it looked at that word is to be seen from here on. */
  FlushProcessWriteBuffers();
  if (wake_port) PostQueuedCompletionStatus(wake_port, 0, ${WAKE_KEY}, 0);
  if (in_script) {
    words[STOPPING] = words[IN_STEP] && event == CTRL_C;
    /* The step may have ended meanwhile, on another thread: then it waits for this word. */
    if (words[STOPPING]) {
      FlushProcessWriteBuffers();
      if (words[IN_STEP]) dealt_with = 0;
      else words[STOPPING] = 0;
    }
  } else if (chained) {
    words[SEEN]++;
    dealt_with = 0;
  }
  busy = 0;
  return dealt_with;
}

volatile int *shared(void) { return words; }

void install(void *port, int chain) {
  for (int word = 0; word < WORDS; word++) words[word] = 0;
  in_script = 0;
  wake_port = port;
  chained = chain;
  SetConsoleCtrlHandler(on_event, 1);
}

/* The last one registered is the first one called. */
void enter_script(void) {
  in_script = 1;
  SetConsoleCtrlHandler(on_event, 0);
  SetConsoleCtrlHandler(on_event, 1);
}

void leave_script(void) {
  in_script = 0;
  if (left_in_script) SetConsoleCtrlHandler(on_event, 0);
  left_in_script = 0;
  while (busy);
}

int take_held(int event) {
  int count = held[event];
  held[event] = 0;
  return count;
}

void uninstall(void) {
  if (in_script) left_in_script = 1;
  else SetConsoleCtrlHandler(on_event, 0);
  while (busy);
  wake_port = 0;
}
`;
