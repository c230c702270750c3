import { ClosedResourceError } from "../../errors.ts";
import type { Operation } from "../../hazmat.ts";
import { waitAllTasksBlocked } from "../../kernel/idle.ts";
import { operation } from "../../kernel/operation-of.ts";
import type { HalfCloseableStream } from "../../streams/index.ts";
import {
  bytes,
  checkpoint,
  isRefused,
  mayThrow,
  receivesAll,
  receivesEnd,
  runChecks,
  sends,
  throws,
  together,
  type Body,
  type Checks,
  type StreamMaker,
} from "./checking.ts";
import { MUCH, checkMakers } from "./one-way.ts";
import { twoWay } from "./two-way.ts";

/**
 * Checks a stream whose sending half can be ended by itself: all that {@link checkTwoWayStream} checks, and `sendEof`.
 *
 * Trio: `trio.testing.check_half_closeable_stream`.
 *
 * @param make makes two new streams, connected.
 * @param makeClogged the same, but that on either sending waits until the other receives.
 * @throws as {@link checkOneWayStream}.
 */
export function checkHalfCloseableStream(
  make: StreamMaker<HalfCloseableStream, HalfCloseableStream>,
  makeClogged?: StreamMaker<HalfCloseableStream, HalfCloseableStream>,
): Operation<void> {
  const checker = "checkHalfCloseableStream";
  checkMakers(checker, make, makeClogged);
  return operation(`${checker}()`, function* () {
    yield* twoWay(`${checker}()`, make, makeClogged);
    yield* runChecks(`${checker}()`, make, CHECKS);
    if (makeClogged !== undefined) yield* runChecks(`${checker}(), clogged`, makeClogged, CLOGGED_CHECKS);
  });
}

function* sendsXAndEnd(stream: HalfCloseableStream): Body {
  yield* sends(stream, bytes("x"));
  yield* checkpoint("sendEof()", () => stream.sendEof());
}

function* receivesXAndEnd(stream: HalfCloseableStream): Body {
  yield* waitAllTasksBlocked();
  yield* receivesAll(stream, bytes("x"));
  yield* receivesEnd(stream);
}

const CHECKS: Checks<HalfCloseableStream, HalfCloseableStream> = {
  *"sendEof() ends one way: sending is over, saying so again is fine, and the other way goes on"(one, other) {
    yield* together(
      () => sendsXAndEnd(one),
      () => receivesXAndEnd(other),
    );
    yield* throws("sendAll() after sendEof()", ClosedResourceError, () => one.sendAll(bytes("y")));
    yield* checkpoint("a second sendEof()", () => one.sendEof());
    yield* together(
      () => sendsXAndEnd(other),
      () => receivesXAndEnd(one),
    );
  },

  *"a receiveSome() that waits gets the end at a sendEof()"(one, other) {
    yield* together(
      () => receivesEnd(other),
      function* () {
        yield* waitAllTasksBlocked();
        yield* checkpoint("sendEof()", () => one.sendEof());
      },
    );
  },

  *"a sendEof() leaves alone who receives at the same end"(one, other) {
    yield* together(
      () => receivesAll(one, bytes("x")),
      function* () {
        yield* waitAllTasksBlocked();
        yield* checkpoint("sendEof()", () => one.sendEof());
        yield* waitAllTasksBlocked();
        yield* sends(other, bytes("x"));
      },
    );
  },
};

/** A sendEof() while `sending` waits, which then ends as its end is closed. */
function* isBusy(stream: HalfCloseableStream, what: string, sending: () => Operation<void>): Body {
  yield* together(
    () => mayThrow(what, ClosedResourceError, sending),
    function* () {
      yield* waitAllTasksBlocked();
      yield* isRefused(`sendEof() during ${what}`, () => stream.sendEof());
      stream.close();
    },
  );
}

const CLOGGED_CHECKS: Checks<HalfCloseableStream, HalfCloseableStream> = {
  *"sendEof() during a sendAll() is BusyResourceError"(one) {
    yield* isBusy(one, "sendAll()", () => one.sendAll(MUCH));
  },

  *"sendEof() during a waitSendAllMightNotBlock() is BusyResourceError"(one) {
    yield* isBusy(one, "waitSendAllMightNotBlock()", () => one.waitSendAllMightNotBlock());
  },
};
