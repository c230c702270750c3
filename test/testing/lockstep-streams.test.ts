import { expect, test } from "bun:test";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  openNursery,
  type ReceiveStream,
  type SendStream,
} from "../../src/index.ts";
import {
  assertCheckpoints,
  checkHalfCloseableStream,
  checkOneWayStream,
  lockstepStreamOneWayPair,
  lockstepStreamPair,
  waitAllTasksBlocked,
} from "../../src/testing.ts";
import { errorOf, thrownBy, virtual } from "../kernel/programs.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function* oneWay(): Generator<any, [SendStream, ReceiveStream]> {
  return lockstepStreamOneWayPair();
}

test("sendAll waits until all of it has been received", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    let sent = false;
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* sender.sendAll(bytes("abc"));
        sent = true;
      });
      yield* waitAllTasksBlocked();
      expect(text(yield* receiver.receiveSome(1))).toBe("a");
      yield* waitAllTasksBlocked();
      expect(sent).toBe(false);
      expect(text(yield* receiver.receiveSome())).toBe("bc");
      yield* waitAllTasksBlocked();
      expect(sent).toBe(true);
    });
  });
});

test("sending nothing waits for nobody, and is a checkpoint", () => {
  virtual(function* () {
    const [sender] = lockstepStreamOneWayPair();
    yield* assertCheckpoints(() => sender.sendAll(new Uint8Array()));
  });
});

test("waitSendAllMightNotBlock waits until somebody receives", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    const trail: string[] = [];
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        yield* sender.waitSendAllMightNotBlock();
        trail.push("might not block");
        yield* sender.sendAll(bytes("x"));
      });
      yield* waitAllTasksBlocked();
      trail.push("receiving");
      expect(text(yield* receiver.receiveSome())).toBe("x");
    });
    expect(trail).toEqual(["receiving", "might not block"]);
  });
});

test("what a cancelled sendAll had not sent is never received, and the stream goes on", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    const scope = new CancelScope();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => scope.run(() => sender.sendAll(bytes("abc"))));
      yield* waitAllTasksBlocked();
      expect(text(yield* receiver.receiveSome(1))).toBe("a");
      scope.cancel();
      yield* waitAllTasksBlocked();
      nursery.startSoon(() => sender.sendAll(bytes("x")));
      expect(text(yield* receiver.receiveSome())).toBe("x");
    });
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("a sendAll that its own close ends has not sent: the receiver gets the end", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(function* () {
        expect(yield* errorOf(sender.sendAll(bytes("abc")))).toBeInstanceOf(ClosedResourceError);
      });
      yield* waitAllTasksBlocked();
      sender.close();
      expect(yield* receiver.receiveSome()).toHaveLength(0);
    });
  });
});

test("when the receiver is closed sending breaks, and waiting to send ends", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => sender.waitSendAllMightNotBlock());
      yield* waitAllTasksBlocked();
      receiver.close();
    });
    expect(yield* errorOf(sender.sendAll(bytes("x")))).toBeInstanceOf(BrokenResourceError);
    yield* assertCheckpoints(() => sender.waitSendAllMightNotBlock());
  });
});

test("a second task at either end is BusyResourceError", () => {
  virtual(function* () {
    const [sender, receiver] = lockstepStreamOneWayPair();
    yield* openNursery(function* (nursery) {
      nursery.startSoon(() => sender.waitSendAllMightNotBlock());
      yield* waitAllTasksBlocked();
      expect(yield* errorOf(sender.sendAll(bytes("x")))).toBeInstanceOf(BusyResourceError);
      nursery.startSoon(() => receiver.receiveSome());
      yield* waitAllTasksBlocked();
      expect(yield* errorOf(receiver.receiveSome())).toBeInstanceOf(BusyResourceError);
      yield* sender.sendAll(bytes("x"));
    });
  });
});

test("passes the checks of a one-way stream, as what is clogged, too", () => {
  for (const seed of [undefined, 1, 2]) {
    virtual(() => checkOneWayStream(oneWay, oneWay), seed === undefined ? {} : { seed });
  }
});

test("the pair passes the checks of a half-closeable stream, as what is clogged, too", () => {
  function* pair(): Generator<any, ReturnType<typeof lockstepStreamPair>> {
    return lockstepStreamPair();
  }
  for (const seed of [undefined, 1, 2]) {
    virtual(() => checkHalfCloseableStream(pair, pair), seed === undefined ? {} : { seed });
  }
});

test("arguments are judged at once", () => {
  const [sender, receiver] = lockstepStreamOneWayPair();
  expect(thrownBy(() => sender.sendAll("text" as never))).toBeInstanceOf(TypeError);
  expect(thrownBy(() => receiver.receiveSome(0))).toBeInstanceOf(RangeError);
  expect(thrownBy(() => receiver.receiveSome(null as never))).toBeInstanceOf(TypeError);
});
