/** The lint rule, in the real oxlint: what it finds, what it says, what it writes instead; and what it leaves alone. */
import { describe, expect, test } from "bun:test";
import { whyNot } from "../platform.ts";
import { Project } from "./oxlint.ts";

const why = whyNot("linter");

interface Bad {
  title: string;
  code: string;
  /** What each diagnostic says, or how it begins, in the order of the text. */
  says: string[];
  /** What `--fix-suggestions` makes of it; absent when nothing is suggested. */
  becomes?: string;
}

const DRIVE = (call: string): string => `\`${call}\` does nothing until it is driven: write \`yield* ${call}\`.`;
const OUTSIDE = (call: string): string => `\`${call}\` does nothing until it is driven, and only a generator can: `;
const VALUE = (call: string): string => `\`${call}\` is an operation, and not what driving it gives: `;
const CALLED = (callee: string, call: string, instead: string): string =>
  `\`${callee}\` takes a function and calls it itself; \`${call}\` is what calling one gives. Write \`${instead}\`.`;

const BAD: Bad[] = [
  // An operation that nobody drives.
  {
    title: "a bare statement",
    code: `import { sleep } from "tribun"; function* f() { sleep(1); }`,
    says: [DRIVE("sleep(1)")],
    becomes: `import { sleep } from "tribun"; function* f() { yield* sleep(1); }`,
  },
  {
    title: "void",
    code: `import { sleep } from "tribun"; async function* f() { void sleep(1); }`,
    says: [DRIVE("sleep(1)")],
    becomes: `import { sleep } from "tribun"; async function* f() { yield* sleep(1); }`,
  },
  {
    title: "one side of a comma, of && and of ?:",
    code: `import { sleep } from "tribun"; function* f(a) { sleep(1), sleep(2); a && sleep(3); a ? sleep(4) : 0; }`,
    says: [DRIVE("sleep(1)"), DRIVE("sleep(2)"), DRIVE("sleep(3)"), DRIVE("sleep(4)")],
    becomes: `import { sleep } from "tribun"; function* f(a) { yield* sleep(1), yield* sleep(2); a && (yield* sleep(3)); a ? (yield* sleep(4)) : 0; }`,
  },
  {
    title: "the update of a for loop",
    code: `import { sleep } from "tribun"; function* f() { for (;; sleep(1)) {} }`,
    says: [DRIVE("sleep(1)")],
    becomes: `import { sleep } from "tribun"; function* f() { for (;; yield* sleep(1)) {} }`,
  },
  {
    title: "a parenthesis is not suggested where it would go on with the line before",
    code: `import { sleep } from "tribun"\nfunction* f(a) {\n  a()\n  await_(sleep(1) + 1)\n  sleep(2) + 1\n  sleep(3)\n}`,
    says: [VALUE("sleep(1)"), VALUE("sleep(2)"), DRIVE("sleep(3)")],
    becomes: `import { sleep } from "tribun"\nfunction* f(a) {\n  a()\n  await_((yield* sleep(1)) + 1)\n  sleep(2) + 1\n  yield* sleep(3)\n}`,
  },
  {
    title: "in a function that is no generator, where nothing can be suggested",
    code: `import { sleep } from "tribun"; function f() { sleep(1); } const g = () => { sleep(2); }; async function h() { sleep(3); }`,
    says: [OUTSIDE("sleep(1)"), OUTSIDE("sleep(2)"), OUTSIDE("sleep(3)")],
  },
  {
    title: "in a callback within a generator, where yield* cannot stand",
    code: `import { sleep } from "tribun"; function* f(list) { list.forEach(() => { sleep(1); }); }`,
    says: [OUTSIDE("sleep(1)")],
  },
  {
    title: "an optional call: what it gives may be undefined, so nothing is suggested",
    code: `import { Lock } from "tribun"; function* f(lock?: Lock) { lock?.acquire(); }`,
    says: [DRIVE("lock?.acquire()")],
  },
  {
    title: "a long call is named by what is called",
    code: `import { openNursery } from "tribun"; function* f() { openNursery(function* (nursery) { nursery.cancelScope.cancel(); }); }`,
    says: [DRIVE("openNursery(…)")],
    becomes: `import { openNursery } from "tribun"; function* f() { yield* openNursery(function* (nursery) { nursery.cancelScope.cancel(); }); }`,
  },
  {
    title: "using on the operation",
    code: `import { Lock } from "tribun"; const lock = new Lock(); function* f() { using held = lock.acquire(); }`,
    says: [VALUE("lock.acquire()")],
    becomes: `import { Lock } from "tribun"; const lock = new Lock(); function* f() { using held = yield* lock.acquire(); }`,
  },
  {
    title: "an operation taken for what it gives",
    code: `import { openMemoryChannel } from "tribun";
const [, inbox] = openMemoryChannel<number>(0);
function* f() { if (inbox.receive()) return inbox.receive() + 1; return \`\${inbox.receive()}\` + inbox.receive().toFixed(); }`,
    says: Array.from({ length: 4 }, () => VALUE("inbox.receive()")),
    becomes: `import { openMemoryChannel } from "tribun";
const [, inbox] = openMemoryChannel<number>(0);
function* f() { if (yield* inbox.receive()) return (yield* inbox.receive()) + 1; return \`\${yield* inbox.receive()}\` + (yield* inbox.receive()).toFixed(); }`,
  },
  {
    title: "an operation given to what looks at values",
    code: `import { expect } from "bun:test"; import { sleep } from "tribun"; function* f() { let n = 0; n += sleep(1); console.log("slept", sleep(2)); expect(sleep(3)).toBe(undefined); JSON.stringify(sleep(4)); const op = sleep(5); expect(op).toBe(undefined); }`,
    says: [1, 2, 3, 4]
      .map((ms) => VALUE(`sleep(${ms})`))
      .concat("`op` is an operation, and not what driving it gives: "),
    becomes: `import { expect } from "bun:test"; import { sleep } from "tribun"; function* f() { let n = 0; n += yield* sleep(1); console.log("slept", yield* sleep(2)); expect(yield* sleep(3)).toBe(undefined); JSON.stringify(yield* sleep(4)); const op = yield* sleep(5); expect(op).toBe(undefined); }`,
  },
  {
    title: "an operation taken apart",
    code: `import { socket } from "tribun/socket"; function* f() { const [connection, address] = socket().accept(); }`,
    says: [VALUE("socket().accept()")],
    becomes: `import { socket } from "tribun/socket"; function* f() { const [connection, address] = yield* socket().accept(); }`,
  },
  {
    title: "a variable that is used as what the operation gives",
    code: `import { socket } from "tribun/socket"; function* f() { const bytes = socket().recv(10); return bytes.length; }`,
    says: ["`bytes` is an operation, and not what driving it gives: write `bytes = yield* socket().recv(10)`."],
    becomes: `import { socket } from "tribun/socket"; function* f() { const bytes = yield* socket().recv(10); return bytes.length; }`,
  },
  {
    title: "a variable that is asked for, and then used as what the operation gives",
    code: `import { socket } from "tribun/socket"; function* f() { const bytes = socket().recv(10); if (bytes && !0) return bytes.length; }`,
    says: ["`bytes` is an operation, and not what driving it gives: write `bytes = yield* socket().recv(10)`."],
    becomes: `import { socket } from "tribun/socket"; function* f() { const bytes = yield* socket().recv(10); if (bytes && !0) return bytes.length; }`,
  },
  {
    title: "an operation in a switch",
    code: `import { openMemoryChannel } from "tribun"; const [, inbox] = openMemoryChannel<string>(0); function* f() { switch (inbox.receive()) { case "stop": return; } }`,
    says: [VALUE("inbox.receive()")],
    becomes: `import { openMemoryChannel } from "tribun"; const [, inbox] = openMemoryChannel<string>(0); function* f() { switch (yield* inbox.receive()) { case "stop": return; } }`,
  },
  {
    title: "a task that returns an operation",
    code: `import { run, sleep } from "tribun"; run(function* () { return sleep(1); });`,
    says: ["The task would return `sleep(1)` itself, which nobody has driven: write `return yield* sleep(1)`."],
    becomes: `import { run, sleep } from "tribun"; run(function* () { return yield* sleep(1); });`,
  },
  // Where operations come from.
  {
    title: "under another name, and through a namespace",
    code: `import { sleep as nap } from "tribun"; import * as hazmat from "tribun/hazmat"; import { checkpoint } from "tribun/lowlevel";
function* f() { nap(1); hazmat.waitReadable(0); checkpoint(); hazmat["yieldBriefly"](); }`,
    says: [DRIVE("nap(1)"), DRIVE("hazmat.waitReadable(0)"), DRIVE("checkpoint()"), DRIVE('hazmat["yieldBriefly"]()')],
    becomes: `import { sleep as nap } from "tribun"; import * as hazmat from "tribun/hazmat"; import { checkpoint } from "tribun/lowlevel";
function* f() { yield* nap(1); yield* hazmat.waitReadable(0); yield* checkpoint(); yield* hazmat["yieldBriefly"](); }`,
  },
  {
    title: "an import() of the library",
    code: `const { sleep } = await import("tribun"); function* f() { sleep(1); }`,
    says: [DRIVE("sleep(1)")],
    becomes: `const { sleep } = await import("tribun"); function* f() { yield* sleep(1); }`,
  },
  {
    title: "require()",
    code: `const { sleep } = require("tribun"); const hazmat = require("tribun/hazmat"); function* f() { sleep(1); hazmat.yieldBriefly(); }`,
    says: [DRIVE("sleep(1)"), DRIVE("hazmat.yieldBriefly()")],
    becomes: `const { sleep } = require("tribun"); const hazmat = require("tribun/hazmat"); function* f() { yield* sleep(1); yield* hazmat.yieldBriefly(); }`,
  },
  {
    title: "methods of what `new` and the library's functions make",
    code: `import { Event, openMemoryChannel, StrictFIFOLock } from "tribun"; import { socketpair } from "tribun/socket"; import { Sequencer } from "tribun/testing";
const event = new Event(), lock = new StrictFIFOLock(), turns = new Sequencer();
const [out] = openMemoryChannel(1); const copy = out.clone(); const [left] = socketpair(); let { wait } = event; const ends = socketpair();
function* f() { event.wait(); lock.acquire(); turns.at(1); out.send(1); copy.send(2); left.recv(1); ends[1]; const [, right] = ends; right.recv(2); }`,
    says: [
      "event.wait()",
      "lock.acquire()",
      "turns.at(1)",
      "out.send(1)",
      "copy.send(2)",
      "left.recv(1)",
      "right.recv(2)",
    ].map(DRIVE),
    becomes: `import { Event, openMemoryChannel, StrictFIFOLock } from "tribun"; import { socketpair } from "tribun/socket"; import { Sequencer } from "tribun/testing";
const event = new Event(), lock = new StrictFIFOLock(), turns = new Sequencer();
const [out] = openMemoryChannel(1); const copy = out.clone(); const [left] = socketpair(); let { wait } = event; const ends = socketpair();
function* f() { yield* event.wait(); yield* lock.acquire(); yield* turns.at(1); yield* out.send(1); yield* copy.send(2); yield* left.recv(1); ends[1]; const [, right] = ends; yield* right.recv(2); }`,
  },
  {
    title: "what an operation gives",
    code: `import { listener } from "./elsewhere.ts"; import type { Socket } from "tribun/socket";
function* f(listener: Socket) { const [connection] = yield* listener.accept(); connection.recv(1); }`,
    says: [DRIVE("connection.recv(1)")],
    becomes: `import { listener } from "./elsewhere.ts"; import type { Socket } from "tribun/socket";
function* f(listener: Socket) { const [connection] = yield* listener.accept(); yield* connection.recv(1); }`,
  },
  {
    title: "parameters of bodies, and arguments that are passed on",
    code: `import { Lock, moveOnAfter, openNursery } from "tribun";
function* f() { yield* openNursery(async function* (nursery) { nursery.start(g); nursery.startSoon(function* (lock) { lock.acquire(); }, new Lock()); });
  yield* moveOnAfter(1, function* (scope) { scope.run(g); }); }
function* g() {}`,
    says: [DRIVE("nursery.start(g)"), DRIVE("lock.acquire()"), DRIVE("scope.run(g)")],
    becomes: `import { Lock, moveOnAfter, openNursery } from "tribun";
function* f() { yield* openNursery(async function* (nursery) { yield* nursery.start(g); nursery.startSoon(function* (lock) { yield* lock.acquire(); }, new Lock()); });
  yield* moveOnAfter(1, function* (scope) { yield* scope.run(g); }); }
function* g() {}`,
  },
  {
    title: "annotations",
    code: `import type { Lock, Nursery, Operation, TaskFunction } from "tribun"; import type * as hazmat from "tribun/hazmat";
type Body = () => Operation<void>; interface Parts { lock: Lock; wait(): Operation<void> }
function* f(lock: Lock | null, { cancelScope }: Nursery, lot: hazmat.ParkingLot, body: Body, parts: Parts, fn: TaskFunction<[], void>) {
  lock!.acquire(); cancelScope.run(fn); lot.park(); body(); parts.lock.acquire(); parts.wait(); fn();
}`,
    says: [
      "lock!.acquire()",
      "cancelScope.run(fn)",
      "lot.park()",
      "body()",
      "parts.lock.acquire()",
      "parts.wait()",
      "fn()",
    ].map(DRIVE),
    becomes: `import type { Lock, Nursery, Operation, TaskFunction } from "tribun"; import type * as hazmat from "tribun/hazmat";
type Body = () => Operation<void>; interface Parts { lock: Lock; wait(): Operation<void> }
function* f(lock: Lock | null, { cancelScope }: Nursery, lot: hazmat.ParkingLot, body: Body, parts: Parts, fn: TaskFunction<[], void>) {
  yield* lock!.acquire(); yield* cancelScope.run(fn); yield* lot.park(); yield* body(); yield* parts.lock.acquire(); yield* parts.wait(); yield* fn();
}`,
  },
  {
    title: "fields, methods and parameter properties of a class, and what it inherits",
    code: `import { Event, Lock } from "tribun";
class Store { readonly #lock = new Lock(); ready?: Event; constructor(private readonly gate: Lock) {}
  *put() { this.#lock.acquire(); this.ready!.wait(); this.gate.acquire(); }
  nap() { return this.#lock.acquire(); } }
class Latch extends Event { *twice() { this.wait(); } }
function* f(store: Store) { store.nap(); new Latch().wait(); }`,
    says: [
      "this.#lock.acquire()",
      "this.ready!.wait()",
      "this.gate.acquire()",
      "this.wait()",
      "store.nap()",
      "new Latch().wait()",
    ].map(DRIVE),
    becomes: `import { Event, Lock } from "tribun";
class Store { readonly #lock = new Lock(); ready?: Event; constructor(private readonly gate: Lock) {}
  *put() { yield* this.#lock.acquire(); yield* this.ready!.wait(); yield* this.gate.acquire(); }
  nap() { return this.#lock.acquire(); } }
class Latch extends Event { *twice() { yield* this.wait(); } }
function* f(store: Store) { yield* store.nap(); yield* new Latch().wait(); }`,
  },
  {
    title: "functions that return operations",
    code: `import { call, sleep, type Operation } from "tribun";
const nap = () => sleep(1); function doze(long) { if (long) return sleep(2); return sleep(1); } function rest(): Operation<void> { return nap(); }
function* f() { nap(); doze(true); rest(); }`,
    says: [DRIVE("nap()"), DRIVE("doze(true)"), DRIVE("rest()")],
    becomes: `import { call, sleep, type Operation } from "tribun";
const nap = () => sleep(1); function doze(long) { if (long) return sleep(2); return sleep(1); } function rest(): Operation<void> { return nap(); }
function* f() { yield* nap(); yield* doze(true); yield* rest(); }`,
  },
  // Generator functions of the program's own.
  {
    title: "a generator function called as a statement, in a task and elsewhere",
    code: `import { sleep } from "tribun"; async function* work(n) { yield* sleep(n); } const more = function* () {};
async function* main() { work(1); more(); } main();`,
    says: [
      "`work(1)` runs nothing: calling a generator function only makes a generator. Write `yield* work(1)`, or start a task with `nursery.startSoon(work, …)`.",
      "`more()` runs nothing: calling a generator function only makes a generator. Write `yield* more()`, or start a task with `nursery.startSoon(more)`.",
      "`main()` runs nothing: calling a generator function only makes a generator. Write `yield* main()` in a `function*`, start a task with `nursery.startSoon(main)`, or enter a run with `run(main)`.",
    ],
    becomes: `import { sleep } from "tribun"; async function* work(n) { yield* sleep(n); } const more = function* () {};
async function* main() { yield* work(1); yield* more(); } main();`,
  },
  {
    title: "generator methods",
    code: `class Server { *serve() { this.accept(); } *accept() {} } const server = new Server(); server.serve(); import { sleep } from "tribun"; const tool = { *use() { yield* sleep(1); } }; tool.use();`,
    says: ["`this.accept()` runs nothing", "`server.serve()` runs nothing", "`tool.use()` runs nothing"],
    becomes: `class Server { *serve() { yield* this.accept(); } *accept() {} } const server = new Server(); server.serve(); import { sleep } from "tribun"; const tool = { *use() { yield* sleep(1); } }; tool.use();`,
  },
  {
    title: "static methods",
    code: `import { Lock, sleep } from "tribun"; class Pool { static lock = new Lock(); static async *open() { yield* sleep(1); return new Pool(); } } async function* f() { Pool.open(); await Pool.open(); Pool.lock.acquire(); }`,
    says: ["`Pool.open()` runs nothing", "`await` does not drive `Pool.open()`", DRIVE("Pool.lock.acquire()")],
    becomes: `import { Lock, sleep } from "tribun"; class Pool { static lock = new Lock(); static async *open() { yield* sleep(1); return new Pool(); } } async function* f() { yield* Pool.open(); yield* Pool.open(); yield* Pool.lock.acquire(); }`,
  },
  {
    title: "a function that was given a name, or protection",
    code: `import { named, openNursery } from "tribun"; import { enableKiProtection } from "tribun/hazmat"; const work = named("work", function* () {}), safe = enableKiProtection(function* () {});
function* f() { work(); safe(); yield* openNursery(named("body", function* (nursery) { nursery.start(work); nursery.startSoon(safe()); })); }`,
    says: [
      "`work()` runs nothing",
      "`safe()` runs nothing",
      DRIVE("nursery.start(work)"),
      CALLED("nursery.startSoon()", "safe()", "nursery.startSoon(safe)"),
    ],
    becomes: `import { named, openNursery } from "tribun"; import { enableKiProtection } from "tribun/hazmat"; const work = named("work", function* () {}), safe = enableKiProtection(function* () {});
function* f() { yield* work(); yield* safe(); yield* openNursery(named("body", function* (nursery) { yield* nursery.start(work); nursery.startSoon(safe); })); }`,
  },
  {
    title: "a generator function that calls itself",
    code: `function* walk(tree) { if (tree) walk(tree.left); }`,
    says: ["`walk(tree.left)` runs nothing"],
    becomes: `function* walk(tree) { if (tree) yield* walk(tree.left); }`,
  },
  {
    title: "functions of other modules: generators, annotated ones, re-exported ones, and a lock",
    code: `import serve, { work, rest, again, lock, sleep } from "./modules/pool.ts"; import { nap } from "./modules/names.js";
function* f() { work(1); rest(); again(); lock.acquire(); sleep(1); nap(); serve(); }`,
    says: [
      "`work(1)` runs nothing",
      DRIVE("rest()"),
      "`again()` runs nothing",
      DRIVE("lock.acquire()"),
      DRIVE("sleep(1)"),
      DRIVE("nap()"),
      "`serve()` runs nothing",
    ],
    becomes: `import serve, { work, rest, again, lock, sleep } from "./modules/pool.ts"; import { nap } from "./modules/names.js";
function* f() { yield* work(1); yield* rest(); yield* again(); yield* lock.acquire(); yield* sleep(1); yield* nap(); yield* serve(); }`,
  },
  {
    title: "other modules as a whole",
    code: `import * as pool from "./modules/pool.ts"; const names = await import("./modules/names.ts"); function* f() { pool.work(1); pool.lock.acquire(); names.nap(); }`,
    says: ["`pool.work(1)` runs nothing", DRIVE("pool.lock.acquire()"), DRIVE("names.nap()")],
    becomes: `import * as pool from "./modules/pool.ts"; const names = await import("./modules/names.ts"); function* f() { yield* pool.work(1); yield* pool.lock.acquire(); yield* names.nap(); }`,
  },
  {
    title: "methods and fields of other modules' classes, and what those inherit",
    code: `import { Store, type Feed, Latch } from "./modules/store.ts"; const store = new Store();
function* f(feed: Feed, latch = new Latch()) { store.put(1); store.get(2); feed.next(3); store.ready.wait(); latch.wait(); latch.twice(); }`,
    says: [
      "`store.put(1)` runs nothing",
      DRIVE("store.get(2)"),
      "`feed.next(3)` runs nothing",
      DRIVE("store.ready.wait()"),
      DRIVE("latch.wait()"),
      "`latch.twice()` runs nothing",
    ],
    becomes: `import { Store, type Feed, Latch } from "./modules/store.ts"; const store = new Store();
function* f(feed: Feed, latch = new Latch()) { yield* store.put(1); yield* store.get(2); yield* feed.next(3); yield* store.ready.wait(); yield* latch.wait(); yield* latch.twice(); }`,
  },
  // yield without the star.
  {
    title: "yield without the star",
    code: `import { run, sleep } from "tribun"; run(async function* () { yield sleep(1); const x = yield sleep(2); });`,
    says: [
      "`yield` hands `sleep(1)` out and nobody drives it: write `yield* sleep(1)`.",
      "`yield` hands `sleep(2)` out",
    ],
    becomes: `import { run, sleep } from "tribun"; run(async function* () { yield* sleep(1); const x = yield* sleep(2); });`,
  },
  {
    title: "yield without the star, in a function that is started by its name, or that drives something else",
    code: `import { openNursery, sleep } from "tribun"; function* work() { yield sleep(1); } function* main() { yield* openNursery(function* (n) { n.startSoon(work); }); yield work(); }`,
    says: ["`yield` hands `sleep(1)` out", "`yield` hands `work()` out"],
    becomes: `import { openNursery, sleep } from "tribun"; function* work() { yield* sleep(1); } function* main() { yield* openNursery(function* (n) { n.startSoon(work); }); yield* work(); }`,
  },
  // await.
  {
    title: "await on an operation",
    code: `import { sleep, Event } from "tribun"; const e = new Event(); async function* f() { await sleep(1); const x = (await e.wait()) ?? 1; await g(); } async function* g() {}`,
    says: ["sleep(1)", "e.wait()", "g()"].map(
      (call) => `\`await\` does not drive \`${call}\`, it gives back the operation itself: write \`yield* ${call}\`.`,
    ),
    becomes: `import { sleep, Event } from "tribun"; const e = new Event(); async function* f() { yield* sleep(1); const x = (yield* e.wait()) ?? 1; yield* g(); } async function* g() {}`,
  },
  {
    title: "await where yield* cannot stand",
    code: `import { sleep } from "tribun"; async function f() { await sleep(1); } await sleep(2);`,
    says: [1, 2].map(
      (ms) =>
        `\`await\` does not drive \`sleep(${ms})\`, it gives back the operation itself: make the function an \`async function*\` that says \`yield* sleep(${ms})\`, or enter a run with \`await run(() => sleep(${ms}))\`.`,
    ),
  },
  {
    title: "await on a variable",
    code: `import { sleep } from "tribun"; async function* f() { const nap = sleep(1); await nap; }`,
    says: ["`await` does not drive `nap`"],
    becomes: `import { sleep } from "tribun"; async function* f() { const nap = sleep(1); yield* nap; }`,
  },
  {
    title: "Promise.all() and its like",
    code: `import { sleep } from "tribun"; async function* work(n) { yield* sleep(n); }
async function* f() { await Promise.all([sleep(1), work(1)]); await Promise.race([1, 2].map((n) => work(n))); await Promise.resolve(sleep(2)); }`,
    says: [
      '`Promise.all()` does not drive `sleep(1)`: it takes promises. Write `yield* all([() => sleep(1), …])`, `race` or `map` of "tribun".',
      "`Promise.all()` does not drive `work(1)`",
      "`Promise.race()` does not drive `work(n)`",
      "`Promise.resolve()` does not drive `sleep(2)`",
    ],
  },
  // A call where the function belongs.
  {
    title: "startSoon and start",
    code: `import { openNursery } from "tribun"; async function* work(a, b) {} function* f(tool) { yield* openNursery(function* (nursery) {
  nursery.startSoon(work(1, 2)); nursery.startSoon(work()); yield* nursery.start(work(3)); nursery.startSoon(work(4), 5); }); }`,
    says: [
      CALLED("nursery.startSoon()", "work(1, 2)", "nursery.startSoon(work, …)"),
      CALLED("nursery.startSoon()", "work()", "nursery.startSoon(work)"),
      CALLED("nursery.start()", "work(3)", "nursery.start(work, …)"),
      CALLED("nursery.startSoon()", "work(4)", "nursery.startSoon(() => work(4))"),
    ],
    becomes: `import { openNursery } from "tribun"; async function* work(a, b) {} function* f(tool) { yield* openNursery(function* (nursery) {
  nursery.startSoon(work, 1, 2); nursery.startSoon(work); yield* nursery.start(work, 3); nursery.startSoon(() => work(4), 5); }); }`,
  },
  {
    title: "run, runSync, call and spawnSystemTask",
    code: `import { call, run, runSync } from "tribun"; import { spawnSystemTask } from "tribun/hazmat"; function* main(n) {}
run(main()); runSync(main(1)); function* f() { yield* call(main(2)); spawnSystemTask(main(3)); }`,
    says: [
      CALLED("run()", "main()", "run(main)"),
      CALLED("runSync()", "main(1)", "runSync(() => main(1))"),
      CALLED("call()", "main(2)", "call(main, …)"),
      CALLED("spawnSystemTask()", "main(3)", "spawnSystemTask(main, …)"),
    ],
    becomes: `import { call, run, runSync } from "tribun"; import { spawnSystemTask } from "tribun/hazmat"; function* main(n) {}
run(main); runSync(() => main(1)); function* f() { yield* call(main, 2); spawnSystemTask(main, 3); }`,
  },
  {
    title: "bodies of scopes and nurseries",
    code: `import { CancelScope, failAfter, moveOnAfter, openNursery, sleep } from "tribun"; function* body(nursery) {}
function* f() { yield* openNursery(body(1)); yield* moveOnAfter(10, sleep(5)); yield* failAfter(10, body(2), { shield: true }); yield* new CancelScope().run(sleep(5)); }`,
    says: [
      CALLED("openNursery()", "body(1)", "openNursery(() => body(1))"),
      CALLED("moveOnAfter()", "sleep(5)", "moveOnAfter(…, () => sleep(5))"),
      CALLED("failAfter()", "body(2)", "failAfter(…, () => body(2))"),
      CALLED("new CancelScope().run()", "sleep(5)", "new CancelScope().run(() => sleep(5))"),
    ],
    becomes: `import { CancelScope, failAfter, moveOnAfter, openNursery, sleep } from "tribun"; function* body(nursery) {}
function* f() { yield* openNursery(() => body(1)); yield* moveOnAfter(10, () => sleep(5)); yield* failAfter(10, () => body(2), { shield: true }); yield* new CancelScope().run(() => sleep(5)); }`,
  },
  {
    title: "lists of bodies",
    code: `import { all, race, sleep } from "tribun"; function* work(n) {} function* f() { yield* all([work(1), () => work(2)]); yield* race([sleep(1)]); yield* all([1, 2].map((n) => work(n))); }`,
    says: [
      CALLED("all()", "work(1)", "() => work(1)"),
      CALLED("race()", "sleep(1)", "() => sleep(1)"),
      CALLED("all()", "work(n)", "() => work(n)"),
    ],
    becomes: `import { all, race, sleep } from "tribun"; function* work(n) {} function* f() { yield* all([() => work(1), () => work(2)]); yield* race([() => sleep(1)]); yield* all([1, 2].map((n) => () => work(n))); }`,
  },
  {
    title: "inRun, and what the call needs of the function around it",
    code: `import { run, sleep } from "tribun"; import { inRun } from "tribun/testing"; import { test } from "bun:test"; function* body() {}
test("title", inRun(body())); function* f() { run(sleep(yield* ms())); } function* ms() { return 1; }`,
    says: [
      CALLED("inRun()", "body()", "inRun(body)"),
      CALLED("run()", "sleep(yield* ms())", "run(() => sleep(yield* ms()))"),
    ],
    becomes: `import { run, sleep } from "tribun"; import { inRun } from "tribun/testing"; import { test } from "bun:test"; function* body() {}
test("title", inRun(body)); function* f() { run(sleep(yield* ms())); } function* ms() { return 1; }`,
  },
  {
    title: "functions of the program's own whose annotations say what they take",
    code: `import { call, sleep, type Coroutine, type Lock } from "tribun"; function* twice<T>(body: (lock: Lock) => Coroutine<T>) { yield* call(body, null!); } const store = { locked(body: () => Coroutine<void>) {} };
function* f() { yield* twice(g()); yield* twice(function* (lock) { yield sleep(1); lock.acquire(); }); store.locked(g()); } function* g() {}`,
    says: [
      CALLED("twice()", "g()", "twice(g)"),
      "`yield` hands `sleep(1)` out",
      DRIVE("lock.acquire()"),
      CALLED("store.locked()", "g()", "store.locked(g)"),
    ],
    becomes: `import { call, sleep, type Coroutine, type Lock } from "tribun"; function* twice<T>(body: (lock: Lock) => Coroutine<T>) { yield* call(body, null!); } const store = { locked(body: () => Coroutine<void>) {} };
function* f() { yield* twice(g); yield* twice(function* (lock) { yield* sleep(1); yield* lock.acquire(); }); store.locked(g); } function* g() {}`,
  },
  {
    title: "a variable that holds what was called",
    code: `import { openNursery } from "tribun"; function* work() {} function* f() { const made = work(); yield* openNursery(function* (nursery) { nursery.startSoon(made); }); }`,
    says: [
      "`nursery.startSoon()` takes a function and calls it itself; `made` is what calling one gives. Pass the function.",
    ],
  },
];

const GOOD: [title: string, code: string][] = [
  [
    "operations that are driven",
    `import { sleep, Lock } from "tribun"; const lock = new Lock();
async function* f() { yield* sleep(1); using held = yield* lock.acquire(); for (;; yield* sleep(1)) break; for await (const trap of sleep(1)) yield trap; }`,
  ],
  [
    "operations given to functions of the program's own, whatever they are called",
    `import { expect } from "./elsewhere.ts"; import { sleep } from "tribun"; const console = { log(op) { return op; } }; expect(sleep(1)); console.log(sleep(1)); String(drive(sleep(1))); function f(JSON) { JSON.stringify(sleep(1)); }`,
  ],
  [
    "operations that are handed on",
    `import { all, call, race, sleep, moveOnAfter, openNursery, run, type Operation } from "tribun";
const nap = () => sleep(1); function doze() { return sleep(1); } const table = { nap: sleep(1) }; let kept; kept = sleep(1); drive(sleep(1)); const list = [sleep(1), sleep(2)];
function* work(n = 1) { yield* sleep(n); }
run(() => sleep(1)); run(work);
function* f(op: Operation<void>) { yield* all([() => sleep(1), work]); yield* race([1, 2].map((n) => () => work(n))); yield* moveOnAfter(1, () => work(1)); yield* op; const later = sleep(1); yield* later;
  yield* openNursery(function* (nursery) { nursery.startSoon(work, 1); nursery.startSoon(() => work(1)); nursery.startSoon(() => sleep(1)); }); return yield* work(); }`,
  ],
  [
    "a conditional operation that is driven or asked for",
    `import { Lock, sleep } from "tribun"; function* f(a?: Lock, b?: boolean) { yield* (b ? sleep(1) : sleep(2)); const op = a?.acquire(); if (op) yield* op; const or = a?.acquire() ?? sleep(1); yield* or; const asked = sleep(1); if (asked) return; }`,
  ],
  [
    "an operation that takes the place of none",
    `import { sleep } from "tribun"; function* f(later) { let op; op ??= sleep(1); later ||= sleep(2); later &&= sleep(3); yield* op; yield* later; }`,
  ],
  [
    "a generator that was set going before it was returned",
    `function* machine() { const a = yield "start"; a; } function boot() { const it = machine(); it.next(); return it; } boot(); export const started = () => { const it = machine(); it.next(); return it; }; started();`,
  ],
  [
    "a require() of the program's own, and of other modules",
    `const { sleep } = require("timers"); sleep(1); const pool = require("./modules/missing.ts"); pool.sleep(1); function f(require) { const { sleep } = require("tribun"); sleep(1); } require(name).sleep(1); require().sleep(1);`,
  ],
  [
    "static members that are none, or that are an instance's",
    `import { Event, Lock } from "tribun"; class A { static wait() {} *wait() {} static lock = null; lock = new Lock(); static get ready() { return make(); } } A.wait(); A.gone(); A.lock.acquire(); A.ready.wait(); class B extends A {} B.wait(); new A();`,
  ],
  [
    "names that are not the library's",
    `import { sleep } from "timers"; import { Lock, run } from "other"; const lock = new Lock(); function acquire() {} async function f() { sleep(1); lock.acquire(); await lock.acquire(); run(sleep(1)); acquire(); }`,
  ],
  [
    "names that hide the library's",
    `import { sleep, Lock } from "tribun"; function f(sleep) { sleep(1); } function g() { const sleep = (ms) => Bun.sleepSync(ms); sleep(1); class Lock { acquire() {} } new Lock().acquire(); }
function h(Lock) { new Lock().acquire(); } { const run = () => {}; run(); }`,
  ],
  [
    "a variable that may be something else by then",
    `import { sleep, Lock } from "tribun"; let nap = () => sleep(1); nap = () => {}; nap(); let lock = new Lock(); lock = { acquire() {} }; lock.acquire(); let op = sleep(1); op = 5; op;`,
  ],
  [
    "what is no operation of a class that has some",
    `import { Lock, Event, openMemoryChannel, openNursery, CancelScope } from "tribun"; import { socket } from "tribun/socket";
const lock = new Lock(), event = new Event(), scope = new CancelScope(), s = socket(); const [out, inbox] = openMemoryChannel(1);
lock.acquireNoWait(); lock.release(); event.set(); scope.cancel(); out.sendNoWait(1); out.close(); inbox.clone(); s.bind({ host: "::1", port: 0 }); s.trySend(new Uint8Array(1)); s.close(); lock.locked; lock.statistics();
function* f() { yield* openNursery(function* (nursery) { nursery.cancelScope.cancel(); nursery.startSoon(f); }); }`,
  ],
  [
    "calls of the library that are complete in themselves",
    `import { run, runSync, currentTime, isCancelled } from "tribun"; import { reschedule, currentTask, spawnSystemTask, notifyClosing } from "tribun/hazmat";
function* main() {} await run(main); void run(main); run(main).then(() => {}); runSync(main); notifyClosing(0); function* f() { spawnSystemTask(main); currentTime(); reschedule(currentTask()); }`,
  ],
  [
    "generators that are no tasks",
    `export {}; function* range(n) { for (let i = 0; i < n; i++) yield i; } function* rows() { yield range(3); const inner = range(2); yield inner; return range(1); }
for (const i of range(3)) i; const [first] = range(2); range(3).next().value + 1; if (range(1)) first; [...range(3)]; Array.from(range(3)); range(9).map((x) => x).toArray(); const it = range(2); it.next();
console.log(range(1)); expect(rows()).toBeObject(); Promise.all(range(3)); Promise.all([range(1), rows()]); const each = [1, 2].map((n) => range(n)); async function* stream() { yield 1; } for await (const x of stream()) x; range(2)[Symbol.iterator]();`,
  ],
  [
    "a generator whose operations somebody else drives",
    `import { sleep } from "tribun"; import { drive } from "./elsewhere.ts"; drive(function* () { yield sleep(1); const x = yield sleep(2); return x; }); function* steps() { yield sleep(1); } for (const op of steps()) drive(op);`,
  ],
  [
    "functions that do things besides, or that are not generators",
    `import { sleep } from "tribun"; function maybe(a) { if (a) return sleep(1); } maybe(false); async function plain() {} plain(); void plain(); async function* f() { await plain(); await fetch("x"); } const make = () => function* () {}; make();`,
  ],
  [
    "an iterator driven by hand",
    `import { sleep } from "tribun"; const op = sleep(1); op[Symbol.iterator]().next(); sleep(1)[Symbol.asyncIterator](); op.next?.(); typeof sleep(1); op instanceof Object; op === null; sleep(1) instanceof Object;`,
  ],
  [
    "arrow functions that give an operation to whoever calls them",
    `import { expect } from "bun:test"; import { sleep } from "tribun"; expect(() => sleep(-1)).toThrow(); setTimeout(() => sleep(1)); items.forEach((item) => sleep(item)); items.map((n) => sleep(n)); const x = items.map((n) => sleep(n));`,
  ],
  [
    "generator methods that something else is made of",
    `import { flow, makeAutoObservable } from "mobx"; class A { @flow *load() {} *reload() { this.load(); } } class B { constructor() { makeAutoObservable(this); } *load() {} } const c = { *load() {} }; makeAutoObservable(c);
import { D } from "./modules/flows.ts"; new A().load(); new B().load(); c.load(); new D().load(); new D().again();`,
  ],
  [
    "a cast",
    `import { openNursery, sleep } from "tribun"; expect(() => openNursery(sleep(1) as never)).toThrow(); const n = sleep(1) as unknown as number; n + 1;`,
  ],
  [
    "a class of the program's own that overrides",
    `import { Lock } from "tribun"; class Quiet extends Lock { acquire() { return null; } wait = 1; static go() { this.acquire(); } f() { this.acquire(); function inner() { this.acquire(); } } } new Quiet().acquire();`,
  ],
  [
    "import forms that lead nowhere",
    `import x = require("tribun"); import tribun from "tribun"; import { gone } from "tribun"; import { missing } from "./modules/missing.ts"; import { nothing, over, plain } from "./modules/pool.ts"; import { odd } from "./modules/flows.ts"; import { loop } from "./modules/loop.ts";
x.sleep(1); tribun.sleep(1); gone(); missing(); nothing(); plain(); loop(); over(1); odd();`,
  ],
  [
    "members of other modules' classes that are something else",
    `import { Store, Quiet } from "./modules/store.ts"; const store = new Store(); store.size(); store.over(1); store.later(); store.inner(); store.wait(); store.gone(); Store.make(); store.make(); new Quiet().wait(); store.state;`,
  ],
  [
    "syntax of every kind, without a crash",
    `label: for (const a in {}) continue label; export default class { static { this.x(); } static x() {} get y() { return 1; } set y(v) {} ["z"]() {} accessor w = 1; }
enum E { A } namespace N { export const a = 1; } declare module "q" { export function f(): void; } abstract class B { abstract g(): void; } function over(a: string): void; function over(a: any) {} over("");
type T<A> = A extends infer U ? U : never; const t = <T,>(x: T) => x as const; t\`\${1}\`; import.meta.url; super_(); function super_() {} try {} catch { } finally {} with_(); var with_ = () => {}; (0, eval)("x"); a?.b?.(); delete a.b;`,
  ],
];

/** What the snippets import. */
const MODULES = {
  "modules/pool.ts": `import { Lock, type Operation } from "tribun";
import * as inner from "./names.ts";
/* export function* plain() {} */
const text = \`
export function* nothing() {}
\`;
export async function* work(n: number) {}
export function rest(a = ")", b: (x: number) => void = () => {}): Operation<void> { return null!; }
function* twice() {}
export { twice as again };
export const lock = new Lock();
export function plain(): Promise<void> { return null!; }
export function over(a: number): Operation<void>;
export function over(a: unknown): any {}
export default function* serve() {}
export * from "./names.ts";
export * from "./loop.ts";
`,
  "modules/store.ts": `import { Event, type Operation } from "tribun";
export class Store<T = { a: 1 }> extends Map<string, T> implements Disposable {
  /** Not a member: *size() {} */
  readonly ready: Event = new Event();
  static *make() {}
  size(): number {
    function
    *inner() {}
    return 0;
  }
  over(a: number): Operation<void>;
  over(a: string): void;
  over(a: unknown) {}
  get later(): Operation<void> { return null!; }
  async *put(value: number): AsyncGenerator {
    yield* this.get(1);
  }
  get<A>(
    key: number,
    make: (key: A) => void = () => {},
  ): Operation<void> {
    return null!;
  }
  [Symbol.dispose]() {}
}
class Source {
\t*next(n: number) {}
}
export { Source as Feed };
export class Latch extends Event {
  *twice() { yield* this.wait(); }
}
export class Quiet extends Event {
  override wait = () => null!;
}
`,
  "modules/flows.ts": `import { flow } from "mobx";
import type { Operation } from "tribun";
export class D {
  @flow
  *load() {}
  @flow *again() {}
}
export function odd(pattern = /'/) {}
`,
  "modules/names.ts": `export { sleep } from "tribun";\nexport { sleepForever as nap } from "tribun";\n`,
  "modules/loop.ts": `export { loop } from "./loop.ts";\nexport * from "./pool.ts";\n`,
};

/** All snippets in one folder, and what oxlint says of each. */
async function lintAll(files: Record<string, string>, ...options: string[]) {
  using project = new Project();
  for (const [name, text] of Object.entries({ ...MODULES, ...files })) project.write(name, text);
  const found = await project.lint(...options);
  const after = Object.fromEntries(Object.keys(files).map((name) => [name, project.read(name)]));
  return { found, after };
}

const badFiles = Object.fromEntries(BAD.map(({ code }, index) => [`bad-${index}.ts`, `${code}\n`]));
const goodFiles = Object.fromEntries(GOOD.map(([, code], index) => [`good-${index}.ts`, `${code}\n`]));
const nothing: Awaited<ReturnType<typeof lintAll>> = { found: new Map(), after: {} };
const linted = why === "" ? await lintAll({ ...badFiles, ...goodFiles }) : nothing;
const fixed = why === "" ? await lintAll(badFiles, "--fix-suggestions") : nothing;

describe.skipIf(why !== "")(`finds${why}`, () => {
  test.each(BAD.map((bad, index) => [bad.title, bad, index] as const))("%s", (_, { says, code, becomes }, index) => {
    const name = `bad-${index}.ts`;
    const messages = (linted.found.get(name) ?? []).map(({ message }) => message);
    expect(messages.map((message, at) => message.slice(0, says[at]?.length))).toEqual(says);
    expect(fixed.after[name]).toBe(`${becomes ?? code}\n`);
  });
});

describe.skipIf(why !== "")(`leaves alone${why}`, () => {
  test.each(GOOD.map(([title], index) => [title, index] as const))("%s", (_, index) => {
    expect((linted.found.get(`good-${index}.ts`) ?? []).map(({ message }) => message)).toEqual([]);
  });

  test("what its own suggestions make, where each could be made", async () => {
    const whole = BAD.filter(({ becomes, says }, index) => {
      const left = fixed.found.get(`bad-${index}.ts`) ?? [];
      return becomes !== undefined && left.length === 0 && says.length > 0;
    });
    expect(whole.length).toBeGreaterThan(20);
    const { found } = await lintAll(Object.fromEntries(whole.map(({ becomes }, index) => [`${index}.ts`, becomes!])));
    expect([...found.values()].flat()).toEqual([]);
  });

  test("other modules' text: none of them is reported for what it exports", () => {
    expect([...linted.found.keys()].filter((name) => name.startsWith("modules/"))).toEqual([]);
  });
});

test.skipIf(why !== "")(`a diagnostic stands at the call, and names the rule${why}`, () => {
  const [diagnostic] = linted.found.get("bad-0.ts")!;
  expect(diagnostic!.code).toBe("tribun(undriven)");
  expect(diagnostic!.labels[0]!.span).toEqual({ offset: 48, length: 8, line: 1, column: 49 });
});

test.skipIf(why !== "")(`the plugin can be named by its specifier, with the rule beside it${why}`, async () => {
  using project = new Project({ jsPlugins: ["tribun/lint"], rules: { "tribun/undriven": "error" } });
  project.write("a.ts", BAD[0]!.code);
  expect((await project.lint()).get("a.ts")).toHaveLength(1);
});
