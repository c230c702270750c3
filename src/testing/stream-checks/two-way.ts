import { ClosedResourceError } from "../../errors.ts";
import type { Operation, Trap } from "../../hazmat.ts";
import { call } from "../../kernel/frame-operation.ts";
import { waitAllTasksBlocked } from "../../kernel/idle.ts";
import { operation } from "../../kernel/operation-of.ts";
import type { Stream } from "../../streams/index.ts";
import {
  bytes,
  closes,
  randomBytes,
  receivesEnd,
  receivesInPieces,
  runChecks,
  sendsInPieces,
  throws,
  together,
  type Body,
  type Checks,
  type StreamMaker,
} from "./checking.ts";
import { checkMakers, oneWay } from "./one-way.ts";

/**
 * Checks a stream of both ways: all that {@link checkOneWayStream} checks, in one way and in the other, and both at once.
 *
 * Trio: `trio.testing.check_two_way_stream`.
 *
 * @param make makes two new streams, connected.
 * @param makeClogged the same, but that on either sending waits until the other receives.
 * @throws as {@link checkOneWayStream}.
 */
export function checkTwoWayStream(
  make: StreamMaker<Stream, Stream>,
  makeClogged?: StreamMaker<Stream, Stream>,
): Operation<void> {
  checkMakers("checkTwoWayStream", make, makeClogged);
  return operation("checkTwoWayStream()", () => twoWay("checkTwoWayStream()", make, makeClogged));
}

export function* twoWay(
  checker: string,
  make: StreamMaker<Stream, Stream>,
  makeClogged: StreamMaker<Stream, Stream> | undefined,
): Body {
  yield* oneWay(checker, make, makeClogged);
  yield* oneWay(`${checker}, the other way`, flipped(make), makeClogged && flipped(makeClogged));
  yield* runChecks(checker, make, CHECKS);
}

function flipped(make: StreamMaker<Stream, Stream>): StreamMaker<Stream, Stream> {
  return function* (): Generator<Trap, readonly [Stream, Stream], any> {
    const [one, other] = yield* call(make);
    return [other, one];
  };
}

const CHECKS: Checks<Stream, Stream> = {
  *"both ways at once, data arrives whole and in order"(one, other) {
    const data = randomBytes(2 ** 18);
    const reversed = data.toReversed();
    yield* together(
      () => sendsInPieces(one, data, 2 ** 14, 1),
      () => sendsInPieces(other, reversed, 2 ** 14, 2),
      () => receivesInPieces(one, reversed, 2 ** 14, 3),
      () => receivesInPieces(other, data, 2 ** 14, 4),
    );
  },

  *"a graceful close is the end of the stream for the other side"(one, other) {
    yield* together(
      function* () {
        yield* receivesEnd(other);
        yield* closes(other);
      },
      () => closes(one),
    );
  },

  *"once closed it neither sends nor receives"(one) {
    yield* together(
      () => throws("receiveSome()", ClosedResourceError, () => one.receiveSome(1)),
      function* () {
        yield* waitAllTasksBlocked();
        one.close();
      },
    );
    yield* throws("receiveSome() after the close", ClosedResourceError, () => one.receiveSome(1));
    yield* throws("sendAll() after the close", ClosedResourceError, () => one.sendAll(bytes("x")));
  },
};
