/** What the stream checkers are made of: checks with a title, and the ways in which they find fault. */
import { AssertionError } from "node:assert";
import { BusyResourceError, KeyboardInterrupt } from "../../errors.ts";
import type { Coroutine, Trap } from "../../hazmat.ts";
import { CancelScope } from "../../kernel/cancel-scope.ts";
import { describe } from "../../kernel/describe.ts";
import { ExceptionGroup, isCancelled } from "../../kernel/exception-group.ts";
import { call, checkCoroutine } from "../../kernel/frame-operation.ts";
import { waitAllTasksBlocked } from "../../kernel/idle.ts";
import { named } from "../../kernel/named.ts";
import { openNursery } from "../../kernel/nursery.ts";
import { Random } from "../../kernel/random.ts";
import type { AsyncResource, ReceiveStream, SendStream } from "../../streams/index.ts";
import { assertCheckpoints } from "../check-points.ts";

/** A task function that makes two new streams, the one connected to the other. */
export type StreamMaker<S extends AsyncResource, R extends AsyncResource> = () => Coroutine<readonly [S, R]>;

export type Body = Generator<Trap, void, any>;

/** Checks by their titles, each of which makes do with streams of its own. */
export type Checks<S, R> = Readonly<Record<string, (s: S, r: R) => Body>>;

/**
 * Makes each check on new streams, which are closed afterwards. Each runs in a task that has its title for a name, so
 * that the task tree shows where a stream that never answers has brought it to a stand.
 *
 * @throws AssertionError at the first check that fails, with its title; what `make` throws.
 */
export function* runChecks<S extends AsyncResource, R extends AsyncResource>(
  checker: string,
  make: StreamMaker<S, R>,
  checks: Checks<S, R>,
): Body {
  for (const [title, check] of Object.entries(checks)) {
    const [s, r] = yield* makePair(checker, make);
    try {
      yield* together(
        named(title, function* () {
          yield* check(s, r);
        }),
      );
    } catch (error) {
      if (isCancelled(error) || error instanceof KeyboardInterrupt) throw error;
      const reason = error instanceof AssertionError ? error.message : `it threw ${describe(error)}`;
      fail(`${checker}: ${title}: ${reason}`, error);
    } finally {
      try {
        s.close();
      } finally {
        r.close();
      }
    }
  }
}

/** @throws TypeError for what is no pair of streams. */
function* makePair<S, R>(
  checker: string,
  make: () => Coroutine<readonly [S, R]>,
): Generator<Trap, readonly [S, R], any> {
  const coroutine = checkCoroutine(make(), make, `${checker}: the maker`) as Coroutine<readonly [S, R]>;
  const made = yield* call(() => coroutine);
  const [s, r] = Array.isArray(made) ? (made as Partial<SendStream & ReceiveStream>[]) : [];
  const isFunction = (value: unknown): boolean => typeof value === "function";
  if ([s?.sendAll, s?.close, r?.receiveSome, r?.close].every(isFunction)) return made;
  const got = Array.isArray(made) ? `[${made.map(describe).join(", ")}]` : describe(made);
  throw new TypeError(
    `${checker}: the maker must give an array of two streams, which have close(), the first with sendAll() and the second ` +
      `with receiveSome(), not ${got}`,
  );
}

/** Runs each body in a task of its own. Of what they throw, the first that is more than Cancelled comes out, as it is. */
export function* together(...bodies: readonly (() => Coroutine<unknown>)[]): Body {
  try {
    yield* openNursery(function* (nursery) {
      for (const body of bodies) nursery.startSoon(body);
    });
  } catch (error) {
    if (!(error instanceof ExceptionGroup)) throw error;
    throw error.leaves().find((leaf) => !isCancelled(leaf)) ?? error;
  }
}

export function fail(message: string, cause?: unknown): never {
  const error = new AssertionError({ message });
  if (cause !== undefined) error.cause = cause;
  throw error;
}

/** `body`, which has to be a checkpoint. `what` is what messages call it. */
export function* checkpoint<T>(what: string, body: () => Coroutine<T>): Generator<Trap, T, any> {
  let result: { value: T } | undefined;
  try {
    yield* assertCheckpoints(function* () {
      result = { value: yield* call(body) };
    });
  } catch (error) {
    if (result !== undefined) fail(`${what} is no checkpoint`, error);
    throw error;
  }
  return result!.value;
}

/** `body`, which has to throw an error of `kind`. */
export function* throws(
  what: string,
  kind: abstract new (...args: any[]) => Error,
  body: () => Coroutine<unknown>,
): Body {
  try {
    yield* call(body);
  } catch (error) {
    if (error instanceof kind) return;
    if (isCancelled(error) || error instanceof KeyboardInterrupt) throw error;
    fail(`${what} threw ${describe(error)}, and not ${kind.name}`, error);
  }
  fail(`${what} threw nothing: it should have thrown ${kind.name}`);
}

/** `body`, which has to throw BusyResourceError rather than wait, and to do so each time. */
export function* isRefused(what: string, body: () => Coroutine<unknown>): Body {
  for (const each of [what, `${what}, tried again,`]) {
    let refused = false;
    yield* together(
      function* () {
        yield* throws(each, BusyResourceError, body);
        refused = true;
      },
      function* () {
        yield* waitAllTasksBlocked();
        if (!refused) fail(`${each} waits: it should have thrown BusyResourceError`);
      },
    );
  }
}

/** `body`, which may throw errors of `kind`. @returns whether it did. */
export function* mayThrow(
  what: string,
  kind: abstract new (...args: any[]) => Error,
  body: () => Coroutine<unknown>,
): Generator<Trap, boolean, any> {
  try {
    yield* call(body);
    return false;
  } catch (error) {
    if (error instanceof kind) return true;
    if (isCancelled(error) || error instanceof KeyboardInterrupt) throw error;
    fail(`${what} threw ${describe(error)}, which is no ${kind.name}`, error);
  }
}

/** `body` in a cancelled scope, which has to throw Cancelled. */
export function* throwsCancelled(what: string, body: () => Coroutine<unknown>): Body {
  let returned = false;
  yield* inCancelledScope(function* () {
    yield* call(body);
    returned = true;
  });
  if (returned) fail(`${what} in a cancelled scope returned: it should have thrown Cancelled`);
}

export function* inCancelledScope(body: () => Coroutine<unknown>): Body {
  const scope = new CancelScope();
  scope.cancel();
  yield* scope.run(body);
}

export function* sends(s: SendStream, data: ArrayBufferView): Body {
  const result: unknown = yield* checkpoint("sendAll()", () => s.sendAll(data));
  if (result !== undefined) fail(`sendAll() returned ${describe(result)}: it should return nothing`);
}

/** One `receiveSome`, of whose result the form is judged. */
export function* receives(r: ReceiveStream, maxBytes?: number): Generator<Trap, Uint8Array, any> {
  const what = `receiveSome(${maxBytes ?? ""})`;
  const data: unknown = yield* checkpoint(what, () => r.receiveSome(maxBytes));
  if (!(data instanceof Uint8Array)) fail(`${what} gave ${describe(data)}: it should give a Uint8Array`);
  if (maxBytes !== undefined && data.length > maxBytes) fail(`${what} gave ${data.length} bytes`);
  return data;
}

/** Bytes that nobody sends by mistake. */
export function randomBytes(length: number): Uint8Array {
  const random = new Random(0);
  return Uint8Array.from({ length }, () => random.next(256));
}

/** Receives just as many bytes as `expected` has, in however many pieces, which have to be those. */
export function* receivesAll(r: ReceiveStream, expected: Uint8Array): Body {
  const got = new Uint8Array(expected.length);
  let size = 0;
  while (size < expected.length) {
    const data = yield* receives(r, expected.length - size);
    if (data.length === 0) fail(`the stream ended after ${size} of ${expected.length} bytes`);
    got.set(data, size);
    size += data.length;
  }
  if (Buffer.compare(got, expected) === 0) return;
  const wrong = got.findIndex((byte, index) => byte !== expected[index]);
  fail(`byte ${wrong} of ${size} arrived as ${got[wrong]}: it was sent as ${expected[wrong]}`);
}

export function* receivesEnd(r: ReceiveStream): Body {
  const data = yield* receives(r, 1);
  if (data.length > 0) fail(`receiveSome() gave ${data.length} bytes: the stream should have ended`);
}

/** Sends `data` in pieces of 1 to `most` bytes. */
export function* sendsInPieces(s: SendStream, data: Uint8Array, most: number, seed: number): Body {
  const random = new Random(seed);
  for (let start = 0; start < data.length;) {
    const end = start + 1 + random.next(most);
    yield* sends(s, data.subarray(start, end));
    start = end;
  }
}

/** Receives `expected`, 1 to `most` bytes at a time. */
export function* receivesInPieces(r: ReceiveStream, expected: Uint8Array, most: number, seed: number): Body {
  const random = new Random(seed);
  for (let start = 0; start < expected.length;) {
    const piece = yield* receives(r, 1 + random.next(most));
    const end = start + piece.length;
    if (piece.length === 0) fail(`the stream ended after ${start} of ${expected.length} bytes`);
    if (Buffer.compare(piece, expected.subarray(start, end)) !== 0) {
      fail(`the bytes from ${start} to ${end} are not those that were sent`);
    }
    start = end;
  }
}

export function* closes(resource: AsyncResource): Body {
  yield* checkpoint("aclose()", () => resource.aclose());
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
