import { BrokenResourceError, ClosedResourceError } from "../../errors.ts";
import { yieldBrieflyNoCancel, type Operation } from "../../hazmat.ts";
import { CancelScope } from "../../kernel/cancel-scope.ts";
import { call, checkTaskFunction } from "../../kernel/frame-operation.ts";
import { waitAllTasksBlocked } from "../../kernel/idle.ts";
import { operation } from "../../kernel/operation-of.ts";
import type { ReceiveStream, SendStream } from "../../streams/index.ts";
import {
  bytes,
  checkpoint,
  closes,
  fail,
  inCancelledScope,
  isRefused,
  mayThrow,
  randomBytes,
  receives,
  receivesAll,
  receivesEnd,
  receivesInPieces,
  runChecks,
  sends,
  sendsInPieces,
  throws,
  throwsCancelled,
  together,
  type Body,
  type Checks,
  type StreamMaker,
} from "./checking.ts";

/**
 * Checks a stream of one way against all that {@link SendStream} and {@link ReceiveStream} promise: that data arrives in
 * order and whole, the end after it, that everything is a checkpoint, and what closing, cancelling and a second task at
 * the same end do. Each check is made on streams of its own.
 *
 * A stream that never answers where it should brings it to a stand: under `inRun` that is a DeadlockError if nothing could
 * wake it, whose task tree names the check. It is idleness that tells when a task waits, so nothing else should be going
 * on in the run.
 *
 * Trio: `trio.testing.check_one_way_stream`.
 *
 * @param make makes two new streams, connected: what is sent through the first is received from the second.
 * @param makeClogged the same, but that `waitSendAllMightNotBlock`, and a `sendAll` of much, wait until `receiveSome` was
 *   called. So what happens while they wait can be checked, too.
 * @throws AssertionError (of `node:assert`) that says what was checked and what was found, with what the stream threw, if
 *   it did, as its cause. TypeError at once if a maker is no function; what the makers throw.
 */
export function checkOneWayStream(
  make: StreamMaker<SendStream, ReceiveStream>,
  makeClogged?: StreamMaker<SendStream, ReceiveStream>,
): Operation<void> {
  checkMakers("checkOneWayStream", make, makeClogged);
  return operation("checkOneWayStream()", () => oneWay("checkOneWayStream()", make, makeClogged));
}

/** @throws TypeError */
export function checkMakers(checker: string, make: unknown, makeClogged: unknown): void {
  checkTaskFunction(make, `${checker}(make)`);
  if (makeClogged !== undefined) checkTaskFunction(makeClogged, `${checker}(make, makeClogged)`);
}

export function* oneWay(
  checker: string,
  make: StreamMaker<SendStream, ReceiveStream>,
  makeClogged: StreamMaker<SendStream, ReceiveStream> | undefined,
): Body {
  yield* runChecks(checker, make, CHECKS);
  if (makeClogged !== undefined) yield* runChecks(`${checker}, clogged`, makeClogged, CLOGGED_CHECKS);
}

/** How often a hundred bytes are sent to a closed receiver, before it is said that nobody ever notices. */
const SENDS_INTO_THE_VOID = 10_000;
const CHUNK = new Uint8Array(100).fill(120);

/** More than gets into what counts as clogged: of a single byte a full TCP connection may rid itself yet. */
export const MUCH: Uint8Array = new Uint8Array(2 ** 18);

/** Sends until the stream breaks. */
function* sendsUntilBroken(s: SendStream): Body {
  yield* throws("sendAll() to a receiver that is closed, over and over,", BrokenResourceError, function* () {
    for (let i = 0; i < SENDS_INTO_THE_VOID; i++) yield* sends(s, CHUNK);
  });
}

function* sendingIsClosed(s: SendStream): Body {
  yield* throws("sendAll() after the close", ClosedResourceError, () => s.sendAll(CHUNK));
  yield* throws("sendAll() of nothing after the close", ClosedResourceError, () => s.sendAll(new Uint8Array()));
  yield* throws("waitSendAllMightNotBlock() after the close", ClosedResourceError, () => s.waitSendAllMightNotBlock());
}

function* receivingIsClosed(r: ReceiveStream): Body {
  yield* throws("receiveSome() after the close", ClosedResourceError, () => r.receiveSome(4096));
}

/** A cancel that comes as the data does, some passes of the scheduler sooner or later: either wins, and nothing is lost. */
function* cancelledReceive(s: SendStream, r: ReceiveStream, when: "after" | number): Body {
  const receiving = new CancelScope();
  let got = false;
  yield* together(
    function* () {
      yield* receiving.run(function* () {
        yield* receivesAll(r, bytes("x"));
        got = true;
      });
      if (!got) yield* receivesAll(r, bytes("x"));
      yield* receivesEnd(r);
    },
    function* () {
      yield* waitAllTasksBlocked();
      yield* sends(s, bytes("x"));
      if (when === "after") receiving.cancel();
      yield* closes(s); // so that what is lost is missed
    },
    function* () {
      if (when === "after") return;
      yield* waitAllTasksBlocked();
      for (let i = 0; i < when; i++) yield* yieldBrieflyNoCancel();
      receiving.cancel();
    },
  );
}

const CHECKS: Checks<SendStream, ReceiveStream> = {
  *"what is sent is received, and both are checkpoints"(s, r) {
    yield* together(
      () => sends(s, bytes("x")),
      () => receivesAll(r, bytes("x")),
    );
  },

  *"sending nothing has no meaning"(s, r) {
    yield* together(
      function* () {
        yield* sends(s, bytes(""));
        yield* sends(s, bytes("y"));
      },
      () => receivesAll(r, bytes("y")),
    );
  },

  *"sending nothing has no meaning for a receiveSome() that waits"(s, r) {
    yield* together(
      () => receivesAll(r, bytes("y")),
      function* () {
        yield* waitAllTasksBlocked();
        yield* sends(s, bytes(""));
        yield* waitAllTasksBlocked();
        yield* sends(s, bytes("y"));
      },
    );
  },

  *"any view of bytes can be sent, and of it just what it shows"(s, r) {
    const { buffer } = Uint8Array.of(0, 1, 2, 3, 4, 5);
    const shown = [
      new Uint8Array(buffer, 1, 2),
      new DataView(buffer, 3, 2),
      new Uint16Array(buffer, 2, 2),
      Buffer.from(buffer, 5, 1),
    ];
    for (const view of shown) {
      yield* together(
        () => sends(s, view),
        () => receivesAll(r, new Uint8Array(buffer, view.byteOffset, view.byteLength)),
      );
    }
  },

  *"what was sent can be changed afterwards"(s, r) {
    const data = bytes("before");
    yield* together(
      function* () {
        yield* sends(s, data);
        data.fill(0);
      },
      function* () {
        yield* waitAllTasksBlocked();
        yield* receivesAll(r, bytes("before"));
      },
    );
  },

  *"what was received stays as it is"(s, r) {
    yield* together(
      () => sends(s, bytes("ab")),
      function* () {
        const first = yield* receives(r, 1);
        yield* receivesAll(r, bytes("b"));
        if (first[0] !== bytes("a")[0]) fail("what the first receiveSome() gave was changed by the second");
      },
    );
  },

  *"data arrives whole and in order, in whatever pieces"(s, r) {
    const data = randomBytes(50_000);
    yield* together(
      () => sendsInPieces(s, data, 2000, 1),
      () => receivesInPieces(r, data, 2000, 2),
    );
  },

  *"what was sent before a graceful close is received, and then the end, and again the end"(s, r) {
    yield* together(
      function* () {
        yield* sends(s, bytes("y"));
        yield* closes(s);
      },
      function* () {
        yield* waitAllTasksBlocked();
        yield* receivesAll(r, bytes("y"));
        yield* receivesEnd(r);
        yield* receivesEnd(r);
        yield* closes(r);
      },
    );
  },

  *"one sendAll() sends all of it, however much"(s, r) {
    const data = Buffer.alloc(2 ** 20, randomBytes(4093));
    yield* together(
      function* () {
        yield* sends(s, data);
        yield* closes(s); // so that what is lost is missed
      },
      () => receivesAll(r, data),
    );
  },

  *"a receiveSome() that waits gets the end when the sender is closed gracefully"(s, r) {
    yield* together(
      () => receivesEnd(r),
      function* () {
        yield* waitAllTasksBlocked();
        yield* closes(s);
      },
    );
  },

  *"a receiveSome() that waits gets the end, or BrokenResourceError, at the sender's close()"(s, r) {
    yield* meanwhile(
      function* () {
        yield* mayThrow("receiveSome()", BrokenResourceError, () => receivesEnd(r));
      },
      () => s.close(),
    );
  },

  *"maxBytes is a whole number, 1 or more, or left out"(s, r) {
    yield* together(
      () => sends(s, bytes("x")),
      function* () {
        yield* waitAllTasksBlocked();
        for (const wrong of [-1, 0, 1.5, Number.NaN]) {
          yield* throws(`receiveSome(${wrong})`, RangeError, () => r.receiveSome(wrong));
        }
        yield* throws('receiveSome("1")', TypeError, () => r.receiveSome("1" as never));
        yield* receivesAll(r, bytes("x"));
      },
    );
    for (const receive of [() => receives(r), () => checkpoint("receiveSome()", () => r.receiveSome())]) {
      let got: Uint8Array | undefined;
      yield* together(
        () => sends(s, bytes("x")),
        function* () {
          got = yield* receive();
        },
      );
      if (got?.length !== 1) fail(`receiveSome() gave ${got?.length} bytes of 1`);
    }
  },

  *"a second receiveSome() at once is BusyResourceError, and the first goes on"(s, r) {
    yield* together(
      () => receivesAll(r, bytes("x")),
      function* () {
        yield* waitAllTasksBlocked();
        yield* isRefused("the second receiveSome()", () => r.receiveSome(1));
        yield* sends(s, bytes("x"));
      },
    );
  },

  *"a receiveSome() in a cancelled scope takes nothing"(s, r) {
    yield* together(
      function* () {
        yield* sends(s, bytes("x"));
        yield* closes(s); // so that what is lost is missed
      },
      function* () {
        yield* waitAllTasksBlocked();
        yield* throwsCancelled("receiveSome()", () => r.receiveSome(1));
        yield* receivesAll(r, bytes("x"));
      },
    );
  },

  ...Object.fromEntries(
    ([0, 1, 2, 3, 4, 5, 6, "after"] as const).map((when) => [
      `a receiveSome() that is cancelled as data comes takes nothing with it (${when})`,
      (s: SendStream, r: ReceiveStream) => cancelledReceive(s, r, when),
    ]),
  ),

  *"waitSendAllMightNotBlock() returns while somebody receives, and is a checkpoint"(s, r) {
    const receiving = new CancelScope();
    yield* together(
      () => receiving.run(() => receives(r, 1)),
      function* () {
        yield* checkpoint("waitSendAllMightNotBlock()", () => s.waitSendAllMightNotBlock());
        receiving.cancel();
      },
    );
  },

  *"when the receiver is closed, the sender breaks, and stays so; closing twice is fine, and a checkpoint"(s, r) {
    yield* together(
      () => sendsUntilBroken(s),
      () => closes(r),
    );
    yield* throws("sendAll() on a stream that broke", BrokenResourceError, () => s.sendAll(CHUNK));
    yield* receivingIsClosed(r);
    yield* closes(r);
    r.close();
    yield* closes(s);
    yield* sendingIsClosed(s);
    yield* closes(s);
    s.close();
  },

  *"close() of the receiver breaks the sender"(s, r) {
    r.close();
    yield* sendsUntilBroken(s);
    yield* receivingIsClosed(r);
  },

  *"close() of the sender ends the stream, or breaks it"(s, r) {
    s.close();
    yield* sendingIsClosed(s);
    yield* mayThrow("receiveSome() after the sender's close()", BrokenResourceError, () => receivesEnd(r));
  },

  *"`using` closes, as close() does"(s, r) {
    s[Symbol.dispose]();
    yield* sendingIsClosed(s);
    r[Symbol.dispose]();
    yield* receivingIsClosed(r);
  },

  *"an aclose() that is cancelled closes all the same"(s, r) {
    yield* inCancelledScope(() => r.aclose());
    yield* inCancelledScope(() => s.aclose());
    yield* sendingIsClosed(s);
    yield* receivingIsClosed(r);
  },

  *"after operations that were cancelled it can be closed gracefully"(s, r) {
    yield* together(
      () => throwsCancelled("sendAll()", () => s.sendAll(bytes("x"))),
      () => throwsCancelled("receiveSome()", () => r.receiveSome(1)),
    );
    yield* together(
      () => closes(s),
      () => closes(r),
    );
  },

  *"a receiveSome() that waits gets ClosedResourceError when its end is closed"(_s, r) {
    yield* together(
      () => throws("receiveSome()", ClosedResourceError, () => r.receiveSome(10)),
      function* () {
        yield* waitAllTasksBlocked();
        r.close();
      },
    );
  },

  *"a receiveSome() that waits gets ClosedResourceError when its end is closed gracefully"(_s, r) {
    yield* together(
      () => throws("receiveSome()", ClosedResourceError, () => r.receiveSome(10)),
      function* () {
        yield* waitAllTasksBlocked();
        yield* closes(r);
      },
    );
  },

  *"what nobody has received when the receiver is closed is gone"(s, r) {
    yield* together(
      function* () {
        yield* mayThrow("sendAll()", BrokenResourceError, () => s.sendAll(bytes("x")));
      },
      function* () {
        yield* waitAllTasksBlocked();
        r.close();
        yield* receivingIsClosed(r);
      },
    );
  },
};

/** Runs `first` until it waits, and then `second`, which has to be refused; then the receiver lets `first` go on. */
function* isBusy(r: ReceiveStream, what: string, first: () => Operation<void>, second: () => Operation<void>): Body {
  const draining = new CancelScope();
  yield* together(
    function* () {
      yield* call(first);
      draining.cancel();
    },
    function* () {
      yield* waitAllTasksBlocked();
      yield* isRefused(what, second);
      yield* draining.run(() => drain(r));
    },
  );
}

function* drain(r: ReceiveStream): Body {
  for (;;) yield* r.receiveSome(16_384);
}

/** `body`, with a receiver that takes whatever comes. */
function* whileReceiving(r: ReceiveStream, body: () => Body): Body {
  const draining = new CancelScope();
  yield* together(
    function* () {
      yield* call(body);
      draining.cancel();
    },
    () => draining.run(() => drain(r)),
  );
}

/** `body`, and once all is quiet `then`. */
function* meanwhile(body: () => Body | Operation<void>, then: () => void): Body {
  yield* together(body, function* () {
    yield* waitAllTasksBlocked();
    then();
  });
}

const CLOGGED_CHECKS: Checks<SendStream, ReceiveStream> = {
  *"waitSendAllMightNotBlock() waits until somebody receives"(s, r) {
    const receiving = new CancelScope();
    let received = false;
    yield* together(
      function* () {
        yield* checkpoint("waitSendAllMightNotBlock()", () => s.waitSendAllMightNotBlock());
        if (!received) fail("waitSendAllMightNotBlock() returned while nobody received");
        receiving.cancel();
      },
      function* () {
        yield* waitAllTasksBlocked();
        received = true;
        yield* receiving.run(() => drain(r));
      },
    );
  },

  *"a sendAll() waits until somebody receives"(s, r) {
    const receiving = new CancelScope();
    let received = false;
    yield* together(
      function* () {
        yield* sends(s, MUCH);
        if (!received) fail("sendAll() returned while nobody received");
        receiving.cancel();
      },
      function* () {
        yield* waitAllTasksBlocked();
        received = true;
        yield* receiving.run(() => drain(r));
      },
    );
  },

  *"two waitSendAllMightNotBlock() at once: the second is BusyResourceError, and the first goes on"(s, r) {
    const wait = (): Operation<void> => s.waitSendAllMightNotBlock();
    yield* isBusy(r, "the second waitSendAllMightNotBlock()", wait, wait);
  },

  *"a waitSendAllMightNotBlock() that is cancelled as it waits leaves nothing behind"(s, r) {
    const waiting = new CancelScope();
    yield* meanwhile(
      () => waiting.run(() => s.waitSendAllMightNotBlock()),
      () => waiting.cancel(),
    );
    yield* whileReceiving(r, () => sends(s, MUCH));
  },

  *"after a sendAll() that was cancelled as it waited, the stream can be used, or is broken"(s, r) {
    const waiting = new CancelScope();
    yield* meanwhile(
      () => waiting.run(() => s.sendAll(MUCH)),
      () => waiting.cancel(),
    );
    yield* whileReceiving(r, function* () {
      yield* mayThrow("the next sendAll()", BrokenResourceError, () => s.sendAll(MUCH));
    });
  },

  *"a sendAll() during a waitSendAllMightNotBlock() is BusyResourceError"(s, r) {
    const wait = (): Operation<void> => s.waitSendAllMightNotBlock();
    yield* isBusy(r, "the sendAll()", wait, () => s.sendAll(MUCH));
  },

  *"a waitSendAllMightNotBlock() during a sendAll() is BusyResourceError"(s, r) {
    const send = (): Operation<void> => s.sendAll(MUCH);
    yield* isBusy(r, "the waitSendAllMightNotBlock()", send, () => s.waitSendAllMightNotBlock());
  },

  *"two sendAll() at once: the second is BusyResourceError, and the first goes on"(s, r) {
    const send = (): Operation<void> => s.sendAll(MUCH);
    yield* isBusy(r, "the second sendAll()", send, send);
  },

  *"a waitSendAllMightNotBlock() ends, with BrokenResourceError or without, when the receiver is closed"(s, r) {
    const what = "waitSendAllMightNotBlock()";
    yield* meanwhile(
      function* () {
        yield* mayThrow(what, BrokenResourceError, () => checkpoint(what, () => s.waitSendAllMightNotBlock()));
      },
      () => r.close(),
    );
    yield* mayThrow(`${what} afterwards`, BrokenResourceError, () =>
      checkpoint(what, () => s.waitSendAllMightNotBlock()),
    );
  },

  *"a sendAll() that waits gets BrokenResourceError when the receiver is closed"(s, r) {
    yield* meanwhile(
      () => throws("sendAll()", BrokenResourceError, () => s.sendAll(MUCH)),
      () => r.close(),
    );
  },

  *"a sendAll() that waits gets ClosedResourceError when its end is closed"(s) {
    yield* meanwhile(
      () => throws("sendAll()", ClosedResourceError, () => s.sendAll(MUCH)),
      () => s.close(),
    );
  },

  *"a waitSendAllMightNotBlock() that waits gets ClosedResourceError when its end is closed"(s) {
    yield* meanwhile(
      () => throws("waitSendAllMightNotBlock()", ClosedResourceError, () => s.waitSendAllMightNotBlock()),
      () => s.close(),
    );
  },
};
