/** The stream checkers, of streams each of which breaks one promise. That good ones pass is tested where they are. */
import { AssertionError } from "node:assert";
import { expect, test } from "bun:test";
import {
  BrokenResourceError,
  BusyResourceError,
  Cancelled,
  CancelScope,
  ClosedResourceError,
  DeadlockError,
  Lock,
  call,
  isCancelled,
  sleepForever,
  type HalfCloseableStream,
  type ReceiveStream,
  type SendStream,
  type Stream,
} from "../../src/index.ts";
import { yieldBriefly } from "../../src/hazmat.ts";
import {
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  lockstepStreamOneWayPair,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
} from "../../src/testing.ts";
import { errorOf, passes, thrownBy, virtual } from "../kernel/programs.ts";

/** `stream` with some of its methods replaced. The others know nothing of it. */
function changed<S extends object>(stream: S, changes: Record<string | symbol, unknown>): S {
  return new Proxy(stream, {
    get(target, key) {
      if (key in changes) return changes[key];
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

type OneWay = [SendStream, ReceiveStream];
type Method = (...args: any[]) => any;

/** A pair with other methods at one of its ends, made from the pair. */
const sending =
  (change: (s: SendStream, r: ReceiveStream) => Record<string | symbol, Method>) =>
  ([s, r]: OneWay): OneWay => [changed(s, change(s, r)), r];
const receiving =
  (change: (r: ReceiveStream, s: SendStream) => Record<string | symbol, Method>) =>
  ([s, r]: OneWay): OneWay => [s, changed(r, change(r, s))];

/** Sends and receives through a list of arrays, as they are. */
function byReference([s, r]: OneWay): OneWay {
  const sent: Uint8Array[] = [];
  return [
    changed(s, {
      *sendAll(data: Uint8Array) {
        sent.push(data);
        yield* s.sendAll(data);
      },
    }),
    changed(r, {
      *receiveSome(maxBytes?: number) {
        const data = yield* r.receiveSome(maxBytes);
        if (sent.length === 1 && sent[0]!.length === data.length) return sent[0]!;
        return data;
      },
    }),
  ];
}

/** Calls `method` and turns what it throws into something else; Cancelled comes out after `onCancelled`. */
function* otherwise(
  method: () => any,
  instead: (error: unknown) => unknown,
  onCancelled?: () => void,
): Generator<any, any, any> {
  try {
    return yield* call(method);
  } catch (error) {
    if (isCancelled(error)) {
      onCancelled?.();
      throw error;
    }
    return instead(error);
  }
}

const raise = (error: Error): never => {
  throw error;
};

/** What is wrong with it; how the pair is broken; what the checker says. */
type Case<P> = readonly [wrong: string, breaks: (pair: P) => P, says: readonly string[]];

const BROKEN: readonly Case<OneWay>[] = [
  [
    "a sendAll that is no checkpoint",
    sending((_s, r) => ({
      *sendAll(data: Uint8Array) {
        (r as any).putData(data);
      },
    })),
    ["what is sent is received", "sendAll() is no checkpoint"],
  ],
  [
    "a sendAll that returns something",
    sending((s) => ({
      *sendAll(data: Uint8Array) {
        yield* s.sendAll(data);
        return data.length;
      },
    })),
    ["what is sent is received", "sendAll() returned 1"],
  ],
  [
    "a receiveSome that is no checkpoint",
    receiving((r) => ({
      *receiveSome(maxBytes?: number) {
        const task = r.receiveSome(maxBytes)[Symbol.iterator]();
        if (maxBytes === undefined) return yield* { [Symbol.iterator]: () => task };
        return new Uint8Array([120]);
      },
    })),
    ["what is sent is received", "receiveSome(1) is no checkpoint"],
  ],
  [
    "a receiveSome that gives text",
    receiving((r) => ({
      *receiveSome(maxBytes?: number) {
        return new TextDecoder().decode(yield* r.receiveSome(maxBytes));
      },
    })),
    ["what is sent is received", 'receiveSome(1) gave "x": it should give a Uint8Array'],
  ],
  [
    "a receiveSome that gives more than was asked for",
    receiving((r) => ({
      *receiveSome(maxBytes?: number) {
        const data = yield* r.receiveSome(maxBytes);
        return maxBytes === undefined ? data : new Uint8Array(maxBytes + 1);
      },
    })),
    ["what is sent is received", "receiveSome(1) gave 2 bytes"],
  ],
  [
    "an empty send that ends the stream",
    sending((s) => ({
      *sendAll(data: Uint8Array) {
        yield* s.sendAll(data);
        if (data.length === 0) s.close();
      },
    })),
    ["sending nothing has no meaning", "the stream ended after 0 of 1 bytes"],
  ],
  [
    "a sendAll that sends all of a view's buffer",
    sending((s) => ({ sendAll: (data: ArrayBufferView) => s.sendAll(new Uint8Array(data.buffer)) })),
    ["any view of bytes can be sent", "byte 0 of 2 arrived as 0: it was sent as 1"],
  ],
  [
    "a sendAll that wants a Uint8Array",
    sending((s) => ({
      sendAll: (data: ArrayBufferView) =>
        data instanceof Uint8Array ? s.sendAll(data) : raise(new TypeError("no Uint8Array")),
    })),
    ["any view of bytes can be sent", "no Uint8Array"],
  ],
  ["a stream that keeps what is sent as it is", byReference, ["what was sent can be changed", "arrived as 0"]],
  [
    "a stream that receives into one buffer",
    receiving((r) => {
      const buffer = new Uint8Array(100_000);
      return {
        *receiveSome(maxBytes?: number) {
          const data = yield* r.receiveSome(maxBytes);
          buffer.set(data);
          return buffer.subarray(0, data.length);
        },
      };
    }),
    ["what was received stays as it is", "was changed by the second"],
  ],
  [
    "a stream that loses a byte now and then",
    sending((s) => ({
      sendAll: (data: ArrayBufferView) => s.sendAll(data.byteLength > 1500 ? (data as Uint8Array).subarray(1) : data),
    })),
    ["whole and in order", "are not those that were sent"],
  ],
  [
    "a receiveSome that does not judge maxBytes",
    receiving((r) => ({ receiveSome: (maxBytes = 1) => r.receiveSome(Math.max(1, Math.floor(maxBytes) || 1)) })),
    ["maxBytes is a whole number", "it should have thrown RangeError"],
  ],
  [
    "a receiveSome that judges maxBytes by another error",
    receiving((r) => ({
      receiveSome: (maxBytes = 1) =>
        maxBytes > 0 ? r.receiveSome(maxBytes) : raise(new TypeError(`maxBytes is ${maxBytes}`)),
    })),
    ["maxBytes is a whole number", "threw TypeError: maxBytes is -1, and not RangeError"],
  ],
  [
    "a receiveSome that lets a second one wait",
    receiving((r) => {
      const lock = new Lock();
      return {
        *receiveSome(maxBytes?: number) {
          using _held = yield* lock.acquire();
          return yield* r.receiveSome(maxBytes);
        },
      };
    }),
    ["a second receiveSome() at once", "the second receiveSome() waits"],
  ],
  [
    "a second receiveSome that takes the first one's place",
    receiving((r) => {
      let scope: CancelScope | undefined;
      return {
        *receiveSome(maxBytes?: number) {
          scope?.cancel();
          const mine = (scope = new CancelScope());
          const data = yield* mine.run(() => r.receiveSome(maxBytes));
          scope = undefined;
          return data ?? raise(new BrokenResourceError("another came"));
        },
      };
    }),
    ["a second receiveSome() at once"],
  ],
  [
    "a waitSendAllMightNotBlock that is no checkpoint",
    sending(() => ({ *waitSendAllMightNotBlock() {} })),
    ["waitSendAllMightNotBlock() returns while somebody receives", "is no checkpoint"],
  ],
  [
    "a receiveSome that does not take notice of its cancellation before it takes",
    receiving((r) => ({
      *receiveSome(maxBytes?: number) {
        const data = yield* new CancelScope({ shield: true }).run(() => r.receiveSome(maxBytes));
        yield* yieldBriefly();
        return data;
      },
    })),
    ["a receiveSome() in a cancelled scope takes nothing", "the stream ended after"],
  ],
  [
    "a receiveSome that passes a checkpoint when it has taken",
    receiving((r) => ({
      *receiveSome(maxBytes?: number) {
        const data = yield* r.receiveSome(maxBytes);
        yield* yieldBriefly();
        return data;
      },
    })),
    ["a receiveSome() that is cancelled as data comes takes nothing", "the stream ended after 0 of 1 bytes"],
  ],
  [
    "a sender that never notices that its receiver is gone",
    sending((s) => ({
      sendAll: (data: Uint8Array) =>
        otherwise(
          () => s.sendAll(data),
          (error) => (error instanceof BrokenResourceError ? undefined : raise(error as Error)),
        ),
    })),
    ["when the receiver is closed, the sender breaks", "over and over, threw nothing"],
  ],
  [
    "a sender that calls itself closed when its receiver is gone",
    sending((s) => ({
      sendAll: (data: Uint8Array) =>
        otherwise(
          () => s.sendAll(data),
          () => raise(new ClosedResourceError("gone")),
        ),
    })),
    ["when the receiver is closed, the sender breaks", "ClosedResourceError: gone, and not BrokenResourceError"],
  ],
  [
    "a sender that breaks once",
    sending((s) => {
      let broken = 0;
      return {
        sendAll: (data: Uint8Array) =>
          otherwise(
            () => s.sendAll(data),
            (error) => (error instanceof BrokenResourceError && ++broken > 1 ? undefined : raise(error as Error)),
          ),
      };
    }),
    ["when the receiver is closed, the sender breaks", "sendAll() on a stream that broke threw nothing"],
  ],
  [
    "a receiver that takes its own close for the end",
    receiving((r) => ({
      receiveSome(maxBytes?: number) {
        const operation = r.receiveSome(maxBytes);
        return otherwise(
          () => operation,
          (error) => (error instanceof ClosedResourceError ? new Uint8Array() : raise(error as Error)),
        );
      },
    })),
    ["receiveSome() after the close threw nothing"],
  ],
  [
    "an aclose that is no checkpoint",
    receiving((r) => ({
      *aclose() {
        r.close();
      },
    })),
    ["aclose() is no checkpoint"],
  ],
  [
    "an end that cannot be closed twice",
    sending((s) => {
      let closed = false;
      return {
        *aclose() {
          if (closed) throw new ClosedResourceError("again");
          closed = true;
          yield* s.aclose();
        },
      };
    }),
    ["closing twice is fine", "it threw ClosedResourceError: again"],
  ],
  [
    "a closed sender that lets an empty send pass",
    sending((s) => ({ sendAll: (data: Uint8Array) => (data.length === 0 ? yieldBriefly() : s.sendAll(data)) })),
    ["sendAll() of nothing after the close threw nothing"],
  ],
  [
    "a closed sender on which one can wait",
    sending(() => ({ waitSendAllMightNotBlock: yieldBriefly })),
    ["waitSendAllMightNotBlock() after the close threw nothing"],
  ],
  [
    "a graceful close that drops what was sent",
    ([s, r]) => {
      let closed = false;
      return [
        changed(s, {
          aclose() {
            closed = true;
            return s.aclose();
          },
        }),
        changed(r, {
          *receiveSome(maxBytes?: number) {
            const data = yield* r.receiveSome(maxBytes);
            return closed ? new Uint8Array() : data;
          },
        }),
      ];
    },
    ["what was sent before a graceful close is received", "the stream ended after 0 of 1 bytes"],
  ],
  [
    "an aclose that closes only if it is not cancelled",
    sending((s) => ({
      *aclose() {
        yield* yieldBriefly();
        s.close();
      },
    })),
    ["an aclose() that is cancelled closes all the same", "and not ClosedResourceError"],
  ],
  [
    "a `using` that closes nothing",
    receiving((r) => ({ [Symbol.dispose]() {}, close: () => r.close() })),
    ["`using` closes, as close() does"],
  ],
  [
    "a sendAll that swallows its cancellation",
    sending((s) => ({
      *sendAll(data: Uint8Array) {
        try {
          yield* s.sendAll(data);
        } catch (error) {
          if (!(error instanceof Cancelled)) throw error;
        }
      },
    })),
    ["after operations that were cancelled", "sendAll() in a cancelled scope returned"],
  ],
  [
    "an empty send that a receiveSome takes for the end, if it waits",
    ([s, r]) => {
      let waiting: CancelScope | undefined;
      return [
        changed(s, {
          *sendAll(data: Uint8Array) {
            yield* s.sendAll(data);
            if (data.length === 0) waiting?.cancel();
          },
        }),
        changed(r, {
          receiveSome(maxBytes?: number) {
            const receiving = r.receiveSome(maxBytes);
            return call(function* () {
              yield* passes(9);
              const scope = (waiting = new CancelScope());
              const data = yield* scope.run(() => receiving);
              waiting = undefined;
              return data ?? new Uint8Array();
            });
          },
        }),
      ];
    },
    ["sending nothing has no meaning for a receiveSome() that waits", "the stream ended after 0 of 1 bytes"],
  ],
  [
    "a sendAll that sends what fits",
    sending((s) => ({
      sendAll: (data: ArrayBufferView) =>
        s.sendAll(data.byteLength > 65_536 ? new Uint8Array(data.buffer, 0, 65_536) : data),
    })),
    ["one sendAll() sends all of it, however much", "the stream ended after 65536 of 1048576 bytes"],
  ],
  [
    "a receiveSome that is refused, and lets the next one in",
    receiving((r) => {
      const lock = new Lock();
      let busy = false;
      return {
        receiveSome(maxBytes?: number) {
          return call(function* () {
            try {
              if (busy) throw new BusyResourceError("busy");
              busy = true;
              using _held = yield* lock.acquire();
              return yield* r.receiveSome(maxBytes);
            } finally {
              busy = false;
            }
          });
        },
      };
    }),
    ["a second receiveSome() at once", "the second receiveSome(), tried again, waits"],
  ],
  [
    "a receiveSome that gives again what came after one that was cancelled",
    receiving((r) => {
      let wasCancelled = false;
      let again: Uint8Array | undefined;
      return {
        receiveSome(maxBytes?: number) {
          const receiving = again === undefined ? r.receiveSome(maxBytes) : yieldBriefly();
          return call(function* (): Generator<any, any, any> {
            const data =
              (yield* otherwise(
                () => receiving,
                (error) => raise(error as Error),
                () => (wasCancelled = true),
              )) ?? again;
            again = wasCancelled ? data : undefined;
            wasCancelled = false;
            return data;
          });
        },
      };
    }),
    ["a receiveSome() that is cancelled as data comes", "gave 1 bytes: the stream should have ended"],
  ],
  [
    "a closed receiver that still gives what had come",
    ([s, r]) => {
      let came: Uint8Array | undefined;
      return [
        changed(s, {
          *sendAll(data: Uint8Array) {
            yield* s.sendAll(data);
            came = data;
          },
        }),
        changed(r, {
          receiveSome(maxBytes?: number) {
            const receiving = r.receiveSome(maxBytes);
            return call(function* () {
              const data = yield* otherwise(
                () => receiving,
                (error) => came ?? raise(error as Error),
              );
              came = undefined;
              return data;
            });
          },
        }),
      ];
    },
    ["what nobody has received when the receiver is closed is gone", "receiveSome() after the close threw nothing"],
  ],
  [
    "a graceful close that is refused while somebody receives",
    receiving((r) => {
      let receivers = 0;
      return {
        receiveSome(maxBytes?: number) {
          const receiving = r.receiveSome(maxBytes);
          return call(function* () {
            receivers++;
            try {
              return yield* receiving;
            } finally {
              receivers--;
            }
          });
        },
        *aclose() {
          if (receivers > 0) throw new BusyResourceError("receiving");
          yield* r.aclose();
        },
      };
    }),
    ["gets ClosedResourceError when its end is closed gracefully", "it threw BusyResourceError: receiving"],
  ],
  [
    "a stream that a cancelled operation spoils",
    sending((s) => {
      let spoilt = false;
      return {
        *sendAll(data: Uint8Array) {
          try {
            yield* s.sendAll(data);
          } catch (error) {
            spoilt ||= error instanceof Cancelled;
            throw error;
          }
        },
        *aclose() {
          yield* s.aclose();
          if (spoilt) throw new Error("spoilt");
        },
      };
    }),
    ["after operations that were cancelled", "it threw Error: spoilt"],
  ],
];

test.each(BROKEN)("finds %s", (_, breaks, says) => {
  expectFound(
    checkOneWayStream(function* () {
      return breaks(memoryStreamOneWayPair());
    }),
    ["checkOneWayStream(): ", ...says],
  );
});

const CLOGGED: readonly Case<OneWay>[] = [
  [
    "a waitSendAllMightNotBlock that waits for nobody",
    sending(() => ({ waitSendAllMightNotBlock: yieldBriefly })),
    ["waits until somebody receives", "waitSendAllMightNotBlock() returned while nobody received"],
  ],
  [
    "a sendAll that waits for nobody",
    sending((s) => ({
      *sendAll(data: Uint8Array) {
        yield* yieldBriefly();
        if (data.length < 1000) yield* s.sendAll(data);
      },
    })),
    ["a sendAll() waits until somebody receives", "sendAll() returned while nobody received"],
  ],
  ...["two waitSendAllMightNotBlock() at once", "a sendAll() during a wait", "a waitSendAllMightNotBlock() during"].map(
    (title): Case<OneWay> => [
      `${title}, which nobody notices`,
      ([s, r]) => {
        const uses: string[] = [];
        const use = (name: string, method: () => any) =>
          function* (): Generator<any, any, any> {
            const both = [...uses, name].join();
            uses.push(name);
            try {
              const unnoticed = { "wait,wait": "two", "wait,send": "a s", "send,wait": "a w" }[both];
              if (unnoticed === title.slice(0, 3)) return yield* yieldBriefly();
              return yield* call(method);
            } finally {
              uses.pop();
            }
          };
        return [
          changed(s, {
            sendAll: (data: Uint8Array) => call(use("send", () => s.sendAll(data))),
            waitSendAllMightNotBlock: () => call(use("wait", () => s.waitSendAllMightNotBlock())),
          }),
          r,
        ];
      },
      [title, "threw nothing: it should have thrown BusyResourceError"],
    ],
  ),
  ...(
    [
      ["waitSendAllMightNotBlock", "leaves nothing behind", "it threw BusyResourceError: busy for ever"],
      ["sendAll", "the stream can be used, or is broken", "the next sendAll() threw BusyResourceError"],
    ] as const
  ).map(([method, ...says]): Case<OneWay> => [
    `a sender that stays busy after a ${method} that was cancelled as it waited`,
    sending((s) => {
      let busy = false;
      const use = (name: string, use: () => any): any =>
        call(function* () {
          if (busy) throw new BusyResourceError("busy for ever");
          yield* yieldBriefly();
          yield* otherwise(
            use,
            (error) => raise(error as Error),
            () => (busy = name === method),
          );
        });
      return {
        sendAll: (data: Uint8Array) => use("sendAll", () => s.sendAll(data)),
        waitSendAllMightNotBlock: () => use("waitSendAllMightNotBlock", () => s.waitSendAllMightNotBlock()),
      };
    }),
    says,
  ]),
  [
    "a second sendAll that disturbs the first",
    sending((s) => {
      let sends = 0;
      return {
        *sendAll(data: Uint8Array) {
          if (++sends > 1) s.close();
          try {
            yield* s.sendAll(data);
          } finally {
            sends--;
          }
        },
      };
    }),
    ["two sendAll() at once", "ClosedResourceError"],
  ],
  [
    "a sendAll that ends well when its receiver is closed",
    sending((s) => ({
      sendAll: (data: Uint8Array) =>
        otherwise(
          () => s.sendAll(data),
          (error) => (error instanceof BrokenResourceError ? undefined : raise(error as Error)),
        ),
    })),
    ["a sendAll() that waits gets BrokenResourceError", "threw nothing"],
  ],
  [
    "a waitSendAllMightNotBlock that its close ends well",
    sending((s) => ({
      waitSendAllMightNotBlock: () =>
        otherwise(
          () => s.waitSendAllMightNotBlock(),
          (error) => (error instanceof ClosedResourceError ? undefined : raise(error as Error)),
        ),
    })),
    ["a waitSendAllMightNotBlock() that waits gets ClosedResourceError", "threw nothing"],
  ],
];

test.each(CLOGGED)("finds, clogged, %s", (_, breaks, says) => {
  expectFound(
    checkOneWayStream(
      function* () {
        return lockstepStreamOneWayPair();
      },
      function* () {
        return breaks(lockstepStreamOneWayPair());
      },
    ),
    ["checkOneWayStream(), clogged: ", ...says],
  );
});

const HANGING: readonly Case<OneWay>[] = [
  ["a sendAll that never returns", sending(() => ({ sendAll: sleepForever })), ["what is sent is received"]],
  [
    "a receiver that never learns of the end",
    sending((s) => {
      let closed = false;
      const judged = (method: () => any) => () => (closed ? raise(new ClosedResourceError("closed")) : method());
      return {
        sendAll: (data: Uint8Array) => call(judged(() => s.sendAll(data))),
        waitSendAllMightNotBlock: () => call(judged(() => s.waitSendAllMightNotBlock())),
        close: () => (closed = true),
        *aclose() {
          closed = true;
          yield* yieldBriefly();
        },
      };
    }),
    ["what was sent before a graceful close is received, and then the end"],
  ],
  [
    "an end that is there once",
    receiving((r) => {
      let ended = false;
      return {
        receiveSome(maxBytes?: number) {
          const operation = r.receiveSome(maxBytes);
          return call(function* () {
            const data = yield* operation;
            if (data.length === 0 && ended) yield* sleepForever();
            ended = data.length === 0;
            return data;
          });
        },
      };
    }),
    ["and then the end, and again the end"],
  ],
  [
    "a sender's close() of which who receives learns nothing",
    sending((s) => {
      let closed = false;
      const judged = (method: () => any) => () => (closed ? raise(new ClosedResourceError("closed")) : method());
      return {
        sendAll: (data: Uint8Array) => call(judged(() => s.sendAll(data))),
        waitSendAllMightNotBlock: () => call(judged(() => s.waitSendAllMightNotBlock())),
        close: () => (closed = true),
      };
    }),
    ["a receiveSome() that waits gets the end, or BrokenResourceError, at the sender's close()"],
  ],
  [
    "a close that leaves who receives waiting",
    receiving((r) => {
      return {
        receiveSome(maxBytes?: number) {
          const operation = r.receiveSome(maxBytes);
          return call(function* () {
            try {
              return yield* operation;
            } catch (error) {
              if (error instanceof ClosedResourceError && maxBytes === 10) yield* sleepForever();
              throw error;
            }
          });
        },
      };
    }),
    ["a receiveSome() that waits gets ClosedResourceError when its end is closed"],
  ],
];

test.each(HANGING)("%s is a DeadlockError whose tree names the check", (_, breaks, says) => {
  const error = thrownBy(() =>
    virtual(() =>
      checkOneWayStream(function* () {
        return breaks(memoryStreamOneWayPair());
      }),
    ),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  for (const part of says) expect(error.message).toContain(part);
});

type Pair<S> = readonly [S, S];

const TWO_WAY: readonly (readonly [string, (pair: Pair<Stream>) => Pair<Stream>, readonly string[]])[] = [
  [
    "a stream whose other way loses data",
    ([one, other]) => [
      one,
      changed(other, { sendAll: (data: Uint8Array) => other.sendAll(data.length > 1500 ? data.subarray(1) : data) }),
    ],
    ["checkTwoWayStream(), the other way: ", "whole and in order"],
  ],
  [
    "a stream that cannot send while it receives",
    ([one, other]) => {
      let busy = false;
      const alone = (method: () => any, isSend: boolean) =>
        call(function* (): Generator<any, any, any> {
          if (isSend && busy) throw new BrokenResourceError("receiving");
          if (!isSend) busy = true;
          try {
            return yield* call(method);
          } finally {
            if (!isSend) busy = false;
          }
        });
      return [
        changed(one, {
          sendAll: (data: Uint8Array) => alone(() => one.sendAll(data), true),
          receiveSome(maxBytes?: number) {
            const operation = one.receiveSome(maxBytes);
            return alone(() => operation, false);
          },
        }),
        other,
      ];
    },
    ["checkTwoWayStream(): ", "both ways at once", "BrokenResourceError: receiving"],
  ],
];

test.each(TWO_WAY)("finds, of both ways, %s", (_, breaks, says) => {
  expectFound(
    checkTwoWayStream(function* () {
      return breaks(memoryStreamPair());
    }),
    says,
  );
});

test("finds, of both ways, a stream of which an aclose closes one half", () => {
  const error = thrownBy(() =>
    virtual(() =>
      checkTwoWayStream(function* () {
        const [one, other] = memoryStreamPair();
        return [changed(one, { close: () => one.sendStream.close() }), other];
      }),
    ),
  );
  expect(error.message).toContain("checkTwoWayStream()");
});

const HALF: readonly (readonly [
  string,
  (pair: Pair<HalfCloseableStream>) => Pair<HalfCloseableStream>,
  readonly string[],
])[] = [
  [
    "a sendEof that is no checkpoint",
    ([one, other]) => [
      changed(one, {
        *sendEof() {
          (one as any).sendStream.close();
        },
      }),
      other,
    ],
    ["sendEof() ends one way", "sendEof() is no checkpoint"],
  ],
  [
    "a sendEof that ends both ways",
    ([one, other]) => [changed(one, { sendEof: () => one.aclose() }), other],
    ["sendEof() ends one way", "ResourceError"],
  ],
  [
    "a sendEof after which one can go on sending",
    ([one, other]) => {
      let eof = false;
      return [
        changed(one, {
          sendEof() {
            eof = true;
            return one.sendEof();
          },
          sendAll: (data: Uint8Array) => (eof ? yieldBriefly() : one.sendAll(data)),
        }),
        other,
      ];
    },
    ["sendEof() ends one way", "sendAll() after sendEof() threw nothing"],
  ],
  [
    "a sendEof that cannot be said twice",
    ([one, other]) => {
      let eof = false;
      return [
        changed(one, {
          *sendEof() {
            if (eof) throw new ClosedResourceError("again");
            eof = true;
            yield* one.sendEof();
          },
        }),
        other,
      ];
    },
    ["sendEof() ends one way", "ClosedResourceError: again"],
  ],
  [
    "a sendEof that breaks off who receives at the same end",
    ([one, other]) => {
      const receiving = new Set<CancelScope>();
      return [
        changed(one, {
          *sendEof() {
            yield* one.sendEof();
            for (const scope of receiving) scope.cancel();
          },
          receiveSome(maxBytes?: number) {
            const operation = one.receiveSome(maxBytes);
            return call(function* () {
              const scope = new CancelScope();
              receiving.add(scope);
              const data = yield* scope.run(() => operation);
              receiving.delete(scope);
              return data ?? raise(new BrokenResourceError("broken off"));
            });
          },
        }),
        other,
      ];
    },
    ["a sendEof() leaves alone who receives at the same end", "BrokenResourceError: broken off"],
  ],
];

test.each(HALF)("finds, half-closeable, %s", (_, breaks, says) => {
  expectFound(
    checkHalfCloseableStream(function* () {
      return breaks(memoryStreamPair());
    }),
    ["checkHalfCloseableStream(): ", ...says],
  );
});

test("a sendEof of which who receives learns nothing is a DeadlockError whose tree names the check", () => {
  const error = thrownBy(() =>
    virtual(() =>
      checkHalfCloseableStream(function* () {
        const [one, other] = memoryStreamPair();
        let sends = 0;
        return [
          changed(one, {
            *sendAll(data: Uint8Array) {
              sends++;
              yield* one.sendAll(data);
            },
            sendEof: () => (sends === 0 ? yieldBriefly() : one.sendEof()),
          }),
          other,
        ];
      }),
    ),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(error.message).toContain("a receiveSome() that waits gets the end at a sendEof()");
});

test.each(["sendAll", "waitSendAllMightNotBlock"])("finds, clogged, a sendEof that goes past a %s", (method) => {
  const uses = { sending: "" };
  function* pair(): Generator<any, Pair<HalfCloseableStream>> {
    const [one, other] = lockstepStreamPair();
    const noting = (name: string, use: () => any) =>
      call(function* (): Generator<any, any, any> {
        uses.sending = name;
        return yield* call(use);
      });
    return [
      changed(one, {
        sendAll: (data: Uint8Array) => noting("sendAll", () => one.sendAll(data)),
        waitSendAllMightNotBlock: () => noting("waitSendAllMightNotBlock", () => one.waitSendAllMightNotBlock()),
        sendEof: () => (uses.sending === method ? one.sendStream.aclose() : one.sendEof()),
      }),
      other,
    ];
  }
  expectFound(
    checkHalfCloseableStream(function* () {
      return lockstepStreamPair();
    }, pair),
    [`sendEof() during a ${method}() is BusyResourceError`, "threw nothing"],
  );
});

test("streams whose methods are asynchronous generators are checked as well", () => {
  virtual(() =>
    checkOneWayStream(async function* () {
      const [s, r] = memoryStreamOneWayPair();
      return [
        changed(s, {
          async *sendAll(data: Uint8Array) {
            yield* s.sendAll(data);
          },
        }),
        changed(r, {
          async *receiveSome(maxBytes?: number) {
            return yield* r.receiveSome(maxBytes);
          },
        }),
      ];
    }),
  );
});

test("the streams of each check are closed after it, whatever it found", () => {
  const open = new Set<SendStream>();
  const tracked = (data?: string): OneWay => {
    const [s, r] = memoryStreamOneWayPair();
    open.add(s);
    s.closeHook = () => open.delete(s);
    if (data !== undefined) s.sendAllHook = () => raise(new Error(data)) as never;
    return [s, r];
  };
  expectFound(
    checkOneWayStream(function* () {
      return tracked("broken");
    }),
    ["it threw Error: broken"],
  );
  expect(open.size).toBe(0);
});

test("what a maker throws comes out as it is", () => {
  virtual(function* () {
    const mine = new Error("mine");
    const error = yield* errorOf(
      checkOneWayStream(function* () {
        throw mine;
      }),
    );
    expect(error).toBe(mine);
  });
});

test("a check that is cancelled lets Cancelled out", () => {
  virtual(function* () {
    const scope = new CancelScope({ timeout: 10 });
    yield* scope.run(() =>
      checkOneWayStream(function* () {
        const [s, r] = memoryStreamOneWayPair();
        return [changed(s, { sendAll: sleepForever }), r];
      }),
    );
    expect(scope.cancelledCaught).toBe(true);
  });
});

test("makers that are no functions are refused at once", () => {
  for (const check of [checkOneWayStream, checkTwoWayStream, checkHalfCloseableStream]) {
    const pair = memoryStreamPair();
    expect(thrownBy(() => check(pair as never)).message).toContain(`${check.name}(make)`);
    expect(thrownBy(() => check(() => pair as never, null as never)).message).toContain("makeClogged");
  }
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["one stream", memoryStreamPair()[0]],
  ["no streams", [null, 5]],
  ["the receiver before the sender", memoryStreamOneWayPair().toReversed()],
  ["what cannot be closed", [{ sendAll: sleepForever }, memoryStreamOneWayPair()[1]]],
])("a maker that gives %s is refused with what it should give", (_, made) => {
  for (const makeClogged of [undefined, lockstepStreamOneWayPair]) {
    const maker = function* (): Generator<any, any> {
      return makeClogged === undefined ? made : makeClogged();
    };
    const clogged = function* (): Generator<any, any> {
      return made;
    };
    const error = thrownBy(() => virtual(() => checkOneWayStream(maker, makeClogged && clogged)));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(
      `checkOneWayStream()${makeClogged === undefined ? "" : ", clogged"}: the maker must give`,
    );
  }
});

function expectFound(check: Iterable<any>, says: readonly string[]): void {
  const error = thrownBy(() => virtual(() => check as never));
  expect(error).toBeInstanceOf(AssertionError);
  for (const part of says) expect(error.message).toContain(part);
}
